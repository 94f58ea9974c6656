package record

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage"
)

// shelf is a Writer that keeps everything in memory and refuses fragments on demand.
type shelf struct {
	refuse func(n int) bool // by number, from 0
	seen   int
	takes  []take
	closed bool
}

// take is what was written between Begin and End.
type take struct {
	run       *media.Run
	init      []byte
	fragments []storage.Fragment
	ended     string
}

var errFull = errors.New("full")

func (s *shelf) Begin(run *media.Run, init []byte) {
	s.takes = append(s.takes, take{run: run, init: init})
}

func (s *shelf) Append(f storage.Fragment) error {
	n := s.seen
	s.seen++
	if s.refuse != nil && s.refuse(n) {
		return errFull
	}
	k := &s.takes[len(s.takes)-1]
	k.fragments = append(k.fragments, f)
	return nil
}

func (s *shelf) End(reason string) { s.takes[len(s.takes)-1].ended = reason }
func (s *shelf) Close() error      { s.closed = true; return nil }

// bytes is the take as one file.
func (k take) bytes() []byte {
	b := slices.Clone(k.init)
	for _, f := range k.fragments {
		b = append(b, slices.Concat(f.Data...)...)
	}
	return b
}

// play gives a whole clip to a sink.
func play(to media.Sink, c fmp4test.Clip, reason string) {
	to.StartRun(c.Run)
	for _, u := range c.Units {
		to.WriteUnit(c.Run, u)
	}
	to.EndRun(c.Run, reason)
}

// TestRecordsAll: every unit of a run is in the fragments, at its time, and ffmpeg reads them without a word.
func TestRecordsAll(t *testing.T) {
	for name, spec := range map[string]fmp4test.Spec{
		"B-frames and sound": {Video: media.H264, BFrames: 2, Sound: media.AAC, GOP: 30, Seconds: 4},
		"H.265":              {Video: media.H265, GOP: 50, Seconds: 3},
		"slow":               {Video: media.H264, FPS: 3, GOP: 6, Sound: media.FLAC, Seconds: 6},
	} {
		t.Run(name, func(t *testing.T) {
			clip := fmp4test.Make(t, spec)
			s := &shelf{}
			r := &Recorder{Writer: s, Camera: clip.Run.Camera}
			play(r, clip, "connection lost")
			if len(s.takes) != 1 || s.takes[0].ended != "connection lost" {
				t.Fatalf("takes: %+v", s.takes)
			}
			checkFragments(t, s.takes[0].fragments, clip.Run)
			file := filepath.Join(t.TempDir(), "run.mp4")
			if err := os.WriteFile(file, s.takes[0].bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			got := fmp4test.Probe(t, file)
			for i := range clip.Run.Tracks {
				fmp4test.SameUnits(t, i, clip.Units, got.Of(i))
			}
			if n := fmp4test.Decode(t, file); n != len(got.Of(0)) {
				t.Errorf("%d pictures of %d decoded", n, len(got.Of(0)))
			}
			c := r.Counters()
			last := s.takes[0].fragments[len(s.takes[0].fragments)-1]
			end := last.Start.Add(fmp4.Duration(last.Duration, 90000))
			if c.Fragments != uint64(len(s.takes[0].fragments)) || c.Dropped != 0 || c.DroppedUnits != 0 || c.Recording || !c.Last.Equal(end) ||
				c.Bytes != uint64(len(s.takes[0].bytes())-len(s.takes[0].init)) {
				t.Errorf("counters %+v, last ends %v", c, end)
			}
		})
	}
}

// checkFragments checks what a fragment promises: at most half a second, cut at every key frame, one after another.
func checkFragments(t testing.TB, fragments []storage.Fragment, run *media.Run) {
	t.Helper()
	var next int64
	for i, f := range fragments {
		runs, err := fmp4.Parse(slices.Concat(f.Data...))
		if err != nil {
			t.Fatal(err)
		}
		v := runs[0]
		if !run.Tracks[v.Track].Codec.IsVideo() {
			t.Fatalf("fragment %d begins with sound", i)
		}
		var ticks int64
		for j, s := range v.Samples {
			ticks += int64(s.Duration)
			if s.Key != (j == 0 && f.Key) {
				t.Errorf("fragment %d: key frame at %d", i, j)
			}
		}
		if ticks != f.Duration || int64(v.BaseDTS) != f.DTS {
			t.Errorf("fragment %d: %d ticks at %d, says %d at %d", i, ticks, v.BaseDTS, f.Duration, f.DTS)
		}
		if ticks > 45000 && len(v.Samples) > 1 {
			t.Errorf("fragment %d: %d ticks", i, ticks)
		}
		if i > 0 && f.DTS != next {
			t.Errorf("fragment %d starts at %d, the one before ended at %d", i, f.DTS, next)
		}
		if d := f.Start.Sub(run.Start.Add(fmp4.Duration(f.DTS, 90000))); d.Abs() > time.Microsecond {
			t.Errorf("fragment %d: wall clock is off by %v", i, d)
		}
		next = f.DTS + f.Duration
	}
}

// TestStorageRefuses: what follows a refused fragment is dropped too, until a key frame; then it goes on.
func TestStorageRefuses(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, FPS: 10, GOP: 30, Seconds: 9})
	s := &shelf{refuse: func(n int) bool { return n == 1 }}
	r := &Recorder{Writer: s, Camera: clip.Run.Camera}
	play(r, clip, "end")
	// Three GOPs of six fragments each; of the first one only the first is kept.
	var kept []int64
	for _, f := range s.takes[0].fragments {
		kept = append(kept, f.DTS/45000)
	}
	if want := []int64{0, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}; !slices.Equal(kept, want) {
		t.Errorf("kept the half seconds %v, want %v", kept, want)
	}
	if c := r.Counters(); c.Fragments != 13 || c.Dropped != 5 {
		t.Errorf("counters %+v", c)
	}
}

