package snapshot

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/keyring"
	"hearth/storage/volume"
)

// tree reads all files of a folder but the lock.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" {
			return err
		}
		raw, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(raw)
		return err
	}))
	return files
}

// takeOver opens a restored folder as the box does, and says which cameras' keys open.
func takeOver(t *testing.T, dir string) map[string]error {
	t.Helper()
	f, err := volume.Take(dir)
	must(t, err)
	defer f.Release()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	defer b.Close()
	_, err = f.Claim(b, slog.New(slog.DiscardHandler))
	must(t, err)
	k, err := keyring.Open(dir, b)
	must(t, err)
	a, err := access.Open(b, access.WithHash(accesstest.Hash()))
	must(t, err)
	if people, err := a.People(); err != nil || len(people) != 1 || people[0].Name != "Ada" {
		t.Errorf("%v, %v", people, err)
	}
	cameras, err := b.Cameras()
	must(t, err)
	opens := make(map[string]error)
	for _, c := range cameras {
		_, opens[c.Name] = k.ForRecording(c.ID)
	}
	return opens
}

// The disk with the footage is in a new box: with the key everything is as it was.
func TestRestore(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	s := newest(t, h.dir, h.key())
	must(t, h.box.Close())
	dir := filepath.Join(t.TempDir(), "new", "data")
	must(t, os.MkdirAll(dir, 0o700))
	must(t, os.Rename(filepath.Join(h.dir, "media"), filepath.Join(dir, "media")))
	must(t, s.Restore(dir, false))
	if opens := takeOver(t, dir); len(opens) != 1 || opens["Front"] != nil {
		t.Errorf("%v", opens)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem")); err != nil || string(raw) != "the authority and its key" {
		t.Errorf("%q, %v", raw, err)
	}
	for name, mode := range map[string]os.FileMode{"box.key": 0o600, "hearth.db": 0o600, "tls/ca.pem": 0o600, "tls": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v", name, err)
		}
	}
	before := tree(t, dir)
	if err := s.Restore(dir, false); !errors.Is(err, ErrThere) {
		t.Errorf("again: %v", err)
	}
	if after := tree(t, dir); !equal(before, after) {
		t.Error("the second try changed something")
	}
}

func equal(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// The footage is lost: what is restored begins with an empty media folder, and only when that is asked for.
func TestRestoreWithoutFootage(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	s := newest(t, h.dir, h.key())
	dir := t.TempDir()
	must(t, s.Restore(dir, false))
	takeOver(t, dir)
	if err := volume.Look(dir, h.volume); !errors.Is(err, commit.ErrMissing) {
		t.Errorf("the box would record beside its disk: %v", err)
	}

	dir = t.TempDir()
	must(t, s.Restore(dir, true))
	if opens := takeOver(t, dir); len(opens) != 1 || !errors.Is(opens["Front"], keyring.ErrNoKey) {
		t.Errorf("%v", opens)
	}
	must(t, volume.Look(dir, h.volume))
}

// Wherever the power fails, hearth.db is there only when all else is, and doing it again ends well.
func TestRestoreCutShort(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	s := newest(t, h.dir, h.key())
	whole := t.TempDir()
	must(t, s.Restore(whole, true))
	want := tree(t, whole)
	order := []string{"box.key", "tls/ca.pem", "volume.json", "media/volume.json", "hearth.db"}
	if len(want) != len(order) {
		t.Fatalf("%d files", len(want))
	}
	for n := range order {
		dir := t.TempDir()
		for _, name := range order[:n] {
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
			must(t, os.WriteFile(filepath.Join(dir, name), []byte(want[name]), 0o600))
		}
		must(t, os.WriteFile(filepath.Join(dir, ".hearth.db.new-1"), []byte("half"), 0o600))
		must(t, s.Restore(dir, true))
		got := tree(t, dir)
		delete(got, ".hearth.db.new-1")
		if !equal(got, want) {
			t.Errorf("cut after %d files: other bytes", n)
		}
	}
	// And nothing comes after hearth.db: without any one of the others, in this order, it is not there.
	for n, name := range order[:4] {
		dir := t.TempDir()
		block := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Join(block, "in the way"), 0o700))
		if err := s.Restore(dir, true); err == nil {
			t.Fatalf("%s is in the way, and no error", name)
		}
		for _, later := range order[n:] {
			if info, err := os.Lstat(filepath.Join(dir, later)); err == nil && info.Mode().IsRegular() {
				t.Errorf("%s failed, and %s is there", name, later)
			}
		}
	}
}

// What is another box's is never touched.
func TestRestoreRefused(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	s := newest(t, h.dir, h.key())
	marker := `{"volume":"` + media.NewUUID().String() + `"}`
	for name, c := range map[string]struct{ file, text, says string }{
		"another box's key":       {"box.key", strings.Repeat("k", 32), "another box's"},
		"another box's authority": {"tls/ca.pem", "other", "another box's"},
		"another box's folder":    {"volume.json", marker, "another box's"},
		"another box's footage":   {"media/volume.json", marker, "another box's"},
		"a damaged hearth.db":     {"hearth.db", "no database", "move it away"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, c.file)), 0o700))
			must(t, os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600))
			before := tree(t, dir)
			err := s.Restore(dir, true)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			if !equal(tree(t, dir), before) {
				t.Error("something was changed")
			}
		})
	}
	t.Run("a box that runs", func(t *testing.T) {
		f, err := volume.Take(h.dir)
		must(t, err)
		defer f.Release()
		if err := s.Restore(h.dir, false); !errors.Is(err, volume.ErrInUse) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another box", func(t *testing.T) {
		other := build(t, 0)
		must(t, other.box.Close())
		must(t, os.Remove(filepath.Join(other.dir, "box.key")))
		if err := s.Restore(other.dir, false); !errors.Is(err, ErrThere) {
			t.Errorf("got %v", err)
		}
		if _, err := os.Lstat(filepath.Join(other.dir, "box.key")); err == nil {
			t.Error("another box's key was put there")
		}
	})
}

// Of a box that only lost its key, everything newer than the snapshot stays.
func TestRestoreKeyOnly(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	s := newest(t, h.dir, h.key())
	h.camera("Newer")
	must(t, h.box.Close())
	must(t, os.Remove(filepath.Join(h.dir, "box.key")))
	must(t, s.Restore(h.dir, false))
	if !s.KeyOnly {
		t.Error("it does not say so")
	}
	if opens := takeOver(t, h.dir); len(opens) != 2 || opens["Front"] != nil || opens["Newer"] != nil {
		t.Errorf("%v", opens)
	}
}

// The newest that opens is taken, and what was passed over is told.
func TestNewest(t *testing.T) {
	h := build(t, 0)
	folder := filepath.Join(h.dir, "media")
	k, err := NewKey()
	must(t, err)
	if _, _, err := Newest(folder, k); err == nil || !strings.Contains(err.Error(), "no snapshot") {
		t.Errorf("none: %v", err)
	}
	k = h.key()
	raw, err := os.ReadFile(filepath.Join(Folder(h.dir), names(t, h.dir)[0]))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(Folder(h.dir), "20400101T000000Z.age"), raw[:len(raw)/2], 0o600))
	s, passed, err := Newest(folder, k)
	must(t, err)
	defer s.Close()
	if len(passed) != 1 || !errors.Is(passed[0], ErrDamaged) || bytes.Contains([]byte(s.Path), []byte("2040")) {
		t.Errorf("%v, %s", passed, s.Path)
	}
}
