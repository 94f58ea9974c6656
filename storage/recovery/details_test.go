package recovery

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// A disk is taken out while its files are read: they stay among those that are to be read. Of a file that is gone from a
// disk that is there nothing more can be known.
func TestDetailsOfADiskThatIsGone(t *testing.T) {
	dir := t.TempDir()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	keys, err := keyring.Open(dir, b)
	if err != nil {
		t.Fatal(err)
	}
	x, err := index.Open(filepath.Join(dir, "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cam := media.NewCameraID()
	if err := keys.AddCamera(cam); err != nil {
		t.Fatal(err)
	}
	rec := &Recovery{Dir: filepath.Join(dir, "disk"), Keys: keys, Index: x, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	row := index.Row{Line: segment.Line{Camera: cam, Stream: segment.Pack}, Start: 1, End: 2, Size: 3}
	if err := x.PutNames([]index.Row{row}); err != nil {
		t.Fatal(err)
	}
	left := func() int {
		t.Helper()
		_, n, err := x.Todo(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := rec.Details(t.Context()); !errors.Is(err, commit.ErrMissing) || left() != 1 {
		t.Errorf("of a disk that is gone: %v, %d files to be read", err, left())
	}
	if err := os.MkdirAll(filepath.Join(rec.Dir, "media"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := volume.WriteMarker(filepath.Join(rec.Dir, "media"), volume.Marker{Volume: media.NewUUID()}); err != nil {
		t.Fatal(err)
	}
	if err := rec.Details(t.Context()); err != nil || left() != 0 {
		t.Errorf("of a file that is gone: %v, %d files to be read", err, left())
	}
}
