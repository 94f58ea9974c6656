package storage

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/check"
	"hearth/storage/snapshot"
)

// The system disk is dead, the disk with the footage is not: with the recovery key a new box has the cameras, the people, the
// footage and the events, and goes on where the old one stopped.
func TestNewBox(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam, gone := r.camera(), r.camera()
		accesstest.Person(t, r.s.Access(), "Ada", access.Owner)
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 900, 5)
		event := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: run.Start, End: run.Start.Add(time.Minute), Score: 0.5}
		if err := r.s.PutEvent(event); err != nil {
			t.Fatal(err)
		}
		if err := r.s.PutThumbnail(cam, event.ID, event.Start, []byte("picture")); err != nil {
			t.Fatal(err)
		}
		if s := r.s.Recovery(); !s.Made.IsZero() || !s.LastSnapshot.IsZero() || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		key, err := r.s.MakeRecoveryKey()
		if err != nil {
			t.Fatal(err)
		}
		if s := r.s.Recovery(); s.Made.IsZero() || s.LastSnapshot.IsZero() || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		added := r.camera()
		if err := r.s.RemoveCamera(gone); err != nil {
			t.Fatal(err)
		}
		r.record(w, run, 900, 300, 5)
		r.settle()
		if list, err := snapshot.List(snapshot.Folder(r.dir)); err != nil || len(list) != 1 {
			t.Errorf("a camera was removed, and of the snapshots that know it are left: %v, %v", list, err)
		}
		r.close()

		old := r.dir
		r.dir = quickDir(t)
		if err := os.Rename(filepath.Join(old, "media"), filepath.Join(r.dir, "media")); err != nil {
			t.Fatal(err)
		}
		k, err := snapshot.ParseKey([]byte(key))
		if err != nil {
			t.Fatal(err)
		}
		s, passed, err := snapshot.Newest(filepath.Join(r.dir, "media"), k)
		if err != nil || len(passed) > 0 {
			t.Fatal(err, passed)
		}
		defer s.Close()
		if err := s.Restore(r.dir, false); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		cameras, err := r.s.Box().Cameras()
		if err != nil || len(cameras) != 2 || cameras[0].ID != cam || cameras[1].ID != added {
			t.Errorf("%v, %v", cameras, err)
		}
		if people, err := r.s.Access().People(); err != nil || len(people) != 1 || people[0].Name != "Ada" {
			t.Errorf("%v, %v", people, err)
		}
		if got := r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now()), run); !slices.Equal(got, span(0, 1200)) {
			t.Errorf("%d seconds", len(got))
		}
		g := r.grant(cam, access.Events)
		if e, err := r.s.Event(g, event.ID); err != nil || e.Score != 0.5 {
			t.Errorf("%+v, %v", e, err)
		}
		if jpeg, err := r.s.Thumbnail(g, event.ID); err != nil || string(jpeg) != "picture" {
			t.Errorf("%q, %v", jpeg, err)
		}
		// It goes on, and keeps snapshots for the same key.
		w = r.writer(cam, media.Main)
		run = r.begin(w, cam, media.Main)
		r.record(w, run, 0, 10, 5)
		time.Sleep(25 * time.Hour)
		r.close()
		if findings, err := check.Check(t.Context(), r.dir, true); err != nil || len(findings) > 0 {
			t.Errorf("%v, %v", findings, err)
		}
		again, _, err := snapshot.Newest(filepath.Join(r.dir, "media"), k)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if !again.Made.After(s.Made) {
			t.Errorf("no snapshot since %s", s.Made)
		}
	})
}
