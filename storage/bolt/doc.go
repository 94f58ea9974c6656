// Package bolt opens bbolt files the way an appliance must: a new file appears under its name only when it is whole
// and durable, a file that another process uses is said to be in use, and a damaged one is found out page by page
// before bbolt maps it, because bbolt itself panics or faults on bad pages, in goroutines of its own too.
//
// The check follows bbolt's file format, version 2: two meta pages with a checksum, then trees of branch and leaf
// pages. Contents have no checksum in that format; whoever reads records still has to parse them with care.
package bolt
