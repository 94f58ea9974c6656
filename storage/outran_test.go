package storage

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/check"
	"hearth/storage/commit"
)

// liar is a disk whose syncs fail while it lies, and that keeps all that was written nevertheless.
type liar struct {
	commit.Disk
	lies atomic.Bool
}

type liarFile struct {
	commit.File
	on *liar
}

func (d *liar) SyncAll() error {
	if d.lies.Load() {
		return syscall.EIO
	}
	return d.Disk.SyncAll()
}

func (d *liar) Create(path string) (commit.File, error) {
	f, err := d.Disk.Create(path)
	return liarFile{f, d}, err
}

func (f liarFile) Sync() error {
	if f.on.lies.Load() {
		return syscall.EIO
	}
	return f.File.Sync()
}

// The sync of a file's end fails, so that its successor continues what is known to be durable; then the power goes, and
// all of the end is there after all. The next start finds both whole, and nothing is missing.
func TestMoreWasDurable(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		r.close()
		disk := &liar{}
		r.open(Options{disk: func(real *commit.Folder) commit.Disk { disk.Disk = real; return disk }})
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.record(w, run, 0, 3, 1)
		r.settle()
		disk.lies.Store(true)
		w.End("connection lost")
		r.settle()
		disk.lies.Store(false)
		run = r.begin(w, cam, media.Main)
		r.record(w, run, 0, 1, 1)
		w.End("connection lost")
		time.Sleep(1200 * time.Millisecond) // a commit, but no mending yet
		synctest.Wait()

		after := quickDir(t)
		if err := os.CopyFS(after, os.DirFS(r.dir)); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"index.db", "index.db.journal"} {
			_ = os.Remove(filepath.Join(after, name))
		}
		if err := os.Chmod(filepath.Join(after, "box.key"), 0o600); err != nil {
			t.Fatal(err)
		}
		left, err := filepath.Glob(filepath.Join(after, "media", cam.String(), "*", "*.open"))
		if err != nil || len(left) != 1 {
			t.Fatalf("left open: %v, %v", left, err)
		}
		next := &rig{t: t, dir: after, logs: &logs{}, runs: make(map[media.CameraID]int)}
		next.open(Options{})
		synctest.Wait()
		next.close()
		if findings, err := check.Check(t.Context(), after, true); err != nil || len(findings) > 0 {
			t.Fatalf("check: %v, %v\n%s", err, findings, next.logs)
		}
	})
}
