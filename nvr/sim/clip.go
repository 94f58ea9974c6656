package sim

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtph265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/pion/rtp"

	"hearth/nvr/media"
)

// Clip is coded video in memory, cut to RTP payloads once. Any number of cameras may play it at the same time.
type Clip struct {
	Codec         media.Codec // H264, H265 or AV1
	VPS, SPS, PPS []byte
	Config        []byte        // AV1's sequence header, without a length
	Units         []ClipUnit    // in the order of decoding; the first is a key frame
	Length        time.Duration // until it begins again
}

// ClipUnit is one picture of a clip.
type ClipUnit struct {
	DTS, PTS int64 // 90 kHz since the clip's start; DTS rises
	Key      bool
	NALs     [][]byte // without start codes, or AV1's OBUs without lengths; key frames begin with the parameter sets
	packets  []packet
}

// ErrClip says that a file holds nothing that can be played.
var ErrClip = errors.New("no clip that can be played")

// ReadClip reads an MP4 file (H.264, H.265 or AV1, not fragmented) or a raw Annex-B stream (.h264, .264, .h265, .265, .hevc).
// A raw stream has no times: it plays at fps pictures per second (0: 15) and must have no B-pictures.
func ReadClip(file string, fps int) (*Clip, error) {
	var c *Clip
	var err error
	switch ext := strings.ToLower(filepath.Ext(file)); ext {
	case ".mp4", ".m4v", ".mov":
		c, err = readMP4(file)
	case ".h264", ".264", ".h265", ".265", ".hevc":
		codec := media.H264
		if strings.Contains(ext, "5") || ext == ".hevc" {
			codec = media.H265
		}
		c, err = readRaw(file, codec, fps)
	default:
		err = fmt.Errorf("%w: want .mp4, .h264 or .h265", ErrClip)
	}
	if err != nil {
		return nil, fmt.Errorf("read clip %s: %w", filepath.Base(file), err)
	}
	return c, nil
}

// prepare checks the pictures, puts parameter sets before key frames and cuts everything to packets. length is in 90 kHz.
func (c *Clip) prepare(length int64) error {
	if len(c.Units) == 0 || !c.Units[0].Key {
		return fmt.Errorf("%w: it does not begin with a key frame", ErrClip)
	}
	first := c.Units[0].PTS
	for i := range c.Units {
		u := &c.Units[i]
		u.PTS -= first
		if i > 0 && u.DTS <= c.Units[i-1].DTS {
			return fmt.Errorf("%w: picture %d does not come after the one before it", ErrClip, i)
		}
		u.NALs = c.tidy(u.NALs, u.Key)
		if len(u.NALs) == 0 {
			return fmt.Errorf("%w: picture %d is empty", ErrClip, i)
		}
	}
	if length <= c.Units[len(c.Units)-1].DTS {
		return fmt.Errorf("%w: it ends before its last picture", ErrClip)
	}
	c.Length = time.Duration(length) * time.Second / media.VideoClockRate
	encode, err := c.packetiser()
	if err != nil {
		return err
	}
	for i := range c.Units {
		pkts, err := encode(c.Units[i].NALs)
		if err != nil {
			return fmt.Errorf("picture %d: %w", i, err)
		}
		for _, p := range pkts {
			c.Units[i].packets = append(c.Units[i].packets, packet{payload: p.Payload, marker: p.Marker})
		}
	}
	return nil
}

// tidy leaves delimiters and parameter sets out and puts the parameter sets before a key frame.
func (c *Clip) tidy(nals [][]byte, key bool) [][]byte {
	var out [][]byte
	if key {
		for _, set := range [][]byte{c.VPS, c.SPS, c.PPS, c.Config} {
			if set != nil {
				out = append(out, set)
			}
		}
	}
	for _, n := range nals {
		if len(n) > 0 && !c.beside(n) {
			out = append(out, n)
		}
	}
	return out
}

// beside says whether a part of a picture is a delimiter, a parameter set or filler.
func (c *Clip) beside(n []byte) bool {
	switch c.Codec {
	case media.H264:
		switch h264.NALUType(n[0] & 31) {
		case h264.NALUTypeAccessUnitDelimiter, h264.NALUTypeSPS, h264.NALUTypePPS, h264.NALUTypeFillerData:
			return true
		}
	case media.H265:
		switch h265.NALUType(n[0] >> 1 & 63) {
		case h265.NALUType_AUD_NUT, h265.NALUType_VPS_NUT, h265.NALUType_SPS_NUT, h265.NALUType_PPS_NUT, h265.NALUType_FD_NUT:
			return true
		}
	case media.AV1:
		const sequence, delimiter, padding = 1, 2, 15
		switch n[0] >> 3 & 15 {
		case sequence, delimiter, padding:
			return true
		}
	}
	return false
}

func (c *Clip) packetiser() (func([][]byte) ([]*rtp.Packet, error), error) {
	switch c.Codec {
	case media.H265:
		e := &rtph265.Encoder{PayloadType: 96}
		return e.Encode, e.Init()
	case media.AV1:
		e := &rtpav1.Encoder{PayloadType: 96}
		return e.Encode, e.Init()
	}
	e := &rtph264.Encoder{PayloadType: 96, PacketizationMode: 1}
	return e.Encode, e.Init()
}

// AnnexB is a clip of H.264 or H.265 as a raw stream with start codes.
func (c *Clip) AnnexB() []byte {
	var b []byte
	for _, u := range c.Units {
		for _, n := range u.NALs {
			b = append(append(b, 0, 0, 0, 1), n...)
		}
	}
	return b
}

// playing is the source of a stream that plays a clip.
type playing struct{ clip *Clip }

func (p *playing) warm() {}

func (p *playing) media() *description.Media {
	m := &description.Media{Type: description.MediaTypeVideo}
	switch p.clip.Codec {
	case media.H265:
		m.Formats = []format.Format{&format.H265{PayloadTyp: 96, VPS: p.clip.VPS, SPS: p.clip.SPS, PPS: p.clip.PPS}}
	case media.AV1:
		m.Formats = []format.Format{&format.AV1{PayloadTyp: 96}}
	default:
		m.Formats = []format.Format{&format.H264{PayloadTyp: 96, SPS: p.clip.SPS, PPS: p.clip.PPS, PacketizationMode: 1}}
	}
	return m
}

// turn is which time round, and which unit of it, n is.
func (p *playing) turn(n int64) (time.Duration, *ClipUnit) {
	units := int64(len(p.clip.Units))
	return time.Duration(n/units) * p.clip.Length, &p.clip.Units[n%units]
}

func (p *playing) due(n int64) time.Duration {
	turn, u := p.turn(n)
	return turn + time.Duration(u.DTS)*time.Second/media.VideoClockRate
}

// taken of a clip is when it is sent: its pictures are old.
func (p *playing) taken(n int64) time.Duration { return p.due(n) }

func (p *playing) at(since time.Duration) int64 {
	turns := int64(since / p.clip.Length)
	dts := ticks(since%p.clip.Length, media.VideoClockRate)
	i, _ := slices.BinarySearchFunc(p.clip.Units, dts, func(u ClipUnit, dts int64) int { return int(u.DTS - dts) })
	return turns*int64(len(p.clip.Units)) + int64(i)
}

func (p *playing) frame(n int64, _ time.Time, fresh bool, _ *troubles) ([]unit, error) {
	turn, u := p.turn(n)
	if fresh && !u.Key {
		return nil, nil
	}
	return []unit{{number: n, ticks: ticks(turn, media.VideoClockRate) + u.PTS, packets: u.packets}}, nil
}
