//go:build cgo

package main

import (
	"bytes"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// sliceKind is how a picture is coded, as far as its first slice says.
type sliceKind uint8

const (
	sliceUnknown sliceKind = iota
	sliceI
	sliceP
	sliceB
)

// lists is how many lists of reference pictures slices of this kind use.
func (k sliceKind) lists() int {
	switch k {
	case sliceP:
		return 1
	case sliceB:
		return 2
	}
	return 0
}

// sliceInfo is what the header of a picture's first slice says.
type sliceInfo struct {
	kind     sliceKind
	referred bool // other pictures refer to it
	qp       int  // the slice's quantiser, 0 (fine) to 51 (coarse); -1 where it cannot be read cheaply
}

// sliceReader reads slice headers of one run, as far as they can be read without decoding. What it does not understand
// it calls unknown. Nothing is believed for being read: a QP that is read wrongly foretells nothing, and is not trusted.
type sliceReader struct {
	codec media.Codec
	h264  headers264
	h265  headers265
	sets  bool // the parameter sets were understood
}

// newSliceReader reads the run's parameter sets.
func newSliceReader(c protocol.Config) (r sliceReader) {
	r.codec = c.Codec
	switch c.Codec {
	case media.H264:
		r.sets = r.h264.sets(c.SPS, c.PPS)
	case media.H265:
		r.sets = r.h265.sets(c.SPS, c.PPS)
	}
	return r
}

// reads says whether there is anything to be read of this run's units.
func (r *sliceReader) reads() bool { return r.codec == media.H264 || r.codec == media.H265 }

var startCode = []byte{0, 0, 0, 1}

// read reads the first slice of a unit in Annex B form, as hwaccel.AnnexB leaves it.
func (r *sliceReader) read(unit []byte) sliceInfo {
	const most = 16 // NAL units before the first slice
	var buf [headBytes]byte
	for range most {
		if len(unit) < len(startCode)+3 || !bytes.HasPrefix(unit, startCode) {
			break
		}
		nal := unit[len(startCode):]
		switch {
		case r.codec == media.H264 && slice264(nal[0]):
			return r.h264.read(bitReader{b: unescape(&buf, nal)}, r.sets)
		case r.codec == media.H265 && slice265(nal[0]):
			return r.h265.read(bitReader{b: unescape(&buf, nal)}, r.sets)
		}
		next := bytes.Index(nal, startCode)
		if next < 0 {
			break
		}
		unit = nal[next:]
	}
	return sliceInfo{qp: -1}
}

// quality ends the reading of a header with slice_qp_delta.
func quality(pps int, b *bitReader) int {
	qp := pps + b.se()
	if b.spent || qp < 0 || qp > 51 {
		return -1
	}
	return qp
}

// Bounds of what a header may say; beyond them it is another kind of stream than cameras send.
const (
	maxRefs          = 32
	maxModifications = 66
)

// references reads how many pictures each list holds, where that is not what the parameter sets say; false when that
// is absurd.
func references(b *bitReader, k sliceKind, usual [2]uint32) ([2]uint32, bool) {
	n := k.lists()
	if n > 0 && b.flag() { // num_ref_idx_active_override_flag
		for i := range n {
			usual[i] = b.ue() + 1
		}
	}
	return usual, max(usual[0], usual[1]) <= maxRefs
}
