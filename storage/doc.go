// Package storage keeps all that a Hearth box keeps: sealed footage, events and thumbnails, and the index over
// them. It is the one door to them: recording goes in through a StreamWriter, and nothing comes out without an
// access.Grant, whose camera is the only one that the bytes can then be opened as.
//
// A Store owns one data folder (see docs/ref/footage-format.md for what lies in it). Open takes the folder for
// this process alone, recovers what a power cut left open, and Run keeps it: it commits fragments once a tick,
// writes the index once a minute and lets go of the oldest footage when a limit is reached.
package storage
