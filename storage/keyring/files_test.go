package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// volumes makes further volumes.
func volumes(t *testing.T, n int) (dirs []string) {
	t.Helper()
	for range n {
		dir := t.TempDir()
		must(t, os.Mkdir(filepath.Join(dir, "media"), 0o700))
		dirs = append(dirs, dir)
	}
	return dirs
}

// With the box's key alone, each disk gives the keys of its cameras; nothing is written to it.
func TestReader(t *testing.T) {
	dir := t.TempDir()
	k, _ := open1(t, dir)
	one, two := media.NewCameraID(), media.NewCameraID()
	must(t, k.AddCamera(one))
	other := volumes(t, 1)
	must(t, k.Spread(other))
	must(t, k.AddCamera(two))
	for _, d := range append(other, dir) {
		r, err := WithKey(k.ForRecovery(), filepath.Join(d, "media"))
		must(t, err)
		for _, id := range []media.CameraID{one, two} {
			want, err := k.ForRecording(id)
			must(t, err)
			if got, err := r.Key(id); err != nil || *got.secret != *want.secret || got.Camera() != id {
				t.Errorf("%s in %s: %v", id, d, err)
			}
		}
		if _, err := r.Key(media.NewCameraID()); !errors.Is(err, ErrNoKey) {
			t.Errorf("got %v", err)
		}
		must(t, os.Rename(keyPath(d, one), keyPath(d, two)))
		if _, err := r.Key(two); !errors.Is(err, ErrSealed) {
			t.Errorf("a misfiled key gives %v", err)
		}
		wrong, err := WithKey(bytes.Repeat([]byte{1}, 32), filepath.Join(d, "media"))
		must(t, err)
		if _, err := wrong.Key(two); !errors.Is(err, ErrSealed) {
			t.Errorf("another box's key gives %v", err)
		}
	}
	if _, err := WithKey(make([]byte, 31), dir); !errors.Is(err, ErrBoxKey) {
		t.Errorf("got %v", err)
	}
}

// A disk that is not there is not taken for an empty one and does not keep the others from theirs; a deleted camera's key
// goes everywhere, and comes back nowhere.
func TestSpread(t *testing.T) {
	k, _ := open1(t, t.TempDir())
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	gone, there := filepath.Join(t.TempDir(), "not mounted"), volumes(t, 1)[0]
	if err := k.Spread([]string{gone, there}); err == nil {
		t.Error("nothing said of a disk that is not there")
	}
	if _, err := os.Lstat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the disk that is not there was made: %v", err)
	}
	if _, err := os.Lstat(keyPath(there, id)); err != nil {
		t.Error(err)
	}
	must(t, k.DestroyCamera(id))
	must(t, k.Spread([]string{there}))
	if _, err := os.Lstat(keyPath(there, id)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
}

// A hearth.db from a snapshot has no keys: it takes them from the files of the cameras that it knows.
func TestAdopted(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	known, strange, bad := media.NewCameraID(), media.NewCameraID(), media.NewCameraID()
	for _, id := range []media.CameraID{known, strange, bad} {
		must(t, k.AddCamera(id))
		if id != strange {
			must(t, b.PutCamera(box.Camera{ID: id, Name: id.String()}))
		}
		must(t, b.RemoveWrappedKey(id))
	}
	must(t, os.WriteFile(keyPath(dir, bad), []byte("HEARTHK1 no key"), 0o600))
	_, err := Open(dir, b)
	must(t, err)
	if _, err := b.WrappedKey(known); err != nil {
		t.Errorf("not taken: %v", err)
	}
	for _, id := range []media.CameraID{strange, bad} {
		if _, err := b.WrappedKey(id); !errors.Is(err, box.ErrNotFound) {
			t.Errorf("taken: %v", err)
		}
	}
}
