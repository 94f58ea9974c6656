package index

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// smallDisk mounts a file system of a few MB; it takes root.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("a small disk cannot be mounted, which takes root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill writes until nothing more fits.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for n := 64 << 10; n > 0; {
		if _, err := f.Write(make([]byte, n)); errors.Is(err, unix.ENOSPC) {
			n /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// On a disk without a free byte events are kept as long as the journal has room. Then it is an error of one line, which
// changes nothing: what was there can be read, also after a kill, and when there is room again all goes on.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=3m")
	path := filepath.Join(dir, "index.db")
	x, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { x.Close() }()
	cam := media.CameraID{1}
	l := segment.Line{Camera: cam}
	for n := range int64(500) {
		x.Add(Addition{Row: Row{Line: l, Start: benchStart + n*10*microsPerMinute, End: benchStart + (n+1)*10*microsPerMinute, Size: 1}})
	}
	if err := x.Checkpoint(benchStart, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.db.Fold(); err != nil {
		t.Fatal(err)
	}
	put := func(i int) error {
		e := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.UnixMicro(benchStart + int64(i)*benchSecond), Zones: []string{strings.Repeat("x", 500)}}
		_, err := x.PutEvent(e, e.Start)
		return err
	}
	if err := put(0); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	events := 1
	for {
		err = put(events)
		if err != nil || events > 100_000 {
			break
		}
		events++
	}
	if !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("after %d events: %v", events, err)
	}
	t.Logf("%d events on a full disk, then: %v", events-1, err)
	if events < 500 {
		t.Errorf("only %d events were kept", events)
	}
	whole := func(when string) {
		t.Helper()
		spans, err := x.EventSpans(cam, -1<<62, 1<<62)
		if err != nil || len(spans) != events {
			t.Fatalf("%s: %v, %d events of %d", when, err, len(spans), events)
		}
		rows, err := x.Rows(l, -1<<62, 1<<62)
		if err != nil || len(rows) != 500 {
			t.Fatalf("%s: %v, %d rows", when, err, len(rows))
		}
		if _, ok, err := x.Last(l, benchStart); err != nil || !ok {
			t.Fatalf("%s: %v", when, err)
		}
	}
	whole("full")
	for range 3 { // again and again
		if err := put(events); !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		x.AddMotion(cam, benchStart, 1)
		if err := x.Checkpoint(benchStart+microsPerDay, nil); err != nil && !errors.Is(err, unix.ENOSPC) { // it may just fit
			t.Fatal(err)
		}
	}
	whole("after more failures")
	x.db.Abandon()
	if x, err = Open(path); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	whole("full, after a kill")
	if err := put(events); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := x.Close(); !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Fatalf("close on a full disk: %v", err)
	}
	if x, err = Open(path); err != nil {
		t.Fatalf("open on a full disk: %v", err)
	}
	whole("full, closed and opened again")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := put(events); err != nil {
			t.Fatalf("there is room again: %v", err)
		}
		events++
	}
	whole("with room again")
	x.AddMotion(cam, benchStart, 1)
	if err := x.Checkpoint(benchStart, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err = Open(path); err != nil {
		t.Fatal(err)
	}
	whole("closed and opened again")
}
