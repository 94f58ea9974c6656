package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/check"
)

// large appends n fragments of a second and of size bytes.
func (r *rig) large(w *StreamWriter, run *media.Run, from, n int64, size int) {
	r.t.Helper()
	filler := []byte(strings.Repeat("x", size))
	for i := from; i < from+n; i++ {
		err := w.Append(Fragment{
			DTS: i * 90000, Duration: 90000, Start: run.Start.Add(time.Duration(i) * time.Second), Key: i%4 == 0,
			Data: [][]byte{[]byte(text(run.Camera, run.Stream, i)), filler},
		})
		if err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
}

func (r *rig) limit(id media.CameraID, change func(*box.Camera)) {
	r.t.Helper()
	c, err := r.s.Box().Camera(id)
	if err != nil {
		r.t.Fatal(err)
	}
	change(&c)
	if err := r.s.Box().PutCamera(c); err != nil {
		r.t.Fatal(err)
	}
}

// onDisk adds up what lies in a folder.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // let go of in the meantime
			return nil
		}
		if err == nil && !info.IsDir() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A limit in all lets go of the oldest, of whichever camera; what is left is whole, and Usage says what there is.
func TestByteLimit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.close()
		const limit = 20 << 20
		r.open(Options{LimitBytes: limit})
		cam := r.camera()
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		const n = 1200
		for i := int64(0); i < n; i += 60 {
			r.large(w, run, i, 60, 100_000) // 120 MB in all
			if got := onDisk(t, filepath.Join(r.dir, "media")); got > limit+(8<<20) {
				t.Fatalf("%d bytes after %d s", got, i)
			}
		}
		r.settle()
		list := r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now())
		got := r.seconds(list, run)
		if len(got) < 60 || got[len(got)-1] != n-1 || got[0] == 0 || got[len(got)-1]-got[0] != int64(len(got)-1) {
			t.Fatalf("%d seconds: %v", len(got), got)
		}
		u := r.s.Usage()
		if u.Bytes != u.Cameras[cam].Bytes || u.Bytes < 10<<20 || u.Bytes > limit+(8<<20) || !u.Oldest.Equal(list[0].Start) || u.Limit != limit {
			t.Fatalf("%+v", u)
		}
		r.close()
		if findings, err := check.Check(t.Context(), r.dir, true); err != nil || len(findings) > 0 {
			t.Fatalf("check: %v, %v", err, findings)
		}
		r.open(Options{LimitBytes: limit})
	})
}

// A clock that is ahead because the box does not know the time makes nothing old; once it is known that so much time went
// by, what is old goes.
func TestDaysOfWrongClock(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		r.limit(cam, func(c *box.Camera) { c.LimitDays = 1 })
		known := time.Now()
		r.s.SetClock(func() time.Time { return known })
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.append(w, run, 0, 30)
		w.End("connection lost")
		time.Sleep(50 * time.Hour)
		left := func() int {
			return len(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, run.Start.Add(time.Hour)))
		}
		if n := left(); n != 30 {
			t.Fatalf("%d of 30 s are left although the time is not known", n)
		}
		r.s.SetClock(nil)
		time.Sleep(2 * time.Hour)
		if n := left(); n != 0 {
			t.Fatalf("%d s are left of a day's limit after two days", n)
		}
	})
}

