// Package media holds the words that every room of Hearth shares: camera identities, streams, codecs, tracks,
// runs and access units. It does nothing by itself and imports nothing of ours.
//
// A camera has one or two streams (main, sub). A stream is received in runs: a run is one uninterrupted stretch
// with unchanging codec parameters and one clock anchor. A run is a sequence of access units on its tracks: what
// one picture, or one packet of sound, is made of.
package media
