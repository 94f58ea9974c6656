package camera

import (
	"log/slog"
	"testing"

	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/pion/rtp"

	"hearth/nvr/media"
)

func response(body string) *base.Response { return &base.Response{Body: []byte(body)} }

// FuzzPackets plays any bytes as packets of H.264 or H.265. What comes out must be well-formed, whatever goes in:
// notebook checks the runs, and this the samples.
func FuzzPackets(f *testing.F) {
	h264 := []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x47, 0xfe, 0x88}
	f.Add(false, []byte("\x04\x01\x67abc\x02\x01\x68x\x06\x03\x65\x88data"))
	f.Add(false, append([]byte{byte(len(h264)), 1}, h264...))
	f.Add(false, []byte("\x09\x01\x18\x00\x02\x67a\x00\x02\x68b\x08\x01\x7c\x85abcdef\x08\x03\x7c\x45ghijkl"))
	f.Add(true, []byte("\x06\x01\x40\x01abcd\x06\x01\x42\x01abcd\x06\x01\x44\x01abcd\x06\x03\x26\x01\x80bcd"))
	f.Add(true, []byte("\x08\x01\x62\x01\x93abcde\x08\x03\x62\x01\x53fghij\x09\x03\x60\x01\x00\x04\x26\x01\x80a"))
	f.Fuzz(func(t *testing.T, hevc bool, data []byte) {
		kind := h264Naming()
		if hevc {
			kind = h265Naming()
		}
		x := newH26x(kind)
		note := &notebook{t: t}
		counted := &tally{}
		tune := defaultTuning
		r := &receiver{sink: note, tune: &tune, tally: counted, log: silentLog(), onRun: noRun, video: x, time: timeline{rate: 90000}}
		var number uint16
		var ts uint32
		// Each packet is a length, flags (marker, next timestamp, a packet is missing, a jump), and the payload.
		for len(data) >= 2 {
			n, flags := int(data[0]), data[1]
			data = data[2:]
			n = min(n, len(data))
			if flags&2 != 0 {
				ts += 6000
			}
			if flags&4 != 0 {
				number++
			}
			if flags&8 != 0 {
				ts += uint32(flags) << 24
			}
			number++
			r.videoPacket(&rtp.Packet{Header: rtp.Header{Marker: flags&1 != 0, Timestamp: ts, SequenceNumber: number}, Payload: data[:n]})
			if len(x.buf) > maxUnit {
				t.Fatalf("%d bytes wait", len(x.buf))
			}
			data = data[n:]
		}
		r.finish("stopped")
		for _, run := range note.runs {
			if !run.ended || run.run.Tracks[0].Width <= 0 {
				t.Fatalf("run: %+v", run)
			}
			for _, u := range run.units {
				slices := 0
				for _, n := range nalsOf(u.Data) { // panics where lengths do not fit
					if len(n) < kind.header {
						t.Fatalf("a NAL unit of %d bytes", len(n))
					}
					if kind.isSlice(n) {
						slices++
					}
				}
				if slices == 0 {
					t.Fatal("a picture without a slice")
				}
			}
		}
	})
}

// FuzzDescription feeds any session description to repairSDP, which must leave a readable one alone.
func FuzzDescription(f *testing.F) {
	f.Add([]byte("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 97\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		res := response(string(body))
		repairSDP(res)
		if readableSDP(body) && string(res.Body) != string(body) {
			t.Fatalf("%q becomes %q", body, res.Body)
		}
		if len(res.Body) > len(body) {
			t.Fatalf("%q becomes longer: %q", body, res.Body)
		}
	})
}

// FuzzSound plays any bytes as G.711.
func FuzzSound(f *testing.F) {
	f.Add(uint32(0), []byte{1, 2, 3}, uint32(3), []byte{4, 5, 6})
	f.Fuzz(func(t *testing.T, ts1 uint32, a []byte, ts2 uint32, b []byte) {
		s, err := newSound(g711Format())
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range []*rtp.Packet{{Header: rtp.Header{Timestamp: ts1}, Payload: a}, {Header: rtp.Header{Timestamp: ts2}, Payload: b}} {
			got, err := s.push(p, i == 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range got {
				if x.duration < flacLeast || x.duration > flacBlock || len(x.data) == 0 {
					t.Fatalf("%+v", x)
				}
			}
		}
		s.flush()
	})
}

func silentLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func noRun(*media.Run) {}

func g711Format() *format.G711 { return &format.G711{SampleRate: 8000, ChannelCount: 1} }
