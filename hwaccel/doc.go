//go:build cgo

// Package hwaccel is Hearth's hold on FFmpeg, and the only place with cgo: it decodes a camera's pictures, with
// hardware where that is proven to work and in software otherwise, scales them, and codes JPEGs.
//
// Its words: a unit is an access unit in Annex B form (start codes before the NAL units; see AnnexB), or a codec's
// raw frame; hardware is one of the ways to decode ("software", "vaapi", "cuda", "v4l2m2m"); a Frame is a decoded
// picture in memory, valid until the function that it was given to returns.
//
// Hardware is believed only after a right picture came out of it: Try plays a built-in clip of each kind, Choose decodes
// the camera's own key frame, and both compare what comes out with what software makes of it.
//
// A Decoder and what belongs to it is for one goroutine at a time. Everything that FFmpeg allocates is freed by
// Close, nothing by the garbage collector.
package hwaccel