// A camera's own limits, in bytes and in days, touch no other camera; a held event keeps its footage.
func TestCameraLimits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		small, free, held := r.camera(), r.camera(), r.camera()
		r.limit(small, func(c *box.Camera) { c.LimitBytes = 8 << 20 })
		r.limit(held, func(c *box.Camera) { c.LimitDays, c.LimitBytes = 1, 64<<20 }) // the second makes for several files
		cams := []media.CameraID{small, free, held}
		var writers []*StreamWriter
		var runs []*media.Run
		for _, cam := range cams {
			w := r.writer(cam, media.Main)
			writers, runs = append(writers, w), append(runs, r.begin(w, cam, media.Main))
		}
		for i := range int64(400) {
			for c := range cams {
				if err := writers[c].Append(Fragment{
					DTS: i * 90000, Duration: 90000, Start: runs[c].Start.Add(time.Duration(i) * time.Second), Key: true,
					Data: [][]byte{make([]byte, 60_000)},
				}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		event := Event{ID: media.NewUUID(), Camera: held, Kind: "motion", Start: runs[2].Start.Add(10 * time.Second), End: runs[2].Start.Add(20 * time.Second)}
		lost := Event{ID: media.NewUUID(), Camera: held, Kind: "motion", Start: runs[2].Start.Add(300 * time.Second), End: runs[2].Start.Add(310 * time.Second)}
		for _, e := range []Event{event, lost} {
			if err := r.s.PutEvent(e); err != nil {
				t.Fatal(err)
			}
			if err := r.s.PutThumbnail(held, e.ID, e.Start, []byte("picture")); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.s.SetHeld(r.grant(held, access.Events), event.ID, true); err != nil {
			t.Fatal(err)
		}
		r.reopen()
		for c, cam := range cams {
			writers[c] = r.writer(cam, media.Main)
			writers[c].End("connection lost")
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := r.s.Usage().Cameras[small].Bytes; n > 8<<20 || n < 2<<20 {
			t.Errorf("small keeps %d bytes", n)
		}
		if got := r.pieces(r.grant(free, access.Footage), media.Main, runs[1].Start, time.Now()); len(got) != 400 {
			t.Errorf("free keeps %d seconds", len(got))
		}
		if got := r.pieces(r.grant(held, access.Footage), media.Main, runs[2].Start, time.Now()); len(got) != 400 {
			t.Errorf("held keeps %d seconds on the first day", len(got))
		}

		time.Sleep(30 * time.Hour)
		synctest.Wait()
		got := r.pieces(r.grant(held, access.Footage), media.Main, runs[2].Start, runs[2].Start.Add(time.Hour))
		if len(got) < 20 || len(got) > 200 || !got[0].Start.Equal(runs[2].Start) {
			t.Errorf("held keeps %d seconds of a day ago", len(got))
		}
		ge := r.grant(held, access.Events)
		if jpeg, err := r.s.Thumbnail(ge, event.ID); err != nil || len(jpeg) == 0 {
			t.Errorf("the held event's thumbnail: %v", err)
		}
		if got := r.pieces(r.grant(free, access.Footage), media.Main, runs[1].Start, time.Now()); len(got) != 400 {
			t.Errorf("free keeps %d seconds", len(got))
		}
		// Released, it goes.
		if err := r.s.SetHeld(ge, event.ID, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.pieces(r.grant(held, access.Footage), media.Main, runs[2].Start, time.Now()); len(got) != 0 {
			t.Errorf("%d seconds are kept after the release", len(got))
		}
	})
}

// smallDisk mounts a file system of a few MB; it takes root.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// A small disk is filled by recording alone: the oldest goes, recording never stops.
func TestSmallDisk(t *testing.T) {
	dir := smallDisk(t, "size=48m")
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
		defer r.close()
		r.open(Options{})
		cam := r.camera()
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.large(w, run, 0, 900, 200_000) // 180 MB
		r.settle()
		got := r.seconds(r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now()), run)
		if len(got) < 100 || got[len(got)-1] != 899 || got[len(got)-1]-got[0] != int64(len(got)-1) {
			t.Fatalf("%d seconds: %v\n%s", len(got), got, r.logs)
		}
		if u := r.s.Usage(); u.Full || u.Dropped > 0 || u.WriteFailures > 0 || u.Free < u.Size/50 {
			t.Fatalf("%+v", u)
		}
	})
}

