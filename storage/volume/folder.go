package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var (
	// ErrInUse says that another process has the data folder.
	ErrInUse = errors.New("another hearth is running on this folder")
	// ErrMissing says that the folder was in use before but its footage is not there: the disk is not mounted, or it
	// is another one.
	ErrMissing = errors.New("the disk with the footage is not there")
	// ErrNotWritable says that the data folder cannot be written.
	ErrNotWritable = errors.New("the data folder cannot be written")
)

// Folder is a data folder that this process has for itself.
type Folder struct {
	dir  string
	lock *os.File
}

// Take makes the data folder if it is not there, tries whether it can be written, and locks it. The errors are
// one line each: ErrNotWritable, ErrInUse.
func Take(dir string) (*Folder, error) {
	if dir == "" {
		return nil, errors.New("open the data folder: no folder given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("open %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	f := &Folder{dir: dir, lock: lock}
	// The lock may be an old file that may be written in a folder that may not.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		_ = f.Release()
		return nil, unwritable(dir, err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		_ = f.Release()
		return nil, unwritable(dir, err)
	}
	return f, nil
}

// unwritable says in one line what is wrong with a data folder and what to do.
func unwritable(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%w: %s: %w; run as its owner, or choose another with --data", ErrNotWritable, dir, err)
}

// Release gives the folder free.
func (f *Folder) Release() error { return f.lock.Close() }

// Path is where something lies that is named from the data folder on.
func (f *Folder) Path(p string) string { return filepath.Join(f.dir, p) }
