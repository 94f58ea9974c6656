// Package box writes and reads the boxes of ISO base media files (ISO/IEC 14496-12), appended to a byte slice and
// read in place. Both kinds of file that Hearth makes are built of it: fragmented MP4 for footage and live video
// (package fmp4) and plain MP4 for export.
//
// Writing: b, at = Begin(b, "moov"); …; End(b, at). Reading: Next cuts the first box off a slice; it never reads
// past what it is given.
package box