// Something else fills the disk: recording stops with a gap that says so, the rest goes on, and recording resumes by
// itself when there is room.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=48m")
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
		defer r.close()
		r.open(Options{})
		cam := r.camera()
		g := r.grant(cam, access.Footage)
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		r.large(w, run, 0, 30, 50_000)
		r.settle()
		filler := filepath.Join(dir, "filler")
		fill(t, filler)
		before := r.s.Usage()
		r.large(w, run, 30, 60, 50_000)
		u := r.s.Usage()
		if !u.Full || u.Dropped < 50 || !strings.Contains(r.logs.String(), "the disk is full") {
			t.Fatalf("before %+v\nafter %+v\n%s", before, u, r.logs)
		}
		// What is small and precious goes on.
		if err := r.s.PutEvent(Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if err := r.s.Access().Audit(access.Entry{}); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		r.large(w, run, 90, 30, 50_000)
		r.settle()
		got := r.seconds(r.pieces(g, media.Main, run.Start, time.Now()), run)
		if got[len(got)-1] != 119 || len(got) < 50 || len(got) > 75 {
			t.Fatalf("%d seconds: %v", len(got), got)
		}
		line, err := r.s.Timeline(g, run.Start, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(line.Gaps) != 1 || line.Gaps[0].Reason != "the disk was full" || line.Gaps[0].To.Sub(line.Gaps[0].From) < 55*time.Second || len(line.Spans) != 2 {
			t.Fatalf("%+v", line)
		}
		r.close()
		if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
			t.Fatalf("check: %v, %v", err, findings)
		}
	})
}

// fill writes until the disk is full but for some hundred KB, as another program would.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		var s unix.Statfs_t
		if err := unix.Statfs(path, &s); err != nil {
			t.Fatal(err)
		}
		if s.Bavail*uint64(s.Bsize) < 400<<10 {
			return
		}
		if _, err := f.Write(make([]byte, 64<<10)); err != nil {
			t.Fatal(err)
		}
	}
}

// Removing a camera leaves nothing of it that could be read, and nobody else without anything.
func TestRemoveCamera(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cams, events, runs := twoCameras(r)
		w := r.writer(cams[0], media.Main)
		run := r.begin(w, cams[0], media.Main)
		r.record(w, run, 0, 5, 5)
		g, ge := r.grant(cams[0], access.Footage), r.grant(cams[0], access.Events)
		if err := r.s.RemoveCamera(cams[0]); err != nil {
			t.Fatal(err)
		}
		if err := w.Append(Fragment{Key: true, Start: time.Now()}); err == nil {
			t.Error("its writer goes on")
		}
		if _, err := r.s.Writer(cams[0], media.Main); err == nil {
			t.Error("it can be recorded")
		}
		if list, err := r.try(g, media.Main, runs[0].Start, time.Now()); err == nil || len(list) > 0 {
			t.Errorf("its footage: %v, %d", err, len(list))
		}
		if _, err := r.s.Thumbnail(ge, events[0]); err == nil {
			t.Error("its thumbnail is there")
		}
		if items, _, err := r.s.Events([]access.Grant{ge}, EventFilter{}); !errors.Is(err, ErrDenied) || len(items) != 0 {
			t.Errorf("its events: %v, %v", err, items)
		}
		if _, err := os.Stat(filepath.Join(r.dir, "media", cams[0].String())); !os.IsNotExist(err) {
			t.Errorf("its folder: %v", err)
		}
		if u := r.s.Usage(); u.Cameras[cams[0]].Bytes != 0 {
			t.Errorf("%+v", u)
		}
		if err := r.s.RemoveCamera(cams[0]); err != nil {
			t.Errorf("again: %v", err)
		}
		if got := r.pieces(r.grant(cams[1], access.Footage), media.Main, runs[1].Start, time.Now()); len(got) != 10 {
			t.Errorf("the other camera has %d seconds", len(got))
		}
		r.close()
		if findings, err := check.Check(t.Context(), r.dir, true); err != nil || len(findings) > 0 {
			t.Fatalf("check: %v, %v", err, findings)
		}
	})
}

