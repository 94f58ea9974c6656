package camera

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// simulate serves one simulated camera until the test ends.
func simulate(t *testing.T, c *sim.Camera) *sim.Server {
	t.Helper()
	s := &sim.Server{Cameras: []*sim.Camera{c}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	return s
}

func simulated(s *sim.Server, c *sim.Camera, transport string) Config {
	const host = "rtsp://"
	return Config{
		URL: host + s.Addr().String() + "/" + c.Name, DetectURL: host + s.Addr().String() + "/" + c.Name + "/sub",
		Username: c.User, Password: c.Password, Transport: transport, Audio: true,
	}
}

// explosive is a watcher that panics at the third picture, as many times as there is powder.
type explosive struct {
	*watcher
	powder  atomic.Int32
	units   int
	atStart bool // or at the start of a run
}

func (e *explosive) StartRun(run *media.Run) {
	if e.atStart && e.powder.Add(-1) >= 0 {
		panic("bang")
	}
	e.units = 0
	e.watcher.StartRun(run)
}

func (e *explosive) WriteUnit(run *media.Run, au *media.AccessUnit) {
	if e.units++; !e.atStart && e.units == 3 && e.powder.Add(-1) >= 0 {
		panic("bang")
	}
	e.watcher.WriteUnit(run, au)
}

// What cannot be handled of one camera costs its connection, and nobody else anything.
func TestAPanicCostsTheConnectionOnly(t *testing.T) {
	for name, atStart := range map[string]bool{"in a run": false, "at its start": true} {
		t.Run(name, func(t *testing.T) {
			yard := &sim.Camera{
				Name: "yard", GOP: 8, User: "u", Password: "p",
				Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
			}
			server := simulate(t, yard)
			w, sub := &explosive{watcher: newWatcher(t), atStart: atStart}, newWatcher(t)
			w.powder.Store(2)
			var log bytes.Buffer
			var mu sync.Mutex
			tune := quickTuning()
			c := &Camera{
				Config: simulated(server, yard, TransportTCP), Main: w, Sub: sub, tune: tune,
				Log: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil)),
			}
			stop := start(t, c)
			runs := 2 // that broke
			if atStart {
				runs = 0
			}
			w.until("pictures after two panics", pictures(runs, 10))
			sub.until("the other stream goes on", pictures(0, 10))
			stop()
			sub.locked(func() {
				if len(sub.runs) != 1 {
					t.Errorf("the other stream had %d runs, want 1", len(sub.runs))
				}
			})
			if n := strings.Count(log.String(), "panic=bang"); n != 2 {
				t.Errorf("%d lines about it, want 2:\n%s", n, log.String())
			}
		})
	}
}

// TestTroubles takes a camera through what cameras do.
func TestTroubles(t *testing.T) {
	yard := &sim.Camera{
		Name: "yard", GOP: 8, User: "ad min", Password: "p@ss/w:rd %?#", Auth: sim.DigestSHA256, Sound: sim.PCMU, BPictures: true,
		Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
	}
	server := simulate(t, yard)
	w, sub := newWatcher(t), newWatcher(t)
	tune := quickTuning()
	tune.noPicture = time.Second
	c := &Camera{Config: simulated(server, yard, TransportTCP), Main: w, Sub: sub, tune: tune}
	stop := start(t, c)
	w.until("pictures and sound", func(runs []*noted) bool { return pictures(0, 10)(runs) && len(runs[0].sounds) > 2 })
	sub.until("small pictures", pictures(0, 10))

	run := 0
	next := func(what, reason string) {
		t.Helper()
		w.until(what, func(runs []*noted) bool { return ended(run)(runs) && pictures(run+1, 10)(runs) })
		w.locked(func() {
			if got := w.runs[run].reason; got != reason {
				t.Errorf("%s: the run ended by %q, want %q", what, got, reason)
			}
		})
		run++
	}
	yard.Trouble.JumpClock(-time.Hour)
	next("the clock jumps back", reasonClock)
	yard.Trouble.JumpClock(2 * time.Hour)
	next("the clock jumps ahead", reasonClock)
	yard.Trouble.Resize(media.Main, 640, 360)
	next("another size", reasonSize)
	yard.Trouble.BPictures(false)
	yard.Trouble.Drop()
	next("the connection drops", reasonLost)
	yard.Trouble.Stall(true)
	w.until("the stall is noticed", ended(run))
	yard.Trouble.Stall(false)
	next("the stall is over", reasonStall)
	yard.Trouble.RefusePassword(true) // a session that runs goes on
	w.until("pictures go on", pictures(run, 30))
	stop()
	w.locked(func() {
		for i, r := range w.runs {
			if !r.ended {
				t.Errorf("run %d is not ended", i)
			}
		}
		if got := w.runs[3].run.Tracks[0].Width; got != 640 {
			t.Errorf("after the change of size the pictures are %d wide", got)
		}
	})
}

