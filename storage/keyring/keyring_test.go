package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

func open1(t *testing.T, dir string) (*Keyring, *box.Box) {
	t.Helper()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	k, err := Open(dir, b)
	must(t, err)
	return k, b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBoxKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	first, err := os.ReadFile(filepath.Join(dir, "box.key"))
	must(t, err)
	info, err := os.Stat(filepath.Join(dir, "box.key"))
	must(t, err)
	if info.Mode().Perm() != 0o600 || len(first) != 32 {
		t.Errorf("%v, %d bytes", info.Mode(), len(first))
	}
	must(t, b.Close())
	k, _ = open1(t, dir)
	if second, _ := os.ReadFile(filepath.Join(dir, "box.key")); !bytes.Equal(first, second) {
		t.Error("made twice")
	}
	if _, err := k.ForRecording(id); err != nil {
		t.Error(err)
	}
}

func TestBoxKeyRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		want  error
	}{
		"readable by the group": {func(p string) error { return os.Chmod(p, 0o640) }, ErrPermissions},
		"readable by all":       {func(p string) error { return os.Chmod(p, 0o604) }, ErrPermissions},
		"writable by all":       {func(p string) error { return os.Chmod(p, 0o602) }, ErrPermissions},
		"missing":               {os.Remove, ErrBoxKey},
		"another":               {func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte{7}, 32), 0o600) }, ErrBoxKey},
		"short":                 {func(p string) error { return os.Truncate(p, 31) }, ErrBoxKey},
		"a link":                {func(p string) error { return errors.Join(os.Rename(p, p+"2"), os.Symlink(p+"2", p)) }, ErrBoxKey},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			k, b := open1(t, dir)
			must(t, k.AddCamera(media.NewCameraID()))
			must(t, c.spoil(filepath.Join(dir, "box.key")))
			_, err := Open(dir, b)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v", err)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "box.key") {
				t.Errorf("not one clear line: %q", err)
			}
		})
	}
}

// A hearth.db that was lost must not make the box open to whoever sets it up anew.
func TestLostDatabase(t *testing.T) {
	dir := t.TempDir()
	_, b := open1(t, dir)
	must(t, b.Close())
	must(t, os.Remove(filepath.Join(dir, "hearth.db")))
	for range 2 {
		b, err := box.Open(filepath.Join(dir, "hearth.db"))
		must(t, err)
		if _, err := Open(dir, b); !errors.Is(err, ErrBoxKey) {
			t.Errorf("got %v", err)
		}
		must(t, b.Close())
	}
}

// The power failed after hearth.db learned of the key and before the key had its name.
func TestCutShortFirstStart(t *testing.T) {
	dir := t.TempDir()
	_, b := open1(t, dir)
	must(t, os.Remove(filepath.Join(dir, "box.key")))
	k, err := Open(dir, b)
	must(t, err)
	must(t, k.AddCamera(media.NewCameraID()))
}

func TestSealedForOneOwnerAndPurpose(t *testing.T) {
	k, _ := open1(t, t.TempDir())
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		purpose := rapid.String().Draw(t, "purpose")
		owner := media.NewUUID()
		sealed := k.Seal(purpose, owner, plain)
		got, err := k.Open(purpose, owner, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%q, %v", got, err)
		}
		if _, err := k.Open(purpose, media.NewUUID(), sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another owner: %v", err)
		}
		if _, err := k.Open(purpose+"x", owner, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("another purpose: %v", err)
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := k.Open(purpose, owner, sealed); !errors.Is(err, ErrSealed) {
			t.Fatalf("changed: %v", err)
		}
		if _, err := k.Open(purpose, owner, rapid.SliceOf(rapid.Byte()).Draw(t, "junk")); !errors.Is(err, ErrSealed) {
			t.Fatalf("junk: %v", err)
		}
	})
}

func TestCameraKeysDoNotMix(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	one, two := media.NewCameraID(), media.NewCameraID()
	must(t, k.AddCamera(one))
	must(t, k.AddCamera(two))
	w, err := b.WrappedKey(two)
	must(t, err)
	must(t, b.PutWrappedKey(one, w)) // a wrong row
	if _, err := k.ForRecording(one); !errors.Is(err, ErrSealed) {
		t.Errorf("a wrong row gives %v", err)
	}
	must(t, b.RemoveWrappedKey(one))
	raw, err := os.ReadFile(keyPath(dir, two))
	must(t, err)
	must(t, os.WriteFile(keyPath(dir, one), raw, 0o600)) // a misfiled file
	if _, err := k.ForRecording(one); !errors.Is(err, ErrSealed) {
		t.Errorf("a misfiled key gives %v", err)
	}
}

