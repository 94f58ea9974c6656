package sim

import (
	"bytes"
	"fmt"
	"os"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
)

func readRaw(file string, codec media.Codec, fps int) (*Clip, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return rawClip(data, codec, fps)
}

// rawClip cuts an Annex-B stream to pictures.
func rawClip(data []byte, codec media.Codec, fps int) (*Clip, error) {
	if fps <= 0 {
		fps = 15
	}
	c := &Clip{Codec: codec}
	var unit [][]byte
	key, hasPicture := false, false
	end := func() {
		if hasPicture {
			dts := int64(len(c.Units)) * media.VideoClockRate / int64(fps)
			c.Units = append(c.Units, ClipUnit{DTS: dts, PTS: dts, Key: key, NALs: unit})
			unit, key, hasPicture = nil, false, false
		}
	}
	for n := range annexB(data) {
		k := c.classify(n)
		if hasPicture && (k.first || !k.picture && !k.suffix) {
			end()
		}
		switch {
		case k.vps && c.VPS == nil:
			c.VPS = n
		case k.sps && c.SPS == nil:
			c.SPS = n
		case k.pps && c.PPS == nil:
			c.PPS = n
		}
		unit = append(unit, n)
		hasPicture = hasPicture || k.picture
		key = key || k.key
	}
	end()
	if c.SPS == nil || c.PPS == nil || codec == media.H265 && c.VPS == nil {
		return nil, fmt.Errorf("%w: parameter sets are missing", ErrClip)
	}
	if codec == media.H264 {
		var s h264.SPS
		if err := s.Unmarshal(c.SPS); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrClip, err)
		}
		if v := s.VUI; s.PicOrderCntType != 2 && v != nil && v.BitstreamRestriction != nil && v.BitstreamRestriction.MaxNumReorderFrames > 0 {
			return nil, fmt.Errorf("%w: B-pictures need an MP4 file, which has times", ErrClip)
		}
	}
	return c, c.prepare(int64(len(c.Units)) * media.VideoClockRate / int64(fps))
}

// nalKind is what a NAL unit is.
type nalKind struct {
	picture, first     bool // part of a picture, and its first part
	key, vps, sps, pps bool
	suffix             bool // belongs to the picture before it
}

func (c *Clip) classify(n []byte) nalKind {
	var k nalKind
	if c.Codec == media.H264 {
		switch t := h264.NALUType(n[0] & 31); t {
		case h264.NALUTypeNonIDR, h264.NALUTypeIDR, h264.NALUTypeDataPartitionA:
			k.picture, k.key = true, t == h264.NALUTypeIDR
			k.first = len(n) > 1 && n[1]&0x80 != 0 // first_mb_in_slice is 0
		case h264.NALUTypeSPS:
			k.sps = true
		case h264.NALUTypePPS:
			k.pps = true
		case h264.NALUTypeFillerData, h264.NALUTypeEndOfSequence, h264.NALUTypeEndOfStream:
			k.suffix = true
		}
		return k
	}
	switch t := h265.NALUType(n[0] >> 1 & 63); {
	case t < 32:
		k.picture, k.key = true, t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_CRA_NUT
		k.first = len(n) > 2 && n[2]&0x80 != 0 // first_slice_segment_in_pic_flag
	case t == h265.NALUType_VPS_NUT:
		k.vps = true
	case t == h265.NALUType_SPS_NUT:
		k.sps = true
	case t == h265.NALUType_PPS_NUT:
		k.pps = true
	case t == h265.NALUType_SUFFIX_SEI_NUT || t == h265.NALUType_FD_NUT || t == h265.NALUType_EOS_NUT || t == h265.NALUType_EOB_NUT:
		k.suffix = true
	}
	return k
}

// annexB yields the NAL units between start codes.
func annexB(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		start := []byte{0, 0, 1}
		at := bytes.Index(data, start)
		for at >= 0 {
			data = data[at+3:]
			at = bytes.Index(data, start)
			n := data
			if at >= 0 {
				n = data[:at]
			}
			n = bytes.TrimRight(n, "\x00") // zeros before the next start code; no NAL unit ends with one
			if len(n) > 1 && !yield(n) {
				return
			}
		}
	}
}
