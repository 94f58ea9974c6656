// Package bundle is the signed export: a zip with a stretch of footage as plain MP4, a manifest that says of every second
// of it what it is, the box's signature over that, and a letter to whoever receives it. docs/ref/bundle.md is its
// format.
//
// Prepare and Bundle.Write make one on the box; it is streamed, and its length is known before its first byte.
// Verify checks one anywhere: it needs nothing but the file, and gives what it finds in plain sentences.
//
// What a bundle shows: that the box whose fingerprint it names recorded these pictures, at which times by its clock, with
// which gaps; and if it was changed since, which second. What it does not show: that the box's clock was right where it
// says that it did not know the time, and that what stood before the camera was not staged.
package bundle
