package snapshot

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/keyring"
	"hearth/storage/volume"
)

// house is a data folder with some cameras and people, and further volumes.
type house struct {
	t      testing.TB
	dir    string
	others []string
	box    *box.Box
	access *access.Access
	keys   *keyring.Keyring
	keeper *Keeper
	volume media.UUID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func build(t testing.TB, others int) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	for range others {
		v := t.TempDir()
		must(t, os.Mkdir(filepath.Join(v, "media"), 0o700))
		h.others = append(h.others, v)
	}
	f, err := volume.Take(h.dir)
	must(t, err)
	defer f.Release()
	h.box, err = box.Open(filepath.Join(h.dir, "hearth.db"))
	must(t, err)
	t.Cleanup(func() { h.box.Close() })
	h.volume, err = f.Claim(h.box, slog.New(slog.DiscardHandler))
	must(t, err)
	h.open()
	must(t, os.Mkdir(filepath.Join(h.dir, "tls"), 0o700))
	must(t, os.WriteFile(filepath.Join(h.dir, "tls", "ca.pem"), []byte("the authority and its key"), 0o600))
	accesstest.Person(t, h.access, "Ada", access.Owner)
	return h
}

func (h *house) open() {
	h.t.Helper()
	var err error
	h.keys, err = keyring.Open(h.dir, h.box)
	must(h.t, err)
	h.access, err = access.Open(h.box, access.WithHash(accesstest.Hash()))
	must(h.t, err)
	h.keeper = &Keeper{
		Box: h.box, Keys: h.keys, Dir: h.dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Volumes: func() []string { return append([]string{h.dir}, h.others...) },
	}
}

func (h *house) camera(name string) media.CameraID {
	h.t.Helper()
	id := accesstest.Camera(h.t, h.box, name)
	must(h.t, h.keys.AddCamera(id))
	return id
}

func (h *house) pass() {
	h.t.Helper()
	must(h.t, h.keeper.Pass(context.Background()))
}

func (h *house) key() Key {
	h.t.Helper()
	k, err := h.keeper.MakeKey()
	must(h.t, err)
	return k
}

// names lists a volume's snapshots, newest first.
func names(t testing.TB, v string) (list []string) {
	t.Helper()
	found, err := List(Folder(v))
	must(t, err)
	for _, f := range found {
		list = append(list, filepath.Base(f.Path))
	}
	return list
}

func newest(t testing.TB, v string, k Key) *Snapshot {
	t.Helper()
	s, passed, err := Newest(filepath.Join(v, "media"), k)
	must(t, err)
	if len(passed) > 0 {
		t.Errorf("passed over %v", passed)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
