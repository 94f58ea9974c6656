//go:build cgo

package main

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

const longGOP = 60 // units

// held is a worker that keeps two long GOPs, and what a decoder makes of them.
func held(t *testing.T) (p *pace, pictures func(see func(i int, f *hwaccel.Frame, luma []byte))) {
	t.Helper()
	c := clip.Make(t, append(clip.Still("320x180", 15, 8),
		"-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-sc_threshold", "0", "-bf", "0", "-pix_fmt", "yuv420p")...)
	p = newPace(t, configOf(c.Track(), true), media.MotionSettings{Sensitivity: 0.5})
	g := &p.w.watch.gop
	for i := range 2 * longGOP {
		if key := i%longGOP == 0; key != c.Units[i].Key {
			t.Fatalf("unit %d: key frame %v", i, c.Units[i].Key)
		}
		u := protocol.Unit{At: c.Shown(i).UnixMicro(), Key: c.Units[i].Key, Data: slices.Clone(c.Units[i].Data)}
		if err := hwaccel.AnnexB(media.H264, u.Data); err != nil {
			t.Fatal(err)
		}
		g.add(u)
	}
	return p, func(see func(int, *hwaccel.Frame, []byte)) {
		dec, err := hwaccel.Open(p.w.params, hwaccel.Software())
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		luma := make([]byte, motion.Width*motion.Height)
		i := 0
		show := func(f *hwaccel.Frame) error {
			if err := f.Luma(luma, motion.Width, motion.Height); err != nil {
				return err
			}
			see(i, f, luma)
			i++
			return nil
		}
		for _, u := range g.units {
			if err := dec.Decode(u.Data, u.At, show); err != nil {
				t.Fatal(err)
			}
		}
		if err := dec.Drain(show); err != nil || i != 2*longGOP {
			t.Fatalf("%d pictures, %v", i, err)
		}
	}
}

// However odd pictures are, comparing them never means to decode a long GOP: what is odd far into one has the next one's
// start compared.
func TestOnlyAGOPsStartIsCompared(t *testing.T) {
	p, pictures := held(t)
	h := &p.w.hw
	pictures(func(i int, f *hwaccel.Frame, luma []byte) {
		h.compared = time.Time{}
		h.newest = make([]byte, len(luma)) // so that it is odd
		if err := h.hold(f, luma); err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
		near := i%longGOP < compareReach
		if done := !h.compared.IsZero(); done != near || h.owed == near {
			t.Errorf("picture %d: compared %v, owed %v", i, done, h.owed)
		}
	})

	h.begin()
	gray := make([]byte, motion.Width*motion.Height)
	pictures(func(i int, f *hwaccel.Frame, luma []byte) {
		h.compared = time.Time{}
		if i >= longGOP-5 { // the hardware begins to show gray
			luma = gray
		}
		if err := h.hold(f, luma); (err != nil) != (i == longGOP) || err != nil && !errors.Is(err, hwaccel.ErrPixels) {
			t.Errorf("picture %d: %v", i, err)
		}
	})
}

// Software's work beside the hardware's is not taken for silence, and the pause after it begins when it is done.
func TestComparingGivesSignsOfLife(t *testing.T) {
	p, pictures := held(t)
	h := &p.w.hw
	seen := 0
	if err := h.inSoftware(longGOP-1, func(*hwaccel.Frame) error {
		seen++
		p.w.lastBeat = time.Time{} // as if it took long
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	beats := 0
	for {
		m, err := protocol.Read(&p.said)
		if errors.Is(err, io.EOF) {
			break
		}
		if _, ok := m.(protocol.Stats); err != nil || !ok {
			t.Fatalf("%T, %v", m, err)
		}
		beats++
	}
	if seen != longGOP || beats != seen {
		t.Errorf("%d signs of life in %d pictures", beats, seen)
	}

	// The first sign of life comes with the first unit.
	p.w.lastBeat = time.Time{}
	if !h.innocent(longGOP - 1) {
		t.Error("the stream is said to be at fault")
	}
	if !h.asked.After(p.w.lastBeat) || h.innocent(longGOP-1) {
		t.Errorf("asked at %v, began after %v", h.asked, p.w.lastBeat)
	}
	pictures(func(i int, f *hwaccel.Frame, luma []byte) {
		if i != compareReach-1 {
			return
		}
		p.w.lastBeat = time.Time{}
		h.owed = true
		if err := h.hold(f, luma); err != nil || !h.compared.After(p.w.lastBeat) {
			t.Errorf("compared at %v, began after %v; %v", h.compared, p.w.lastBeat, err)
		}
	})
}

func TestAnEndlessGOPIsNotAskedAbout(t *testing.T) {
	p, _ := held(t)
	g := &p.w.watch.gop
	g.reset()
	for i := range askReach + 1 {
		g.add(protocol.Unit{Key: i == 0, Data: []byte{0}})
	}
	if p.w.hw.innocent(askReach) || !p.w.hw.asked.IsZero() {
		t.Error("software was asked")
	}
}
