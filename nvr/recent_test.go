package nvr

import (
	"testing"
	"time"

	"hearth/nvr/media"
)

// Of the last 90 seconds there is a key frame each 6 or so, and always the newest; never more than 4 MB of them.
func TestRecent(t *testing.T) {
	run := &media.Run{Camera: media.NewCameraID(), Tracks: []media.Track{{Codec: media.H264}, {Codec: media.AAC}}}
	begin := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	unit := func(s float64, track, size int) *media.AccessUnit {
		return &media.AccessUnit{Camera: run.Camera, Track: track, Key: track == 1 || size > 100, Wall: at(s), Data: make([]byte, size)}
	}
	for _, c := range []struct {
		name         string
		every        float64 // seconds between two key frames
		size         int
		frames, most int
	}{
		{"each second", 1, 20_000, 14, 17},
		{"each picture", 0.125, 20_000, 14, 17},
		{"seldom", 10, 200_000, 9, 10},
		{"large", 2, 900_000, 4, 4},
		{"larger than all", 4, 5 << 20, 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &recent{}
			if _, ok := r.until(at(1e6)); ok {
				t.Fatal("there is a picture before any came")
			}
			last := 0.0
			for s := 0.0; s < 300; s += c.every {
				r.WriteUnit(run, unit(s, 0, c.size))
				r.WriteUnit(run, unit(s, 1, 400)) // sound
				r.WriteUnit(run, unit(s+0.05, 0, 50))
				last = s
			}
			if n := len(r.frames); n < c.frames || n > c.most || (r.bytes > recentBytes && n > 1) {
				t.Errorf("%d frames in %d bytes", n, r.bytes)
			}
			if f, ok := r.until(at(last + 0.1)); !ok || !f.au.Wall.Equal(at(last)) || f.track.Codec != media.H264 {
				t.Errorf("the newest is of %v, want second %v", f.au.Wall.Sub(begin), last)
			}
			total := 0
			for i, f := range r.frames {
				total += len(f.au.Data)
				if i > 0 && i < len(r.frames)-1 && f.au.Wall.Sub(r.frames[i-1].au.Wall) < recentEvery {
					t.Errorf("frames at %v and %v", r.frames[i-1].au.Wall, f.au.Wall)
				}
			}
			if total != r.bytes {
				t.Errorf("%d bytes are counted, there are %d", r.bytes, total)
			}
			if c.most > 5 {
				if f, ok := r.until(at(last - 50)); !ok || f.au.Wall.After(at(last-50)) || f.au.Wall.Before(at(last-50-2*recentEvery.Seconds())) {
					t.Errorf("%v of 50 s ago: %t", f.au, ok)
				}
				if _, ok := r.until(at(last - 110)); ok {
					t.Error("what is too old is there")
				}
			}
			r.WriteUnit(run, unit(-1000, 0, c.size)) // the clock was set back
			if f, ok := r.until(at(last)); !ok || len(r.frames) != 1 || !f.au.Wall.Equal(at(-1000)) {
				t.Errorf("after the clock was set: %d frames", len(r.frames))
			}
			r.forget()
			if _, ok := r.until(at(1e6)); ok || r.bytes != 0 {
				t.Error("it does not forget")
			}
		})
	}
}
