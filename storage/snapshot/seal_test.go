package snapshot

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// What a snapshot holds is what there was, without the cameras' keys and the sessions.
func TestHolds(t *testing.T) {
	h := build(t, 0)
	front, back := h.camera("Front"), h.camera("Back")
	must(t, h.box.PutSetting("other", strings.Repeat("x", 3<<20))) // more than a step of the copy
	must(t, h.access.Audit(access.Entry{Act: "looked", Name: "Ada"}))
	k := h.key()
	s := newest(t, h.dir, k)
	if !bytes.Equal(s.BoxKey, h.keys.ForRecovery()) || string(s.authority) != "the authority and its key" {
		t.Error("another box's key or authority")
	}
	if s.Cameras != 2 || s.Volume != h.volume {
		t.Errorf("manifest %+v", s.Manifest)
	}
	b, err := s.Box()
	must(t, err)
	defer b.Close()
	for _, id := range []media.CameraID{front, back} {
		if c, err := b.Camera(id); err != nil || c.Name == "" {
			t.Errorf("%+v, %v", c, err)
		}
	}
	if has, err := b.HasWrappedKeys(); has || err != nil {
		t.Errorf("there are keys in it: %v", err)
	}
	var other string
	if ok, err := b.Setting("other", &other); !ok || err != nil || len(other) != 3<<20 {
		t.Errorf("setting of %d bytes, %v", len(other), err)
	}
	a, err := access.Open(b.Box, access.WithHash(accesstest.Hash()))
	must(t, err)
	if people, err := a.People(); err != nil || len(people) != 1 || people[0].Name != "Ada" {
		t.Errorf("%v, %v", people, err)
	}
}

// Wrapped keys that were deleted, and sessions, leave nothing behind in the copy either.
func TestNothingSecretBeside(t *testing.T) {
	h := build(t, 0)
	id := h.camera("Front")
	wrapped, err := h.box.WrappedKey(id)
	must(t, err)
	gone := h.camera("Gone")
	goneKey, err := h.box.WrappedKey(gone)
	must(t, err)
	must(t, h.box.RemoveCamera(gone))
	must(t, h.keys.DestroyCamera(gone))
	if raw, _ := os.ReadFile(h.box.Path()); !bytes.Contains(raw, goneKey) {
		t.Fatal("bbolt left nothing behind: the test proves nothing")
	}
	f, err := copyInMemory(h.box, nil)
	must(t, err)
	defer f.Close()
	raw, err := os.ReadFile(inMemory(f))
	must(t, err)
	if !bytes.Contains(raw, []byte("Front")) {
		t.Error("the camera is not in it: the test proves nothing")
	}
	for what, secret := range map[string][]byte{"a camera's key": wrapped, "a deleted camera's key": goneKey, "a deleted camera": []byte("Gone")} {
		if bytes.Contains(raw, secret) {
			t.Errorf("%s is in the copy", what)
		}
	}
}

// On the disk there is nothing but sealed bytes, also in what a crash in the midst of sealing leaves.
func TestSealedOnTheDisk(t *testing.T) {
	h := build(t, 0)
	h.camera("Front door of the neighbours")
	k := h.key()
	var parts [][]byte
	for _, n := range names(t, h.dir) {
		raw, err := os.ReadFile(filepath.Join(Folder(h.dir), n))
		must(t, err)
		parts = append(parts, raw)
	}
	if len(parts) != 1 {
		t.Fatalf("%d snapshots", len(parts))
	}
	for what, secret := range map[string][]byte{
		"the box's key": h.keys.ForRecovery(), "a camera's name": []byte("Front door"), "the authority": []byte("the authority"),
		"the recovery key": []byte(k.Secret()[20:40]),
	} {
		if bytes.Contains(parts[0], secret) {
			t.Errorf("%s is in the snapshot in the clear", what)
		}
	}
	if raw, err := os.ReadFile(h.box.Path()); err != nil || bytes.Contains(raw, []byte(k.Secret()[20:40])) {
		t.Errorf("the recovery key is in hearth.db: %v", err)
	}
}

