//go:build cgo

package main

import (
	"bufio"
	"bytes"
	"errors"
	"image/jpeg"
	"io"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// heard is what a worker said, sorted by kind.
type heard struct {
	looks   []protocol.Look
	thumbs  []protocol.Thumb
	jpegs   []protocol.JPEG
	errors  []protocol.Error
	decoder []protocol.Decoder
	stats   protocol.Stats
	err     error // how it ended
}

// serveAll gives the messages to a worker in this process and returns what it said until it ended.
func serveAll(t testing.TB, messages []protocol.Message) *heard {
	t.Helper()
	toIn, in := io.Pipe()
	fromOut, out := io.Pipe()
	go func() {
		w := bufio.NewWriterSize(in, 64<<10)
		for _, m := range messages {
			if protocol.Write(w, m) != nil {
				return // it ended early; its error tells
			}
		}
		_ = w.Flush()
		in.Close()
	}()
	h := &heard{}
	done := make(chan error, 1)
	go func() {
		// It gets minutes of video at once, and must not take that for being slow.
		done <- serve(toIn, out, &sandbox{sealed: true}, time.Hour)
		toIn.Close()
		out.Close()
	}()
	for first := true; ; first = false {
		m, err := protocol.Read(fromOut)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case protocol.Hello:
			if !first || m.Version != protocol.Version {
				t.Errorf("hello %+v, first: %v", m, first)
			}
		case protocol.Decoder:
			h.decoder = append(h.decoder, m)
		case protocol.Look:
			h.looks = append(h.looks, m)
		case protocol.Thumb:
			h.thumbs = append(h.thumbs, m)
		case protocol.JPEG:
			h.jpegs = append(h.jpegs, m)
		case protocol.Stats:
			h.stats = m
		case protocol.Error:
			h.errors = append(h.errors, m)
		default:
			t.Errorf("the worker said %T", m)
		}
	}
	h.err = <-done
	return h
}

func configOf(t media.Track, look bool) protocol.Config {
	return protocol.Config{
		Codec: t.Codec, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS, Config: t.Config, Width: t.Width, Height: t.Height,
		Final: true, Look: look,
	}
}

// messages is a clip as hearth sends it.
func messages(c *clip.Clip, look bool) []protocol.Message {
	m := []protocol.Message{protocol.Motion{Settings: media.MotionSettings{Sensitivity: 0.5}}, configOf(c.Track(), look)}
	for i, u := range c.Units {
		m = append(m, protocol.Unit{At: c.Shown(i).UnixMicro(), Key: u.Key, Data: u.Data})
	}
	return m
}

var gop30 = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-sc_threshold", "0"}

func with(a []string, b ...string) []string { return append(append([]string(nil), a...), b...) }

// A box passes between second 20 and 26. The look must date both ends although it glances every two seconds only.
func TestAPassingBoxIsSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{
		{"h264", with(gop30, "-bf", "0")},
		{"h264 with B-frames", with(gop30, "-bf", "3", "-b_strategy", "0")},
		{"h264 with GOPs of 10 s", []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "150", "-sc_threshold", "0", "-bf", "0"}},
		{"h265", []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=30:min-keyint=30:scenecut=0"}},
		{"mjpeg", []string{"-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			clip := clip.Make(t, append(clip.Passing("640x360", 15, 45, 20, 26), c.args...)...)
			h := serveAll(t, messages(clip, true))
			if h.err != nil || len(h.errors) > 0 {
				t.Fatalf("it ended with %v and said %v", h.err, h.errors)
			}
			if len(h.decoder) != 1 || h.decoder[0].Name != "software" || h.decoder[0].Width != 640 {
				t.Errorf("decoder: %+v", h.decoder)
			}
			checkLooks(t, clip, h)
			checkThumbs(t, h)
			t.Logf("%d looks, %d thumbs, %+v", len(h.looks), len(h.thumbs), h.stats)
		})
	}
}

func checkLooks(t *testing.T, c *clip.Clip, h *heard) {
	t.Helper()
	zero := c.Run.Start.UnixMicro()
	var begin, end float64
	last := 0.0
	for i, l := range h.looks {
		at := float64(l.At-zero) / 1e6
		if i > 0 && at <= last {
			t.Fatalf("look %d at %.2f s comes after one at %.2f s", i, at, last)
		}
		if at-last > 2.5 {
			t.Errorf("blind from %.2f s to %.2f s", last, at)
		}
		last = at
		if l.Moving && (at < 20 || at > 26.4) {
			t.Errorf("moving at %.2f s: %+v", at, l)
		}
		if l.Moving {
			if begin == 0 {
				begin = at
			}
			end = at
			if l.Spell != 1 || len(l.Regions) == 0 {
				t.Errorf("look at %.2f s: %+v", at, l)
			}
		}
	}
	if begin == 0 || begin > 21.2 || end < 25 {
		t.Errorf("seen from %.2f s to %.2f s, the box passes from 20 to 26", begin, end)
	}
	t.Logf("seen from %.2f s to %.2f s", begin, end)
	if last < 43 {
		t.Errorf("the last look is at %.2f s", last)
	}
}

