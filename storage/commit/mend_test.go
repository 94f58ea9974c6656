package commit_test

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
)

// slowRename is a disk that calls a function after each rename.
type slowRename struct {
	*simdisk.Disk
	after func()
}

func (d *slowRename) Rename(from, to string) error {
	if err := d.Disk.Rename(from, to); err != nil {
		return err
	}
	d.after()
	return nil
}

// A file that is mended has its last name some moments before anybody is told of it. Another one that begins at the same
// time meanwhile gets another start: two files with one start would be one to the index.
func TestSameStartWhileMending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowRename{}
		c, d, l, finished := attended(t, func(d *simdisk.Disk) commit.Disk { slow.Disk = d; return slow })
		failed := false
		d.Fail = func(op, _ string) error {
			if op == "rename" && !failed {
				failed = true
				return syscall.EIO
			}
			return nil
		}
		w := recordTo(t, c, l, 1)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		if !failed || len(*finished) != 0 || len(c.Open(l)) != 1 {
			t.Fatalf("after the rename failed (%v): %v finished, open %v", failed, *finished, c.Open(l))
		}
		renamed, goOn := make(chan bool), make(chan bool)
		slow.after = func() { renamed <- true; <-goOn }
		mended := make(chan bool)
		go func() { c.Mend(); close(mended) }()
		<-renamed
		w, err := c.Writer(l)
		if err != nil {
			t.Fatal(err)
		}
		run := &media.Run{ID: media.NewUUID(), Camera: l.Camera, Start: time.Now()} // time stood still
		w.Begin(run, []byte("init"))
		if err := w.Append(second(run, 0)); err != nil {
			t.Fatal(err)
		}
		c.Flush()
		list := c.Open(l)
		close(goOn)
		<-mended
		if len(list) != 2 || list[0].Name.Start == list[1].Name.Start {
			t.Fatalf("unfinished while mending: %+v", list)
		}
		if left := c.Open(l); len(*finished) != 1 || len(left) != 1 || left[0].Name.Start == (*finished)[0].Name.Start {
			t.Fatalf("after mending: finished %+v, open %+v", *finished, left)
		}
	})
}
