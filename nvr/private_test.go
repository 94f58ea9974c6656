package nvr

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"hearth/nvr/camera"
	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/privacy"
	"hearth/nvr/sim"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// privateHouse is a box with simulated cameras that count who calls, without workers.
type privateHouse struct {
	*testing.T
	dir     string
	sim     *sim.Server
	cams    []*sim.Camera
	known   atomic.Bool // the time
	cameras *Cameras
	ids     []media.CameraID
	stop    func()
}

func newPrivateHouse(t *testing.T, names ...string) *privateHouse {
	t.Helper()
	h := &privateHouse{T: t, dir: t.TempDir()}
	h.known.Store(true)
	for _, name := range names {
		h.cams = append(h.cams, &sim.Camera{
			Name: name, FPS: 10, GOP: 5, Main: sim.Video{Width: 160, Height: 90}, Sub: sim.Video{Width: 80, Height: 46},
		})
	}
	h.sim = &sim.Server{Cameras: h.cams}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.sim.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	select {
	case <-h.sim.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	h.start()
	t.Cleanup(func() { h.stop() })
	for i, name := range names {
		id, err := h.cameras.Add(t.Context(), CameraSettings{
			Name: name, URL: h.sim.URL(h.cams[i], media.Main), DetectURL: h.sim.URL(h.cams[i], media.Sub), Motion: media.MotionSettings{Off: true},
		})
		if err != nil {
			t.Fatal(err)
		}
		h.ids = append(h.ids, id)
	}
	return h
}

// start begins a process, as it were, on the house's data.
func (h *privateHouse) start() {
	h.Helper()
	store, err := storage.Open(storage.Options{Dir: h.dir, Log: slog.New(slog.DiscardHandler), Tick: 50 * time.Millisecond})
	if err != nil {
		h.Fatal(err)
	}
	h.cameras = NewCameras(store, "/nonexistent/hearth-vision", slog.New(slog.DiscardHandler))
	h.cameras.Zone = time.UTC
	h.cameras.Trusted = h.known.Load
	ctx, cancel := context.WithCancel(context.Background())
	kept, ran := make(chan error, 1), make(chan error, 1)
	go func() { kept <- store.Run(ctx) }()
	camerasCtx, cancelCameras := context.WithCancel(ctx)
	go func() { ran <- h.cameras.Run(camerasCtx) }()
	h.stop = func() {
		h.stop = func() {}
		cancelCameras()
		if err := <-ran; err != nil {
			h.Error(err)
		}
		cancel()
		if err := <-kept; err != nil {
			h.Error(err)
		}
		if err := store.Close(); err != nil {
			h.Error(err)
		}
	}
	h.until("the cameras run", func() bool {
		h.cameras.mu.Lock()
		defer h.cameras.mu.Unlock()
		return h.cameras.shades.cameras != nil && len(h.cameras.running) == len(h.ids)
	})
}

func (h *privateHouse) until(what string, holds func() bool) {
	h.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			h.Fatalf("%s: not within two minutes", what)
		}
	}
}

func (h *privateHouse) grant(i int, verb access.Verb) access.Grant {
	h.Helper()
	return accesstest.Grant(h.T, h.cameras.Store.Access(), h.cameras.Store.Box(), h.ids[i], verb)
}

func (h *privateHouse) set(i int, ch PrivacyChange) error {
	h.Helper()
	return h.cameras.SetPrivacy(h.Context(), h.grant(i, access.Manage), ch)
}

func (h *privateHouse) turn(i int, on bool) {
	h.Helper()
	if err := h.set(i, PrivacyChange{On: &on}); err != nil {
		h.Fatal(err)
	}
}

func (h *privateHouse) status(i int) string {
	h.Helper()
	s, err := h.cameras.State(h.grant(i, access.Live))
	if err != nil {
		h.Fatal(err)
	}
	return s.Status
}

func (h *privateHouse) online(i int) {
	h.Helper()
	h.until("camera online", func() bool {
		return h.status(i) == camera.Online && h.cams[i].Watchers(media.Main) == 1 && h.cams[i].Watchers(media.Sub) == 1
	})
}

// silent makes sure that nobody calls a camera for a while in which an open one is called for certain.
func (h *privateHouse) silent(i int, came int64) {
	h.Helper()
	time.Sleep(1500 * time.Millisecond) // the bound of the first delay before a camera is tried again is a second
	if now, open := h.sim.Calls(); now != came || open != 0 {
		h.Errorf("%d calls, %d are open; want %d and none: it is private", now, open, came)
	}
	if n := h.cams[i].Watchers(media.Main) + h.cams[i].Watchers(media.Sub); n != 0 {
		h.Errorf("%d sessions with a private camera", n)
	}
}

