// Package retention decides what to let go of, and lets go of it: the oldest footage first, when a camera's or the
// box's limit is reached or free space falls below its floor. Footage that a held event touches stays.
//
// Letting go is: row to garbage, committed; unlink; row forgotten. Cut short anywhere, the next pass goes on with it.
package retention
