package live_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// grant gives an owner's grant for a camera.
func grant(t testing.TB, cam media.CameraID, verb access.Verb) access.Grant {
	t.Helper()
	a, b := accesstest.Open(t)
	return accesstest.Grant(t, a, b, cam, verb)
}

// anyRun is a run with a picture and a sound track.
func anyRun(cam media.CameraID) *media.Run {
	return &media.Run{
		ID: media.NewUUID(), Camera: cam, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Tracks: []media.Track{
			{Codec: media.MJPEG, ClockRate: 90000, Width: 64, Height: 48},
			{Codec: media.Opus, ClockRate: 48000, Channels: 1},
		},
	}
}

// frame makes picture n of 10 a second, with a key frame every second.
func frame(run *media.Run, n, size int) *media.AccessUnit {
	return &media.AccessUnit{
		Camera: run.Camera, DTS: int64(n) * 9000, PTS: int64(n) * 9000, Key: n%10 == 0,
		Wall: run.Start.Add(time.Duration(n) * 100 * time.Millisecond), Data: make([]byte, size),
	}
}

// sound makes packet n of 50 a second.
func sound(run *media.Run, n int) *media.AccessUnit {
	return &media.AccessUnit{
		Camera: run.Camera, Track: 1, DTS: int64(n) * 960, PTS: int64(n) * 960, Key: true,
		Wall: run.Start.Add(time.Duration(n) * 20 * time.Millisecond), Data: []byte{byte(n)},
	}
}

// drain takes all that waits for a viewer.
func drain(v *live.Viewer) []live.Message {
	var all []live.Message
	for {
		ctx, cancel := context.WithCancel(context.Background())
		m, ok := poll(ctx, cancel, v)
		if !ok {
			return all
		}
		all = append(all, m)
	}
}

// poll takes one message if one waits. Next looks into the queue before it waits, so a context that ends once Next
// waits is all that is needed: done is called by a Done channel that is first asked for then.
func poll(ctx context.Context, cancel func(), v *live.Viewer) (live.Message, bool) {
	defer cancel()
	m, err := v.Next(&onWait{Context: ctx, cancel: cancel})
	return m, err == nil
}

// onWait is a context that is cancelled when somebody begins to wait for it.
type onWait struct {
	context.Context
	cancel func()
}

func (c *onWait) Done() <-chan struct{} { c.cancel(); return c.Context.Done() }

// frames says which pictures are in a message, as DTS in tenths of a second.
func frames(t testing.TB, m live.Message) []int {
	t.Helper()
	runs, err := fmp4.Parse(m.Data)
	if err != nil {
		t.Fatal(err)
	}
	var n []int
	for _, r := range runs {
		if r.Track == 0 {
			for i := range r.Samples {
				n = append(n, int(r.DTS(i))/9000)
			}
		}
	}
	return n
}

