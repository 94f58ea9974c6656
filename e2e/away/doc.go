// Package away tries remote access from outside, in networks of its own: the box as a program without any right, a router
// that forwards one UDP port and loses packets, a phone with WireGuard on a network card, a stranger, and a machine behind
// the box. `make test-away` runs it; so does `make test`, where the system lets it make networks.
package away