func checkThumbs(t *testing.T, h *heard) {
	t.Helper()
	if len(h.thumbs) == 0 {
		t.Fatal("no thumb")
	}
	for i, th := range h.thumbs {
		img, err := jpeg.Decode(bytes.NewReader(th.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		if s := img.Bounds().Size(); s.X != 640 || s.Y != 360 {
			t.Errorf("thumb %d is of %v", i, s)
		}
		if i > 0 && th.Score <= h.thumbs[i-1].Score {
			t.Errorf("thumb %d (%.2f) is no better than the one before (%.2f)", i, th.Score, h.thumbs[i-1].Score)
		}
		// The box is white, the scene's middle is not: what moves is where the region says.
		r := th.Region
		x, y := int((r.X+r.W/2)*640), int((r.Y+r.H/2)*360)
		if red, green, blue, _ := img.At(x, y).RGBA(); min(red, green, blue)>>8 < 215 {
			t.Errorf("thumb %d: no white box at %d,%d (%v) in %+v", i, x, y, img.At(x, y), r)
		}
	}
	best := h.thumbs[len(h.thumbs)-1]
	if r := best.Region; r.X < 0.01 || r.X+r.W > 0.99 {
		t.Errorf("the best thumb's region is cut off: %+v", r)
	}
}

func TestCalmDecodesKeyFramesOnly(t *testing.T) {
	c := clip.Make(t, append(clip.Still("640x360", 15, 60), with(gop30, "-bf", "0")...)...)
	h := serveAll(t, messages(c, true))
	if h.err != nil {
		t.Fatal(h.err)
	}
	if len(h.looks) != 30 || h.stats.Looks != 30 || h.stats.Decoded != 30 || h.stats.Units != 900 {
		t.Errorf("%d looks at 30 key frames, and %+v", len(h.looks), h.stats)
	}
	for _, l := range h.looks {
		if l.Moving {
			t.Errorf("moving: %+v", l)
		}
	}
}

func TestPicture(t *testing.T) {
	for _, width := range []int{0, 320} {
		c := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=1"}, with(gop30, "-bf", "2")...)...)
		m := messages(c, false)
		m = append(m[:2+8], protocol.Picture{ID: 7, Width: width}) // one key frame and seven more
		h := serveAll(t, m)
		if h.err != nil || len(h.jpegs) != 1 || h.jpegs[0].ID != 7 {
			t.Fatalf("%v: %+v", h.err, h.errors)
		}
		img, err := jpeg.Decode(bytes.NewReader(h.jpegs[0].JPEG))
		if err != nil {
			t.Fatal(err)
		}
		want := 640
		if width != 0 {
			want = width
		}
		if img.Bounds().Dx() != want {
			t.Errorf("%d pixels wide, want %d", img.Bounds().Dx(), want)
		}
		if at := time.UnixMicro(h.jpegs[0].At); at.UnixMicro() != c.Shown(7).UnixMicro() {
			t.Errorf("it is of %v, want %v", at, c.Shown(7))
		}
	}
}

func TestPictureOfNothing(t *testing.T) {
	h := serveAll(t, []protocol.Message{protocol.Config{Codec: media.H264}, protocol.Picture{ID: 3}})
	if h.err != nil || len(h.errors) != 1 || h.errors[0].ID != 3 {
		t.Errorf("%v: %+v", h.err, h.errors)
	}
}

func TestBadUnitsAreCountedAndPassedOver(t *testing.T) {
	c := clip.Make(t, append(clip.Still("320x240", 15, 20), with(gop30, "-bf", "0")...)...)
	m := messages(c, true)
	bad := 0
	for i := range m {
		u, ok := m[i].(protocol.Unit)
		if !ok || i%20 != 5 {
			continue
		}
		u.Data = bytes.Clone(u.Data)
		u.Data[0] = 0xff // a length of gigabytes
		m[i], bad = u, bad+1
	}
	m = append(m, protocol.Unit{At: c.Shown(len(c.Units)-1).UnixMicro() + 2e6, Key: true, Data: c.Units[0].Data})
	h := serveAll(t, m)
	if h.err != nil {
		t.Fatal(h.err)
	}
	if len(h.looks) < 8 {
		t.Errorf("%d looks", len(h.looks))
	}
	if bad == 0 || int(h.stats.Bad) < bad {
		t.Errorf("%d units were spoiled, %d counted", bad, h.stats.Bad)
	}
}

func TestNonsenseEndsTheWorker(t *testing.T) {
	for name, in := range map[string][]byte{
		"random":       []byte("GET / HTTP/1.1\r\nHost: hearth\r\n\r\n"),
		"cut short":    {9, 0, 0, 0, 3, 9},
		"a hello":      {5, 0, 0, 0, 65, 2, 0, '{', '}'},
		"a unit first": {12, 0, 0, 0, 3, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := serve(bytes.NewReader(in), &out, &sandbox{sealed: true}, lagLimit); err == nil {
				t.Error("it went on")
			}
		})
	}
}
