package commit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
	"hearth/storage/segment"
)

// running gives a committer that runs, on a disk whose syncs wait while the test holds gate.
func running(t *testing.T) (c *commit.Committer, d *simdisk.Disk, camera media.CameraID, gate chan struct{}, stop func()) {
	camera = media.NewCameraID()
	d = simdisk.New(true, "media", "media/"+camera.String())
	gate = make(chan struct{}, 1)
	d.Fail = func(op, _ string) error {
		if op == "syncall" {
			gate <- struct{}{}
			<-gate
		}
		return nil
	}
	c = &commit.Committer{
		Disk: d, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Key: func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, d, camera, gate, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func second(run *media.Run, i int64) commit.Fragment {
	return commit.Fragment{
		DTS: i * 90000, Duration: 90000, Start: run.Start.Add(time.Duration(i) * time.Second), Key: true,
		Data: [][]byte{make([]byte, 1000)},
	}
}

// A disk that stalls for half a minute costs fragments, an explicit gap, and never a moment of the one who appends.
func TestStalledDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, camera, gate, stop := running(t)
		line := segment.Line{Camera: camera}
		w, err := c.Writer(line)
		if err != nil {
			t.Fatal(err)
		}
		run := &media.Run{ID: media.NewUUID(), Camera: camera, Start: time.Now()}
		w.Begin(run, []byte("init"))
		var dropped []int64
		for i := range int64(60) {
			switch i {
			case 10:
				gate <- struct{}{}
			case 40:
				<-gate
			}
			before := time.Now()
			err := w.Append(second(run, i))
			if time.Since(before) != 0 {
				t.Fatalf("append of second %d took %v", i, time.Since(before))
			}
			if errors.Is(err, commit.ErrDropped) {
				dropped = append(dropped, i)
			} else if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if i == 20 && c.AtRisk() < 9*time.Second {
				t.Fatalf("at risk: %v", c.AtRisk())
			}
		}
		if c.AtRisk() > 2*time.Second {
			t.Fatalf("at risk: %v", c.AtRisk())
		}
		if len(dropped) < 15 || len(dropped) > 22 || dropped[len(dropped)-1] > 41 {
			t.Fatalf("dropped: %v", dropped)
		}
		stop()
		b := d.Bytes(firstName(t, d))
		r, err := segment.Open(bytes.NewReader(b), int64(len(b)), testKey{camera})
		if err != nil {
			t.Fatal(err)
		}
		var gaps []segment.Note
		kept := 0
		for i, e := range r.Table() {
			if e.Type == segment.FragRecord {
				kept++
			}
			if e.Type != segment.NoteRecord {
				continue
			}
			raw, err := r.Payload(i, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := segment.ParseNote(raw); err == nil && n.Kind == segment.NoteGap {
				gaps = append(gaps, n)
			}
		}
		first, next := second(run, dropped[0]).Start, second(run, dropped[len(dropped)-1]+1).Start
		if kept+len(dropped) != 60 || len(gaps) != 1 || gaps[0].Dropped != len(dropped) ||
			gaps[0].From != first.UnixMicro() || gaps[0].To != next.UnixMicro() || gaps[0].Reason != "the disk was too slow" {
			t.Fatalf("%d kept, %d dropped, gaps %+v", kept, len(dropped), gaps)
		}
	})
}

func firstName(t *testing.T, d *simdisk.Disk) string {
	t.Helper()
	files := d.Files()
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	return files[0]
}

