package volume

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// The media folder may be a disk of its own: what is set aside stays on it, and neither that nor what the file system has
// there is of unknown origin.
func TestMediaIsADisk(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "media")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(disk, unix.MNT_DETACH) })
	if err := os.Mkdir(filepath.Join(disk, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(disk, "stranger"), []byte("whatever"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, strange, err := Walk(dir, "")
	if err != nil || len(strange) != 1 || strange[0] != "media/stranger" {
		t.Fatalf("%q, %v", strange, err)
	}
	to, err := SetAside(dir, strange[0])
	if err != nil || to != filepath.Join(disk, AsideFolder, "stranger") {
		t.Fatalf("%s, %v", to, err)
	}
	if _, strange, err = Walk(dir, ""); err != nil || len(strange) != 0 {
		t.Fatalf("%q, %v", strange, err)
	}
}

// Elsewhere it lies beside the media folder.
func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "media", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"set-aside/media/x/a", "set-aside/media/x/a.1"} {
		if err := os.WriteFile(filepath.Join(dir, "media", "x", "a"), []byte{byte(i)}, 0o600); err != nil {
			t.Fatal(err)
		}
		if to, err := SetAside(dir, "media/x/a"); err != nil || to != filepath.Join(dir, want) {
			t.Fatalf("%s, %v", to, err)
		}
	}
}

// What is no file among the footage is of unknown origin, also under a name of ours; a key that a power cut left half
// written is not.
func TestWalkStrangers(t *testing.T) {
	dir := t.TempDir()
	camera := media.NewCameraID()
	name := segment.FinishedName(media.Main, 1_000_000, 2_000_000)
	path := name.Path(camera)
	if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, path), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "media", camera.String(), ".key.new-123"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found, strange, err := Walk(dir, "")
	if err != nil || len(found) != 0 || !slices.Equal(strange, []string{path}) {
		t.Fatalf("%v, %q, %v", found, strange, err)
	}
}
