package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

var (
	// ErrDamaged says that a file is no whole bbolt database. It was not changed.
	ErrDamaged = errors.New("damaged")
	// ErrInUse says that another process has the file open.
	ErrInUse = errors.New("in use by another process")
)

// Open opens the database at path for reading and writing; it never creates one. The error is one line and is
// ErrDamaged, ErrInUse, fs.ErrNotExist or whatever the file system said.
func Open(path string) (db *bbolt.DB, err error) {
	// What passes the check below is not expected to make bbolt panic; if it does, it is damage all the same, and
	// bbolt leaves the file open and mapped, which keeps the lock.
	var file *os.File
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("%s is %w: %v", path, ErrDamaged, r)
		}
		if err != nil && file != nil && unix.Flock(int(file.Fd()), unix.LOCK_UN) == nil {
			file.Close()
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:        time.Second,
		NoFreelistSync: true,
		FreelistType:   bbolt.FreelistMapType,
		OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			if file != nil { // for a copy of the open database
				return os.OpenFile(path, flag, mode)
			}
			file, err = openChecked(path, flag, mode)
			return file, err
		},
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bbolterrors.ErrInvalid), errors.Is(err, bbolterrors.ErrChecksum), errors.Is(err, bbolterrors.ErrVersionMismatch):
		return nil, fmt.Errorf("%s is %w: %w", path, ErrDamaged, err)
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("%s is %w", path, ErrInUse)
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrInUse):
		return nil, err
	}
	return nil, fmt.Errorf("open %s: %w", path, err)
}

// openChecked opens, locks and checks the file before bbolt looks at it. bbolt takes the same lock again on the same
// open file, which succeeds at once.
func openChecked(path string, flag int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flag&^os.O_CREATE, mode)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*os.File, error) {
		f.Close()
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fail(fmt.Errorf("%s is %w", path, ErrInUse))
		}
		return fail(fmt.Errorf("lock %s: %w", path, err))
	}
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	if !info.Mode().IsRegular() {
		return fail(fmt.Errorf("%s is %w: not a regular file", path, ErrDamaged))
	}
	if err := Check(f, info.Size()); err != nil {
		return fail(fmt.Errorf("%s is %w", path, err))
	}
	return f, nil
}

// Create makes a new database at path, with what fill puts into it. The file is written under another name, made
// durable, and then renamed; a file that is already there is never replaced (fs.ErrExist).
func Create(path string, fill func(tx *bbolt.Tx) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("create %s: %w", path, fs.ErrExist)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	temp := f.Name()
	f.Close()
	defer os.Remove(temp) // after the rename there is nothing of that name
	if err := fillNew(temp, fill); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	if err := renameNew(temp, path); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

func fillNew(path string, fill func(tx *bbolt.Tx) error) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return err
	}
	if err := db.Update(fill); err != nil {
		db.Close()
		return err
	}
	if err := db.Sync(); err != nil {
		db.Close()
		return err
	}
	return db.Close()
}

// renameNew renames without replacing where the file system can do that, so that two first starts at the same
// moment cannot overwrite each other.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return os.Rename(from, to)
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

// Rewrite copies the database at path into a new file that takes its place, so that pages which bbolt has freed, and
// what was once written on them, are gone from it. The file must not be open.
func Rewrite(path string) error {
	old, err := Open(path)
	if err != nil {
		return err
	}
	defer old.Close()
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-*")
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	temp := f.Name()
	f.Close()
	defer os.Remove(temp)
	fresh, err := bbolt.Open(temp, 0o600, &bbolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	if err := bbolt.Compact(fresh, old, 1<<20); err != nil {
		fresh.Close()
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	if err := errors.Join(fresh.Sync(), fresh.Close()); err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("rewrite %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}