func TestDatagramsOutOfOrder(t *testing.T) {
	yard := &sim.Camera{Name: "yard", GOP: 8, Main: sim.Video{Width: 640, Height: 360, QP: 18}}
	server := simulate(t, yard)
	w := newWatcher(t)
	c := &Camera{Config: simulated(server, yard, TransportUDP), Main: w, tune: quickTuning()}
	stop := start(t, c)
	w.until("pictures", pictures(0, 5))
	yard.Trouble.Reorder(3)
	w.until("pictures though packets overtake", pictures(0, 40))
	if n := c.Counters(media.Main); n.Lost != 0 {
		t.Errorf("%d packets count as lost", n.Lost)
	}
	yard.Trouble.Reorder(0)
	yard.Trouble.Lose(150)
	w.until("pictures though packets get lost", pictures(0, 60))
	stop()
	if n := c.Counters(media.Main); n.Lost == 0 || n.Dropped == 0 {
		t.Errorf("no loss was counted: %+v", n)
	}
	r := w.runs[0]
	decodes(t, h264Naming(), annexB(h264Naming(), r.sets(), r.samples()))
}

func TestProbeFindsTheSimulatedSubStream(t *testing.T) {
	yard := &sim.Camera{Name: "yard", GOP: 8, User: "a", Password: "b", Sound: sim.AAC, Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90}}
	server := simulate(t, yard)
	cfg := simulated(server, yard, TransportTCP)
	want := cfg.DetectURL
	cfg.DetectURL = ""
	o, err := Probe(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if o.SuggestedURL != want || o.Sub == nil || o.Sub.Track.Width != 160 || o.Main.Audio == nil || o.Main.Audio.Codec != media.AAC {
		t.Errorf("offer: %+v", o)
	}
}

// TestAStopKeepsWhatCame: what came before the stop and waits in the kernel, for more to read at once, is not lost.
func TestAStopKeepsWhatCame(t *testing.T) {
	for range 3 {
		var sent atomic.Int32
		yard := &sim.Camera{Name: "yard", FPS: 30, GOP: 300, Main: sim.Video{Width: 320, Height: 180, QP: 18}, OnSent: func(sim.Sent) { sent.Add(1) }}
		server := simulate(t, yard)
		w := newWatcher(t)
		tune := defaultTuning
		tune.tick = 500 * time.Millisecond // the mark is set from the second tick on, and follows what came between them
		stop := start(t, &Camera{Config: simulated(server, yard, TransportTCP), Main: w, tune: &tune})
		w.until("pictures", pictures(0, 60))
		time.Sleep(patience / 2) // these were fetched a moment ago, and the next ones gather
		yard.Trouble.Stall(true)
		time.Sleep(patience / 5) // the last one is on its way
		stop()
		w.locked(func() {
			if got, want := len(w.runs[0].units), int(sent.Load()); len(w.runs) != 1 || got != want {
				t.Errorf("%d runs, of %d pictures sent %d are kept", len(w.runs), want, got)
			}
		})
	}
}
