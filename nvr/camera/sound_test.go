package camera

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/mewkiz/flac"
	"github.com/pion/rtp"
	"pgregory.net/rapid"

	"hearth/nvr/media"
)

// flacFile puts frames behind a STREAMINFO block as a file has it.
func flacFile(info []byte, frames [][]byte) []byte {
	out := append([]byte("fLaC"), 0x80, 0, 0, byte(len(info)))
	return append(append(out, info...), bytes.Join(frames, nil)...)
}

// decodeFLAC gives the samples, channels interleaved.
func decodeFLAC(t interface{ Fatal(...any) }, file []byte) []int32 {
	s, err := flac.New(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out []int32
	for {
		f, err := s.ParseNext()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Subframes[0].Samples {
			for _, c := range f.Subframes {
				out = append(out, c.Samples[i])
			}
		}
	}
}

func TestG711BecomesFLACWithoutLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mu := rapid.Bool().Draw(t, "mu-law")
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		f := &format.G711{PayloadTyp: 96, MULaw: mu, SampleRate: rapid.SampledFrom([]int{8000, 16000}).Draw(t, "rate"), ChannelCount: channels}
		s, err := newSound(f)
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		var samples []sample
		ts := rapid.Uint32().Draw(t, "first timestamp")
		first := ts
		kind := rapid.IntRange(0, 2).Draw(t, "kind")
		for range rapid.IntRange(1, 30).Draw(t, "packets") {
			n := rapid.IntRange(1, 700).Draw(t, "samples in packet") * channels
			b := make([]byte, n)
			for i := range b {
				switch kind {
				case 0: // silence, a constant
					b[i] = 0xd5
				case 1: // a tone
					v := int16(9000 * math.Sin(float64(len(all)+i)/7))
					if mu {
						b[i] = must(g711.Mulaw(pcm(v)).Marshal())[0]
					} else {
						b[i] = must(g711.Alaw(pcm(v)).Marshal())[0]
					}
				default: // noise
					b[i] = rapid.Byte().Draw(t, "b")
				}
			}
			got, err := s.push(&rtp.Packet{Header: rtp.Header{Timestamp: ts}, Payload: b}, false)
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, got...)
			all = append(all, b...)
			ts += uint32(n / channels)
		}
		samples = append(samples, s.flush()...)
		want := appendG711(nil, all, mu)
		want = want[:len(want)-len(s.(*g711Sound).pending)]

		var frames [][]byte
		next := first
		for i, x := range samples {
			if x.ts != next || x.duration < flacLeast || x.duration > flacBlock {
				t.Fatalf("frame %d is at %d for %d, want at %d", i, x.ts, x.duration, next)
			}
			next += uint32(x.duration)
			frames = append(frames, x.data)
		}
		rest := len(want) - int(next-first)*channels
		if rest < 0 || rest >= flacLeast*channels {
			t.Fatalf("%d samples are missing at the end", rest)
		}
		if len(frames) == 0 {
			return
		}
		if got := decodeFLAC(t, flacFile(s.track().Config, frames)); !slices.Equal(got, want[:len(want)-rest]) {
			t.Fatal("the samples are not the same")
		}
	})
}

func pcm(v int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFFmpegReadsTheFLAC(t *testing.T) {
	dir := t.TempDir()
	ulaw := filepath.Join(dir, "in.ul")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "anoisesrc=d=5:c=pink:r=8000:a=0.5", "-f", "mulaw", ulaw)
	raw, err := os.ReadFile(ulaw)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSound(&format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1})
	if err != nil {
		t.Fatal(err)
	}
	var frames [][]byte
	size := 0
	for at := 0; at < len(raw); at += 160 {
		got, err := s.push(&rtp.Packet{Header: rtp.Header{Timestamp: uint32(at)}, Payload: raw[at:min(at+160, len(raw))]}, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range got {
			frames = append(frames, x.data)
			size += len(x.data)
		}
	}
	for _, x := range s.flush() {
		frames = append(frames, x.data)
	}
	file := filepath.Join(dir, "out.flac")
	if err := os.WriteFile(file, flacFile(s.track().Config, frames), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(t, "ffmpeg", "-v", "error", "-xerror", "-i", file, "-f", "s16be", "-")
	if want := must(marshalMu(raw)); out != string(want) {
		t.Error("ffmpeg decodes other samples")
	}
	t.Logf("µ-law noise of 64 kbit/s takes %.0f kbit/s as FLAC", float64(size)*8/5/1000)
}

func marshalMu(b []byte) ([]byte, error) {
	var c g711.Mulaw
	c.Unmarshal(b)
	return c, nil
}

// tone gives packets of µ-law, each 20 ms.
func tone(n int) *rtp.Packet {
	b := make([]byte, 160)
	for i := range b {
		b[i] = must(g711.Mulaw(pcm(int16(8000 * math.Sin(float64(n*160+i)/5)))).Marshal())[0]
	}
	return &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 0, SequenceNumber: uint16(n), Timestamp: uint32(n * 160)}, Payload: b}
}

