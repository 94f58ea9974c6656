package camera

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"hearth/nvr/media"
)

// notebook is a Sink that keeps all it gets and checks what every run promises.
type notebook struct {
	t    testing.TB
	runs []*noted
}

type noted struct {
	run    *media.Run
	units  []media.AccessUnit // the picture
	sounds []media.AccessUnit
	reason string
	ended  bool
}

func (n *notebook) StartRun(run *media.Run) {
	if len(n.runs) > 0 && !n.runs[len(n.runs)-1].ended {
		n.t.Error("a run begins while another one is not ended")
	}
	if len(n.runs) > 0 {
		last := n.runs[len(n.runs)-1]
		if k := len(last.units); k > 0 && run.Start.Before(last.units[k-1].Wall) {
			n.t.Errorf("a run begins at %s, the last one had a picture at %s", run.Start, last.units[k-1].Wall)
		}
	}
	n.runs = append(n.runs, &noted{run: run})
}

func (n *notebook) WriteUnit(run *media.Run, au *media.AccessUnit) {
	r := n.runs[len(n.runs)-1]
	if r.run != run || r.ended {
		n.t.Error("a unit of a run that is not open")
	}
	list := &r.units
	if au.Track == 1 {
		list = &r.sounds
		if len(run.Tracks) < 2 {
			n.t.Error("sound in a run without a track of sound")
		}
	} else if len(r.units) == 0 {
		if !au.Key {
			n.t.Error("a run does not begin with a key frame")
		}
		if au.DTS != 0 {
			n.t.Errorf("the first DTS is %d", au.DTS)
		}
		if !au.Wall.Equal(run.Start) {
			n.t.Errorf("the first unit is of %s, the run of %s", au.Wall, run.Start)
		}
	}
	if k := len(*list); k > 0 {
		last := (*list)[k-1]
		if au.DTS <= last.DTS {
			n.t.Errorf("track %d: DTS %d after %d", au.Track, au.DTS, last.DTS)
		}
		if au.Wall.Before(last.Wall) {
			n.t.Errorf("track %d: wall clock goes back from %s to %s", au.Track, last.Wall, au.Wall)
		}
	}
	if au.PTS < au.DTS {
		n.t.Errorf("PTS %d before DTS %d", au.PTS, au.DTS)
	}
	if len(au.Data) == 0 {
		n.t.Error("a unit without data")
	}
	*list = append(*list, *au)
}

func (n *notebook) EndRun(run *media.Run, reason string) {
	r := n.runs[len(n.runs)-1]
	if r.run != run || r.ended {
		n.t.Error("a run is ended that is not open")
	}
	r.ended, r.reason = true, reason
}

func (n *noted) samples() [][]byte {
	var out [][]byte
	for _, u := range n.units {
		out = append(out, u.Data)
	}
	return out
}

