package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"hearth/storage/bolt"
	"hearth/storage/box"
)

// memory makes a file that is in memory only and has no name.
func memory() (*os.File, error) {
	fd, err := unix.MemfdCreate("hearth-snapshot", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("get memory for a copy of hearth.db: %w", err)
	}
	return os.NewFile(uintptr(fd), "hearth.db in memory"), nil
}

// copyInMemory copies hearth.db as it is now, with settings put in. The caller closes the file.
func copyInMemory(b *box.Box, settings map[string]any) (_ *os.File, err error) {
	f, err := memory()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	db, err := bbolt.Open("", 0o600, &bbolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, NoSync: true, NoGrowSync: true,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { // bbolt closes what it gets
			fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
			return os.NewFile(uintptr(fd), f.Name()), err
		},
	})
	if err != nil {
		return nil, fmt.Errorf("copy hearth.db: %w", err)
	}
	if err := errors.Join(b.Copy(db, settings), db.Close()); err != nil {
		return nil, fmt.Errorf("copy hearth.db: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return f, bolt.Check(f, info.Size())
}

// inMemory is a path under which this process can open a file in memory, as long as it is open.
func inMemory(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }

// Reading is a hearth.db that is open in memory, for looking into it. The file that it came from is not touched.
type Reading struct {
	*box.Box
	file *os.File
}

// ReadBox copies a hearth.db into memory and opens it there. box.ErrDamaged and what the system said.
func ReadBox(r io.Reader) (*Reading, error) {
	f, err := memory()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return nil, fmt.Errorf("read hearth.db: %w", err)
	}
	return readBox(f)
}

func readBox(f *os.File) (*Reading, error) {
	b, err := box.OpenCopy(inMemory(f))
	if err != nil {
		f.Close()
		return nil, err
	}
	return &Reading{b, f}, nil
}

// Close gives the memory free.
func (r *Reading) Close() error { return errors.Join(r.Box.Close(), r.file.Close()) }
