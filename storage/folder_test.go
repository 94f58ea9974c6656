package storage

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"hearth/storage/check"
)

// oneLine makes sure that an error is something to print.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); strings.Contains(s, "\n") || strings.Contains(s, "goroutine") || len(s) > 400 {
		t.Errorf("not one clear line: %s", s)
	}
}

func TestSecondProcess(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for range 2 {
			s, err := Open(Options{Dir: r.dir})
			if s != nil || !errors.Is(err, ErrInUse) {
				t.Fatal(s, err)
			}
			oneLine(t, err)
		}
		for name, tool := range map[string]func() error{
			"check":   func() error { _, err := check.Check(t.Context(), r.dir, false); return err },
			"rebuild": func() error { _, err := check.Rebuild(t.Context(), r.dir, nil); return err },
		} {
			if err := tool(); !errors.Is(err, ErrInUse) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.reopen() // the first one was not harmed
	})
}

func TestUnwritableFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), "/proc/hearth", ""} {
		s, err := Open(Options{Dir: dir})
		if s != nil || err == nil {
			t.Fatalf("%q: %v", dir, err)
		}
		oneLine(t, err)
	}

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if os.Getuid() == 0 { // nothing is unwritable for root: look at it as somebody else
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Skip(err)
		}
		defer func() { _ = unix.Setfsuid(0) }()
	}
	s, err := Open(Options{Dir: dir})
	if s != nil || !errors.Is(err, ErrNotWritable) || !strings.Contains(err.Error(), dir) {
		t.Fatal(err)
	}
	oneLine(t, err)
}