func (n *noted) sets() [][]byte {
	v := n.run.Tracks[0]
	var out [][]byte
	for _, s := range [][]byte{v.VPS, v.SPS, v.PPS} {
		if len(s) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// newReceiver makes a receiver for a clip without a session.
func newReceiver(t testing.TB, c *clip, sink media.Sink) (*receiver, *tally) {
	t.Helper()
	v, err := newVideo(c.format(true))
	if err != nil {
		t.Fatal(err)
	}
	counted := &tally{}
	tune := defaultTuning
	return &receiver{
		camera: media.NewCameraID(), sink: sink, tune: &tune, tally: counted,
		log: slog.New(slog.DiscardHandler), onRun: func(*media.Run) {}, video: v,
		time: timeline{rate: media.VideoClockRate},
	}, counted
}

// feed plays pictures in their own time. Each packet goes through change first, which may drop it by giving nil.
func feed(t testing.TB, r *receiver, c *clip, pictures []picture, offset int64, p *packetizer, change func(picture int, q *rtp.Packet) *rtp.Packet) {
	t.Helper()
	start := time.Now()
	first := pictures[0].dts
	for i, pic := range pictures {
		if d := time.Duration(nanos(pic.dts-first, 90000)) - time.Since(start); d > 0 {
			time.Sleep(d) // in a bubble: the fake clock moves
		}
		for _, q := range p.packets(t, pic.nals, uint32(pic.pts+offset)) {
			if change != nil {
				if q = change(i, q); q == nil {
					continue
				}
			}
			r.videoPacket(q)
		}
	}
}

func TestPicturesComeThroughAsTheyAre(t *testing.T) {
	for _, c := range []struct {
		name string
		recipe
	}{
		{"h264", recipe{seconds: 3, fps: 15, gop: 15}},
		{"h264 B-frames", recipe{seconds: 3, fps: 15, gop: 15, bframes: 2}},
		{"h264 B-pyramid", recipe{seconds: 4, fps: 25, gop: 25, bframes: 3, extra: "b-pyramid=normal"}},
		{"h264 slices", recipe{seconds: 2, fps: 15, gop: 15, bframes: 1, extra: "slices=4"}},
		{"h265", recipe{hevc: true, seconds: 3, fps: 15, gop: 15}},
		{"h265 B-frames", recipe{hevc: true, seconds: 3, fps: 15, gop: 15, bframes: 3, extra: "open-gop=0"}},
		{"h265 open GOP", recipe{hevc: true, seconds: 3, fps: 15, gop: 15, bframes: 3, extra: "open-gop=1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			clip := makeClip(t, c.recipe)
			note := &notebook{t: t}
			var counted *tally
			synctest.Test(t, func(t *testing.T) {
				var r *receiver
				r, counted = newReceiver(t, clip, note)
				feed(t, r, clip, clip.pictures, 0x7fffff00, clip.packetizer(t), nil) // timestamps wrap on the way
				r.finish("stopped")
			})
			if len(note.runs) != 1 {
				t.Fatalf("%d runs, want 1", len(note.runs))
			}
			run := note.runs[0]
			if len(run.units) != len(clip.pictures) {
				t.Fatalf("%d pictures came through, ffprobe counts %d (%+v)", len(run.units), len(clip.pictures), counted.counters())
			}
			if v := run.run.Tracks[0]; v.Width != 320 || v.Height != 240 {
				t.Errorf("size %dx%d, want 320x240", v.Width, v.Height)
			}
			first := clip.pictures[0]
			for i, u := range run.units {
				want := clip.pictures[i]
				if u.Key != want.key {
					t.Errorf("picture %d: key %v, ffprobe says %v", i, u.Key, want.key)
				}
				if got, want := u.PTS-run.units[0].PTS, want.pts-first.pts; got != want {
					t.Errorf("picture %d: shown %d ticks after the first one, want %d", i, got, want)
				}
				if got, want := u.DTS, want.dts-first.dts; got != want {
					t.Errorf("picture %d: DTS %d, ffprobe says %d", i, got, want)
				}
			}
			if n := decodes(t, clip.kind(), annexB(clip.kind(), run.sets(), run.samples())); n != len(clip.pictures) {
				t.Errorf("ffmpeg decodes %d pictures, want %d", n, len(clip.pictures))
			}
			for _, u := range run.units {
				for _, n := range nalsOf(u.Data) {
					if role := clip.kind().role(n); role != content {
						t.Fatalf("a NAL unit of type %d is left in a sample", clip.kind().typ(n))
					}
				}
			}
		})
	}
}

func TestReorderDepthThatIsNotDeclared(t *testing.T) {
	// Without bitstream_restriction in the SPS the order is found from picture order counts.
	clip := makeClip(t, recipe{seconds: 3, fps: 15, gop: 15, bframes: 2})
	_, sps, _ := clip.sets()
	o := newOrder(media.Track{Codec: media.H264, SPS: sps}, 6000)
	if o.depth == 0 {
		t.Fatal("the clip declares no reorder depth, so this test tests nothing")
	}
	o.depth = 0
	o.useExtractor(sps)
	var last int64
	for i, p := range clip.pictures {
		dts, pts := o.next(p.pts, slice(clip.kind(), p.nals))
		if pts != p.pts {
			t.Errorf("picture %d: PTS moved from %d to %d", i, p.pts, pts)
		}
		if dts > pts || i > 0 && dts <= last {
			t.Errorf("picture %d: DTS %d, PTS %d, DTS before it %d", i, dts, pts, last)
		}
		last = dts
	}
}

func slice(k naming, nals [][]byte) []byte {
	for _, n := range nals {
		if k.isSlice(n) {
			return n
		}
	}
	return nil
}

func TestLossLeavesOutUpToTheNextKeyFrame(t *testing.T) {
	for _, c := range []struct{ bframes, from, to, dropped int }{ // packets of picture 20; to 99 is all of them
		{0, 0, 0, 10}, {0, 1, 1, 10}, {0, 0, 99, 9}, {2, 1, 1, 10}, {2, 0, 99, 9},
	} {
		bframes := c.bframes
		clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 15, bframes: bframes, width: 640, height: 480})
		note := &notebook{t: t}
		var counted *tally
		synctest.Test(t, func(t *testing.T) {
			var r *receiver
			r, counted = newReceiver(t, clip, note)
			n := 0
			feed(t, r, clip, clip.pictures, 0, clip.packetizer(t), func(i int, q *rtp.Packet) *rtp.Packet {
				if i == 20 { // in the second GOP
					if n++; n-1 >= c.from && n-1 <= c.to {
						return nil
					}
				}
				return q
			})
			if n < 3 {
				t.Fatalf("picture 20 has only %d packets: this test tests nothing", n)
			}
			r.finish("stopped")
		})
		if len(note.runs) != 1 {
			t.Fatalf("%d runs, want 1: a hole of less than five seconds stays within the run", len(note.runs))
		}
		run := note.runs[0]
		if want := len(clip.pictures) - 10; len(run.units) != want {
			t.Errorf("%d pictures came through, want %d: all but 20 to 29", len(run.units), want)
		}
		if n := counted.counters(); n.Lost == 0 || n.Dropped != uint64(c.dropped) {
			t.Errorf("%+v: counted %d packets lost and %d pictures left out", c, n.Lost, n.Dropped)
		}
		for i, u := range run.units[20:] {
			if got, want := u.PTS-run.units[0].PTS, clip.pictures[30+i].pts-clip.pictures[0].pts; got != want {
				t.Fatalf("after the hole picture %d is shown at %d, want %d", i, got, want)
			}
		}
		// The hole is before the key frame, not inside the group of pictures after it.
		if d := run.units[20].DTS - run.units[19].DTS; d < 10*6000 {
			t.Errorf("the hole is %d ticks long in DTS, want at least %d", d, 10*6000)
		}
		decodes(t, clip.kind(), annexB(clip.kind(), run.sets(), run.samples()))
	}
}

