package storage

import (
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/segment"
)

// A camera is moved to another disk because its own is not there, and back when that is: its chain goes on from what was
// recorded last, wherever that was.
func TestMovedWhileAway(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, cam media.CameraID) {
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 10, 5)
		r.settle()
		there, away := filepath.Join(second, "media"), filepath.Join(second, "away")
		rename(t, there, away)
		r.append(w, run, 10, 5)
		time.Sleep(5 * time.Second)
		id := r.s.Volumes()[1].ID
		for i := range 4 {
			if i == 1 {
				rename(t, away, there)
				time.Sleep(time.Minute)
			}
			r.limit(cam, func(c *box.Camera) {
				if c.Volume = (media.UUID{}); i%2 == 1 {
					c.Volume = id
				}
			})
			_ = w.Close()
			w = r.writer(cam, media.Main)
			run = r.begin(w, cam, media.Main)
			r.record(w, run, 0, 10, 5)
			r.settle()
		}
		_ = w.Close()
		r.settle()
		rows, err := r.s.index.Rows(segment.Line{Camera: cam}, 0, micros(time.Now()))
		if err != nil || len(rows) != 5 {
			t.Fatalf("%d files, %v", len(rows), err)
		}
		for i := 2; i < len(rows); i++ { // the first was not known as a whole when the second began
			if rows[i].Prev != rows[i-1].Head {
				t.Errorf("file %d does not go on from the one before it", i)
			}
		}
	})
}