func TestOffMeansOff(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery")
	h.online(0)
	g := h.grant(0, access.Live)
	footage := h.grant(0, access.Footage)
	v, err := h.cameras.Watch(g, media.Main)
	if err != nil {
		t.Fatal(err)
	}
	for {
		m, err := v.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == live.Media {
			break
		}
	}
	recorded := func() time.Time {
		line, err := h.cameras.Store.Timeline(footage, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if len(line.Spans) == 0 {
			return time.Time{}
		}
		return line.Spans[len(line.Spans)-1].To
	}
	h.until("footage", func() bool { return !recorded().IsZero() })
	o := h.cameras.running[h.ids[0]]

	was, began := recorded(), time.Now()
	h.turn(0, true)
	took := time.Since(began)
	came, _ := h.sim.Calls()
	h.until("the sockets are closed", func() bool { _, open := h.sim.Calls(); return open == 0 })
	closed := time.Since(began)
	sent := h.cams[0].Count(media.Main) + h.cams[0].Count(media.Sub)
	t.Logf("the switch took %v, the camera saw its connections closed after %v", took, closed)
	if closed > 20*time.Second { // a busy machine; on a calm one it is milliseconds
		t.Errorf("silence took %v", closed)
	}

	// Who watched is told, and nothing that waited comes any more.
	if m, err := v.Next(t.Context()); !errors.Is(err, live.ErrPrivate) {
		t.Errorf("a viewer got %v, %v", m.Kind, err)
	}
	if _, err := h.cameras.Watch(g, media.Main); !errors.Is(err, ErrPrivate) {
		t.Errorf("watched a private camera: %v", err)
	}
	if _, _, err := h.cameras.Snapshot(t.Context(), g); !errors.Is(err, ErrPrivate) {
		t.Errorf("a picture of a private camera: %v", err)
	}
	for s, hub := range o.screens.hubs {
		if _, au := hub.LastKey(); au != nil {
			t.Errorf("the live hub of stream %d still has a picture", s)
		}
	}
	if _, _, err := h.cameras.Probe(t.Context(), CameraSettings{URL: h.sim.URL(h.cams[0], media.Sub)}); err == nil {
		t.Error("a private camera was asked what it offers")
	}
	if _, err := h.cameras.Add(t.Context(), CameraSettings{Name: "Again", URL: h.sim.URL(h.cams[0], media.Main)}); err == nil {
		t.Error("a private camera was added under another name")
	}
	if h.status(0) != camera.Private {
		t.Errorf("it is %s", h.status(0))
	}
	// A change that makes the connection anew does not make it.
	if err := h.cameras.Update(t.Context(), h.grant(0, access.Manage), CameraSettings{
		Name: "Nursery", URL: h.sim.URL(h.cams[0], media.Main), DetectURL: h.sim.URL(h.cams[0], media.Sub), Transport: "auto",
		Motion: media.MotionSettings{Off: true},
	}); err != nil {
		t.Fatal(err)
	}
	h.silent(0, came)
	if n := h.cams[0].Count(media.Main) + h.cams[0].Count(media.Sub); n != sent {
		t.Errorf("the camera sent %d pictures while it is private", n-sent)
	}
	// How long the last picture lasts is guessed, and when it was taken is the camera's word: slack.
	const slack = time.Second
	if end := recorded(); end.After(began.Add(took + slack)) {
		t.Errorf("recorded until %v, private since %v", end, began)
	}
	now := time.Now()
	line, err := h.cameras.Store.Timeline(footage, began.Add(-time.Minute), now)
	if err != nil {
		t.Fatal(err)
	}
	last := line.Gaps[len(line.Gaps)-1]
	if last.Reason != storage.Private || last.From.Before(was.Add(-slack)) || last.From.After(began.Add(took+slack)) || now.Sub(last.To) > slack {
		t.Errorf("the gap on the timeline is %+v, private since %v", last, began)
	}

	// And back.
	h.turn(0, false)
	open := time.Now()
	h.online(0)
	h.until("footage again", func() bool { return recorded().After(open) })
	line, err = h.cameras.Store.Timeline(footage, began.Add(-time.Minute), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range line.Spans {
		if s.To.After(began.Add(took+slack)) && s.From.Before(open.Add(-100*time.Millisecond)) {
			t.Errorf("footage %v to %v of the time in which it was private, %v to %v", s.From, s.To, began, open)
		}
	}
	if v, err = h.cameras.Watch(g, media.Main); err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for {
		m, err := v.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind == live.Media {
			if m.Wall.Before(open.Add(-200 * time.Millisecond)) {
				t.Errorf("the first picture shown is of %v, before it looked again at %v", m.Wall, open)
			}
			break
		}
	}
}

// TestPreRollIsDropped: what waited in memory for motion is not recorded when something moves after the switch.
func TestPreRollIsDropped(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery")
	h.online(0)
	if err := h.cameras.Update(t.Context(), h.grant(0, access.Manage), CameraSettings{
		Name: "Nursery", URL: h.sim.URL(h.cams[0], media.Main), DetectURL: h.sim.URL(h.cams[0], media.Sub), Record: "motion",
	}); err != nil {
		t.Fatal(err)
	}
	h.online(0)
	sent := h.cams[0].Count(media.Main)
	h.until("a pre-roll", func() bool { return h.cams[0].Count(media.Main) > sent+15 })
	before := time.Now()
	h.turn(0, true)
	h.turn(0, false)
	h.online(0)
	o := h.cameras.running[h.ids[0]]
	for _, r := range o.recorders {
		r.SetMoving(true)
	}
	footage := h.grant(0, access.Footage)
	var line storage.Timeline
	h.until("footage of the motion", func() bool {
		var err error
		if line, err = h.cameras.Store.Timeline(footage, before.Add(-time.Second/2), time.Now()); err != nil {
			t.Fatal(err)
		}
		return len(line.Spans) > 0 && line.Spans[len(line.Spans)-1].To.After(before)
	})
	if from := line.Spans[len(line.Spans)-1].From; from.Before(before.Add(-200 * time.Millisecond)) {
		t.Errorf("recorded from %v, the switch was at %v", from, before)
	}
}

func TestPrivateFromTheFirstMoment(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery", "Yard")
	h.online(0)
	h.online(1)
	h.turn(0, true)
	on := true
	if err := h.cameras.SetHousePrivacy(t.Context(), PrivacyChange{On: &on}); err != nil {
		t.Fatal(err)
	}
	since, err := h.cameras.State(h.grant(0, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	h.stop()
	came, _ := h.sim.Calls()

	h.start()
	h.silent(0, came)
	h.silent(1, came)
	again, err := h.cameras.State(h.grant(0, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	if again.Status != camera.Private || !again.Since.Truncate(time.Millisecond).Equal(since.Since.Truncate(time.Millisecond)) {
		t.Errorf("after the restart %s since %v; before since %v", again.Status, again.Since, since.Since)
	}
	if s, _ := h.cameras.State(h.grant(1, access.Live)); s.Private == nil || s.Private.Reason != privacy.House {
		t.Errorf("the other is %+v", s.Private)
	}
	// A camera that comes to a private house does not look either.
	if _, _, err := h.cameras.Probe(t.Context(), CameraSettings{URL: "rtsp://127.0.0.1:1/"}); !errors.Is(err, errHouse) {
		t.Errorf("a camera was tried: %v", err)
	}
	off := false
	if err := h.cameras.SetHousePrivacy(t.Context(), PrivacyChange{On: &off}); err != nil {
		t.Fatal(err)
	}
	h.online(1)
	if h.status(0) != camera.Private {
		t.Error("the nursery was private by itself, and is not any more")
	}
}

// TestScheduleSwitches: by the clock of now, a moment ahead.
func TestScheduleSwitches(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery")
	h.online(0)
	news := h.cameras.News().Subscribe()
	defer news.Close()
	until := time.Now().Add(2 * time.Second)
	on := true
	if err := h.set(0, PrivacyChange{On: &on, Until: &until}); err != nil {
		t.Fatal(err)
	}
	if h.status(0) != camera.Private && time.Now().Before(until) {
		t.Fatal("it looks")
	}
	h.online(0)
	if early := time.Until(until); early > 0 {
		t.Errorf("it looks %v early", early)
	}
	lines, _, err := h.cameras.Store.Access().AuditLog(access.AuditFilter{Camera: h.ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1 || lines[0].Act != ActNotPrivate || !lines[0].User.IsZero() {
		t.Errorf("the log says %+v", lines)
	}
	told := map[string]bool{}
	for len(news.Items()) > 0 {
		if d, ok := (<-news.Items()).Data.(map[string]string); ok {
			told[d["status"]] = true
		}
	}
	if !told[camera.Private] || !told[camera.Online] {
		t.Errorf("told %v", told)
	}

	// Hours that hold now, and switching off against them.
	now := time.Now().UTC()
	hours := []box.PrivateHours{{From: now.Add(-2 * time.Hour).Format("15:04"), To: now.Add(2 * time.Hour).Format("15:04")}}
	if err := h.set(0, PrivacyChange{Schedule: &hours}); err != nil {
		t.Fatal(err)
	}
	s, err := h.cameras.State(h.grant(0, access.Live))
	if err != nil || s.Private == nil || s.Private.Reason != privacy.Schedule || time.Until(s.Private.Until) < 118*time.Minute {
		t.Fatalf("%+v, %v", s.Private, err)
	}
	h.turn(0, false)
	h.online(0)
	p, err := h.cameras.Privacy(h.grant(0, access.Manage))
	if err != nil || p.On || !p.ByHand || time.Until(p.Until) < 20*time.Hour {
		t.Errorf("off against the schedule: %+v, %v", p, err)
	}
}

// TestWithoutTheTime: who has a schedule is private until the box knows what time it is.
func TestWithoutTheTime(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery", "Yard")
	soon := time.Now().UTC().Add(5 * time.Hour)
	hours := []box.PrivateHours{{From: soon.Format("15:04"), To: soon.Add(time.Hour).Format("15:04")}}
	if err := h.set(0, PrivacyChange{Schedule: &hours}); err != nil {
		t.Fatal(err)
	}
	h.online(0)
	h.known.Store(false)
	h.until("private", func() bool { return h.status(0) == camera.Private })
	h.online(1) // nothing depends on the time
	off := false
	var bad *FieldError
	if err := h.set(0, PrivacyChange{On: &off}); !errors.As(err, &bad) {
		t.Errorf("switched off against a schedule without the time: %v", err)
	}
	h.stop()
	before := h.cams[0].Count(media.Main)
	h.start()
	h.online(1)
	if h.status(0) != camera.Private || h.cams[0].Count(media.Main) != before {
		t.Errorf("after a restart without the time it is %s", h.status(0))
	}
	h.known.Store(true)
	h.online(0)
}

// TestADiskThatTakesNothing: on holds all the same, off does not.
func TestADiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery", "Yard")
	h.online(0)
	h.turn(1, true)
	full := errors.New("no space left on device")
	h.cameras.write = func(box.PrivacyChange) error { return full }

	on, off := true, false
	var unkept *UnkeptError
	if err := h.set(0, PrivacyChange{On: &on}); !errors.As(err, &unkept) || !unkept.Holds {
		t.Errorf("on: %v", err)
	}
	if h.status(0) != camera.Private {
		t.Errorf("it is %s", h.status(0))
	}
	h.until("its sessions end", func() bool { return h.cams[0].Watchers(media.Main) == 0 })
	if p, err := h.cameras.Privacy(h.grant(0, access.Manage)); err != nil || !p.On || !p.Unkept {
		t.Errorf("%+v, %v", p, err)
	}
	if err := h.set(1, PrivacyChange{On: &off}); !errors.As(err, &unkept) || unkept.Holds {
		t.Errorf("off: %v", err)
	}
	if h.status(1) != camera.Private {
		t.Errorf("the other is %s", h.status(1))
	}

	// When there is room again, the switch is written with what comes next.
	h.cameras.switching.Lock()
	h.cameras.write = nil
	h.cameras.switching.Unlock()
	h.turn(1, false)
	if p, err := h.cameras.Privacy(h.grant(0, access.Manage)); err != nil || p.Unkept {
		t.Errorf("%+v, %v", p, err)
	}
	if k, err := h.cameras.Store.Box().Camera(h.ids[0]); err != nil || k.Privacy == nil || !k.Privacy.On {
		t.Errorf("kept: %+v, %v", k.Privacy, err)
	}
}

// TestWhoChangesSettingsDoesNotUndoASwitch: a record that was read before the switch is written after it.
func TestWhoChangesSettingsDoesNotUndoASwitch(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Nursery")
	before, err := h.cameras.Store.Box().Camera(h.ids[0])
	if err != nil {
		t.Fatal(err)
	}
	h.turn(0, true)
	if err := h.cameras.Store.Box().PutCamera(before); err != nil {
		t.Fatal(err)
	}
	h.stop()
	came, _ := h.sim.Calls()
	h.start()
	h.silent(0, came)
}
