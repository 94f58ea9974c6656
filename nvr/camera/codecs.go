package camera

import (
	"bytes"
	"errors"
	"fmt"
	"image/jpeg"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpav1"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmjpeg"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/av1"
	"github.com/pion/rtp"

	"hearth/nvr/media"
	"hearth/nvr/media/obu"
)

// newVideo makes what joins the packets of a format. Parameter sets in the session description count until the
// stream brings its own.
func newVideo(f format.Format) (video, error) {
	switch f := f.(type) {
	case *format.H264:
		if f.PacketizationMode >= 2 {
			return nil, &Problem{Kind: ErrUnsupportedCodec, Sentence: "The camera interleaves the parts of its H.264 pictures, which Hearth cannot read."}
		}
		x := newH26x(h264Naming())
		x.sets.describe(x.kind, f.SPS, f.PPS)
		return x, nil
	case *format.H265:
		if f.MaxDONDiff > 0 {
			return nil, &Problem{Kind: ErrUnsupportedCodec, Sentence: "The camera interleaves the parts of its H.265 pictures, which Hearth cannot read."}
		}
		x := newH26x(h265Naming())
		x.sets.describe(x.kind, f.VPS, f.SPS, f.PPS)
		return x, nil
	case *format.MJPEG:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("read MJPEG: %w", err)
		}
		return &motionJPEG{decoder: d}, nil
	case *format.AV1:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("read AV1: %w", err)
		}
		return &aomedia{decoder: d}, nil
	}
	return nil, ErrUnsupportedCodec
}

// describe takes parameter sets from a session description: some cameras put start codes before them.
func (s *parameterSets) describe(k naming, sets ...[]byte) {
	for _, n := range sets {
		if parts := splitStartCodes(n); len(parts) == 1 {
			n = parts[0]
		}
		if len(n) > k.header && k.role(n) == parameters {
			s.take(k, n)
		}
	}
	s.changed = false
}

// span remembers when the picture under way began, for decoders that only say when it ends.
type span struct {
	open    bool
	ts      uint32
	arrived time.Time
	broken  bool
}

// see is called with every packet and says when the picture that it belongs to began.
func (s *span) see(p *rtp.Packet) {
	if !s.open || p.Timestamp != s.ts {
		*s = span{open: true, ts: p.Timestamp, arrived: time.Now(), broken: s.broken}
	}
}

// motionJPEG joins packets of RFC 2435 by gortsplib's decoder.
type motionJPEG struct {
	decoder *rtpmjpeg.Decoder
	span    span
	info    trackInfo
}

func (m *motionJPEG) lost() { m.span.broken = true }

func (m *motionJPEG) push(p *rtp.Packet, emit func(*unit)) error {
	m.span.see(p)
	picture, err := m.decoder.Decode(p)
	switch {
	case errors.Is(err, rtpmjpeg.ErrMorePacketsNeeded):
		return nil
	case errors.Is(err, rtpmjpeg.ErrNonStartingPacketAndNoPrevious):
		return nil
	case err != nil:
		return err
	}
	u := &unit{ts: p.Timestamp, arrived: m.span.arrived, key: true, data: picture}
	m.span = span{}
	if c, err := jpeg.DecodeConfig(bytes.NewReader(picture)); err != nil {
		u.damaged = true
	} else if c.Width != m.info.Width || c.Height != m.info.Height {
		u.changed = m.info.Width != 0
		m.info.Track = media.Track{Codec: media.MJPEG, ClockRate: media.VideoClockRate, Width: c.Width, Height: c.Height}
	}
	emit(u)
	return nil
}

func (m *motionJPEG) track() (trackInfo, bool) { return m.info, m.info.Width > 0 }

// aomedia joins packets of AV1 by gortsplib's decoder.
type aomedia struct {
	decoder *rtpav1.Decoder
	span    span
	info    trackInfo
}

func (a *aomedia) lost() { a.span.broken = true }

func (a *aomedia) push(p *rtp.Packet, emit func(*unit)) error {
	a.span.see(p)
	obus, err := a.decoder.Decode(p)
	switch {
	case errors.Is(err, rtpav1.ErrMorePacketsNeeded), errors.Is(err, rtpav1.ErrNonStartingPacketAndNoPrevious):
		return nil
	case err != nil:
		emit(&unit{ts: p.Timestamp, arrived: a.span.arrived, damaged: true})
		return err
	}
	u := &unit{ts: p.Timestamp, arrived: a.span.arrived, damaged: a.span.broken}
	a.span = span{}
	for _, b := range obus {
		o, _, ok := obu.Next(b)
		if !ok {
			u.damaged = true
			continue
		}
		switch o.Kind {
		case obu.Delimiter, obu.Padding:
			continue
		case obu.Sequence:
			u.changed = a.describe(o) || u.changed
		}
		u.data = o.Append(u.data, true)
	}
	if len(u.data) == 0 {
		return nil
	}
	u.key = obu.Key(u.data)
	emit(u)
	return nil
}

// describe notes a sequence header and says whether it is another one than before.
func (a *aomedia) describe(o obu.OBU) (changed bool) {
	config := obu.OBU{Kind: obu.Sequence, Body: o.Body}.Append(nil, false) // of all layers
	if bytes.Equal(a.info.Config, config) {
		return false
	}
	var h av1.SequenceHeader
	if h.Unmarshal(config) != nil {
		return false
	}
	changed = a.info.Config != nil
	a.info.Track = media.Track{
		Codec: media.AV1, ClockRate: media.VideoClockRate, Config: config,
		Width: h.Width(), Height: h.Height(),
	}
	return changed
}

func (a *aomedia) track() (trackInfo, bool) { return a.info, a.info.Config != nil }
