package record

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// anyRun is a run with a picture and a sound track.
func anyRun() *media.Run {
	return &media.Run{
		ID: media.NewUUID(), Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Tracks: []media.Track{
			{Codec: media.MJPEG, ClockRate: 90000, Width: 64, Height: 48},
			{Codec: media.Opus, ClockRate: 48000, Channels: 1},
		},
	}
}

// unit makes a unit whose bytes tell it from all others.
func unit(run *media.Run, track int, dts int64, key bool, n int) *media.AccessUnit {
	return &media.AccessUnit{
		Camera: run.Camera, Track: track, DTS: dts, PTS: dts, Key: key,
		Wall: run.Start.Add(fmp4.Duration(dts, run.Tracks[track].ClockRate)),
		Data: []byte{byte(n >> 16), byte(n >> 8), byte(n)},
	}
}

// TestCutter: whatever a camera's clock does, every picture from the first key frame on whose time is possible is in
// exactly one fragment, at its own time; and so is the sound, but for what piled up.
func TestCutter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := anyRun()
		var fragments []storage.Fragment
		c := newCutter(run, func(f storage.Fragment, _ int) { fragments = append(fragments, f) })
		var want [2][]*media.AccessUnit
		var dts [2]int64
		units := rapid.IntRange(1, 300).Draw(t, "units")
		var dropped uint64
		for n := range units {
			track := 0
			if rapid.IntRange(0, 9).Draw(t, "track") < 4 {
				track = 1
			}
			step := rapid.SampledFrom([]int64{6000, 6000, 6000, 5990, 6017, 12000, 1, 90000, 500000}).Draw(t, "step")
			if track == 1 {
				step = 960
			}
			if rapid.IntRange(0, 40).Draw(t, "stands") == 0 {
				step = 0
			}
			dts[track] += step
			u := unit(run, track, dts[track], track == 1 || rapid.IntRange(0, 15).Draw(t, "key") == 0, n)
			c.write(u)
			if len(want[0]) == 0 && (track == 1 || !u.Key) {
				continue
			}
			if k := len(want[track]); k > 0 && want[track][k-1].DTS == u.DTS {
				dropped++
				continue
			}
			want[track] = append(want[track], u)
		}
		c.finish()
		checkRapid(t, fragments, want, c.dropped == dropped)
	})
}

func checkRapid(t *rapid.T, fragments []storage.Fragment, want [2][]*media.AccessUnit, allSound bool) {
	var got [2][]string
	var wanted [2][]string
	str := func(dts int64, key bool, data []byte) string {
		return string(append([]byte(time.Duration(dts).String()), append([]byte{' ', map[bool]byte{true: 'K', false: '-'}[key], ' '}, data...)...))
	}
	for i := range want {
		for _, u := range want[i] {
			wanted[i] = append(wanted[i], str(u.DTS, u.Key, u.Data))
		}
	}
	var next int64
	for i, f := range fragments {
		runs, err := fmp4.Parse(slices.Concat(f.Data...))
		if err != nil {
			t.Fatal(err)
		}
		if runs[0].Track != 0 || int64(runs[0].BaseDTS) != f.DTS || runs[0].Samples[0].Key != f.Key {
			t.Fatalf("fragment %d says %+v", i, f)
		}
		if i > 0 && f.DTS != next {
			t.Fatalf("fragment %d starts at %d, not at %d", i, f.DTS, next)
		}
		for _, r := range runs {
			at := int64(r.BaseDTS)
			var ticks int64
			for j, s := range r.Samples {
				if r.Track == 0 && j > 0 && s.Key {
					t.Fatalf("fragment %d has a key frame inside", i)
				}
				got[r.Track] = append(got[r.Track], str(at, s.Key, s.Data))
				at += int64(s.Duration)
				ticks += int64(s.Duration)
			}
			if r.Track == 0 {
				next = at
				if ticks != f.Duration || ticks > maxTicks && len(r.Samples) > 1 {
					t.Fatalf("fragment %d of %d samples has %d ticks, says %d", i, len(r.Samples), ticks, f.Duration)
				}
			}
		}
	}
	if !slices.Equal(got[0], wanted[0]) {
		t.Fatalf("%d pictures, want %d", len(got[0]), len(wanted[0]))
	}
	// Sound without a picture after it may be left over, and piled up sound is counted.
	if allSound && len(got[1]) > 0 && !slices.Equal(got[1], wanted[1]) {
		t.Fatalf("%d packets of sound, want %d", len(got[1]), len(wanted[1]))
	}
}

// TestSoundPilesUp: sound without pictures is bounded and counted, and the pictures come through.
func TestSoundPilesUp(t *testing.T) {
	run := anyRun()
	var fragments []storage.Fragment
	c := newCutter(run, func(f storage.Fragment, _ int) { fragments = append(fragments, f) })
	c.write(unit(run, 0, 0, true, 0))
	for n := range 50 * 60 { // a minute
		c.write(unit(run, 1, int64(n)*960, true, n))
		if held := len(c.tracks[1].samples); held > maxSoundSeconds*50 {
			t.Fatalf("%d packets of sound are held", held)
		}
	}
	c.write(unit(run, 0, 60*90000, true, 1))
	c.finish()
	if len(fragments) != 2 || c.dropped != 50*50-1 {
		t.Errorf("%d fragments, %d dropped", len(fragments), c.dropped)
	}
}

// TestClockStandsStill: a camera whose times hardly move cannot make a fragment without end.
func TestClockStandsStill(t *testing.T) {
	run := anyRun()
	var most int
	c := newCutter(run, func(f storage.Fragment, _ int) { most = max(most, len(f.Data)-1) })
	for n := range 10000 {
		c.write(unit(run, 0, int64(n), n == 0, n))
	}
	if most != maxSamples {
		t.Errorf("a fragment of %d samples, want %d", most, maxSamples)
	}
}

// BenchmarkMinute is a camera's minute of 1080p15 at 4 Mbit/s, a key frame every two seconds: 900 units, all that
// package record does with them, the header of every fragment included. Storage's part is not in it.
func BenchmarkMinute(b *testing.B) {
	run := anyRun()
	run.Tracks = run.Tracks[:1]
	units := make([]*media.AccessUnit, 900)
	for n := range units {
		units[n] = unit(run, 0, int64(n)*6000, n%30 == 0, n)
		units[n].Data = make([]byte, 4_000_000/8/15)
	}
	w := &nowhere{}
	b.ReportAllocs()
	for b.Loop() {
		r := &Recorder{Writer: w}
		r.StartRun(run)
		for _, u := range units {
			r.WriteUnit(run, u)
		}
		r.EndRun(run, "end")
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(w.fragments), "ns/fragment")
}

// nowhere counts.
type nowhere struct{ fragments int }

func (w *nowhere) Begin(*media.Run, []byte)      {}
func (w *nowhere) Append(storage.Fragment) error { w.fragments++; return nil }
func (w *nowhere) End(string)                    {}
func (w *nowhere) Close() error                  { return nil }