// Debian's age and tar open a snapshot too, with the key as it is printed.
func TestOpensWithAge(t *testing.T) {
	age, err := exec.LookPath("age")
	if err != nil {
		t.Fatal("age is not installed; `make test` installs it")
	}
	h := build(t, 0)
	h.camera("Front")
	k := h.key()
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "key.txt")
	must(t, os.WriteFile(keyFile, []byte("# of the box at home\n"+k.Secret()+"\n"), 0o600))
	tar := filepath.Join(dir, "snapshot.tar")
	if out, err := exec.Command(age, "--decrypt", "-i", keyFile, "-o", tar, filepath.Join(Folder(h.dir), names(t, h.dir)[0])).CombinedOutput(); err != nil {
		t.Fatalf("age: %v: %s", err, out)
	}
	if out, err := exec.Command("tar", "-C", dir, "-xf", tar).CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	if key, err := os.ReadFile(filepath.Join(dir, "box.key")); err != nil || !bytes.Equal(key, h.keys.ForRecovery()) {
		t.Errorf("box.key: %v", err)
	}
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	defer b.Close()
	if c, err := b.Cameras(); err != nil || len(c) != 1 || c[0].Name != "Front" {
		t.Errorf("%v, %v", c, err)
	}
}

// Every truncation, and a byte changed anywhere, is found; nothing of such a snapshot is given out.
func TestDamaged(t *testing.T) {
	h := build(t, 0)
	h.camera("Front")
	k := h.key()
	path := filepath.Join(Folder(h.dir), names(t, h.dir)[0])
	whole, err := os.ReadFile(path)
	must(t, err)
	try := func(what string, raw []byte) {
		must(t, os.WriteFile(path, raw, 0o600))
		if s, err := Open(path, k); err == nil {
			s.Close()
			t.Errorf("%s: no error", what)
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrOtherKey) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	step := len(whole)/97 + 1
	for at := 0; at < len(whole); at += step {
		try(fmt.Sprintf("cut at %d of %d", at, len(whole)), whole[:at])
		changed := bytes.Clone(whole)
		changed[at] ^= 1
		try(fmt.Sprintf("changed at %d of %d", at, len(whole)), changed)
	}
	try("a byte short", whole[:len(whole)-1])
	try("a byte more", append(bytes.Clone(whole), 0))
	other, err := NewKey()
	must(t, err)
	must(t, os.WriteFile(path, whole, 0o600))
	if _, err := Open(path, other); !errors.Is(err, ErrOtherKey) {
		t.Errorf("another key: %v", err)
	}
}

func TestKeyText(t *testing.T) {
	k, err := NewKey()
	must(t, err)
	secret := k.Secret()
	for what, text := range map[string]string{
		"as it is":           secret,
		"a key file":         "# made 2026-03-14\r\n\r\n" + secret + "\r\n",
		"typed":              " " + strings.ToLower(secret[:30]) + " \n" + strings.ToLower(secret[30:50]) + " " + secret[50:],
		"a comment below it": secret + "\n# keep it safe",
	} {
		got, err := ParseKey([]byte(text))
		if err != nil || got.Secret() != secret {
			t.Errorf("%s: %v", what, err)
		}
	}
	wrong := []byte(secret)
	wrong[40] = map[bool]byte{true: 'Q', false: 'P'}[wrong[40] == 'P']
	for what, text := range map[string]string{"a wrong letter": string(wrong), "nothing": "", "half": secret[:40], "twice": secret + "\n" + secret} {
		if _, err := ParseKey([]byte(text)); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), secret[20:30]) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if out := fmt.Sprintf("%v %+v %#v %s", k, k, k, struct{ K Key }{k}); strings.Contains(out, secret[20:40]) {
		t.Errorf("the key was printed: %s", out)
	}
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	if got, raw, err := ReadKeyFile(file); err != nil || raw != nil || got.Secret() != secret {
		t.Errorf("%v, %v", raw, err)
	}
	boxKey := make([]byte, 32)
	rand.Read(boxKey)
	must(t, os.WriteFile(file, boxKey, 0o600))
	if _, raw, err := ReadKeyFile(file); err != nil || !bytes.Equal(raw, boxKey) {
		t.Errorf("%v, %v", raw, err)
	}
}
