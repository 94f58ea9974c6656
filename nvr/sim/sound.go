package sim

import (
	"math"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// soundTrack sends sound beside the pictures.
type soundTrack struct {
	media  *description.Media
	rate   int
	chunk  int // samples in a packet
	chunks [][]packet
	track  *track
	next   int64 // chunk to send
}

const (
	g711Rate  = 8000
	g711Chunk = 320 // 40 ms
	aacRate   = 16000
	aacChunk  = 1024
	tone      = 425 // Hz: a whole number of periods in 8 chunks
)

// silentAAC is an AAC-LC raw_data_block with nothing in it (ISO/IEC 14496-3, 4.4.2.1): one single_channel_element with
// global_gain 0, a long window, max_sfb 0, no pulses, TNS or gain control, and the end element.
func silentAAC() []byte { return []byte{0x00, 0x00, 0x00, 0x07} }

func newSoundTrack(s Sound) *soundTrack {
	t := &soundTrack{}
	var f format.Format
	switch s {
	case PCMU, PCMA:
		t.rate, t.chunk = g711Rate, g711Chunk
		g := &format.G711{PayloadTyp: 8, SampleRate: g711Rate, ChannelCount: 1}
		if s == PCMU {
			g.PayloadTyp, g.MULaw = 0, true
		}
		f = g
		for i := range 8 {
			pcm := toneChunk(i)
			if s == PCMU {
				pcm = muLaw(pcm)
			} else {
				pcm = aLaw(pcm)
			}
			t.chunks = append(t.chunks, []packet{{payload: pcm, marker: false}})
		}
	case AAC:
		t.rate, t.chunk = aacRate, aacChunk
		f = &format.MPEG4Audio{
			PayloadTyp: 97, ProfileLevelID: 1,
			Config: &mpeg4audio.AudioSpecificConfig{
				Type: mpeg4audio.ObjectTypeAACLC, SampleRate: aacRate, ChannelCount: 1,
			},
			SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3,
		}
		frame := silentAAC()
		// One AU header of 16 bits: 13 of size, 3 of index (RFC 3640, 3.3.6).
		payload := append([]byte{0, 16, byte(len(frame) >> 5), byte(len(frame) << 3)}, frame...)
		t.chunks = [][]packet{{{payload: payload, marker: true}}}
	default:
		return nil
	}
	t.media = &description.Media{Type: description.MediaTypeAudio, Formats: []format.Format{f}}
	return t
}

// toneChunk is part i of 8 of a soft tone: 16-bit big-endian samples.
func toneChunk(i int) []byte {
	b := make([]byte, 0, 2*g711Chunk)
	for n := range g711Chunk {
		at := float64(i*g711Chunk+n) / g711Rate
		v := int16(1500 * math.Sin(2*math.Pi*tone*at))
		b = append(b, byte(v>>8), byte(v))
	}
	return b
}

func muLaw(pcm []byte) []byte {
	b, _ := g711.Mulaw(pcm).Marshal()
	return b
}

func aLaw(pcm []byte) []byte {
	b, _ := g711.Alaw(pcm).Marshal()
	return b
}

// skip leaves out what was due by now, after a pause.
func (t *soundTrack) skip(since time.Duration) { t.next = ticks(since, t.rate) / int64(t.chunk) }

// send sends all chunks that are due by now.
func (t *soundTrack) send(since time.Duration, at time.Time, jump time.Duration) error {
	due := ticks(since, t.rate) / int64(t.chunk)
	for ; t.next <= due; t.next++ {
		chunk := t.chunks[t.next%int64(len(t.chunks))]
		if err := t.track.send(chunk, t.next*int64(t.chunk)+ticks(jump, t.rate), at, &troubles{}); err != nil {
			return err
		}
	}
	return nil
}
