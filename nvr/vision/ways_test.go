package vision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

var (
	card  = protocol.Way{Name: protocol.VAAPI, Device: "/dev/dri/renderD128"}
	other = protocol.Way{Name: protocol.CUDA, Device: "0"}
)

// An honest process may speak of hardware that rests already, for what it was told before is on its way for a while. It is
// listened to; what it says twice counts once. What it cannot have is not believed.
func TestWhatAProcessMaySayOfHardware(t *testing.T) {
	left := protocol.Decoder{Name: protocol.Software, Codec: "h264", Why: "it hung", Failed: &card}
	uses := protocol.Decoder{Name: card.Name, Device: card.Device, Codec: "h264"}
	hangs := protocol.Error{Text: "did not come back", Failed: &card}
	for name, c := range map[string]struct {
		says     []protocol.Message
		err      error // of the last
		failures uint64
		using    protocol.Way
	}{
		"it failed":                {[]protocol.Message{uses, left}, nil, 1, protocol.Way{Name: protocol.Software}},
		"it failed, says so twice": {[]protocol.Message{uses, left, left}, nil, 1, protocol.Way{Name: protocol.Software}},
		"it failed, and again in the run that was begun": {[]protocol.Message{uses, left, uses, left}, nil, 1, protocol.Way{Name: protocol.Software}},
		"it failed, and was chosen again":                {[]protocol.Message{uses, left, uses}, nil, 1, card},
		"it failed, and hangs in the run that was begun": {[]protocol.Message{uses, left, uses, hangs}, errRests, 1, card},
		"it hangs":                                         {[]protocol.Message{uses, hangs}, errHardware, 1, card},
		"it hangs with its first picture":                  {[]protocol.Message{hangs}, errHardware, 1, protocol.Way{}},
		"software failed":                                  {[]protocol.Message{protocol.Decoder{Name: protocol.Software, Failed: &protocol.Way{Name: protocol.Software}}}, errNotGiven, 0, protocol.Way{}},
		"what it was not given failed":                     {[]protocol.Message{protocol.Decoder{Name: protocol.Software, Failed: &other}}, errNotGiven, 0, protocol.Way{}},
		"what it was not given hangs":                      {[]protocol.Message{protocol.Error{Failed: &other}}, errNotGiven, 0, protocol.Way{}},
		"what it was not given decodes":                    {[]protocol.Message{protocol.Decoder{Name: other.Name, Device: other.Device}}, errNotGiven, 0, protocol.Way{}},
		"another device of the kind decodes":               {[]protocol.Message{protocol.Decoder{Name: card.Name, Device: "/dev/dri/renderD129"}}, errNotGiven, 0, protocol.Way{}},
		"software decodes, whatever device it says it has": {[]protocol.Message{protocol.Decoder{Name: protocol.Software, Device: "0"}}, nil, 0, protocol.Way{Name: protocol.Software, Device: "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &Worker{Machine: with(card)}
				p := &process{given: []protocol.Way{card}, plan: plan{ways: []protocol.Way{card}}}
				var err error
				for i, m := range c.says {
					if err = w.answer(p, m, slog.New(slog.DiscardHandler)); err != nil && i < len(c.says)-1 {
						t.Fatalf("after %d words: %v", i+1, err)
					}
				}
				if !errors.Is(err, c.err) || c.err == nil && err != nil || errors.Is(c.err, errNotGiven) != errors.Is(err, protocol.ErrMalformed) {
					t.Errorf("ended with %v, want %v", err, c.err)
				}
				if w.status.HardwareFailures != c.failures || p.using != c.using {
					t.Errorf("%d failures, %v decodes; want %d, %v", w.status.HardwareFailures, p.using, c.failures, c.using)
				}
				if f := w.failed[card]; c.failures > 0 && (f == nil || f.rest != firstRest) {
					t.Errorf("it rests: %+v", f)
				}
			})
		})
	}
}

// However often a process says that hardware failed, or that it was refused: it counts once for each time that it was to be
// tried.
func TestRestsDoNotGrowByWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Worker{Machine: with(card)}
		p := &process{given: []protocol.Way{card}}
		says := []protocol.Message{
			protocol.Decoder{Name: protocol.Software, Failed: &card}, protocol.Decoder{Name: protocol.Software}, protocol.Error{Failed: &card},
		}
		for _, rest := range []time.Duration{1, 2, 4, 8} {
			w.told(p, media.H264, w.planFor(media.H264))
			if !slices.Equal(p.plan.ways, []protocol.Way{card}) {
				t.Fatalf("it is not tried again: %v", p.plan.ways)
			}
			for range 1000 {
				for _, m := range says {
					_ = w.answer(p, m, slog.New(slog.DiscardHandler))
				}
			}
			if got := w.failed[card].rest; got != rest*time.Minute {
				t.Fatalf("it rests for %s, want %d minutes", got, rest)
			}
			time.Sleep(rest * time.Minute)
		}
	})
}

// watched tells of the lines that say when a process is started anew.
type watched struct {
	slog.Handler
	anew chan time.Duration // how long until then
}

func (h watched) Enabled(context.Context, slog.Level) bool { return true }
func (h watched) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h watched) Handle(_ context.Context, r slog.Record) error {
	if r.Level < slog.LevelWarn || r.Message == "hardware failed, software decodes" {
		return nil
	}
	wait := time.Duration(0)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "in" {
			wait = a.Value.Duration()
		}
		return true
	})
	h.anew <- wait
	return nil
}

