package commit

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoHoles says that the file system cannot give back a part of a file.
var ErrNoHoles = errors.New("the file system cannot punch holes")

// Punch implements Disk.
func (d *Folder) Punch(path string, from, to int64) error {
	f, err := os.OpenFile(d.path(path), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, to-from)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return ErrNoHoles
		case err != nil:
			return &fs.PathError{Op: "punch a hole", Path: path, Err: err}
		}
		return nil
	}
}

// Rotational says that a folder lies on a disk that turns, for which seeks are dear. False also where that cannot be
// found out, as in a virtual machine.
func Rotational(dir string) bool {
	var s unix.Stat_t
	if unix.Stat(footage(dir), &s) != nil {
		return false
	}
	major, minor := unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev)) //nolint:unconvert // 32 bits on some machines
	if major == 0 {                                                      // a file system of several devices, or of none
		mounts, err := os.Open("/proc/self/mountinfo")
		if err != nil {
			return false
		}
		defer mounts.Close()
		if major, minor = mountedDevice(bufio.NewScanner(mounts), major, minor); major == 0 {
			return false
		}
	}
	return rotational("/sys", major, minor)
}

// mountedDevice finds the block device that was named when a file system without a number of its own was mounted; 0, 0
// if there is none.
func mountedDevice(mounts *bufio.Scanner, major, minor uint32) (deviceMajor, deviceMinor uint32) {
	for mounts.Scan() {
		fields := strings.Fields(mounts.Text())
		if len(fields) < 10 || fields[2] != fmt.Sprintf("%d:%d", major, minor) {
			continue
		}
		for i := 6; i < len(fields)-2; i++ { // optional fields end with a dash; then come the type and the source
			if fields[i] != "-" {
				continue
			}
			var s unix.Stat_t
			if unix.Stat(fields[i+2], &s) == nil && s.Mode&unix.S_IFMT == unix.S_IFBLK {
				return unix.Major(uint64(s.Rdev)), unix.Minor(uint64(s.Rdev)) //nolint:unconvert // 32 bits on some machines
			}
		}
	}
	return 0, 0
}

// rotational asks sysfs. A partition's queue is that of the disk above it.
func rotational(sys string, major, minor uint32) bool {
	at, err := filepath.EvalSymlinks(filepath.Join(sys, "dev", "block", fmt.Sprintf("%d:%d", major, minor)))
	if err != nil {
		return false
	}
	for _, dir := range []string{at, filepath.Dir(at)} {
		if b, err := os.ReadFile(filepath.Join(dir, "queue", "rotational")); err == nil {
			driver, _ := os.Readlink(filepath.Join(dir, "device", "driver"))
			if guest := filepath.Base(driver); guest == "virtio_blk" || guest == "vbd" {
				return false // the kernel is not told, and says 1
			}
			return strings.TrimSpace(string(b)) == "1"
		}
	}
	return false
}
