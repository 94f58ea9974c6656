// Package record turns a camera's access units into fragments and hands them to storage.
//
// A fragment is a moof and an mdat of at most half a second with all tracks of the run; every key frame starts one, so
// footage can be cut and played from any key frame without being rewritten. A sample lasts until the next one's
// decoding time, so each track holds one unit back; the last unit of a run lasts as long as its track's units
// usually do.
//
// A Recorder never waits. What storage does not take is dropped, counted, and so is what follows until the next
// key frame, since it could not be shown. Sound never costs video: what is wrong with it is dropped alone.
package record
