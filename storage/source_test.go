package storage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// TestFileBeingFinished: while a finished file's name is not durable yet, what is in it is there.
func TestFileBeingFinished(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.camera()
		w := r.writer(id, media.Main)
		run := r.begin(w, id, media.Main)
		r.record(w, run, 0, 4, 2)
		r.settle()
		views := r.s.openViews(segment.Line{Camera: id})
		if len(views) != 1 {
			t.Fatalf("%d open files", len(views))
		}
		v := views[0]
		// As the committer does it, before it waits for the folder to be synced.
		open := filepath.Join(r.dir, v.Path())
		done := filepath.Join(r.dir, segment.FinishedName(media.Main, v.Name.Start, v.End).Path(id))
		if err := os.Rename(open, done); err != nil {
			t.Fatal(err)
		}
		if n := len(r.pieces(r.grant(id, access.Footage), media.Main, run.Start, time.Now())); n != 4 {
			t.Errorf("%d pieces, want 4", n)
		}
		if err := os.Rename(done, open); err != nil {
			t.Fatal(err)
		}
	})
}
