package commit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The media folder of a data folder may be a disk of its own: it is that one which is made durable, and whose free space
// counts.
func TestMediaIsADisk(t *testing.T) {
	dir := t.TempDir()
	media := filepath.Join(dir, "media")
	if err := os.Mkdir(media, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", media, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	mounted := true
	defer func() {
		if mounted {
			_ = unix.Unmount(media, unix.MNT_DETACH)
		}
	}()
	if free, size, err := Free(dir); err != nil || size != 4<<20 || free > size {
		t.Fatalf("%d of %d bytes are free, %v", free, size, err)
	}
	d, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Stat(media, &s); err != nil {
		t.Fatal(err)
	}
	if !d.Own() || d.on.Load().dev != s.Dev {
		t.Fatalf("%+v, want the device %d, all its own", *d.on.Load(), s.Dev)
	}
	if err := d.SyncAll(); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(media, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	mounted = false
	if err := d.SyncAll(); !errors.Is(err, ErrMissing) {
		t.Fatalf("the disk was taken out: %v", err)
	}
}