func TestSoundAndPictureStayTogether(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 15})
	for _, c := range []struct {
		name    string
		begins  time.Duration // of the sound, after the picture
		ppm     float64       // by how much its clock is fast
		minutes int
		runs    int
	}{
		{"from the start", 0, 0, 1, 1},
		{"a little later", 300 * time.Millisecond, 0, 1, 1},
		{"three seconds later", 3 * time.Second, 0, 1, 2},
		{"a clock that is fast", 0, 400, 30, 1},
		{"a clock that is slow", 0, -400, 30, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			note := &notebook{t: t}
			synctest.Test(t, func(t *testing.T) {
				r, _ := newReceiver(t, clip, note)
				s, err := newSound(&format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1})
				if err != nil {
					t.Fatal(err)
				}
				r.sound = s
				p := clip.packetizerOf(t, 1400)
				begin := time.Now()
				sounds := 0
				end := time.Duration(c.minutes) * time.Minute
				var offset int64
				for round := 0; time.Since(begin) < end; round++ {
					for _, pic := range clip.pictures {
						due := time.Duration(nanos(offset+pic.dts, 90000))
						for {
							at := c.begins + time.Duration(float64(sounds)*float64(20*time.Millisecond)*(1-c.ppm/1e6))
							if at > due {
								break
							}
							time.Sleep(at - time.Since(begin))
							r.soundPacket(tone(sounds))
							sounds++
						}
						time.Sleep(due - time.Since(begin))
						for _, q := range p.packets(t, pic.nals, uint32(offset+pic.pts+77)) {
							r.videoPacket(q)
						}
					}
					offset += int64(len(clip.pictures)) * 6000
				}
				r.finish("stopped")
				if len(note.runs) != c.runs {
					t.Fatalf("%d runs, want %d", len(note.runs), c.runs)
				}
				if c.runs == 2 && (note.runs[0].reason != reasonSound || len(note.runs[0].run.Tracks) != 1) {
					t.Errorf("the run without sound has %d tracks and ended by %q", len(note.runs[0].run.Tracks), note.runs[0].reason)
				}
				run := note.runs[len(note.runs)-1]
				if len(run.run.Tracks) != 2 || run.run.Tracks[1].Codec != media.FLAC {
					t.Fatalf("tracks: %+v", run.run.Tracks)
				}
				total := 0
				for _, n := range note.runs {
					total += len(n.units)
				}
				if want := int(offset / 6000); total != want {
					t.Errorf("%d pictures, want %d: sound must not cost any", total, want)
				}
				// What was taken at one moment is at one place of the time line.
				last := run.sounds[len(run.sounds)-1]
				soundEnd := time.Duration(nanos(last.DTS, 8000))
				pictureEnd := time.Duration(nanos(run.units[len(run.units)-1].DTS, 90000))
				if d := (soundEnd - pictureEnd).Abs(); d > 350*time.Millisecond {
					t.Errorf("at the end sound and picture are %s apart", d)
				}
			})
		})
	}
}

func TestSoundThatEndsEndsTheRunAtAKeyFrame(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 15})
	note := &notebook{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, _ := newReceiver(t, clip, note)
		s, _ := newSound(&format.G711{MULaw: true, SampleRate: 8000, ChannelCount: 1})
		r.sound = s
		p := clip.packetizer(t)
		for i := range 10 {
			r.soundPacket(tone(i))
		}
		for round := range 5 {
			feed(t, r, clip, clip.pictures, int64(round*4*90000), p, nil)
			time.Sleep(time.Second / 15)
		}
		r.finish("stopped")
	})
	if len(note.runs) != 2 || note.runs[0].reason != reasonSilence || len(note.runs[1].run.Tracks) != 1 {
		t.Fatalf("%d runs, the first ended by %q", len(note.runs), note.runs[0].reason)
	}
	if n := len(note.runs[0].units) + len(note.runs[1].units); n != 5*len(clip.pictures) {
		t.Errorf("%d pictures, want %d", n, 5*len(clip.pictures))
	}
}

