package storage

import (
	"os"
	"path/filepath"
	"testing"

	"hearth/nvr/media"
)

// TestPulseOfStore: what becomes durable shows, what nobody writes does not, and a disk that is gone takes nothing.
func TestPulseOfStore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		before := r.s.Pulse().Commits
		r.record(w, run, 0, 5, 5)
		r.settle()
		after := r.s.Pulse()
		if after.Commits <= before || after.Busy != 0 {
			t.Errorf("after five seconds of footage %+v, before it %d commits", after, before)
		}
		r.settle()
		if still := r.s.Pulse().Commits; still != after.Commits {
			t.Errorf("%d commits without anything to write", still-after.Commits)
		}
		if !r.s.Records(cam) {
			t.Error("a disk that is well takes nothing")
		}
		r.close()
		media0 := filepath.Join(r.dir, "media")
		rename(t, media0, filepath.Join(r.dir, "aside"))
		if err := os.Mkdir(media0, 0o700); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		if r.s.Records(cam) {
			t.Error("a disk that is gone is said to take footage")
		}
	})
}

// TestPulseOfACameraThatCannotBeWritten: a disk that is well may refuse one camera's files, and takes them again.
func TestPulseOfACameraThatCannotBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam, neighbour := r.camera(), r.camera()
		folder := filepath.Join(r.s.all()[0].Path, "media", cam.String())
		rename(t, folder, folder+".aside")
		if err := os.WriteFile(folder, nil, 0o600); err != nil { // as if it were broken
			t.Fatal(err)
		}
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 5, 5)
		r.settle()
		if r.s.Records(cam) || !r.s.Records(neighbour) {
			t.Errorf("the camera is recorded: %v, its neighbour: %v", r.s.Records(cam), r.s.Records(neighbour))
		}
		if err := os.Remove(folder); err != nil {
			t.Fatal(err)
		}
		rename(t, folder+".aside", folder)
		r.record(w, run, 5, 5, 5)
		r.settle()
		if !r.s.Records(cam) {
			t.Error("what is written again is said to be refused")
		}
	})
}
