package storage

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/volume"
)

// recorded gives a camera that is recorded to the second disk, with a file there.
func (r *rig) recorded(on media.UUID) media.CameraID {
	r.t.Helper()
	cam := r.camera()
	r.limit(cam, func(c *box.Camera) { c.Volume = on })
	w := r.writer(cam, media.Main)
	run := r.begin(w, cam, media.Main)
	r.record(w, run, 0, 10, 5)
	w.End("for the test")
	return cam
}

// A camera is removed while its disk is away. When that is back, a check says nothing of what is left there, and a repair
// does not carry it to where nobody deletes it: it goes with the next start.
func TestRepairKeepsNothingOfARemovedCamera(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, _ media.CameraID) {
		gone := r.recorded(r.s.Volumes()[1].ID)
		r.close()
		away := filepath.Join(second, "away")
		rename(t, filepath.Join(second, "media"), away)
		r.open(Options{})
		if err := r.s.RemoveCamera(gone); err != nil {
			t.Fatal(err)
		}
		r.close()
		rename(t, away, filepath.Join(second, "media"))
		noFindings(t, r.dir)
		if report, err := check.Repair(t.Context(), r.dir, check.Options{Deep: true}, slog.New(slog.DiscardHandler)); err != nil || len(report.Done)+len(report.Left) > 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		r.open(Options{})
		if _, err := os.Stat(filepath.Join(second, "media", gone.String())); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the removed camera's folder: %v", err)
		}
		if _, err := os.Stat(filepath.Join(second, volume.AsideFolder)); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("something was set aside: %v", err)
		}
	})
}

// A disk that became read-only does not keep a camera from being removed everywhere else, nor the box from starting; what
// lies there goes when it can be written again.
func TestRemoveWithAReadOnlyDisk(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, second string, _ media.CameraID) {
		gone := r.recorded(r.s.Volumes()[1].ID)
		writable := func(flags uintptr) {
			t.Helper()
			if err := unix.Mount("", second, "", unix.MS_REMOUNT|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute) // all of it is on the disk and closed
		writable(unix.MS_RDONLY)
		if err := r.s.RemoveCamera(gone); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "media", gone.String())); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the removed camera's folder on the other disk: %v", err)
		}
		r.reopen()
		writable(0)
		time.Sleep(time.Minute)
		if _, err := os.Stat(filepath.Join(second, "media", gone.String())); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("the removed camera's folder: %v", err)
		}
	})
}

// hearth.db came from a snapshot, which has no cameras' keys, and the data folder's disk is lost: the key is on the second
// disk. A check finds nothing to complain of there, and the box takes the key back.
func TestKeyOnTheSecondDiskOnly(t *testing.T) {
	twoDisks(t, func(t *testing.T, r *rig, _ string, _ media.CameraID) {
		cam := r.recorded(r.s.Volumes()[1].ID)
		if err := r.s.Box().RemoveWrappedKey(cam); err != nil {
			t.Fatal(err)
		}
		r.close()
		if err := os.RemoveAll(filepath.Join(r.dir, "media", cam.String())); err != nil {
			t.Fatal(err)
		}
		noFindings(t, r.dir)
		r.open(Options{})
		if _, err := r.s.Box().WrappedKey(cam); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "media", cam.String(), "key")); err != nil {
			t.Fatal(err)
		}
	})
}