// A thumbnail is durable when Put returns, without waiting for the tick; a day's go into one file.
func TestPut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, camera, _, stop := running(t)
		time.Sleep(300 * time.Millisecond) // amid a tick
		before := time.Now()
		var last commit.Placed
		for i := range 3 {
			p, err := c.Put(t.Context(), camera, segment.Record{Type: segment.ThumbRecord, Time: before.UnixMicro()}, []byte("event"), []byte{byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			b := d.OnDisk(segment.Name{Stream: segment.Pack, Start: p.File, Open: true}.Path(camera))
			if _, payload, err := segment.One(bytes.NewReader(b), testKey{camera}, p.Place); err != nil || string(payload) != "event"+string([]byte{byte(i)}) {
				t.Fatalf("%d: %v, %q", i, err, payload)
			}
			if i > 0 && p.File != last.File {
				t.Fatal("another file for the same day")
			}
			last = p
		}
		if took := time.Since(before); took != 0 {
			t.Fatalf("it waited for the tick: %v", took)
		}
		tomorrow := before.Add(24 * time.Hour)
		if p, err := c.Put(t.Context(), camera, segment.Record{Type: segment.ThumbRecord, Time: tomorrow.UnixMicro()}, []byte("x")); err != nil || p.File == last.File {
			t.Fatalf("the next day: %v, %+v", err, p)
		}
		stop()
		if _, err := c.Put(t.Context(), camera, segment.Record{Type: segment.ThumbRecord}, []byte("x")); !errors.Is(err, commit.ErrClosed) {
			t.Fatal(err)
		}
	})
}

// A run of another camera, handed to the wrong writer, is not recorded under the wrong name.
func TestRunOfAnotherCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, camera, _, stop := running(t)
		w, err := c.Writer(segment.Line{Camera: camera})
		if err != nil {
			t.Fatal(err)
		}
		run := &media.Run{ID: media.NewUUID(), Camera: media.NewCameraID(), Start: time.Now()}
		w.Begin(run, nil)
		for i := range int64(5) {
			if err := w.Append(second(run, i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		stop()
		if files := d.Files(); len(files) != 0 {
			t.Fatal(files)
		}
	})
}

func TestNewWriterTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, d, camera, _, stop := running(t)
		line := segment.Line{Camera: camera}
		old, err := c.Writer(line)
		if err != nil {
			t.Fatal(err)
		}
		run := &media.Run{ID: media.NewUUID(), Camera: camera, Start: time.Now()}
		old.Begin(run, []byte("init"))
		if err := old.Append(second(run, 0)); err != nil {
			t.Fatal(err)
		}
		young, err := c.Writer(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := old.Append(second(run, 1)); !errors.Is(err, commit.ErrClosed) {
			t.Fatal(err)
		}
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		young.Begin(run, []byte("init"))
		if err := young.Append(second(run, 2)); err != nil {
			t.Fatal(err)
		}
		if err := young.Close(); err != nil {
			t.Fatal(err)
		}
		if err := young.Append(second(run, 3)); !errors.Is(err, commit.ErrClosed) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(d.Files()) != 2 || len(c.Open(line)) != 0 {
			t.Fatalf("files %v, open %v", d.Files(), c.Open(line))
		}
		stop()
	})
}

// Cameras do not roll together, files last about ten minutes, and a pack until midnight.
func TestRollAt(t *testing.T) {
	minute := time.Minute.Microseconds()
	start := int64(1_790_000_000_000_000)
	seen := make(map[int64]int)
	for range 64 {
		l := segment.Line{Camera: media.NewCameraID()}
		at := commit.RollAt(l, start)
		seen[at/minute]++
		if d := at - start; d < 2*minute || d > 12*minute {
			t.Fatalf("the first file lasts %d s", d/1_000_000)
		}
		for range 5 {
			next := commit.RollAt(l, at)
			if next-at != 10*minute {
				t.Fatalf("then %d s", (next-at)/1_000_000)
			}
			at = next
		}
	}
	if len(seen) < 6 {
		t.Fatalf("64 cameras roll within the same minutes: %v", seen)
	}
	pack := time.UnixMicro(commit.RollAt(segment.Line{Stream: segment.Pack}, start)).UTC()
	if pack.Hour() != 0 || pack.Sub(time.UnixMicro(start)) > 24*time.Hour || !pack.After(time.UnixMicro(start)) {
		t.Fatal(pack)
	}
}
