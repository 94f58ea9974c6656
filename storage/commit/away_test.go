package commit_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
	"hearth/storage/segment"
)

// A disk was taken out and put back between two commits, as another device: no file that was open goes on, also none of a
// camera that had nothing to write just then, and all begin anew on what is there now.
func TestAnotherDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cameras := [2]media.CameraID{media.NewCameraID(), media.NewCameraID()}
		d := simdisk.New(true, "media", "media/"+cameras[0].String(), "media/"+cameras[1].String())
		swapped := false
		d.Fail = func(op, _ string) error {
			if op == "syncall" && swapped {
				swapped = false
				return commit.ErrMissing
			}
			return nil
		}
		c := &commit.Committer{
			Disk: d, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Key: func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		var writers [2]*commit.Writer
		var runs [2]*media.Run
		for i, camera := range cameras {
			var err error
			if writers[i], err = c.Writer(segment.Line{Camera: camera}); err != nil {
				t.Fatal(err)
			}
			runs[i] = &media.Run{ID: media.NewUUID(), Camera: camera, Start: time.Now()}
			writers[i].Begin(runs[i], []byte("init"))
		}
		tick := func(at int64, who ...int) {
			t.Helper()
			for _, i := range who {
				if err := writers[i].Append(second(runs[i], at)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		tick(0, 0, 1)
		swapped = true
		tick(1, 0)
		if n := c.Stats().Failures; n != 2 {
			t.Errorf("%d files were abandoned, want both", n)
		}
		tick(2, 0, 1)
		for i, camera := range cameras {
			open := c.Open(segment.Line{Camera: camera})
			if len(open) != 2 || open[1].Name.Start != runs[i].Start.Add(2*time.Second).UnixMicro() {
				t.Errorf("camera %d has the files %+v, want one that was left and one that began since", i, open)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Who asks whether a file on the disk is ours while a commit begins it waits, and hears that it is.
func TestWritesWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		camera := media.NewCameraID()
		d := simdisk.New(true, "media", "media/"+camera.String())
		run := &media.Run{ID: media.NewUUID(), Camera: camera, Start: time.Now()}
		name := segment.Name{Start: run.Start.UnixMicro(), Open: true}
		var c *commit.Committer
		said := make(chan bool, 1)
		d.Fail = func(op, _ string) error {
			if op == "create" {
				asked := make(chan struct{})
				go func() {
					close(asked)
					said <- c.Writes(camera, name)
				}()
				<-asked
				for range 1000 {
					runtime.Gosched()
				}
			}
			return nil
		}
		c = &commit.Committer{
			Disk: d, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Key: func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		}
		w, err := c.Writer(segment.Line{Camera: camera})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		w.Begin(run, []byte("init"))
		if err := w.Append(second(run, 0)); err != nil {
			t.Fatal(err)
		}
		if !<-said {
			t.Error("a file that is being begun is not ours")
		}
		if c.Writes(camera, segment.Name{Start: name.Start + 1, Open: true}) {
			t.Error("a file that nobody began is ours")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
