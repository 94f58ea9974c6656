// Package commit puts all cameras' footage on the disk together. Each tick, one committer takes what every line has
// pending, seals it, writes it with one call per file and makes it all durable at once; only then can it be read, and
// only that counts as recorded. Who records never waits: a line's queue is bounded, and over its bound whole fragments
// are dropped up to the next key frame, into a gap that is itself recorded.
//
// A file goes no further after a write or a sync of it failed: its content is unknown behind the last good sync, and
// a record sealed again in its place would use a nonce twice. The next key frame begins another file; Mend finishes
// the abandoned one as it was at its last good sync.
package commit
