package keyring

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// hand makes systemd hand over a key.
func hand(t *testing.T, key []byte) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "box.key"), key, 0o440))
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
}

func database(t *testing.T, dir string) *box.Box {
	t.Helper()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

func TestKeyFromSystemd(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{9}, 32)
	hand(t, key)
	k, b := open1(t, dir)
	if _, err := os.Lstat(filepath.Join(dir, "box.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made all the same: %v", err)
	}
	if !bytes.Equal(k.ForRecovery(), key) {
		t.Error("another key is used")
	}
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	again, err := Open(dir, b)
	must(t, err)
	if _, err := again.ForRecording(id); err != nil {
		t.Error(err)
	}
	// The same in a file beside it is no contradiction: the owner moves from one to the other.
	must(t, PutBoxKey(dir, key))
	if _, err := Open(dir, b); err != nil {
		t.Error(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := Open(dir, b); err != nil {
		t.Errorf("the file alone: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir()) // other credentials, no key
	if _, err := Open(dir, b); err != nil {
		t.Errorf("no key among the credentials: %v", err)
	}
}

func TestKeyFromSystemdRefused(t *testing.T) {
	for name, c := range map[string]struct {
		hand  []byte
		spoil func(dir string) error
		says  string
	}{
		"another":              {bytes.Repeat([]byte{1}, 32), func(string) error { return nil }, "goes with the file"},
		"another, and no file": {bytes.Repeat([]byte{1}, 32), func(d string) error { return os.Remove(filepath.Join(d, "box.key")) }, "another hearth.db"},
		"short":                {make([]byte, 31), func(string) error { return nil }, "31 bytes"},
		"beside a loose file":  {bytes.Repeat([]byte{1}, 32), func(d string) error { return os.Chmod(filepath.Join(d, "box.key"), 0o644) }, "chmod"},
		"beside another's file": {nil, func(d string) error {
			return os.WriteFile(filepath.Join(d, "box.key"), bytes.Repeat([]byte{3}, 32), 0o600)
		}, "goes with the one from systemd"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k, b := open1(t, dir)
			must(t, k.AddCamera(media.NewCameraID()))
			if c.hand == nil {
				c.hand = k.ForRecovery()
			}
			hand(t, c.hand)
			must(t, c.spoil(dir))
			_, err := Open(dir, b)
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A key from systemd must not open footage to whoever sets up a box whose hearth.db was lost.
func TestKeyFromSystemdBesideLostDatabase(t *testing.T) {
	dir := t.TempDir()
	hand(t, bytes.Repeat([]byte{9}, 32))
	k, b := open1(t, dir)
	must(t, k.AddCamera(media.NewCameraID()))
	must(t, b.Close())
	must(t, os.Remove(filepath.Join(dir, "hearth.db")))
	for range 2 {
		if _, err := Open(dir, database(t, dir)); !errors.Is(err, ErrBoxKey) {
			t.Errorf("got %v", err)
		}
		must(t, os.Remove(filepath.Join(dir, "hearth.db")))
	}
}

// A hearth.db without keys beside key files is a restored one: no new box.key may be made for it.
func TestNoNewKeyBesideKeyFiles(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	must(t, b.RemoveWrappedKey(id))
	must(t, os.Remove(filepath.Join(dir, "box.key")))
	if _, err := Open(dir, b); !errors.Is(err, ErrBoxKey) || !strings.Contains(err.Error(), "hearth restore") {
		t.Errorf("got %v", err)
	}
}

func TestPutBoxKey(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{5}, 32)
	must(t, PutBoxKey(dir, key))
	must(t, PutBoxKey(dir, key))
	if err := PutBoxKey(dir, bytes.Repeat([]byte{6}, 32)); !errors.Is(err, ErrBoxKey) {
		t.Errorf("another: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "box.key")); err != nil || !bytes.Equal(got, key) {
		t.Errorf("%x, %v", got, err)
	}
	if err := PutBoxKey(t.TempDir(), key[:31]); !errors.Is(err, ErrBoxKey) {
		t.Errorf("short: %v", err)
	}
}

// A tool that root runs has the key from systemd itself.
func TestOpenWith(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{9}, 32)
	b := database(t, dir)
	k, err := OpenWith(key, dir, b)
	must(t, err)
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	if _, err := os.Lstat(filepath.Join(dir, "box.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
	for name, told := range map[string][]byte{"another": bytes.Repeat([]byte{8}, 32), "short": key[:5], "none": nil} {
		if _, err := OpenWith(told, dir, b); !errors.Is(err, ErrBoxKey) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
	again, err := OpenWith(key, dir, b)
	must(t, err)
	if _, err := again.ForRecording(id); err != nil {
		t.Error(err)
	}
}

func TestWipeBoxKey(t *testing.T) {
	dir, key := t.TempDir(), bytes.Repeat([]byte{5}, 32)
	path := filepath.Join(dir, "box.key")
	must(t, PutBoxKey(dir, key))
	if err := WipeBoxKey(path, bytes.Repeat([]byte{6}, 32)); !errors.Is(err, ErrBoxKey) {
		t.Errorf("another: %v", err)
	}
	if got, err := ReadBoxKey(dir); err != nil || !bytes.Equal(got, key) {
		t.Errorf("%x, %v", got, err)
	}
	linked := filepath.Join(dir, "linked")
	must(t, os.Link(path, linked)) // what was written over
	must(t, WipeBoxKey(path, key))
	if _, err := ReadBoxKey(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	if raw, err := os.ReadFile(linked); err != nil || bytes.Contains(raw, key) {
		t.Errorf("it was not written over: %x, %v", raw, err)
	}
}
