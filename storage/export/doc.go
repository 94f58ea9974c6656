// Package export makes plain MP4 files out of footage, for players of every kind and for other people: not
// fragmented, index first (moov before mdat), nothing coded anew.
//
// The footage is read twice: once for its sizes and times, of which the index is made (Prepare), once for its
// pictures (Plan.Write). Nothing is kept in between but about 20 bytes per sample, so an export needs no room on the
// disk, its size is known beforehand, and what is wrong with the footage shows before the first byte is sent.
//
// Time is kept: a gap in the footage is a gap in the file, in which the last picture stands. The file begins at the
// wanted moment exactly; what a decoder needs from before it is in the file and is not shown (an edit list).
package export
