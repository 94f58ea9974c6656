package bolt

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// allocated is how many bytes a file has on the disk.
func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// TestReserve: a database that grows within what is reserved takes nothing more from the disk, and its file is no longer
// than before.
func TestReserve(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := Create(path, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("log"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	length := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := length()
	const ahead = 1 << 20
	reserved, err := Reserve(db, ahead)
	if err != nil {
		t.Fatal(err)
	}
	if n := length(); n != before {
		t.Errorf("the file had %d bytes and has %d", before, n)
	}
	if reserved < ahead || reserved > ahead+before {
		t.Errorf("%d bytes are reserved of a file of %d", reserved, before)
	}
	has := allocated(t, path)
	if has < reserved {
		t.Skipf("this file system sets nothing aside: %d bytes of %d", has, reserved)
	}
	used := int64(0)
	for i := 0; used < reserved-ahead/2; i++ {
		if err := db.Update(func(tx *bbolt.Tx) error {
			used = tx.Size()
			for j := range 50 {
				if err := tx.Bucket([]byte("log")).Put(fmt.Appendf(nil, "%08d %02d", i, j), bytes.Repeat([]byte("x"), 300)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if now := allocated(t, path); now != has {
		t.Errorf("the file took %d bytes of the disk, and %d after it grew to %d within what is reserved", has, now, used)
	}
	again, err := Reserve(db, ahead)
	if err != nil {
		t.Fatal(err)
	}
	if again <= reserved || allocated(t, path) < again {
		t.Errorf("reserved again: %d after %d, and the file has %d", again, reserved, allocated(t, path))
	}
}
