package record

import (
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
)

// drive feeds a Recorder a picture per 100 ms with a key frame every two seconds, and calls do at given seconds.
func drive(r *Recorder, run *media.Run, seconds int, do map[int]func()) {
	r.StartRun(run)
	for n := range seconds * 10 {
		if n%10 == 0 {
			if f := do[n/10]; f != nil {
				f()
			}
		}
		r.WriteUnit(run, unit(run, 0, int64(n)*9000, n%20 == 0, n))
	}
}

// spans says which seconds of the run each take has, as from and to.
func (s *shelf) spans() [][2]int64 {
	var spans [][2]int64
	for _, k := range s.takes {
		if len(k.fragments) == 0 || !k.fragments[0].Key {
			spans = append(spans, [2]int64{-1, -1})
			continue
		}
		last := k.fragments[len(k.fragments)-1]
		spans = append(spans, [2]int64{k.fragments[0].DTS / 90000, (last.DTS + last.Duration) / 90000})
	}
	return spans
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		do   func(r *Recorder) map[int]func()
		want [][2]int64
		ends []string
	}{
		{
			name: "continuous", mode: "",
			want: [][2]int64{{0, 60}}, ends: []string{"end"},
		},
		{
			name: "off", mode: Off,
			do:   func(r *Recorder) map[int]func() { return map[int]func(){10: func() { r.SetMoving(true) }} },
			want: nil,
		},
		{
			name: "nothing moves", mode: Motion,
			want: nil,
		},
		{
			// Pre-roll: motion is noticed at 21, fragments up to 20 are there, so 15 is wanted and 14 has the key frame.
			// Post-roll: 25 + 10, and the next key frame after 35 is at 36.
			name: "motion from 21 to 25", mode: Motion,
			do: func(r *Recorder) map[int]func() {
				return map[int]func(){21: func() { r.SetMoving(true) }, 25: func() { r.SetMoving(false) }}
			},
			want: [][2]int64{{14, 36}}, ends: []string{"nothing moved"},
		},
		{
			name: "motion again within the post-roll, and once more later", mode: Motion,
			do: func(r *Recorder) map[int]func() {
				on, off := func() { r.SetMoving(true) }, func() { r.SetMoving(false) }
				return map[int]func(){11: on, 12: off, 19: on, 20: off, 50: on}
			},
			want: [][2]int64{{4, 30}, {44, 60}}, ends: []string{"nothing moved", "end"},
		},
		{
			name: "motion at once after the start", mode: Motion,
			do:   func(r *Recorder) map[int]func() { return map[int]func(){1: func() { r.SetMoving(true) }} },
			want: [][2]int64{{0, 60}}, ends: []string{"end"},
		},
		{
			name: "switched off and on", mode: Continuous,
			do: func(r *Recorder) map[int]func() {
				return map[int]func(){11: func() { r.SetMode(Off) }, 21: func() { r.SetMode(Continuous) }}
			},
			want: [][2]int64{{0, 11}, {22, 60}}, ends: []string{"recording was switched off", "end"},
		},
		{
			// What is recorded goes on for the post-roll; back to continuous, the pre-roll is kept too.
			name: "to motion and back", mode: Continuous,
			do: func(r *Recorder) map[int]func() {
				return map[int]func(){11: func() { r.SetMode(Motion) }, 41: func() { r.SetMode(Continuous) }}
			},
			want: [][2]int64{{0, 22}, {34, 60}}, ends: []string{"nothing moved", "end"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := anyRun()
			s := &shelf{}
			r := &Recorder{Writer: s, Mode: c.mode}
			var do map[int]func()
			if c.do != nil {
				do = c.do(r)
			}
			drive(r, run, 60, do)
			r.EndRun(run, "end")
			if got := s.spans(); !slices.Equal(got, c.want) {
				t.Errorf("recorded %v, want %v", got, c.want)
			}
			for i, k := range s.takes {
				checkFragments(t, k.fragments, run)
				if k.ended != c.ends[i] {
					t.Errorf("take %d ended with %q, want %q", i, k.ended, c.ends[i])
				}
			}
		})
	}
}

// TestRingIsBounded: a camera that sends no key frames any more cannot fill the memory.
func TestRingIsBounded(t *testing.T) {
	run := anyRun()
	r := &Recorder{Writer: &shelf{}, Mode: Motion}
	r.StartRun(run)
	for n := range 200 {
		u := unit(run, 0, int64(n)*45000, n == 0, n)
		u.Data = make([]byte, 1<<20)
		r.WriteUnit(run, u)
		sum := 0
		for _, k := range r.ring.kept {
			sum += k.bytes
		}
		if sum != r.ring.bytes || sum > maxRingBytes {
			t.Fatalf("%d bytes in the ring, %d counted", sum, r.ring.bytes)
		}
	}
}

// TestPreRollOfNone: below zero means none, yet a recording begins at a key frame.
func TestPreRollOfNone(t *testing.T) {
	run := anyRun()
	s := &shelf{}
	r := &Recorder{Writer: s, Mode: Motion, PreRoll: -1, PostRoll: time.Second}
	drive(r, run, 20, map[int]func(){11: func() { r.SetMoving(true) }, 12: func() { r.SetMoving(false) }})
	r.EndRun(run, "end")
	if got, want := s.spans(), [][2]int64{{10, 14}}; !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}
