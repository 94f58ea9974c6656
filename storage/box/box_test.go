package box

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

func open1(t *testing.T, path string) *Box {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { must(t, b.Close()) })
	return b
}

func TestCamerasAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "hearth.db")
	b := open1(t, path)
	if !b.Fresh() || time.Since(b.Created()) > time.Minute {
		t.Errorf("fresh %v, created %v", b.Fresh(), b.Created())
	}
	start := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	var want []media.CameraID
	for i := range 5 {
		c := Camera{ID: media.NewCameraID(), Name: string(rune('a' + i)), Created: start.Add(time.Duration(i) * time.Hour)}
		if err := b.PutCamera(c); err != nil {
			t.Fatal(err)
		}
		want = append(want, c.ID)
	}
	if err := b.RemoveCamera(want[2]); err != nil {
		t.Fatal(err)
	}
	want = append(want[:2], want[3:]...)
	must(t, b.Close())

	b = open1(t, path)
	if b.Fresh() {
		t.Error("opened again, and fresh")
	}
	got, err := b.Cameras()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%d cameras, %v", len(got), err)
	}
	for i, c := range got {
		if c.ID != want[i] {
			t.Errorf("camera %d is %s", i, c.Name)
		}
	}
	if _, err := b.Camera(media.NewCameraID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown camera gives %v", err)
	}
	if err := b.RemoveCamera(media.NewCameraID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("removing an unknown camera gives %v", err)
	}
	if err := b.PutCamera(Camera{Name: "nobody"}); err == nil {
		t.Error("a camera without identity was taken")
	}
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	open1(t, path)
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v", err)
	}
}

func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"emptied": func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"cut":     func(t *testing.T, path string) { must(t, os.Truncate(path, 9000)) },
		"foreign": func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("SQLite format 3\x00"), 0o600)) },
		"no cameras bucket": func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte(camerasBucket)) })
		},
		"a camera that is no JSON": func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error {
				id := media.NewCameraID()
				return tx.Bucket([]byte(camerasBucket)).Put(id[:], []byte("{"))
			})
		},
		"a camera under another's identity": func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error {
				id := media.NewCameraID()
				return Put(tx, camerasBucket, id[:], Camera{ID: media.NewCameraID()})
			})
		},
		"a setting that is no JSON": func(t *testing.T, path string) {
			inside(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte(settingsBucket)).Put([]byte("x"), []byte("=")) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hearth.db")
			must(t, open1(t, path).Close())
			damage(t, path)
			before, _ := os.ReadFile(path)
			b, err := Open(path)
			if !errors.Is(err, ErrDamaged) {
				if err == nil {
					must(t, b.Close())
				}
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), path) {
				t.Errorf("not one clear line: %q", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the damaged file was changed")
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// inside changes the file behind the package's back.
func inside(t *testing.T, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second, NoFreelistSync: true})
	must(t, err)
	must(t, db.Update(change))
	must(t, db.Close())
}

// What was a wrapped key is not in the file any more once it was opened again.
func TestRemovedKeyIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	b := open1(t, path)
	id, wrapped := media.NewCameraID(), bytes.Repeat([]byte("wrapped!"), 7)
	must(t, b.PutWrappedKey(id, wrapped))
	if got, err := b.WrappedKey(id); err != nil || !bytes.Equal(got, wrapped) {
		t.Fatalf("%q, %v", got, err)
	}
	must(t, b.RemoveWrappedKey(id))
	if _, err := b.WrappedKey(id); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	must(t, b.Close())
	if raw, _ := os.ReadFile(path); !bytes.Contains(raw, wrapped) {
		t.Fatal("bbolt left nothing behind: the test proves nothing")
	}
	b = open1(t, path)
	raw, err := os.ReadFile(path)
	must(t, err)
	if bytes.Contains(raw, wrapped) {
		t.Error("the key is still in the file")
	}
	must(t, b.Close())
	if b = open1(t, path); b.Fresh() {
		t.Error("rewriting made it fresh")
	}
}

func TestUnwritableFolder(t *testing.T) {
	if os.Getuid() == 0 {
		// root writes everywhere: a file where the folder should be fails for root too
		file := filepath.Join(t.TempDir(), "file")
		must(t, os.WriteFile(file, nil, 0o600))
		if _, err := Open(filepath.Join(file, "hearth.db")); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v", err)
		}
		return
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	if _, err := Open(filepath.Join(dir, "hearth.db")); !errors.Is(err, os.ErrPermission) {
		t.Errorf("got %v", err)
	}
}

// TestRoomIsKept: hearth.db has room on the disk to grow into, at all times.
func TestRoomIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hearth.db")
	b := open1(t, path)
	line := bytes.Repeat([]byte("x"), 1000)
	for i := range 60 {
		var used int64
		must(t, b.View(func(tx *bbolt.Tx) error {
			used = tx.Size()
			return nil
		}))
		var s syscall.Stat_t
		must(t, syscall.Stat(path, &s))
		switch left := s.Blocks*512 - used; {
		case left >= ahead/2:
		case i == 0:
			t.Skipf("this file system sets nothing aside: %d bytes more than %d", left, used)
		default:
			t.Fatalf("%d bytes are in use, and there is room for %d more only", used, left)
		}
		must(t, b.Update(func(tx *bbolt.Tx) error {
			for j := range 100 {
				if err := tx.Bucket([]byte(AuditBucket)).Put([]byte{byte(i), byte(j)}, line); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