// TestRuns: several runs, one that cannot be recorded among them, and units that belong to none.
func TestRuns(t *testing.T) {
	clip := fmp4test.Make(t, fmp4test.Spec{Video: media.H264, Seconds: 1})
	s := &shelf{}
	r := &Recorder{Writer: s, Camera: clip.Run.Camera}
	r.WriteUnit(clip.Run, clip.Units[0])
	play(r, clip, "one")
	r.StartRun(&media.Run{Camera: r.Camera, Tracks: []media.Track{{Codec: media.PCMA, ClockRate: 8000}}})
	r.EndRun(clip.Run, "not this one")
	play(r, clip, "two")
	r.StartRun(clip.Run)
	r.WriteUnit(clip.Run, clip.Units[0])
	if err := r.Close(); err != nil || !s.closed {
		t.Fatal(err)
	}
	play(r, clip, "too late")
	var ends []string
	for _, k := range s.takes {
		ends = append(ends, k.ended)
	}
	if want := []string{"one", "two", "recording was stopped"}; !slices.Equal(ends, want) {
		t.Errorf("%q, want %q", ends, want)
	}
	if last := s.takes[2]; len(last.fragments) != 1 || last.fragments[0].Duration != 3600 {
		t.Errorf("a run of one picture: %+v", last)
	}
}

// TestCuts: fragments are expected of what can be recorded, and of nothing else: who waits for them must not wait for ever
// because of what one camera sends.
func TestCuts(t *testing.T) {
	id := media.NewCameraID()
	run := anyRun()
	run.Camera = id
	odd := anyRun()
	odd.Camera, odd.Tracks[0].Codec = id, "film"
	const frame = media.VideoClockRate / 10
	for name, c := range map[string]struct {
		mode Mode
		run  *media.Run
		do   func(r *Recorder, film func(from, n int64))
		cuts bool
	}{
		"nothing comes":              {"", run, func(*Recorder, func(int64, int64)) {}, false},
		"pictures come":              {"", run, func(_ *Recorder, film func(int64, int64)) { film(0, 20) }, true},
		"the first key frame":        {"", run, func(_ *Recorder, film func(int64, int64)) { film(0, 1) }, true},
		"no key frame":               {"", run, func(_ *Recorder, film func(int64, int64)) { film(1, 20) }, false},
		"a codec that no file takes": {"", odd, func(_ *Recorder, film func(int64, int64)) { film(0, 20) }, false},
		"it is not to be recorded":   {Off, run, func(_ *Recorder, film func(int64, int64)) { film(0, 20) }, false},
		"it was switched on": {Off, run, func(r *Recorder, film func(int64, int64)) {
			r.SetMode(Continuous)
			film(0, 20)
		}, true},
		"the run is over": {"", run, func(r *Recorder, film func(int64, int64)) {
			film(0, 20)
			r.EndRun(run, "")
		}, false},
		"its clock went back": {"", run, func(_ *Recorder, film func(int64, int64)) {
			film(0, 20)
			film(1, 18)
		}, false},
		"its clock went back, and goes on": {"", run, func(_ *Recorder, film func(int64, int64)) {
			film(0, 20)
			film(1, 40)
		}, true},
		"it shows before it decodes": {"", run, func(r *Recorder, film func(int64, int64)) {
			film(0, 20)
			u := unit(run, 0, 20*frame, false, 20)
			u.PTS--
			r.WriteUnit(run, u)
		}, false},
		"its sound stands still": {"", run, func(r *Recorder, film func(int64, int64)) {
			film(0, 20)
			for range 3 {
				r.WriteUnit(run, unit(run, 1, 0, true, 0))
			}
		}, true},
		"pictures are another camera's": {"", run, func(r *Recorder, film func(int64, int64)) {
			film(0, 20)
			u := unit(run, 0, 20*frame, false, 20)
			u.Camera = media.NewCameraID()
			r.WriteUnit(run, u)
		}, false},
		"the run is another camera's": {"", anyRun(), func(_ *Recorder, film func(int64, int64)) { film(0, 20) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Recorder{Writer: &shelf{}, Camera: id, Mode: c.mode, Log: slog.New(slog.DiscardHandler), Bell: &alarm.Bell{Log: slog.New(slog.DiscardHandler)}}
			r.StartRun(c.run)
			c.do(r, func(from, n int64) {
				for i := from; i < from+n; i++ {
					r.WriteUnit(c.run, unit(c.run, 0, i*frame, i == 0, int(i)))
				}
			})
			if got := r.Cuts(); got != c.cuts {
				t.Errorf("it cuts: %v", got)
			}
		})
	}
}
