package commit_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/segment"
)

// A file of footage has a checkpoint a minute, of which the latest durable one is told; a pack has none.
func TestCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, camera, _, stop := running(t)
		w, err := c.Writer(segment.Line{Camera: camera})
		if err != nil {
			t.Fatal(err)
		}
		run := &media.Run{ID: media.NewUUID(), Camera: camera, Start: time.Now()}
		w.Begin(run, []byte("init"))
		for i := range int64(110) {
			if err := w.Append(second(run, i)); err != nil {
				t.Fatal(err)
			}
			if err := c.PutLater(camera, segment.Record{Type: segment.EventRecord, Time: time.Now().UnixMicro()}, []byte("{}")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		synctest.Wait()
		var footage, pack commit.View
		for _, v := range c.AllOpen() {
			if v.Line.Stream == segment.Pack {
				pack = v
			} else {
				footage = v
			}
		}
		if pack.Checkpoint != (segment.Place{}) || len(pack.Table) < 100 {
			t.Fatalf("the pack has %d records and a checkpoint at %+v", len(pack.Table), pack.Checkpoint)
		}
		var checks []int
		for i, e := range footage.Table {
			if e.Type == segment.CheckRecord {
				checks = append(checks, i)
			}
		}
		if len(checks) != 1 || footage.Table[checks[0]].Time-footage.Name.Start != time.Minute.Microseconds() {
			t.Fatalf("checkpoints: %v", checks)
		}
		e := footage.Table[checks[0]]
		if want := (segment.Place{Seq: uint32(checks[0]), Offset: e.Offset, Length: e.Length}); footage.Checkpoint != want {
			t.Fatalf("told %+v, lies at %+v", footage.Checkpoint, want)
		}
		if r, _, err := segment.One(bytes.NewReader(d.OnDisk(footage.Path())), testKey{camera}, footage.Checkpoint); err != nil || r.Type != segment.CheckRecord {
			t.Fatal(err)
		}
		stop()
	})
}
