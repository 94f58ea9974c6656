//go:build cgo

package hwaccel

import (
	"bytes"
	"encoding/binary"
	"errors"

	"hearth/nvr/media"
)

// ErrBadSample says that a sample's NAL lengths do not add up.
var ErrBadSample = errors.New("the lengths within a sample do not add up")

// AnnexB turns an MP4 sample of H.264 or H.265 into Annex B form, in place: each 4-byte length becomes a start code
// of four bytes. What is wrong with the lengths is ErrBadSample, and the sample is of no further use. Other codecs'
// samples are left as they are.
func AnnexB(c media.Codec, sample []byte) error {
	if c != media.H264 && c != media.H265 {
		return nil
	}
	if len(sample) == 0 {
		return ErrBadSample
	}
	for rest := sample; len(rest) > 0; {
		if len(rest) < 5 {
			return ErrBadSample
		}
		n := binary.BigEndian.Uint32(rest)
		if n == 0 || uint64(n) > uint64(len(rest)-4) {
			return ErrBadSample
		}
		binary.BigEndian.PutUint32(rest, 1)
		rest = rest[4+n:]
	}
	return nil
}

// beginsWithIDR says whether the first slice of an H.264 unit in Annex B form is one of an IDR picture.
func beginsWithIDR(unit []byte) bool {
	const slice, idr, lastOfSlices = 1, 5, 5
	for {
		i := bytes.Index(unit, []byte{0, 0, 1})
		if i < 0 || i+3 >= len(unit) {
			return false
		}
		unit = unit[i+3:]
		if t := unit[0] & 0x1f; t >= slice && t <= lastOfSlices {
			return t == idr
		}
	}
}

// extradata is what a decoder wants to know before the first unit: the parameter sets in Annex B form, or the
// codec's own configuration.
func (p Params) extradata() []byte {
	if p.Codec != media.H264 && p.Codec != media.H265 {
		return p.Config
	}
	var b []byte
	for _, set := range [][]byte{p.VPS, p.SPS, p.PPS} {
		if len(set) > 0 {
			b = append(append(b, 0, 0, 0, 1), set...)
		}
	}
	return b
}