func TestSubscribeAsksForAGrant(t *testing.T) {
	cam := media.NewCameraID()
	h := &live.Hub{Camera: cam}
	for name, g := range map[string]access.Grant{
		"none":           {},
		"another camera": grant(t, media.NewCameraID(), access.Live),
		"another verb":   grant(t, cam, access.Footage),
	} {
		if _, err := h.Subscribe(g); !errors.Is(err, live.ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h.Viewers() != 0 {
		t.Error("somebody watches")
	}
	g := grant(t, cam, access.Live)
	v, err := h.Subscribe(g)
	if err != nil || v.Grant() != g || h.Viewers() != 1 {
		t.Fatalf("%v, %d viewers", err, h.Viewers())
	}
	v.Close()
	v.Close()
	if _, err := v.Next(t.Context()); !errors.Is(err, io.EOF) || h.Viewers() != 0 {
		t.Errorf("after Close: %v, %d viewers", err, h.Viewers())
	}
	h.Close()
	if _, err := h.Subscribe(g); !errors.Is(err, live.ErrClosed) {
		t.Errorf("after the hub's Close: %v", err)
	}
}

// TestPlays: what a viewer gets who comes in the middle of a GOP is, joined, a file that ffmpeg reads without a
// word, with every unit since that GOP's key frame at its time.
func TestPlays(t *testing.T) {
	for name, spec := range map[string]fmp4test.Spec{
		"H.264 with B-frames, AAC": {Video: media.H264, BFrames: 2, Sound: media.AAC, GOP: 20, Seconds: 3},
		"H.265":                    {Video: media.H265, GOP: 20, Seconds: 3},
		"3 a second, FLAC":         {Video: media.H264, FPS: 3, GOP: 6, Sound: media.FLAC, Seconds: 6},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Make(t, spec)
			h := &live.Hub{Camera: clip.Run.Camera}
			h.StartRun(clip.Run)
			middle := len(clip.Units) / 2
			first := 0 // the key frame before the middle
			for i, u := range clip.Units[:middle] {
				h.WriteUnit(clip.Run, u)
				if u.Track == 0 && u.Key {
					first = i
				}
			}
			v, err := h.Subscribe(grant(t, clip.Run.Camera, access.Live))
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			var got []live.Message
			for _, u := range clip.Units[middle:] {
				h.WriteUnit(clip.Run, u)
				got = append(got, drain(v)...)
			}
			h.EndRun(clip.Run, "end")
			got = append(got, drain(v)...)

			if got[0].Kind != live.Init || got[0].MIME != fmp4.MIME(clip.Run.Tracks) || !got[0].Wall.Equal(clip.Run.Start) {
				t.Fatalf("first: %+v", got[0])
			}
			if got[1].Kind != live.Media || !got[1].Key || !got[1].Wall.Equal(clip.Units[first].Wall) {
				t.Fatalf("second: kind %v, key %v, wall %v", got[1].Kind, got[1].Key, got[1].Wall)
			}
			end := got[len(got)-1]
			if end.Kind != live.Notice || string(end.Data) != live.NoticeOffline {
				t.Errorf("last: %v %q", end.Kind, end.Data)
			}
			var file []byte
			for _, m := range got[:len(got)-1] {
				file = append(file, m.Data...)
			}
			name := filepath.Join(t.TempDir(), "live.mp4")
			if err := os.WriteFile(name, file, 0o600); err != nil {
				t.Fatal(err)
			}
			p := fmp4test.Probe(t, name)
			for i := range clip.Run.Tracks {
				fmp4test.SameUnits(t, i, clip.Units[first:], p.Of(i))
			}
			fmp4test.Decode(t, name)
		})
	}
}

// TestShared: a frame is put in a fragment once however many watch, and not at all while nobody does.
func TestShared(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	var told []bool
	h := &live.Hub{Camera: cam, OnWatch: func(on bool) { told = append(told, on) }}
	h.StartRun(run)
	for n := range 5 {
		h.WriteUnit(run, frame(run, n, 10))
	}
	if c := h.Counters(); c.Fragments != 0 {
		t.Errorf("%d fragments for nobody", c.Fragments)
	}
	g := grant(t, cam, access.Live)
	var viewers []*live.Viewer
	for range 3 {
		v, err := h.Subscribe(g)
		if err != nil {
			t.Fatal(err)
		}
		viewers = append(viewers, v)
	}
	before := h.Counters().Fragments
	h.WriteUnit(run, frame(run, 5, 10))
	if c := h.Counters(); c.Fragments != before+1 || c.Viewers != 3 {
		t.Errorf("%+v, want one fragment more than %d", c, before)
	}
	var last []live.Message
	for _, v := range viewers {
		got := drain(v)
		if len(got) != 3 || !slices.Equal(frames(t, got[1]), []int{0, 1, 2, 3, 4}) || !slices.Equal(frames(t, got[2]), []int{5}) {
			t.Fatalf("got %d messages", len(got))
		}
		last = append(last, got[2])
		v.Close()
	}
	if &last[0].Data[0] != &last[1].Data[0] || &last[0].Data[0] != &last[2].Data[0] {
		t.Error("the viewers do not share the fragment's bytes")
	}
	if want := []bool{true, false}; !slices.Equal(told, want) {
		t.Errorf("OnWatch was told %v, want %v", told, want)
	}
}