// A process that ends because of hardware is started anew at once when that rests from then on, and only then: else it
// would be for as long as it goes on so.
func TestAnEndBecauseOfHardwareIsWaitedFor(t *testing.T) {
	uses := protocol.Decoder{Name: card.Name, Device: card.Device, Codec: "h264"}
	for name, says := range map[string][]protocol.Message{
		"it says that hardware hangs":          {protocol.Error{Text: "hangs", Failed: &card}},
		"it ends while hardware decodes":       {uses},
		"it talks nonsense while that decodes": {uses, protocol.Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var text bytes.Buffer
			for _, m := range append([]protocol.Message{protocol.Hello{Version: protocol.Version}}, says...) {
				if err := protocol.Write(&text, m); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "words"), text.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "vision")
			if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\ncat %s/words\nexit 3\n", dir), 0o755); err != nil {
				t.Fatal(err)
			}
			anew := make(chan time.Duration, 1000)
			r := newRig(t, func(w *Worker) {
				w.Program, w.Machine, w.Hardware, w.Backoff = path, with(card), hardware.Auto, time.Hour
				w.Log = slog.New(watched{anew: anew})
			})
			run := &media.Run{Tracks: []media.Track{{Codec: media.H264}}}
			done := make(chan struct{})
			defer close(done)
			go func() { // each process begins with a key frame
				for at := time.Now(); ; at = at.Add(time.Second) {
					select {
					case <-done:
						return
					case <-time.After(5 * time.Millisecond):
						r.WriteUnit(run, &media.AccessUnit{Camera: r.Camera, Key: true, Wall: at, Data: []byte{1}})
					}
				}
			}()
			for i, want := range []time.Duration{0, time.Hour} {
				select {
				case wait := <-anew:
					if wait != want {
						t.Fatalf("end %d: started anew in %s, want %s", i+1, wait, want)
					}
				case <-time.After(time.Minute):
					t.Fatalf("end %d: nothing was said: %+v", i+1, r.Status())
				}
			}
			if s := r.Status(); s.HardwareFailures != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A plan is made anew with each thing that it hangs on, and only then.
func TestAPlanIsMadeAnewWhenSomethingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &Worker{}
		p := &process{given: []protocol.Way{card}}
		for _, c := range []struct {
			name  string
			do    func()
			codec media.Codec
			ways  []protocol.Way
		}{
			{"nothing was tried yet", func() {}, media.H264, nil},
			{"it was tried", func() { w.Machine = with(card) }, media.H264, []protocol.Way{card}},
			{"tried again, and found another", func() { w.Machine = with(other) }, media.H264, []protocol.Way{other}},
			{"and the first again", func() { w.Machine = with(card) }, media.H264, []protocol.Way{card}},
			{"another codec", func() {}, media.H265, nil},
			{"the first codec", func() {}, media.H264, []protocol.Way{card}},
			{"the owner wants software", func() { w.SetHardware(protocol.Software) }, media.H264, nil},
			{"the owner leaves it to us", func() { w.SetHardware(hardware.Auto) }, media.H264, []protocol.Way{card}},
			{"it failed", func() { w.noteFailure(p, card, "hung") }, media.H264, nil},
			{"it rests", func() { time.Sleep(firstRest - 1) }, media.H264, nil},
			{"it has rested", func() { time.Sleep(time.Nanosecond) }, media.H264, []protocol.Way{card}},
			{"it was refused", func() {
				w.told(p, media.H264, w.planFor(media.H264))
				w.decodes(p, protocol.Decoder{Name: protocol.Software})
			}, media.H264, nil},
		} {
			c.do()
			got := w.planFor(c.codec)
			if !slices.Equal(got.ways, c.ways) || got.final != (c.ways == nil && w.failed[card] == nil) {
				t.Errorf("%s: %+v", c.name, got)
			}
			if rests := w.failed[card] != nil && time.Now().Before(w.failed[card].until); (w.status.RetryAt != nil) != rests {
				t.Errorf("%s: it is tried again at %v", c.name, w.status.RetryAt)
			}
			if n := testing.AllocsPerRun(100, func() { w.planFor(c.codec) }); n != 0 {
				t.Errorf("%s: asking again allocates %v times", c.name, n)
			}
		}
	})
}

// What may decode is asked with every hand-over: with each unit, while the worker watches.
func BenchmarkPlan(b *testing.B) {
	t := &protocol.Trials{Version: protocol.TrialsVersion}
	for _, x := range []protocol.Way{card, other, {Name: protocol.V4L2}, {Name: protocol.Software}} {
		for _, c := range []media.Codec{media.H264, media.H265, media.MJPEG, media.AV1} {
			for _, bits := range []int{8, 10} {
				t.Trials = append(t.Trials, protocol.Trial{Codec: c, Bits: bits, Way: x, Works: x.Name != protocol.V4L2, CPU: 1, Why: "there is none"})
			}
		}
	}
	w := &Worker{Machine: hardware.Of(t)}
	p := &process{given: []protocol.Way{card, other}}
	for _, anew := range []bool{false, true} {
		b.Run(map[bool]string{false: "asked again", true: "made anew"}[anew], func(b *testing.B) {
			for b.Loop() {
				if anew {
					w.planned = nil
				}
				w.planOf(p, media.H264)
			}
		})
	}
}
