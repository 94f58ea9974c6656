// Package privacy says from when until when a camera does not look: what a person switched, and hours of the week.
//
// Hours are of the clock on the wall, so that "22:00 to 06:30" is what the family reads there on every day of the year.
// Where the clock is set forward over a beginning or an end, it is the moment at which it jumps. Where it is set back and
// shows a time twice, hours begin at the first and end at the last: they may get longer, never shorter, and have no hole.
package privacy
