package sim

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/sim/h264"
	"hearth/nvr/sim/mark"
)

// moved counts pixels that differ by more than noise, leaving mark and clock out.
func moved(a, b *h264.Picture) int {
	n := 0
	dot := dotSize(a.Height)
	for y := mark.Height(a.Height); y < a.Height-14*dot; y++ {
		for x := range a.Width {
			d := int(a.Y[y*a.YStride+x]) - int(b.Y[y*b.YStride+x])
			if d > 2*noiseRange || d < -2*noiseRange {
				n++
			}
		}
	}
	return n
}

// TestSpansTellTheTruth compares pictures with the empty place: something shows in the middle of every visit, nothing
// outside of any.
func TestSpansTellTheTruth(t *testing.T) {
	t.Parallel()
	const w, h = 320, 180
	for n := range 6 {
		s := Yard(n)
		v := s.View(w, h, 1)
		empty, p := h264.NewPicture(w, h), h264.NewPicture(w, h)
		wall := time.Unix(1_700_000_000, 0)
		v.Draw(empty, 0, 0, wall)
		visits := s.Spans(0, 10*time.Minute)
		if len(visits) < 10 || visits[0].From < 10*time.Second || visits[0].From > 20*time.Second {
			t.Fatalf("%s: %d visits in ten minutes, the first at %v", s.Title, len(visits), visits[0].From)
		}
		kinds := map[string]bool{}
		var last time.Duration
		for i, visit := range visits {
			kinds[visit.Kind] = true
			if i > 0 {
				if gap := visit.From - last; gap < 15*time.Second || gap > time.Minute {
					t.Errorf("%s: visit %d comes %v after the one before", s.Title, i, gap)
				}
			}
			last = visit.To
			for _, at := range []time.Duration{visit.From - time.Second, visit.To + time.Second} {
				v.Draw(p, 0, at, wall)
				if m := moved(empty, p); m != 0 || s.MovesAt(at) {
					t.Errorf("%s: %d pixels differ at %v, outside of visit %v", s.Title, m, at, visit)
				}
			}
			v.Draw(p, 0, (visit.From+visit.To)/2, wall)
			if m := moved(empty, p); m < 60 {
				t.Errorf("%s: only %d pixels differ in the middle of visit %v", s.Title, m, visit)
			}
			// What shows at the first and the last moment is about to come or just gone.
			for _, at := range []time.Duration{visit.From + 20*time.Millisecond, visit.To - 20*time.Millisecond} {
				v.Draw(p, 0, at, wall)
				if m := moved(empty, p); m > 250 {
					t.Errorf("%s: %d pixels differ already at %v, the edge of visit %v", s.Title, m, at, visit)
				}
			}
			for at := visit.From + 900*time.Millisecond; at < visit.To-900*time.Millisecond; at += 900 * time.Millisecond {
				v.Draw(p, 0, at, wall)
				if m := moved(empty, p); m < 4 {
					t.Errorf("%s: nothing shows at %v, within visit %v", s.Title, at, visit)
				}
			}
		}
		if len(kinds) < 2 {
			t.Errorf("%s: only %v come by", s.Title, kinds)
		}
	}
}

func TestSpansAgreeWithMovesAt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Yard(rapid.IntRange(0, 20).Draw(t, "place"))
		at := time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "at"))
		in := len(s.Spans(at, at+1)) > 0
		if in != s.MovesAt(at) {
			t.Fatalf("at %v: Spans says %v, MovesAt %v", at, in, s.MovesAt(at))
		}
	})
}

func TestPicturesAreDeterministic(t *testing.T) {
	a, b := h264.NewPicture(640, 360), h264.NewPicture(640, 360)
	at, wall := 15*time.Second, time.Unix(1_700_000_000, 0)
	Yard(1).View(640, 360, 2).Draw(a, 225, at, wall)
	Yard(1).View(640, 360, 2).Draw(b, 225, at, wall)
	if !bytes.Equal(a.Y, b.Y) || !bytes.Equal(a.Cb, b.Cb) || !bytes.Equal(a.Cr, b.Cr) {
		t.Error("the same picture, drawn twice, differs")
	}
	if camera, frame, ok := mark.Read(a.Y, a.YStride, 640, 360); !ok || camera != 2 || frame != 225 {
		t.Errorf("mark %d %d %v", camera, frame, ok)
	}
}

func BenchmarkDraw(b *testing.B) {
	s := Yard(0)
	v, p := s.View(1280, 720, 1), h264.NewPicture(1280, 720)
	for name, at := range map[string]time.Duration{"still": 0, "visited": s.Spans(0, time.Minute)[0].From + 4*time.Second} {
		b.Run(name, func(b *testing.B) {
			wall := time.Unix(1_700_000_000, 0)
			n := uint32(0)
			for b.Loop() {
				n++
				v.Draw(p, n, at, wall)
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	for b.Loop() {
		Yard(0).View(1280, 720, 1)
	}
}
