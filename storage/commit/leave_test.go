package commit_test

import (
	"context"
	"io"
	"log/slog"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
	"hearth/storage/segment"
)

// attended gives a committer that is driven by hand, a line of it, and what it finished.
func attended(t *testing.T, wrap func(*simdisk.Disk) commit.Disk) (c *commit.Committer, d *simdisk.Disk, l segment.Line, finished *[]commit.Finished) {
	t.Helper()
	l = segment.Line{Camera: media.NewCameraID()}
	d = simdisk.New(true, "media", "media/"+l.Camera.String())
	finished = new([]commit.Finished)
	c = &commit.Committer{
		Disk: wrap(d), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Key:        func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		OnFinished: func(f commit.Finished) { *finished = append(*finished, f) },
	}
	return c, d, l, finished
}

func plain(d *simdisk.Disk) commit.Disk { return d }

// recordTo records some seconds of a run to a line, each with a commit.
func recordTo(t *testing.T, c *commit.Committer, l segment.Line, seconds int64) *commit.Writer {
	t.Helper()
	w, err := c.Writer(l)
	if err != nil {
		t.Fatal(err)
	}
	run := &media.Run{ID: media.NewUUID(), Camera: l.Camera, Start: time.Now()}
	w.Begin(run, []byte("init"))
	for i := range seconds {
		if err := w.Append(second(run, i)); err != nil {
			t.Fatal(err)
		}
		c.Flush()
	}
	return w
}

// A line that comes back to a volume after it went on on another one goes on from there, also where this one was in
// trouble when it went.
func TestElsewhere(t *testing.T) {
	for _, away := range []func(*commit.Committer, segment.Line){(*commit.Committer).Elsewhere, (*commit.Committer).Leave} {
		c, _, l, finished := attended(t, plain)
		var head [32]byte
		c.Head = func(segment.Line) ([32]byte, error) { return head, nil }
		w := recordTo(t, c, l, 2)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		away(c, l)
		head = [32]byte{1, 2, 3} // of what was recorded elsewhere
		recordTo(t, c, l, 1)
		c.Stop()
		if n := len(*finished); n != 2 {
			t.Fatalf("%d files", n)
		}
		if got := (*finished)[1].Summary.Header.Prev; got != head {
			t.Errorf("the file goes on from %x", got[:4])
		}
	}
}

// A camera is removed while a file that failed is being finished: nobody is told of that any more.
func TestForgetWhileMending(t *testing.T) {
	c, d, l, finished := attended(t, plain)
	recordTo(t, c, l, 2)
	d.Fail = func(op, _ string) error {
		if op == "syncall" {
			return syscall.EIO
		}
		return nil
	}
	c.Leave(l) // its footer fails
	renamed := false
	d.Fail = func(op, _ string) error {
		if op == "rename" {
			renamed = true
			c.Forget(l.Camera)
		}
		return nil
	}
	c.Mend()
	if n := len(*finished); n != 0 || !renamed {
		t.Errorf("told of %d files of a camera that was removed; renamed: %v", n, renamed)
	}
}

// badClose is a disk whose files say that they cannot be closed.
type badClose struct{ *simdisk.Disk }

type badFile struct{ commit.File }

func (badFile) Close() error { return syscall.EIO }

func (d badClose) Create(path string) (commit.File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	return badFile{f}, nil
}

// A file that is synced, and has its last name, is finished, whatever closing it says.
func TestCloseFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, l, finished := attended(t, func(d *simdisk.Disk) commit.Disk { return badClose{d} })
		ctx, cancel := context.WithCancel(t.Context())
		recordTo(t, c, l, 2)
		cancel()
		if err := c.Run(ctx); err != nil {
			t.Error(err)
		}
		c.Mend()
		if n, open := len(*finished), len(c.AllOpen()); n != 1 || open != 0 {
			t.Errorf("%d files are finished, %d are not", n, open)
		}
	})
}
