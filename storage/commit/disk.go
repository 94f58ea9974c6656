package commit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"hearth/storage/segment"
)

// Disk is the data folder's file system, as far as the committer needs it. Paths are below the data folder. Tests put
// a failing one in its place.
type Disk interface {
	// MakeDir makes the folder if it is not there and says so; its parent must be there, so that a disk that went
	// away is not taken for an empty one.
	MakeDir(path string) (made bool, err error)
	Create(path string) (File, error) // a new file only: fs.ErrExist
	// Open is for mending. What is read is what the disk has: after a sync that failed, the memory may show what never
	// came to the disk and never will, although a later sync succeeds.
	Open(path string) (File, error)
	Rename(from, to string) error // never over another file: fs.ErrExist
	Remove(path string) error
	SyncDir(path string) error
	// Punch gives back what a file takes from one offset up to another, where zeros are read then; the file stays as
	// long as it is. ErrNoHoles when the file system cannot.
	Punch(path string, from, to int64) error
	// Own says that the file system is the data folder's alone, so that SyncAll makes everything durable in one go.
	Own() bool
	// SyncAll's error is ErrMissing when it is another file system by now: no open file is on it.
	SyncAll() error
}

// File is an open file. Sync makes its data durable, and as much about it as is needed to read them.
type File interface {
	segment.File
	Size() (int64, error)
	Close() error
}

// Folder is the Disk of a real data folder.
type Folder struct {
	dir string
	on  atomic.Pointer[fileSystem]
}

// fileSystem is what a folder lies on.
type fileSystem struct {
	own bool // it is the folder's alone
	dev uint64
}

// NewFolder is the Disk of a folder on a volume that is not there yet. It is not taken for a file system of its own.
func NewFolder(dir string) *Folder {
	d := &Folder{dir: dir}
	d.on.Store(&fileSystem{})
	return d
}

// OpenFolder looks at what file system a data folder is on.
func OpenFolder(dir string) (*Folder, error) {
	d := NewFolder(dir)
	return d, d.look()
}

// look looks at what file system the footage is on: that of the folder, or one of its own, mounted at its media folder.
func (d *Folder) look() error {
	var here, dir, above unix.Stat_t
	if err := unix.Stat(footage(d.dir), &here); err != nil {
		return fmt.Errorf("look at %s: %w", d.dir, err)
	}
	if err := unix.Stat(d.dir, &dir); err != nil {
		return fmt.Errorf("look at %s: %w", d.dir, err)
	}
	if err := unix.Stat(filepath.Join(d.dir, ".."), &above); err != nil {
		return fmt.Errorf("look above %s: %w", d.dir, err)
	}
	own := here.Dev != dir.Dev || here.Dev != above.Dev
	d.on.Store(&fileSystem{own: own, dev: uint64(here.Dev)}) //nolint:unconvert // 32 bits on some machines
	return nil
}

// footage is where a data folder's footage lies: in its media folder, which may be a disk of its own; in the folder itself
// as long as there is none.
func footage(dir string) string {
	if media := filepath.Join(dir, "media"); isDir(media) {
		return media
	}
	return dir
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (d *Folder) path(p string) string { return filepath.Join(d.dir, p) }

// MakeDir implements Disk.
func (d *Folder) MakeDir(path string) (bool, error) {
	err := os.Mkdir(d.path(path), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

// Create implements Disk.
func (d *Folder) Create(path string) (File, error) {
	f, err := os.OpenFile(d.path(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return realFile{f}, nil
}

// Open implements Disk.
func (d *Folder) Open(path string) (File, error) {
	f, err := os.OpenFile(d.path(path), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	on := realFile{f}
	if err := on.Sync(); err != nil {
		f.Close()
		return nil, err
	}
	// What is in memory and clean is dropped, and read from the disk. Where that cannot be asked for, it stays.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return on, nil
}

// Rename implements Disk.
func (d *Folder) Rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, d.path(from), unix.AT_FDCWD, d.path(to), unix.RENAME_NOREPLACE)
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // a file system that cannot promise it
		if _, err := os.Lstat(d.path(to)); err == nil {
			return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
		}
		return os.Rename(d.path(from), d.path(to))
	case err != nil:
		return &fs.PathError{Op: "rename", Path: from, Err: err}
	}
	return nil
}

// Remove implements Disk.
func (d *Folder) Remove(path string) error { return os.Remove(d.path(path)) }

// SyncDir implements Disk.
func (d *Folder) SyncDir(path string) error {
	f, err := os.Open(d.path(path))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Own implements Disk.
func (d *Folder) Own() bool { return d.on.Load().own }

// SyncAll implements Disk.
func (d *Folder) SyncAll() error {
	f, err := os.Open(footage(d.dir))
	if err != nil {
		return err
	}
	defer f.Close()
	// The disk may have been taken out meanwhile; what was written to it must not count as durable because the file system
	// behind its mount point is.
	var here unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &here); err != nil {
		return &fs.PathError{Op: "fstat", Path: d.dir, Err: err}
	}
	if uint64(here.Dev) != d.on.Load().dev { //nolint:unconvert // 32 bits on some machines
		_ = d.look() // a disk that was taken out and put back is another device: what comes next is for this one
		return fmt.Errorf("sync %s: %w: another is in its place", d.dir, ErrMissing)
	}
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "syncfs", Path: d.dir, Err: err}
	}
	return nil
}

// Free gives the bytes on the file system of a data folder's footage that we may still use, and its size.
func Free(dir string) (free, size int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(footage(dir), &s); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), int64(s.Blocks) * int64(s.Bsize), nil //nolint:unconvert // 32 bits on some machines
}

type realFile struct{ *os.File }

// Sync is fdatasync.
func (f realFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if !errors.Is(err, unix.EINTR) {
			if err != nil {
				return &fs.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
			}
			return nil
		}
	}
}

func (f realFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
