package camera

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
	"github.com/pion/rtp"

	"hearth/nvr/media"
)

const (
	// flacBlock is how many samples of each channel make a frame: an eighth of a second of telephone sound.
	flacBlock = 1024
	// flacLeast is the shortest block that FLAC has, but for the last one (RFC 9639, 8.2).
	flacLeast = 16
)

// g711Sound decodes A-law and µ-law (ITU-T G.711) and codes it as FLAC (RFC 9639), which browsers play inside of MP4
// and G.711 they do not. Nothing is lost: both hold the same 16-bit samples.
type g711Sound struct {
	format *format.G711
	coder  *flacCoder

	pending []int32 // samples not coded yet, channels interleaved
	ts      uint32  // RTP timestamp of the first of them
	begun   bool
}

func newG711(f *format.G711) (*g711Sound, error) {
	if f.SampleRate < 1 || f.SampleRate > 192000 {
		return nil, errors.New("its sample rate makes no sense")
	}
	c, err := newFLACCoder(f.SampleRate, f.ChannelCount)
	if err != nil {
		return nil, err
	}
	return &g711Sound{format: f, coder: c}, nil
}

func (g *g711Sound) track() media.Track {
	return media.Track{Codec: media.FLAC, ClockRate: g.format.SampleRate, Config: g.coder.info, Channels: g.format.ChannelCount}
}

func (g *g711Sound) push(p *rtp.Packet, missing bool) ([]sample, error) {
	channels := g.format.ChannelCount
	n := len(p.Payload) / channels * channels
	if n == 0 {
		return nil, nil
	}
	var out []sample
	expected := g.ts + uint32(len(g.pending)/channels)
	if g.begun && (missing || p.Timestamp != expected) {
		out = g.flush()
	}
	if len(g.pending) == 0 {
		g.ts = p.Timestamp
	}
	g.begun = true
	g.pending = appendG711(g.pending, p.Payload[:n], g.format.MULaw)
	for len(g.pending) >= flacBlock*channels {
		s, err := g.take(flacBlock)
		if err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}

// flush codes what is pending as a short frame. Less than FLAC's shortest block is left out: 2 ms.
func (g *g711Sound) flush() []sample {
	n := len(g.pending) / g.format.ChannelCount
	if n < flacLeast {
		g.pending = g.pending[:0]
		return nil
	}
	s, err := g.take(n)
	if err != nil {
		g.pending = g.pending[:0]
		return nil
	}
	return []sample{s}
}

// take codes the first n samples of each channel.
func (g *g711Sound) take(n int) (sample, error) {
	size := n * g.format.ChannelCount
	data, err := g.coder.encode(g.pending[:size])
	s := sample{ts: g.ts, duration: int64(n), data: data}
	g.ts += uint32(n)
	g.pending = g.pending[:copy(g.pending, g.pending[size:])]
	return s, err
}

func appendG711(dst []int32, b []byte, mu bool) []int32 {
	var pcm []byte
	if mu {
		var c g711.Mulaw
		c.Unmarshal(b)
		pcm = c
	} else {
		var c g711.Alaw
		c.Unmarshal(b)
		pcm = c
	}
	for i := 0; i+1 < len(pcm); i += 2 {
		dst = append(dst, int32(int16(uint16(pcm[i])<<8|uint16(pcm[i+1]))))
	}
	return dst
}

// flacCoder codes 16-bit samples as FLAC frames of varying length.
type flacCoder struct {
	info     []byte // body of the STREAMINFO block
	out      bytes.Buffer
	encoder  *flac.Encoder
	rate     int
	channels int
}

func newFLACCoder(rate, channels int) (*flacCoder, error) {
	c := &flacCoder{rate: rate, channels: channels}
	e, err := flac.NewEncoder(&c.out, &meta.StreamInfo{
		BlockSizeMin: flacLeast, BlockSizeMax: flacBlock,
		SampleRate: uint32(rate), NChannels: uint8(channels), BitsPerSample: 16,
	})
	if err != nil {
		return nil, fmt.Errorf("open the FLAC coder: %w", err)
	}
	e.EnablePredictionAnalysis(false) // it tries 75 ways; choose tries three
	c.encoder = e
	const before = 4 + 4 // "fLaC" and the block's header
	c.info = bytes.Clone(c.out.Bytes()[before:])
	return c, nil
}

// encode codes one frame from interleaved samples.
func (c *flacCoder) encode(interleaved []int32) ([]byte, error) {
	n := len(interleaved) / c.channels
	f := &frame.Frame{Header: frame.Header{
		BlockSize: uint16(n), SampleRate: uint32(c.rate), Channels: frame.ChannelsMono, BitsPerSample: 16,
	}}
	if c.channels == 2 {
		f.Channels = frame.ChannelsLR
	}
	for ch := range c.channels {
		samples := make([]int32, n)
		for i := range samples {
			samples[i] = interleaved[i*c.channels+ch]
		}
		f.Subframes = append(f.Subframes, &frame.Subframe{SubHeader: c.choose(samples), Samples: samples, NSamples: n})
	}
	c.out.Reset()
	if err := c.encoder.WriteFrame(f); err != nil {
		return nil, fmt.Errorf("code sound as FLAC: %w", err)
	}
	return bytes.Clone(c.out.Bytes()), nil
}

// choose finds how to code one channel: the low bits that are always zero (G.711 leaves two or three), and of the
// fixed predictors of order 0 to 2 the one that leaves least.
func (c *flacCoder) choose(samples []int32) frame.SubHeader {
	var or int32
	same := true
	for _, s := range samples {
		or |= s
		same = same && s == samples[0]
	}
	if same {
		return frame.SubHeader{Pred: frame.PredConstant}
	}
	wasted := bits.TrailingZeros32(uint32(or))
	var sums [3]uint64
	for i := 2; i < len(samples); i++ {
		a, b, d := samples[i]>>wasted, samples[i-1]>>wasted, samples[i-2]>>wasted
		sums[0] += uint64(fold(a))
		sums[1] += uint64(fold(a - b))
		sums[2] += uint64(fold(a - 2*b + d))
	}
	order := 0
	for i, s := range sums {
		if s < sums[order] {
			order = i
		}
	}
	// The best Rice parameter is about the logarithm of the mean (RFC 9639, appendix).
	k := uint(0)
	for mean := sums[order] / uint64(len(samples)); mean > 1 && k < 14; mean >>= 1 {
		k++
	}
	return frame.SubHeader{
		Pred: frame.PredFixed, Order: order, Wasted: uint(wasted),
		ResidualCodingMethod: frame.ResidualCodingMethodRice1,
		RiceSubframe:         &frame.RiceSubframe{Partitions: []frame.RicePartition{{Param: k}}},
	}
}

// fold makes small numbers of either sign into small ones without.
func fold(n int32) uint32 { return uint32(n<<1) ^ uint32(n>>31) }
