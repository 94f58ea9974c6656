// Package fmp4 makes and reads fragmented MP4 (ISO/IEC 14496-12), the one form in which Hearth keeps footage and
// sends it to a browser: an initialization part (ftyp, moov) once per run, then fragments (moof, mdat).
//
// Track i of a run is track number i+1 of the file. Every fragment says its own start time (tfdt, 64 bits) on the
// clock of the run, and offsets count from the fragment's first byte, so a fragment can be kept, sent and joined
// with others without being rewritten; Shift moves its times where two runs meet.
//
// AppendFragment runs for every frame of every camera that somebody watches, and AppendHeader once a second for
// every camera: they allocate nothing but the buffer that they append to.
package fmp4
