package commit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPunch(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.Repeat([]byte("hearth"), 100_000)
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	const from, to = 10_001, 500_003
	before := blocks(t, path)
	if err := d.Punch("file", from, to); errors.Is(err, ErrNoHoles) {
		t.Skip("temporary files lie on a file system without holes")
	} else if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(whole[from:to])
	if !bytes.Equal(got, whole) {
		t.Fatal("the hole is elsewhere")
	}
	if after := blocks(t, path); (before-after)*512 < to-from-2*4096 {
		t.Fatalf("%d blocks before, %d after", before, after)
	}
	if err := d.Punch("none", 0, 10); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func blocks(t *testing.T, path string) int64 {
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks
}

func TestRotational(t *testing.T) {
	sys := t.TempDir()
	devices := filepath.Join(sys, "devices", "pci")
	for dev, turns := range map[string]string{"sda": "1\n", "nvme0n1": "0\n", "vda": "1\n"} {
		for _, dir := range []string{filepath.Join(devices, dev, "queue"), filepath.Join(devices, dev, dev+"1")} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(devices, dev, "queue", "rotational"), []byte(turns), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for dev, driver := range map[string]string{"sda": "sd", "vda": "virtio_blk"} {
		if err := os.Mkdir(filepath.Join(devices, dev, "device"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("../../drivers", driver), filepath.Join(devices, dev, "device", "driver")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(sys, "dev", "block"), 0o700); err != nil {
		t.Fatal(err)
	}
	for number, at := range map[string]string{"8:0": "sda", "8:1": "sda/sda1", "259:0": "nvme0n1", "259:1": "nvme0n1/nvme0n11", "254:0": "vda", "254:1": "vda/vda1"} {
		if err := os.Symlink(filepath.Join(devices, at), filepath.Join(sys, "dev", "block", number)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		major, minor uint32
		want         bool
	}{{8, 0, true}, {8, 1, true}, {259, 0, false}, {259, 1, false}, {254, 0, false}, {254, 1, false}, {7, 7, false}} {
		if got := rotational(sys, c.major, c.minor); got != c.want {
			t.Errorf("%d:%d: %v", c.major, c.minor, got)
		}
	}
	if Rotational(filepath.Join(sys, "none")) {
		t.Error("a folder that is not there")
	}
}

// btrfs has a number of its own that is no device's; the one that it was mounted from says more.
func TestMountedDevice(t *testing.T) {
	device := ""
	found, err := filepath.Glob("/dev/*")
	if err != nil {
		t.Fatal(err)
	}
	var want unix.Stat_t
	for _, path := range found {
		if unix.Stat(path, &want) == nil && want.Mode&unix.S_IFMT == unix.S_IFBLK {
			device = path
			break
		}
	}
	if device == "" {
		t.Skip("this machine shows no block device")
	}
	const lines = `22 1 0:20 / /proc rw,nosuid shared:12 - proc proc rw
36 25 0:32 /@ / rw,relatime shared:1 master:2 - btrfs %s rw,ssd
37 25 0:33 / /net rw,relatime - nfs4 server:/x rw
`
	mounts := func() *bufio.Scanner { return bufio.NewScanner(strings.NewReader(fmt.Sprintf(lines, device))) }
	rdev := uint64(want.Rdev) //nolint:unconvert // 32 bits on some machines
	if major, minor := mountedDevice(mounts(), 0, 32); major != unix.Major(rdev) || minor != unix.Minor(rdev) {
		t.Errorf("%s: %d:%d", device, major, minor)
	}
	if major, minor := mountedDevice(mounts(), 0, 33); major != 0 || minor != 0 {
		t.Errorf("a network's: %d:%d", major, minor)
	}
}