// TestSoundOnce: a viewer who comes while sound waits for its picture gets it once, as do those who were there.
func TestSoundOnce(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam}
	g := grant(t, cam, access.Live)
	h.StartRun(run)
	early, err := h.Subscribe(g)
	if err != nil {
		t.Fatal(err)
	}
	h.WriteUnit(run, frame(run, 0, 10))
	h.WriteUnit(run, sound(run, 0))
	h.WriteUnit(run, sound(run, 1))
	late, err := h.Subscribe(g)
	if err != nil {
		t.Fatal(err)
	}
	h.WriteUnit(run, sound(run, 2))
	h.WriteUnit(run, frame(run, 1, 10))
	for n := 3; n < 20; n++ { // no picture: sound goes alone
		h.WriteUnit(run, sound(run, n))
	}
	h.EndRun(run, "end")
	for name, v := range map[string]*live.Viewer{"early": early, "late": late} {
		var packets []int
		for _, m := range drain(v) {
			if m.Kind != live.Media {
				continue
			}
			runs, err := fmp4.Parse(m.Data)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range runs {
				for i := range r.Samples {
					if r.Track == 1 {
						packets = append(packets, int(r.DTS(i)/960))
						if d := r.Samples[i].Duration; d != 960 && packets[len(packets)-1] > 0 { // of the first nobody knows
							t.Errorf("%s: packet of %d ticks", name, d)
						}
					}
				}
			}
		}
		for i, n := range packets {
			if n != i {
				t.Fatalf("%s: packets %v", name, packets)
			}
		}
		if len(packets) != 20 {
			t.Errorf("%s: %d packets of 20", name, len(packets))
		}
	}
}

// TestSlowViewer: past the bound a viewer skips to a key frame, the newest of them, and is told the second time; the
// one beside it loses nothing.
func TestSlowViewer(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam}
	g := grant(t, cam, access.Live)
	slow, err := h.Subscribe(g)
	if err != nil {
		t.Fatal(err)
	}
	good, err := h.Subscribe(g)
	if err != nil {
		t.Fatal(err)
	}
	h.StartRun(run)
	fine := 0
	step := func(n int) {
		h.WriteUnit(run, frame(run, n, 10))
		for _, m := range drain(good) {
			if m.Kind == live.Media {
				fine += len(frames(t, m))
			}
		}
	}
	for n := range 65 {
		step(n)
	}
	// 0 to 20 fit in 2 s; 21 to 29 are skipped, and the key frame 30 takes the place of what waits; 51 is again one too
	// many, and 60 takes its place.
	got := drain(slow)
	var pictures []int
	for _, m := range got {
		if m.Kind == live.Media {
			pictures = append(pictures, frames(t, m)...)
		}
	}
	if want := []int{60, 61, 62, 63, 64}; !slices.Equal(pictures, want) {
		t.Errorf("the slow one sees %v, want %v", pictures, want)
	}
	if string(got[0].Data) != live.NoticeSlow || got[1].Kind != live.Init || len(got) != 7 {
		t.Errorf("the slow one got %d messages, the first %v %q", len(got), got[0].Kind, got[0].Data)
	}
	if c := h.Counters(); c.Skips != 2 || c.Skipped != 60 {
		t.Errorf("%+v, want 2 skips of 60 fragments", c)
	}
	if fine != 65 {
		t.Errorf("the good one got %d of 65", fine)
	}
	// Back on its feet, and long after it is slow once more: that is no second time.
	for n := 65; n < 400; n++ {
		step(n)
		drain(slow)
	}
	for n := 400; n < 435; n++ {
		step(n)
	}
	for _, m := range drain(slow) {
		if m.Kind == live.Notice {
			t.Errorf("told %q", m.Data)
		}
	}
	slow.Close()
	if c := h.Counters(); c.Skips != 3 || c.Viewers != 1 {
		t.Errorf("a viewer that went took its counters along: %+v", c)
	}
}

// TestBytesAreBounded: large frames are skipped by their bytes, long before the time is up.
func TestBytesAreBounded(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam, QueueBytes: 10_000}
	v, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	h.StartRun(run)
	for n := range 9 {
		h.WriteUnit(run, frame(run, n, 3000))
	}
	bytes := 0
	for _, m := range drain(v) {
		bytes += len(m.Data)
	}
	if bytes > 10_000 || h.Counters().Skips != 1 {
		t.Errorf("%d bytes waited, %+v", bytes, h.Counters())
	}
}

