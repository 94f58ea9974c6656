package camera

import (
	"bytes"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
)

// parameterSets are those that hold for a stream now: the first of each kind that was seen, from the session
// description or from the stream. A camera that has more of one kind, with other identities, gets these passed on
// inside of its samples.
type parameterSets struct {
	vps, sps, pps []byte
	changed       bool // since takeChanged
}

// take notes a parameter set from the stream and says whether it has to stay in the sample.
func (s *parameterSets) take(k naming, n []byte) (keep bool) {
	have := s.of(k, n)
	switch {
	case bytes.Equal(*have, n):
		return false
	case len(*have) != 0 && setID(k, *have) != setID(k, n):
		return true
	}
	s.changed = true
	*have = slices.Clone(n)
	return false
}

func (s *parameterSets) of(k naming, n []byte) *[]byte {
	switch t := k.typ(n); {
	case k.hevc && t == 32:
		return &s.vps
	case k.hevc && t == 33, !k.hevc && t == 7:
		return &s.sps
	}
	return &s.pps
}

func (s *parameterSets) takeChanged() bool {
	c := s.changed
	s.changed = false
	return c
}

// setID reads which of its kind a parameter set is (H.264 7.3.2, H.265 7.3.2). The identity of an H.265 SPS stands
// behind much else and is taken for 0: nobody sends two.
func setID(k naming, n []byte) uint32 {
	body := n[k.header:]
	t := k.typ(n)
	switch {
	case k.hevc && t == 32:
		if len(body) == 0 {
			return 0
		}
		return uint32(body[0] >> 4)
	case k.hevc && t == 33:
		return 0
	case !k.hevc && t == 7:
		if len(body) < 3 {
			return 0
		}
		body = body[3:]
	}
	pos := 0
	id, err := bits.ReadGolombUnsigned(body[:min(len(body), 8)], &pos)
	if err != nil {
		return 0
	}
	return id
}

// trackInfo is a track, and what its parameters say about time.
type trackInfo struct {
	media.Track
	fps float64 // as declared; 0 where it is not, or cannot be true
}

// track implements video.
func (x *h26x) track() (trackInfo, bool) {
	t := media.Track{Codec: media.H264, ClockRate: media.VideoClockRate, SPS: x.sets.sps, PPS: x.sets.pps}
	if len(t.SPS) == 0 || len(t.PPS) == 0 {
		return trackInfo{}, false
	}
	var fps float64
	if x.kind.hevc {
		t.Codec, t.VPS = media.H265, x.sets.vps
		var sps h265.SPS
		if len(t.VPS) == 0 || sps.Unmarshal(t.SPS) != nil || sps.ChromaFormatIdc > 3 {
			return trackInfo{}, false
		}
		t.Width, t.Height, fps = sps.Width(), sps.Height(), sps.FPS()
	} else {
		var sps h264.SPS
		if sps.Unmarshal(t.SPS) != nil {
			return trackInfo{}, false
		}
		t.Width, t.Height, fps = sps.Width(), sps.Height(), sps.FPS()
	}
	if t.Width <= 0 || t.Height <= 0 || t.Width > 16384 || t.Height > 16384 {
		return trackInfo{}, false
	}
	if !(fps >= 1 && fps <= 240) {
		fps = 0
	}
	return trackInfo{Track: t, fps: fps}, true
}
