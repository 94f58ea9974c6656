// Package clock says whether the box knows what time it is.
//
// A Raspberry Pi has no clock that runs while it is off: it begins in 1970, or at the time that it had last, and learns
// the time from the network, which may take minutes, or for ever. What is recorded until then is kept, and marked.
//
// The time counts as known when the kernel says that it is kept in step (adjtimex), or when it agrees with a hardware
// clock, or the box is a virtual machine, which begins with its host's time. It never does while the clock is before the
// day on which this program was made, and, unless it is kept in step, before what was recorded last. Once known, it stays
// so until somebody sets the clock: a crystal is off by seconds a day, also when the network is away.
package clock
