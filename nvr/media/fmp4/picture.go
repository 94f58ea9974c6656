package fmp4

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// Size gives a video track's picture in pixels: what the track says, or else what its parameter sets say; 0, 0 if
// neither does, and for sound.
func Size(t media.Track) (width, height int) {
	if t.Width > 0 && t.Height > 0 || !t.Codec.IsVideo() {
		return t.Width, t.Height
	}
	switch t.Codec {
	case media.H264:
		var s h264.SPS
		if s.Unmarshal(t.SPS) == nil {
			return s.Width(), s.Height()
		}
	case media.H265:
		var s h265.SPS
		if s.Unmarshal(t.SPS) == nil {
			return s.Width(), s.Height()
		}
	case media.AV1:
		var s av1.SequenceHeader
		if s.Unmarshal(t.Config) == nil {
			return s.Width(), s.Height()
		}
	}
	return 0, 0
}

// checkSets refuses parameter sets that are missing or longer than their 16-bit length can say.
func checkSets(t media.Track, sets ...[]byte) error {
	for _, s := range sets {
		if len(s) < 3 || len(s) > 0xffff {
			return fmt.Errorf("%w: %s parameter sets missing or damaged", ErrTrack, t.Codec)
		}
	}
	return nil
}

// entryH264 makes avc1 with avcC (ISO/IEC 14496-15, 5.3.3).
func entryH264(t media.Track) ([]byte, error) {
	if err := checkSets(t, t.SPS, t.PPS); err != nil {
		return nil, err
	}
	if len(t.SPS) < 4 {
		return nil, fmt.Errorf("%w: %s parameter sets missing or damaged", ErrTrack, t.Codec)
	}
	b, at, err := beginPicture("avc1", t)
	if err != nil {
		return nil, err
	}
	b, avcc := box.Begin(b, "avcC")
	b = append(b, 1, t.SPS[1], t.SPS[2], t.SPS[3])
	b = append(b, 0xff, 0xe1) // lengths of 4 bytes, one SPS
	b = append(box.U16(b, uint16(len(t.SPS))), t.SPS...)
	b = append(b, 1)
	b = append(box.U16(b, uint16(len(t.PPS))), t.PPS...)
	switch t.SPS[1] {
	case 100, 110, 122, 144: // the High profiles say their colour format once more
		var s h264.SPS
		if s.Unmarshal(t.SPS) == nil {
			b = append(b, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0)
		}
	}
	b = box.End(b, avcc)
	return box.End(b, at), nil
}

// entryH265 makes hvc1 with hvcC (ISO/IEC 14496-15, 8.3.3): parameter sets are in the entry only.
func entryH265(t media.Track) ([]byte, error) {
	if err := checkSets(t, t.VPS, t.SPS, t.PPS); err != nil {
		return nil, err
	}
	var s h265.SPS
	if err := s.Unmarshal(t.SPS); err != nil {
		return nil, fmt.Errorf("%w: H.265 SPS: %w", ErrTrack, err)
	}
	ptl, err := profileTierLevel(t.SPS)
	if err != nil {
		return nil, err
	}
	b, at, err := beginPicture("hvc1", t)
	if err != nil {
		return nil, err
	}
	b, hvcc := box.Begin(b, "hvcC")
	b = append(b, 1)
	b = append(b, ptl[:]...)
	b = box.U16(b, 0xf000) // no spatial segmentation known
	b = append(b, 0xfc)    // parallelism unknown
	b = append(b, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8))
	b = box.U16(b, 0) // frame rate unknown
	nested := byte(0)
	if s.TemporalIDNestingFlag {
		nested = 1
	}
	b = append(b, (s.MaxSubLayersMinus1+1)<<3|nested<<2|3) // lengths of 4 bytes
	b = append(b, 3)
	for _, set := range [...]struct {
		kind h265.NALUType
		nal  []byte
	}{{h265.NALUType_VPS_NUT, t.VPS}, {h265.NALUType_SPS_NUT, t.SPS}, {h265.NALUType_PPS_NUT, t.PPS}} {
		b = append(b, 0x80|byte(set.kind)) // 0x80: all of them are here
		b = box.U16(b, 1)
		b = append(box.U16(b, uint16(len(set.nal))), set.nal...)
	}
	b = box.End(b, hvcc)
	return box.End(b, at), nil
}

// profileTierLevel cuts the 12 bytes of the general profile, tier and level out of an H.265 SPS (7.3.3): space,
// tier and profile in one byte, 4 of compatibility, 6 of constraints, level.
func profileTierLevel(sps []byte) (ptl [12]byte, err error) {
	plain := h264.EmulationPreventionRemove(sps)
	if len(plain) < 3+len(ptl) {
		return ptl, fmt.Errorf("%w: H.265 SPS of %d bytes", ErrTrack, len(sps))
	}
	copy(ptl[:], plain[3:])
	return ptl, nil
}

// entryAV1 makes av01 with av1C (AV1 Codec ISO Media File Format Binding, 2.3).
func entryAV1(t media.Track) ([]byte, error) {
	var s av1.SequenceHeader
	if err := s.Unmarshal(t.Config); err != nil {
		return nil, fmt.Errorf("%w: AV1 sequence header: %w", ErrTrack, err)
	}
	obus, err := av1.Bitstream([][]byte{t.Config}).Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: AV1 sequence header: %w", ErrTrack, err)
	}
	b, at, err := beginPicture("av01", t)
	if err != nil {
		return nil, err
	}
	profile, level, tier := av1Level(&s)
	bit := func(on bool, shift uint) byte {
		if on {
			return 1 << shift
		}
		return 0
	}
	c := s.ColorConfig
	b, av1c := box.Begin(b, "av1C")
	b = append(b, 0x81, profile<<5|level, tier<<7|bit(c.HighBitDepth, 6)|bit(c.TwelveBit, 5)|bit(c.MonoChrome, 4)|
		bit(c.SubsamplingX, 3)|bit(c.SubsamplingY, 2)|byte(c.ChromaSamplePosition)&3, 0)
	b = append(b, obus...)
	b = box.End(b, av1c)
	return box.End(b, at), nil
}

// av1Level gives profile, level index and tier (0 or 1) of the first operating point.
func av1Level(s *av1.SequenceHeader) (profile, level, tier byte) {
	if len(s.SeqLevelIdx) > 0 {
		level = s.SeqLevelIdx[0] & 0x1f
	}
	if len(s.SeqTier) > 0 && s.SeqTier[0] {
		tier = 1
	}
	return s.SeqProfile, level, tier
}

// entryMJPEG makes mp4v with an esds that names JPEG.
func entryMJPEG(t media.Track) ([]byte, error) {
	b, at, err := beginPicture("mp4v", t)
	if err != nil {
		return nil, err
	}
	b = appendESDS(b, objectJPEG, streamVisual, nil)
	return box.End(b, at), nil
}
