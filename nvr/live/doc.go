// Package live passes a camera's newest pictures and sound on to those who watch it.
//
// A Hub belongs to one stream of a camera. It keeps the units since the last key frame, so that a new viewer sees a
// picture at once: first the initialization part, then all since that key frame as one fragment, then a fragment per
// frame. A frame is put in a fragment once, however many watch, and not at all while nobody does.
//
// A viewer that does not keep up loses, and nobody else: past a bound it skips to the next key frame, and when that
// happens again soon it is told, so that the page can change to the smaller stream.
package live