// Footage around an event outlives the rest: it can be read to the last piece, the timeline says what was let go of, and a
// check finds nothing wrong, also with an index that was made again.
func TestEventsOutliveTheRest(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		r.limit(cam, func(c *box.Camera) { c.LimitDays, c.LimitEventDays = 1, 3 })
		w := r.writer(cam, media.Main)
		run := r.begin(w, cam, media.Main)
		const n = 3000 // five files
		r.large(w, run, 0, n, 20_000)
		event := Event{
			ID: media.NewUUID(), Camera: cam, Kind: "motion",
			Start: run.Start.Add(1001 * time.Second), End: run.Start.Add(1006 * time.Second),
		}
		if err := r.s.PutEvent(event); err != nil {
			t.Fatal(err)
		}
		w.End("for the test")
		f := r.s.forecast().Cameras[cam]
		if want := int64(20_000 * 24 * 3600); f.Days != 1 || f.EventDays != 3 || f.Rate < want || f.Rate > want*51/50 {
			t.Errorf("forecast: %+v", f)
		}
		if u := r.s.Usage(); u.Days != 1 || u.Cameras[cam].Days != 1 {
			t.Errorf("%f days, of the camera %f", u.Days, u.Cameras[cam].Days)
		}
		time.Sleep(26 * time.Hour)
		synctest.Wait()

		want := span(988, 1016-988) // ten seconds around it, in groups of four
		look := func(what string) {
			t.Helper()
			g := r.grant(cam, access.Footage)
			if got := r.seconds(r.pieces(g, media.Main, run.Start, time.Now()), run); !slices.Equal(got, want) {
				t.Fatalf("%s: %v", what, got)
			}
			if got := r.seconds(r.pieces(g, media.Main, run.Start.Add(1002*time.Second), run.Start.Add(1004*time.Second)), run); !slices.Equal(got, span(1000, 4)) {
				t.Fatalf("%s: a part of it: %v", what, got)
			}
			line, err := r.s.Timeline(g, run.Start, run.Start.Add(n*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			from, to := run.Start.Add(988*time.Second), run.Start.Add(1016*time.Second)
			if len(line.Spans) != 1 || !line.Spans[0].From.Equal(from) || !line.Spans[0].To.Equal(to) {
				t.Fatalf("%s: spans %+v", what, line.Spans)
			}
			if len(line.Gaps) == 0 || line.Gaps[0].Reason != "let go of" || !line.Gaps[0].From.Equal(to) {
				t.Fatalf("%s: gaps %+v", what, line.Gaps)
			}
			if u := r.s.Usage().Cameras[cam]; u.Bytes < 28*20_000 || u.Bytes > 28*20_000+1<<20 {
				t.Fatalf("%s: %d bytes", what, u.Bytes)
			}
		}
		look("after a day")
		if got := blocksOf(t, filepath.Join(r.dir, "media")); got > 28*20_000+1<<20 {
			t.Errorf("%d bytes are taken on the disk", got)
		}
		r.close()
		silent(t, r.dir)
		r.open(Options{})
		look("after a restart")
		r.close()
		if err := os.Remove(filepath.Join(r.dir, "index.db")); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		look("with an index that was made again")
		r.close()
		silent(t, r.dir)
		r.open(Options{})

		time.Sleep(48 * time.Hour)
		synctest.Wait()
		if got := r.pieces(r.grant(cam, access.Footage), media.Main, run.Start, time.Now()); len(got) != 0 {
			t.Errorf("%d pieces after three days", len(got))
		}
		r.close()
		silent(t, r.dir)
		r.open(Options{})
	})
}

// silent makes sure that a deep check finds nothing.
func silent(t *testing.T, dir string) {
	t.Helper()
	if findings, err := check.Check(t.Context(), dir, true); err != nil || len(findings) > 0 {
		t.Fatalf("check: %v, %v", err, findings)
	}
}

// blocksOf adds up what a folder's files take on the disk.
func blocksOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			n += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
