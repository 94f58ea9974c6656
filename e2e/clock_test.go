package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/nvr/record"
	"hearth/storage"
	"hearth/storage/box"
)

// TestClockOnThePage shows the day on which summer time ends, in a browser in Berlin: the hour that comes twice, what was
// recorded before the box knew the time, and what was recorded twice because the clock was set back.
func TestClockOnThePage(t *testing.T) {
	at := func(text string) time.Time {
		moment, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Size: "160x90", FPS: 5, GOP: 10, Seconds: 120})
	data := filepath.Join(t.TempDir(), "data")
	camera := prerecorded(t, data, clip, []media.Run{
		{Start: at("2026-10-23T21:59:00Z"), Trusted: true}, // midnight, also of the two days after that
		{Start: at("2026-10-24T21:59:00Z"), Trusted: true},
		{Start: at("2026-10-25T00:29:00Z"), Trusted: true}, // 02:29, summer time
		{Start: at("2026-10-25T01:29:00Z"), Trusted: true}, // 02:29, an hour later
		{Start: at("2026-10-25T03:00:00Z")},                // 04:00
		{Start: at("2026-10-25T05:00:00Z"), Trusted: true}, // 06:00, and again
		{Start: at("2026-10-25T05:01:00Z"), Trusted: true, ClockWas: at("2026-10-25T05:02:00Z")},
		{Start: at("2026-10-25T22:59:00Z"), Trusted: true},
	})
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	a := &appliance{process: p, url: address(p.line(t, "listening", 15*time.Second)), client: newClient(t)}
	a.do(t, "POST", "/setup", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
	newBrowser(t, "clock.mjs", map[string]any{
		"origin": a.url, "name": ownerName, "password": ownerPassword, "camera": camera.String(),
	}).steps(t)
}

// prerecorded makes a data folder with a camera of which the same clip was recorded at several times.
func prerecorded(t *testing.T, data string, clip fmp4test.Clip, runs []media.Run) media.CameraID {
	t.Helper()
	store, err := storage.Open(storage.Options{Dir: data, Tick: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	id := media.NewCameraID()
	if err := store.Box().PutCamera(box.Camera{ID: id, Name: "Front door", URL: "rtsp://127.0.0.1:9/none", Record: "off"}); err != nil {
		t.Fatal(err)
	}
	if err := store.Keys().AddCamera(id); err != nil {
		t.Fatal(err)
	}
	w, err := store.Writer(id, media.Main)
	if err != nil {
		t.Fatal(err)
	}
	r := &record.Recorder{Writer: w, Camera: id}
	for _, k := range runs {
		run := k
		run.ID, run.Camera, run.Tracks = media.NewUUID(), id, clip.Run.Tracks
		r.StartRun(&run)
		for _, u := range clip.Units {
			moved := *u
			moved.Camera = id
			moved.Wall = run.Start.Add(u.Wall.Sub(clip.Run.Start))
			r.WriteUnit(&run, &moved)
		}
		r.EndRun(&run, "the clock was set")
		eventually(t, 10*time.Second, "a run is on the disk", func() bool { return store.Usage().AtRisk == 0 })
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c := r.Counters(); c.Dropped != 0 {
		t.Fatalf("%+v", c)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}
