package bolt

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Reserve has the file system set room aside for a database that must still be written when the disk is full: for all of
// its pages, and for so many bytes that it may grow by. bbolt makes its file longer without that, and what is written
// there later can fail. The file keeps its length. Reserve may be called again, as the database grows; reserved is up to
// how many bytes in use there is room now.
//
// A file system that cannot do it, or that never writes in place, leaves the database as it is: no error.
func Reserve(db *bbolt.DB, ahead int64) (reserved int64, err error) {
	var used int64
	if err := db.View(func(tx *bbolt.Tx) error {
		used = tx.Size()
		return nil
	}); err != nil {
		return 0, fmt.Errorf("reserve room for %s: %w", db.Path(), err)
	}
	f, err := os.OpenFile(db.Path(), os.O_WRONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("reserve room: %w", err)
	}
	defer f.Close()
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, used+ahead)
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return 0, fmt.Errorf("reserve room for %s: %w", db.Path(), err)
	}
	return used + ahead, nil
}
