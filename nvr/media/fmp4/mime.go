package fmp4

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"

	"hearth/nvr/media"
)

// MIME gives what a browser is asked with (MediaSource.isTypeSupported), such as
// `video/mp4; codecs="avc1.640028,mp4a.40.2"` (RFC 6381). A track that MP4 cannot hold is left out.
func MIME(tracks []media.Track) string {
	kind, codecs := "audio/mp4", make([]string, 0, len(tracks))
	for _, t := range tracks {
		if t.Codec.IsVideo() {
			kind = "video/mp4"
		}
		if s := codecString(t); s != "" {
			codecs = append(codecs, s)
		}
	}
	return fmt.Sprintf("%s; codecs=%q", kind, strings.Join(codecs, ","))
}

// codecString names one track's codec, "" for one that MP4 cannot hold.
func codecString(t media.Track) string {
	switch t.Codec {
	case media.H264:
		if len(t.SPS) >= 4 {
			return fmt.Sprintf("avc1.%02X%02X%02X", t.SPS[1], t.SPS[2], t.SPS[3])
		}
	case media.H265:
		if ptl, err := profileTierLevel(t.SPS); err == nil {
			return h265String(ptl)
		}
	case media.AV1:
		var s av1.SequenceHeader
		if s.Unmarshal(t.Config) == nil {
			profile, level, tier := av1Level(&s)
			return fmt.Sprintf("av01.%d.%02d%c.%02d", profile, level, "MH"[tier], s.ColorConfig.BitDepth)
		}
	case media.MJPEG:
		return "mp4v.6C"
	case media.AAC:
		return fmt.Sprintf("mp4a.40.%d", aacObject(t.Config))
	case media.Opus:
		return "opus"
	case media.FLAC:
		return "flac"
	}
	return ""
}

// h265String writes profile, tier and level as ISO/IEC 14496-15, annex E.3, wants them: hvc1.1.6.L93.B0.
func h265String(ptl [12]byte) string {
	var s strings.Builder
	s.WriteString("hvc1.")
	if space := ptl[0] >> 6; space > 0 {
		s.WriteByte('A' + space - 1)
	}
	tier := "LH"[ptl[0]>>5&1]
	fmt.Fprintf(&s, "%d.%X.%c%d", ptl[0]&0x1f, bits.Reverse32(binary.BigEndian.Uint32(ptl[1:])), tier, ptl[11])
	constraints := ptl[5:11]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, c := range constraints {
		fmt.Fprintf(&s, ".%X", c)
	}
	return s.String()
}
