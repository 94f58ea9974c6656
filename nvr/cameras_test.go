package nvr

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// nowhere is an address at which nothing answers.
const nowhere = "rtsp://127.0.0.1:1/"

// runCameras runs a box with cameras that cannot be reached.
func runCameras(t *testing.T, names ...string) (*Cameras, []media.CameraID) {
	t.Helper()
	c := newCameras(t)
	ids := make([]media.CameraID, len(names))
	for i, name := range names {
		id, err := c.Add(t.Context(), CameraSettings{Name: name, URL: nowhere})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = id
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	for _, id := range ids {
		g := grant(t, c, id, access.Live)
		for {
			if _, err := c.State(g); err == nil {
				break
			} else if !errors.Is(err, ErrNotRunning) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return c, ids
}

// grant is an owner's.
func grant(t *testing.T, c *Cameras, id media.CameraID, verb access.Verb) access.Grant {
	t.Helper()
	return accesstest.Grant(t, c.Store.Access(), c.Store.Box(), id, verb)
}

func TestWhoWatchesStaysThroughARestart(t *testing.T) {
	t.Parallel()
	c, ids := runCameras(t, "Yard")
	id := ids[0]
	v, err := c.Watch(grant(t, c, id, access.Live), media.Main)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if m, err := v.Next(ctx); err != nil || m.Kind != live.Notice {
		t.Fatalf("first %+v, %v", m, err)
	}

	before := c.running[id].camera
	if err := c.Update(ctx, grant(t, c, id, access.Manage), CameraSettings{Name: "Yard", URL: nowhere, Transport: "udp"}); err != nil {
		t.Fatal(err)
	}
	after := c.running[id]
	if after.camera == before {
		t.Fatal("the camera was not started anew: this test shows nothing")
	}
	if n := after.screens.hubs[media.Main].Viewers(); n != 1 {
		t.Fatalf("%d watch the camera that was started anew, want the one who watched before", n)
	}

	// What comes from the new connection reaches who watched the old one.
	run := &media.Run{
		ID: media.NewUUID(), Camera: id, Stream: media.Main, Start: time.Now(),
		Tracks: []media.Track{{Codec: media.AAC, ClockRate: 48000, Channels: 2, Config: []byte{0x11, 0x90}}},
	}
	after.camera.Main.StartRun(run)
	if m, err := v.Next(ctx); err != nil || m.Kind != live.Init {
		t.Errorf("after the restart %+v, %v, want the next run", m, err)
	}

	if err := c.Remove(grant(t, c, id, access.Manage)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = v.Next(ctx)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("after the removal: %v", err)
	}
}

func TestRemoveLeavesNothingToGrant(t *testing.T) {
	t.Parallel()
	c, ids := runCameras(t, "Yard", "Nursery")
	g, look := grant(t, c, ids[0], access.Manage), grant(t, c, ids[0], access.Live)
	news := c.News().Subscribe()
	defer news.Close()
	if err := c.Remove(g); err != nil {
		t.Fatal(err)
	}
	if item := <-news.Items(); item.Camera != ids[0] || item.Kind != "camera" {
		t.Errorf("told of %+v", item)
	}
	if _, err := c.Store.Box().Camera(ids[0]); !errors.Is(err, box.ErrNotFound) {
		t.Errorf("its record: %v", err)
	}
	if err := c.Store.Access().Renew(look); !errors.Is(err, access.ErrDenied) {
		t.Errorf("a grant for it: %v", err)
	}
	if _, err := c.Watch(look, media.Main); !errors.Is(err, ErrNotRunning) {
		t.Errorf("watched: %v", err)
	}
	if err := c.Remove(g); !errors.Is(err, access.ErrDenied) {
		t.Errorf("removed again: %v", err)
	}
	if err := c.Update(t.Context(), g, CameraSettings{Name: "Yard", URL: nowhere}); !errors.Is(err, access.ErrDenied) {
		t.Errorf("changed after its removal: %v", err)
	}
	if _, err := c.State(grant(t, c, ids[1], access.Live)); err != nil {
		t.Errorf("the other camera: %v", err)
	}
}

func TestACameraThatDoesNotStopHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	c, ids := runCameras(t, "Yard", "Nursery")
	release := make(chan struct{})
	stopping := make(chan struct{})
	c.running[ids[0]].tree.Add(part{"stuck", func(ctx context.Context) error {
		<-ctx.Done()
		close(stopping)
		<-release
		return ctx.Err()
	}})
	g, other := grant(t, c, ids[0], access.Manage), grant(t, c, ids[1], access.Live)
	removed := make(chan error, 1)
	go func() { removed <- c.Remove(g) }()
	<-stopping

	asked := make(chan error, 1)
	go func() {
		_, err := c.State(other)
		asked <- err
	}()
	select {
	case err := <-asked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("asking about one camera waits until another one has stopped")
	}
	close(release)
	if err := <-removed; err != nil {
		t.Error(err)
	}
}

func TestAddWhileRunning(t *testing.T) {
	t.Parallel()
	c, _ := runCameras(t, "Yard")
	id, err := c.Add(t.Context(), CameraSettings{Name: "Nursery", URL: nowhere})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.State(grant(t, c, id, access.Live)); err != nil {
		t.Errorf("a camera that was added does not run: %v", err)
	}
}

func TestARefusedChangeChangesNothing(t *testing.T) {
	t.Parallel()
	c, ids := runCameras(t, "Yard")
	g := grant(t, c, ids[0], access.Manage)
	if err := c.Update(t.Context(), g, CameraSettings{Name: "Yard", URL: "http://127.0.0.1/"}); err == nil {
		t.Error("took an address that is no camera's")
	}
	if _, err := c.State(g); err != nil {
		t.Errorf("a change that was refused stopped the camera: %v", err)
	}
}
