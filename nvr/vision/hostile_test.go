package vision

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/hostile"
)

// play sends a stream as a camera does that films 15 pictures a second, but faster. It says how long the slowest
// WriteUnit took.
func (r *rig) play(s hostile.Stream, begins time.Time) (slowest time.Duration) {
	run := &media.Run{ID: media.NewUUID(), Camera: r.Camera, Stream: media.Sub, Start: begins, Trusted: true, Tracks: []media.Track{s.Track}}
	r.StartRun(run)
	for i, u := range s.Units {
		ticks := int64(i) * media.VideoClockRate / 15
		au := media.AccessUnit{
			Camera: r.Camera, DTS: ticks, PTS: ticks, Key: u.Key, Data: u.Data,
			Wall: begins.Add(time.Duration(i) * time.Second / 15),
		}
		begun := time.Now()
		r.WriteUnit(run, &au)
		slowest = max(slowest, time.Since(begun))
		time.Sleep(time.Second / 300)
	}
	r.EndRun(run, "the stream is over")
	return slowest
}

// One camera sends all that is meant to do harm, and a good stream after each; another one is good all the time. The
// first one's worker looks at what is good, whatever came before; the second one's is never started anew.
func TestHostileCameras(t *testing.T) {
	neighbour := newRig(t, nil)
	neighbour.stream(still(t))
	r := newRig(t, func(w *Worker) { w.Motion.Attentive = true })
	begins := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	good := hostile.Good()
	for _, s := range hostile.Corpus(t) {
		before := neighbour.lookCount()
		slowest := r.play(s, begins)
		begins = begins.Add(time.Hour)
		from := begins
		r.until("looks at good pictures after "+s.Name, func() bool {
			slowest = max(slowest, r.play(good, begins))
			begins = begins.Add(time.Minute)
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.looks) > 0 && r.looks[len(r.looks)-1].At.After(from)
		})
		begins = begins.Add(time.Hour)
		neighbour.until("the neighbour's looks during "+s.Name, func() bool { return neighbour.lookCount() > before })
		if slowest > 2*time.Second {
			t.Errorf("%s: the recorder waited for %v", s.Name, slowest)
		}
	}
	if s := neighbour.Status(); s.Restarts != 0 || s.Problem != "" {
		t.Errorf("the neighbour's worker: %+v", s)
	}
	t.Logf("%+v", r.Status())
}

// A worker that ends again and again is started ever more seldom.
func TestBackoffGrows(t *testing.T) {
	ends := filepath.Join(t.TempDir(), "vision")
	if err := os.WriteFile(ends, []byte("#!/bin/sh\nexit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(w *Worker) { w.Program, w.Backoff = ends, 200*time.Millisecond })
	r.stream(still(t))
	begun := time.Now()
	r.until("four ends", func() bool { return r.Status().Restarts == 4 })
	if took := time.Since(begun); took < 1400*time.Millisecond { // 0.2 + 0.4 + 0.8
		t.Errorf("four ends within %v", took)
	}
}