func TestLossOfAKeyFrameEndsTheRunWhenItLastsLong(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 12, fps: 10, gop: 40})
	note := &notebook{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, _ := newReceiver(t, clip, note)
		feed(t, r, clip, clip.pictures, 0, clip.packetizer(t), func(i int, q *rtp.Packet) *rtp.Packet {
			if i == 5 || i == 40 {
				return nil
			}
			return q
		})
		r.finish("stopped")
	})
	if len(note.runs) != 2 || note.runs[0].reason != reasonPackets {
		t.Fatalf("%d runs, the first ended by %q; want 2 and %q", len(note.runs), note.runs[0].reason, reasonPackets)
	}
	if n := len(note.runs[0].units); n != 5 {
		t.Errorf("%d pictures before the loss, want 5", n)
	}
	if n := len(note.runs[1].units); n != 40 {
		t.Errorf("%d pictures after it, want 40: from the next key frame on", n)
	}
	if d := note.runs[1].run.Start.Sub(note.runs[0].run.Start); d < 7900*time.Millisecond || d > 8100*time.Millisecond {
		t.Errorf("the second run begins %s after the first, want 8 s", d)
	}
}

func TestChangeOfSizeBeginsAnotherRun(t *testing.T) {
	a := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15, bframes: 2})
	b := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15, bframes: 2, width: 640, height: 360})
	note := &notebook{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, _ := newReceiver(t, a, note)
		p := a.packetizer(t)
		feed(t, r, a, a.pictures, 0, p, nil)
		feed(t, r, b, b.pictures, 2*90000, p, nil)
		feed(t, r, a, a.pictures, 4*90000, p, nil)
		r.finish("stopped")
	})
	if len(note.runs) != 3 {
		t.Fatalf("%d runs, want 3", len(note.runs))
	}
	for i, want := range []struct {
		width, units int
		reason       string
	}{{320, 30, reasonSize}, {640, 30, reasonSize}, {320, 30, "stopped"}} {
		run := note.runs[i]
		if w := run.run.Tracks[0].Width; w != want.width || len(run.units) != want.units || run.reason != want.reason {
			t.Errorf("run %d: width %d, %d pictures, ended by %q; want %+v", i, w, len(run.units), run.reason, want)
		}
		decodes(t, a.kind(), annexB(a.kind(), run.sets(), run.samples()))
	}
	if bytes.Equal(note.runs[0].run.Tracks[0].SPS, note.runs[1].run.Tracks[0].SPS) {
		t.Error("the new run has the old parameters")
	}
	if d := note.runs[1].run.Start.Sub(note.runs[0].run.Start); d < 1990*time.Millisecond || d > 2010*time.Millisecond {
		t.Errorf("the second run begins %s after the first, want 2 s: the clock goes on", d)
	}
}