func TestSoundOverRTSP(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 6, fps: 15, gop: 15})
	dir := t.TempDir()
	adts := filepath.Join(dir, "in.aac")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=440:r=16000:d=6", "-c:a", "aac", "-b:a", "32k", "-f", "adts", adts)
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(must(os.ReadFile(adts))); err != nil {
		t.Fatal(err)
	}
	config := &mpeg4audio.AudioSpecificConfig{Type: packets[0].Type, SampleRate: packets[0].SampleRate, ChannelCount: packets[0].ChannelCount}
	aacFormat := &format.MPEG4Audio{PayloadTyp: 97, Config: config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
	encoder, err := aacFormat.CreateEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		format format.Format
		sound  func(i int) (*rtp.Packet, bool)
		codec  media.Codec
	}{
		{"µ-law", &format.G711{PayloadTyp: 0, MULaw: true, SampleRate: 8000, ChannelCount: 1}, func(i int) (*rtp.Packet, bool) { return tone(i), true }, media.FLAC},
		{"AAC", aacFormat, func(i int) (*rtp.Packet, bool) {
			if i >= len(packets) {
				return nil, false
			}
			q := must(encoder.Encode([][]byte{packets[i].AU}))[0]
			q.Timestamp = uint32(i * 1024)
			return q, true
		}, media.AAC},
		{"Opus", &format.Opus{PayloadTyp: 111, ChannelCount: 2}, func(i int) (*rtp.Packet, bool) {
			return &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: uint16(i), Timestamp: uint32(i * 960)}, Payload: []byte{0xfc, 1, 2, byte(i)}}, true
		}, media.Opus},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip, audio: c.format, sound: c.sound}}}).start(t)
			w := newWatcher(t)
			cam := &Camera{Config: Config{URL: server.url("/yard"), Audio: true}, Main: w, tune: quickTuning()}
			stop := start(t, cam)
			w.until("sound and picture", func(runs []*noted) bool {
				return len(runs) > 0 && len(runs[len(runs)-1].sounds) > 10 && len(runs[len(runs)-1].units) > 20
			})
			s := cam.State()
			stop()
			if s.Main.Audio != c.codec || s.Main.AudioProblem != "" {
				t.Errorf("state: %+v", s.Main)
			}
			if n := len(w.runs); n != 1 {
				t.Errorf("%d runs, want 1", n)
			}
			for i, u := range w.runs[0].sounds {
				if c.codec == media.AAC && !slices.ContainsFunc(packets, func(p *mpeg4audio.ADTSPacket) bool { return bytes.Equal(p.AU, u.Data) }) {
					t.Fatalf("sound %d is not what was sent", i)
				}
			}
			if cam.Counters(media.Main).AudioErrors != 0 {
				t.Error("errors were counted")
			}
		})
	}
}

func TestNoSoundNoProblem(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15})
	for _, c := range []struct {
		name    string
		format  format.Format
		wanted  bool
		problem string
	}{
		{"not wanted", &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}, false, ""},
		{"none offered", nil, true, "offers no sound"},
		{"silent", &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}, true, ""},
		{"of an unknown kind", &format.G722{}, true, "Hearth cannot keep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := (&fakeCamera{paths: map[string]*playing{"/yard": {clip: clip, audio: c.format, pace: 20 * time.Millisecond}}}).start(t)
			w := newWatcher(t)
			cam := &Camera{Config: Config{URL: server.url("/yard"), Audio: c.wanted}, Main: w, tune: quickTuning()}
			stop := start(t, cam)
			w.until("all pictures", pictures(0, len(clip.pictures)))
			s := cam.State()
			stop()
			if len(w.runs[0].run.Tracks) != 1 || s.Status != Online || s.Problem != "" {
				t.Errorf("state: %+v, tracks %+v", s, w.runs[0].run.Tracks)
			}
			if (c.problem == "") != (s.Main.AudioProblem == "") || !strings.Contains(s.Main.AudioProblem, c.problem) {
				t.Errorf("audio problem: %q, want %q", s.Main.AudioProblem, c.problem)
			}
		})
	}
}

func TestDescriptionWithBrokenSound(t *testing.T) {
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
	const video = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n"
	const broken = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/16000/1\r\na=fmtp:97 mode=AAC-hbr;config=zz\r\n"
	const good = "m=audio 0 RTP/AVP 8\r\n"
	for _, c := range []struct{ in, out string }{
		{head + video + good, head + video + good},
		{head + video + broken, head + video},
		{head + broken + video + good, head + video + good},
		{head + broken, head},
	} {
		if readableSDP([]byte(head + broken)) {
			t.Fatal("gortsplib reads the broken description: this test tests nothing")
		}
		res := response(c.in)
		repairSDP(res)
		if string(res.Body) != c.out {
			t.Errorf("%q becomes %q, want %q", c.in, res.Body, c.out)
		}
	}
}