// TestRunChange: a new run begins with an Init for everyone, and nothing of it comes before its key frame.
func TestRunChange(t *testing.T) {
	cam := media.NewCameraID()
	one, two := anyRun(cam), anyRun(cam)
	h := &live.Hub{Camera: cam}
	v, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	h.StartRun(one)
	h.WriteUnit(one, frame(one, 0, 10))
	if run, au := h.LastKey(); run != one || au == nil || !au.Key {
		t.Errorf("the last key frame: %v %v", run, au)
	}
	h.EndRun(one, "connection lost")
	if run, au := h.LastKey(); run != nil || au != nil {
		t.Error("a key frame of a camera that sends nothing")
	}
	h.WriteUnit(one, frame(one, 1, 10))
	h.StartRun(two)
	h.WriteUnit(one, frame(one, 2, 10)) // of the run that has ended
	h.WriteUnit(two, frame(two, 3, 10)) // no key frame yet
	h.WriteUnit(two, frame(two, 10, 10))
	got := drain(v)
	if len(got) != 2 || got[0].Kind != live.Init || !got[1].Key || !slices.Equal(frames(t, got[1]), []int{10}) {
		t.Errorf("%d messages: %+v", len(got), got)
	}
	late, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	h.Close()
	for _, v := range []*live.Viewer{v, late} {
		if _, err := v.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after the hub's Close: %v", err)
		}
	}
}

// TestLongGOP: a camera that sends no key frames any more cannot fill the memory; who comes then waits for one.
func TestLongGOP(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam}
	h.StartRun(run)
	for n := range 30 {
		u := frame(run, n, 1<<20)
		u.Key = n == 0
		h.WriteUnit(run, u)
	}
	v, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	u := frame(run, 31, 10)
	h.WriteUnit(run, u)
	h.WriteUnit(run, frame(run, 40, 10))
	got := drain(v)
	if len(got) != 2 || got[0].Kind != live.Init || !slices.Equal(frames(t, got[1]), []int{40}) {
		t.Errorf("%d messages", len(got))
	}
}

// TestCrowd: many come and go while the camera sends; what each gets is one stretch from a key frame on.
func TestCrowd(t *testing.T) {
	cam := media.NewCameraID()
	run := anyRun(cam)
	h := &live.Hub{Camera: cam}
	g := grant(t, cam, access.Live)
	h.StartRun(run)
	stop := make(chan struct{})
	var camera, crowd sync.WaitGroup
	camera.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				h.WriteUnit(run, frame(run, n, 100))
			}
		}
	})
	for range 8 {
		crowd.Go(func() {
			for range 20 {
				v, err := h.Subscribe(g)
				if err != nil {
					t.Error(err)
					return
				}
				next := -1
				for range 10 {
					m, err := v.Next(t.Context())
					if err != nil {
						t.Error(err)
						break
					}
					if m.Kind != live.Media {
						continue
					}
					for _, n := range frames(t, m) {
						if next >= 0 && n != next && n%10 != 0 || next < 0 && n%10 != 0 {
							t.Errorf("picture %d, not %d", n, next)
						}
						next = n + 1
					}
				}
				v.Close()
			}
		})
	}
	crowd.Wait()
	close(stop)
	camera.Wait()
	if h.Viewers() != 0 {
		t.Errorf("%d watch still", h.Viewers())
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, viewers := range []int{0, 1, 20} {
		b.Run(map[int]string{0: "nobody", 1: "one viewer", 20: "20 viewers"}[viewers], func(b *testing.B) {
			cam := media.NewCameraID()
			run := anyRun(cam)
			h := &live.Hub{Camera: cam}
			g := grant(b, cam, access.Live)
			var all []*live.Viewer
			h.StartRun(run)
			for range viewers {
				v, err := h.Subscribe(g)
				if err != nil {
					b.Fatal(err)
				}
				v.Next(b.Context())
				all = append(all, v)
			}
			data := make([]byte, 4_000_000/8/15)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				u := frame(run, n, 0)
				u.Data = data
				h.WriteUnit(run, u)
				for _, v := range all {
					if _, err := v.Next(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				n++
			}
		})
	}
}