func TestUnlockTakesTheGrantsCamera(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	a, err := access.Open(b, access.WithHash(accesstest.Hash()))
	must(t, err)
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	for _, v := range access.Verbs() {
		c, err := k.Unlock(accesstest.Grant(t, a, b, id, v))
		switch v {
		case access.Events, access.Footage, access.Export:
			if err != nil || c.Camera() != id || !c.Valid() {
				t.Errorf("%s: %v, %v", v, c, err)
			}
		default:
			if !errors.Is(err, access.ErrDenied) || c.Valid() {
				t.Errorf("%s: %v, %v", v, c, err)
			}
		}
	}
	if _, err := k.Unlock(access.Grant{}); !errors.Is(err, access.ErrDenied) {
		t.Errorf("no grant at all: %v", err)
	}
}

func TestAEADIsBound(t *testing.T) {
	k, _ := open1(t, t.TempDir())
	one, two := media.NewCameraID(), media.NewCameraID()
	must(t, k.AddCamera(one))
	must(t, k.AddCamera(two))
	c1, err := k.ForRecording(one)
	must(t, err)
	c2, err := k.ForRecording(two)
	must(t, err)
	salt, segment, nonce := bytes.Repeat([]byte{1}, 16), media.NewUUID(), make([]byte, 12)
	seal, err := c1.AEAD(salt, segment)
	must(t, err)
	text := seal.Seal(nil, nonce, []byte("pixels"), nil)
	for name, c := range map[string]struct {
		key     CameraKey
		salt    []byte
		segment media.UUID
		opens   bool
	}{
		"the same":                        {c1, salt, segment, true},
		"another camera":                  {c2, salt, segment, false},
		"another salt":                    {c1, bytes.Repeat([]byte{2}, 16), segment, false},
		"another segment":                 {c1, salt, media.NewUUID(), false},
		"another name on the same secret": {CameraKey{camera: two, secret: c1.secret}, salt, segment, false},
	} {
		aead, err := c.key.AEAD(c.salt, c.segment)
		must(t, err)
		if _, err := aead.Open(nil, nonce, text, nil); (err == nil) != c.opens {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (CameraKey{}).AEAD(salt, segment); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key at all: %v", err)
	}
}

func TestDestroyed(t *testing.T) {
	dir := t.TempDir()
	k, b := open1(t, dir)
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	if err := k.AddCamera(id); err == nil {
		t.Error("a second key was made")
	}
	must(t, b.RemoveWrappedKey(id))
	if _, err := k.ForRecording(id); err != nil {
		t.Errorf("the file alone is not enough: %v", err)
	}
	left := filepath.Join(filepath.Dir(keyPath(dir, id)), ".key.new-1")
	must(t, os.WriteFile(left, []byte("left by a power cut"), 0o600))
	must(t, k.DestroyCamera(id))
	must(t, k.DestroyCamera(id))
	if _, err := k.ForRecording(id); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was left half written is still there: %v", err)
	}
	// Who can write to a disk must not have us write over something else.
	other := filepath.Join(dir, "other")
	must(t, os.WriteFile(other, []byte("precious"), 0o600))
	must(t, os.Symlink(other, keyPath(dir, id)))
	must(t, k.DestroyCamera(id))
	if b, err := os.ReadFile(other); err != nil || string(b) != "precious" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestCutShortAddCamera(t *testing.T) {
	k, b := open1(t, t.TempDir())
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	before, err := k.ForRecording(id)
	must(t, err)
	must(t, b.RemoveWrappedKey(id)) // as if the power had failed between file and hearth.db
	must(t, k.AddCamera(id))
	after, err := k.ForRecording(id)
	must(t, err)
	if *before.secret != *after.secret {
		t.Error("another key than in the file")
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k, _ := open1(t, t.TempDir())
	id := media.NewCameraID()
	must(t, k.AddCamera(id))
	c, err := k.ForRecording(id)
	must(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", c, "in", struct{ K CameraKey }{c})
	out := fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c, log.Bytes()) + log.String()
	for _, secret := range []string{string(c.secret[:]), fmt.Sprintf("%x", c.secret[:]), fmt.Sprint(c.secret[:])} {
		if strings.Contains(out, secret) || strings.Contains(out, strings.Trim(secret, "[]")) {
			t.Error("the secret was printed")
		}
	}
}
