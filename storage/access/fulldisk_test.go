package access_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// Who is logged in stays so when the disk takes no more writes.
func TestSessionOnADiskThatTakesNoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := accesstest.Open(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		id := accesstest.Camera(t, b, "Yard")
		token, _ := login(t, a, "Ada")
		refuseWrites(t, b.Path())
		if err := a.EndAll(ada.ID, access.Session{}); err == nil {
			t.Fatal("the disk takes writes: this test shows nothing")
		}

		time.Sleep(time.Hour)
		s, err := a.Session(token, home)
		if err != nil {
			t.Fatalf("logged out by a disk that takes no writes: %v", err)
		}
		if _, err := a.AuthorizeIn(s, id, access.Live); err != nil {
			t.Error(err)
		}
		time.Sleep(31 * 24 * time.Hour)
		if _, err := a.Session(token, home); !errors.Is(err, access.ErrNoSession) {
			t.Errorf("a month later: %v", err)
		}
	})
}

// refuseWrites puts a descriptor that can only be read in the place of the one that has the file open.
func refuseWrites(t *testing.T, path string) {
	t.Helper()
	readOnly, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	for _, e := range open {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd == int(readOnly.Fd()) {
			continue
		}
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && to == path {
			if err := unix.Dup2(int(readOnly.Fd()), fd); err != nil {
				t.Fatal(err)
			}
		}
	}
}