func TestChangeOfParametersOnly(t *testing.T) {
	a := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15})
	b := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15, extra: "ref=2:cabac=0"})
	note := &notebook{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, _ := newReceiver(t, a, note)
		p := a.packetizer(t)
		feed(t, r, a, a.pictures, 0, p, nil)
		feed(t, r, b, b.pictures, 2*90000, p, nil)
		r.finish("stopped")
	})
	if len(note.runs) != 2 || note.runs[0].reason != reasonParams {
		t.Fatalf("%d runs, the first ended by %q; want 2 and %q", len(note.runs), note.runs[0].reason, reasonParams)
	}
}

func TestJumpsOfTheCamerasClock(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15, bframes: 2})
	for _, c := range []struct {
		name string
		jump int64 // ticks, on top of going on as before
		rest time.Duration
		runs int
	}{
		{"none", 0, 0, 1},
		{"back ten seconds", -10 * 90000, 0, 2},
		{"forward ten seconds", 10 * 90000, 0, 2},
		{"forward an hour", 3600 * 90000, 0, 2},
		{"to another number altogether", 1 << 31, 0, 2},
		{"a pause of eight seconds is no jump", 8 * 90000, 8 * time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			note := &notebook{t: t}
			var start, second time.Time
			synctest.Test(t, func(t *testing.T) {
				r, _ := newReceiver(t, clip, note)
				p := clip.packetizer(t)
				start = time.Now()
				feed(t, r, clip, clip.pictures, 1000, p, nil)
				time.Sleep(c.rest + time.Second/15)
				second = time.Now()
				feed(t, r, clip, clip.pictures, 1000+2*90000+c.jump, p, nil)
				r.finish("stopped")
			})
			if len(note.runs) != c.runs {
				t.Fatalf("%d runs, want %d", len(note.runs), c.runs)
			}
			total := 0
			for _, r := range note.runs {
				total += len(r.units)
			}
			if total != 2*len(clip.pictures) {
				t.Errorf("%d pictures came through, want %d", total, 2*len(clip.pictures))
			}
			if d := note.runs[0].run.Start.Sub(start); d != 0 {
				t.Errorf("the first run is anchored %s after its first packet", d)
			}
			if c.runs == 2 {
				if note.runs[0].reason != reasonClock {
					t.Errorf("the run ended by %q, want %q", note.runs[0].reason, reasonClock)
				}
				if d := note.runs[1].run.Start.Sub(second).Abs(); d > 200*time.Millisecond {
					t.Errorf("the second run begins %s away from the arrival of its first packet", d)
				}
			}
		})
	}
}

func TestMarkersThatAreMissingOrTooMany(t *testing.T) {
	for _, hevc := range []bool{false, true} {
		clip := makeClip(t, recipe{hevc: hevc, seconds: 2, fps: 15, gop: 15})
		for name, marker := range map[string]func(q *rtp.Packet){
			"none at all": func(q *rtp.Packet) { q.Marker = false },
			"also after parameter sets": func(q *rtp.Packet) {
				form, _ := clip.kind().form(q.Payload)
				if form == single && clip.kind().role(q.Payload) == parameters {
					q.Marker = true
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				note := &notebook{t: t}
				synctest.Test(t, func(t *testing.T) {
					r, _ := newReceiver(t, clip, note)
					feed(t, r, clip, clip.pictures, 0, clip.packetizer(t), func(_ int, q *rtp.Packet) *rtp.Packet {
						marker(q)
						return q
					})
					r.finish("stopped")
				})
				want := len(clip.pictures)
				if name == "none at all" {
					want-- // the last one has no next timestamp
				}
				if len(note.runs) != 1 || len(note.runs[0].units) != want {
					t.Fatalf("%d runs, %d pictures; want 1 and %d", len(note.runs), len(note.runs[0].units), want)
				}
				for i, u := range note.runs[0].units {
					if got := u.PTS - note.runs[0].units[0].PTS; got != clip.pictures[i].pts-clip.pictures[0].pts {
						t.Fatalf("picture %d is shown at %d", i, got)
					}
				}
			})
		}
	}
}
