// Package salvage gets plain files out of the disk of a box that is gone: the footage as MP4, per camera and day and of
// an hour at most, what is missing beside each, and the events with their pictures. It takes the disk's media folder,
// which it never writes to, and the recovery key or the box's own.
//
// It goes by the files alone and by nobody's word about them: whatever opens with its camera's key is that camera's,
// whatever does not is left out and told. Files that were being written when the box died are read as far as they go;
// a damaged place costs what is there and the rest up to the next key frame.
//
// It can be interrupted and run again: a file has its name only when it is whole, and is then not made again.
package salvage
