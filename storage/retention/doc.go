// Package retention decides what to let go of, and lets go of it. It keeps three kinds of limits: days, bytes (of a
// camera, of all, and the floor of free space on a volume), and, longer than the others, days for footage around events.
//
// Words: *around an event* is from ten seconds before it to ten seconds behind it, and all pictures from the key frame
// before to the key frame behind. A file is *pared* when all of it that is not around an event was let go of: holes are
// punched where it lay. A file is *let go of* whole when nothing of it is to be kept.
//
// What bytes take goes in this order, each step oldest first: footage of more than a day ago that is not around an
// event; all other of more than a day ago; then, only where a day does not fit, the rest in the same order. What a held
// event is in stays, whatever the limits. Cameras that have limits of their own give in proportion to them.
//
// Letting go of a file is: tomb in the ledger, durable; row to garbage, committed; unlink, durable; row forgotten. Of a
// part of it: hole in the ledger, durable; hole in the file, durable; row and timeline. Cut short anywhere, the next pass
// goes on with it.
package retention
