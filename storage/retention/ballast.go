package retention

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Ballast is a file that takes some space for nothing, so that there is some to give back when a disk is full to the
// last block: bbolt, the ledger and the audit log need free blocks even to let go of footage, or to say that recording
// stands still. Nobody records on what it gives back: recording stops, and goes on, at much more free space.
type Ballast struct {
	// Path is where it lies.
	Path string
	// Space asks the volume.
	Space func() (Space, error)
}

// ballastSize is enough for bbolt to write all pages of a transaction that lets go of a batch of files, and its free list,
// several times over; and it grows in steps of up to 16 MiB.
const ballastSize = 32 << 20

// BallastSize is how many bytes of a disk are set aside: 32 MiB, but at most a hundredth, so that nobody misses them. That
// of a disk of a few MiB is nothing.
func BallastSize(disk int64) int64 {
	n := min(ballastSize, disk/100) / block * block
	if n < 16*block { // less than a page of the ledger, its folder and some pages of the index
		return 0
	}
	return n
}

// Hold makes the ballast if it is not there and leaves three quarters of the floor free. A nil Ballast is none.
func (b *Ballast) Hold(floor int64) error {
	if b == nil {
		return nil
	}
	if _, err := os.Lstat(b.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	space, err := b.Space()
	if err != nil {
		return err
	}
	size := BallastSize(space.Size)
	if size == 0 || space.Free-size < floor/4*3 {
		return nil
	}
	if err := reserve(b.Path, size); err != nil {
		return fmt.Errorf("set aside %d bytes in %s: %w", size, b.Path, errors.Join(err, os.Remove(b.Path)))
	}
	return syncDir(filepath.Dir(b.Path))
}

// Give removes the ballast and says whether there was any.
func (b *Ballast) Give() (bool, error) {
	if b == nil {
		return false, nil
	}
	err := os.Remove(b.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, syncDir(filepath.Dir(b.Path))
}

// reserve makes a file with blocks of its own. Where the file system cannot give them without a write, it is written.
func reserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	for {
		err = unix.Fallocate(int(f.Fd()), 0, 0, size)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil
		for at := int64(0); at < size && err == nil; at += ballastChunk {
			_, err = f.WriteAt(make([]byte, min(ballastChunk, size-at)), at)
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// ballastChunk is how much is written at once, in bytes.
const ballastChunk = 1 << 20

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
