// Package simdisk is a file system in memory for tests, which knows what of it is on the disk and what only in the
// memory of the machine, and can lose the difference.
//
// What is written is in memory until it is synced. When the power goes, of each file any of the sectors that were
// written since its last sync may be on the disk, in whatever order, and its length may be the old one, the new one or
// one between; a sector that is not there shows what was there before, zeros, or rubbish. Names that were made, changed
// or removed since their folder was synced may be so on the disk or not, one without another. When a sync fails, any
// part of what it should have written is on the disk, and the rest never will be, although later syncs succeed and the
// memory may go on showing it.
//
// It is stricter than the file systems that there are, which keep some orders. Only tests import it.
package simdisk
