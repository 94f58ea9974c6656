package camera

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/gortsplib/v4/pkg/format/rtpsimpleaudio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/pion/rtp"

	"hearth/nvr/media"
)

// sample is a packet of sound as it goes into a track.
type sample struct {
	ts       uint32 // RTP timestamp of its first sample
	duration int64  // ticks
	data     []byte
}

// sound makes the packets of one stream of sound into samples.
type sound interface {
	track() media.Track
	// push takes the next packet; missing says that some before it did not come. The samples may belong to earlier
	// packets, and none may come at all.
	push(p *rtp.Packet, missing bool) ([]sample, error)
	// flush gives what is left when a run ends.
	flush() []sample
}

// newSound makes what reads a format of sound; its error says in a few words why it cannot be read.
func newSound(f format.Format) (sound, error) {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		return newAAC(f)
	case *format.Opus:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("the Opus stream cannot be opened: %w", err)
		}
		return &opusSound{decoder: d, channels: f.ChannelCount}, nil
	case *format.G711:
		return newG711(f)
	}
	return nil, errors.New("its codec is not known")
}

// aac passes AAC through (RFC 3640).
type aac struct {
	decoder *rtpmpeg4audio.Decoder
	format  *format.MPEG4Audio
	config  []byte
}

func newAAC(f *format.MPEG4Audio) (*aac, error) {
	config, err := f.Config.Marshal()
	if err != nil {
		return nil, errors.New("the AAC configuration makes no sense")
	}
	if f.ClockRate() <= 0 {
		return nil, errors.New("the AAC stream has no sample rate")
	}
	d, err := f.CreateDecoder()
	if err != nil {
		return nil, fmt.Errorf("the AAC stream cannot be opened: %w", err)
	}
	return &aac{decoder: d, format: f, config: config}, nil
}

func (a *aac) track() media.Track {
	return media.Track{Codec: media.AAC, ClockRate: a.format.ClockRate(), Config: a.config, Channels: a.format.Config.ChannelCount}
}

func (a *aac) push(p *rtp.Packet, _ bool) ([]sample, error) {
	units, err := a.decoder.Decode(p)
	if errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	samples := make([]sample, 0, len(units))
	for i, u := range units {
		if len(u) == 0 {
			continue
		}
		ts := p.Timestamp + uint32(i*mpeg4audio.SamplesPerAccessUnit)
		samples = append(samples, sample{ts: ts, duration: mpeg4audio.SamplesPerAccessUnit, data: u})
	}
	return samples, nil
}

func (a *aac) flush() []sample { return nil }

// opusSound passes Opus through (RFC 7587).
type opusSound struct {
	decoder  *rtpsimpleaudio.Decoder
	channels int
}

func (o *opusSound) track() media.Track {
	return media.Track{Codec: media.Opus, ClockRate: 48000, Channels: max(o.channels, 1)}
}

func (o *opusSound) push(p *rtp.Packet, _ bool) ([]sample, error) {
	b, err := o.decoder.Decode(p)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, nil
	}
	return []sample{{ts: p.Timestamp, duration: opus.PacketDuration2(b), data: b}}, nil
}

func (o *opusSound) flush() []sample { return nil }
