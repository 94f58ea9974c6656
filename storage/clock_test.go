package storage

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/check"
	"hearth/storage/segment"
)

// take is seconds of a run, in the order in which footage gives them.
type take struct {
	run      *media.Run
	from, to int64
}

// takes says what pieces are of, one run after the other, and makes sure that time goes on from each to the next.
func (r *rig) takes(list []Piece, runs ...*media.Run) (got []take) {
	r.t.Helper()
	for i, p := range list {
		at := slices.IndexFunc(runs, func(run *media.Run) bool { return run.ID == p.Run })
		if at < 0 {
			r.t.Fatalf("piece %d is of no run that was recorded", i)
		}
		second := r.seconds(list[i:i+1], runs[at])[0]
		if i > 0 && p.Start.Before(list[i-1].Start) {
			r.t.Fatalf("piece %d of %s comes after one of %s", i, p.Start, list[i-1].Start)
		}
		if n := len(got); n > 0 && got[n-1].run == runs[at] && got[n-1].to == second {
			got[n-1].to++
			continue
		}
		if !p.Key {
			r.t.Fatalf("piece %d is where another run goes on, and no key frame", i)
		}
		got = append(got, take{runs[at], second, second + 1})
	}
	return got
}

func (r *rig) same(what string, got []take, want ...take) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Fatalf("%s: %d takes, want %d\n%v\n%v", what, len(got), len(want), short(got), short(want))
	}
}

func short(list []take) (s []any) {
	for _, k := range list {
		s = append(s, k.run.ID.String()[:4], k.from, k.to)
	}
	return s
}

// silent closes the store, checks it, and opens it again; with rebuild its index is made again from the files.
func (r *rig) silent(rebuild bool) {
	r.t.Helper()
	r.close()
	if findings, err := check.Check(r.t.Context(), r.dir, true); err != nil || len(findings) > 0 {
		r.t.Fatalf("check: %v, %v", err, findings)
	}
	if rebuild {
		found, err := filepath.Glob(filepath.Join(r.dir, "index.*"))
		if err != nil || len(found) == 0 {
			r.t.Fatal("there is no index", err)
		}
		for _, name := range found {
			if err := os.Remove(name); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.open(Options{})
}

// beginAt begins a run at another time than now, as a clock that is set has it.
func (r *rig) beginAt(w *StreamWriter, id media.CameraID, start, was time.Time, trusted bool) *media.Run {
	r.runs[id]++
	run := &media.Run{
		ID: media.NewUUID(), Camera: id, Stream: media.Main, Start: start.UTC(), ClockWas: was, Trusted: trusted,
		Tracks: []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 640, Height: 360}},
	}
	w.Begin(run, []byte("init "+run.ID.String()))
	return run
}

// TestClockSetBack: the clock is an hour ahead for a while, then somebody sets it right. What was recorded later is shown
// where times come twice, what was recorded before is found beneath it, and nothing changes over a restart, with another
// index, or when the recording goes on after that.
func TestClockSetBack(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		zero := time.Now()
		at := func(second int64) time.Time { return zero.Add(time.Duration(second) * time.Second) }
		ahead := r.beginAt(w, cam, at(3600), time.Time{}, true)
		r.record(w, ahead, 0, 900, 2)
		w.End("the clock was set")
		right := r.beginAt(w, cam, at(900), at(4500), true)
		r.record(w, right, 0, 3100, 2) // to 4000
		r.settle()

		// While it is being recorded, it lies on top, and what comes beneath is not shown for what is to come.
		read := func(beneath int, from, to int64) []take {
			t.Helper()
			f, err := r.s.Beneath(beneath, r.grant(cam, access.Footage), media.Main, at(from), at(to))
			if err != nil {
				t.Fatal(err)
			}
			return r.takes(r.drain(f), ahead, right)
		}
		r.same("live", read(0, 3500, 9000), take{right, 2600, 3100})
		r.same("live, beneath", read(1, 3500, 4500), take{right, 2600, 2700}, take{ahead, 0, 900})
		r.same("beneath, from the middle", read(1, 3901, 3903), take{ahead, 300, 303})

		r.record(w, right, 3100, 2000, 2) // to 6000
		w.End("end")
		r.settle()
		verify := func(what string) {
			t.Helper()
			r.same(what, read(0, 0, 9000), take{right, 0, 5100})
			r.same(what+", from the middle", read(0, 3901, 3903), take{right, 3000, 3003})
			r.same(what+", beneath", read(1, 0, 9000), take{right, 0, 2700}, take{ahead, 0, 900}, take{right, 3600, 5100})
			r.same(what+", deep beneath", read(7, 4400, 4600), take{ahead, 800, 900}, take{right, 3600, 3700})
			line, err := r.s.Timeline(r.grant(cam, access.Footage), at(0), at(9000))
			if err != nil {
				t.Fatal(err)
			}
			is := func(s Span, from, to int64) bool { return s.From.Equal(at(from)) && s.To.Equal(at(to)) }
			if len(line.Spans) != 1 || !is(line.Spans[0], 900, 6000) || len(line.Unsure) != 0 {
				t.Fatalf("%s: %+v", what, line)
			}
			if len(line.Twice) != 1 || line.Twice[0].Times != 2 || !is(line.Twice[0].Span, 3600, 4500) {
				t.Fatalf("%s: twice: %+v", what, line.Twice)
			}
			// Any part of it says the same, also one that does not reach to where the clock was set.
			line, err = r.s.Timeline(r.grant(cam, access.Footage), at(3700), at(3710))
			if err != nil || len(line.Spans) != 1 || len(line.Twice) != 1 || !is(line.Twice[0].Span, 3700, 3710) {
				t.Fatalf("%s: %+v, %v", what, line, err)
			}
		}
		verify("recorded")
		r.silent(false)
		verify("after a restart")
		r.silent(true)
		verify("with another index")

		// What comes next follows what was recorded last, not what has the latest time.
		w = r.writer(cam, media.Main)
		more := r.begin(w, cam, media.Main)
		r.record(w, more, 0, 10, 2)
		r.silent(true)
		r.silent(false)
	})
}

// cut is the data folder as a power cut leaves it now.
func (r *rig) cut() *rig {
	r.t.Helper()
	keep := make(map[string]int64)
	for _, v := range r.s.allOpen() {
		keep[v.Path()] = v.Size
	}
	c := &rig{t: r.t, dir: quickDir(r.t), logs: &logs{}, runs: r.runs}
	copyTree(r.t, r.dir, c.dir, rand.New(rand.NewPCG(1, 2)), keep)
	return c
}

// TestClockSetBackBeforeThePowerWent: what is recorded after a start goes on from what was recorded last, also when that has
// an earlier time than what was recorded before it, with the index and without one.
func TestClockSetBackBeforeThePowerWent(t *testing.T) {
	for name, back := range map[string]time.Duration{"by half an hour": 30 * time.Minute, "to 1971": 29 * 365 * 24 * time.Hour} {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, index lost: %v", name, lost), func(t *testing.T) {
				bubble(t, func(t *testing.T, r *rig) {
					cam := r.camera()
					w := r.writer(cam, media.Main)
					began := time.Now().Add(time.Hour)
					ahead := r.beginAt(w, cam, began, time.Time{}, true)
					r.record(w, ahead, 0, 1800, 2)
					w.End("the clock was set")
					was := began.Add(1800 * time.Second)
					set := was.Add(-back)
					right := r.beginAt(w, cam, set, was, true)
					r.record(w, right, 0, 700, 2)
					r.settle()
					c := r.cut()
					defer c.close()
					if lost {
						c.open(Options{})
						c.silent(true)
					} else {
						c.open(Options{})
					}
					f, err := c.s.Footage(c.grant(cam, access.Footage), media.Main, set, set.Add(700*time.Second))
					if err != nil {
						t.Fatal(err)
					}
					c.same("after the power cut", c.takes(c.drain(f), ahead, right), take{right, 0, 700})
					c.silent(false)
					w = c.writer(cam, media.Main)
					more := c.begin(w, cam, media.Main)
					c.record(w, more, 0, 10, 2)
					c.silent(false)
					c.silent(true)
				})
			})
		}
	}
}

// TestClockIsWrongAtTheNextStart: a box that begins in 1970 loses its power before it learns the time. What it recorded is
// found when it starts with the right time.
func TestClockIsWrongAtTheNextStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		// The bubble's clock is the box's, and it is behind: the index knows of files of three weeks later.
		later := r.beginAt(w, cam, time.Now().AddDate(0, 0, 20), time.Time{}, true)
		r.record(w, later, 0, 100, 2)
		w.End("end")
		r.settle()
		if err := r.s.index.Checkpoint(micros(time.Now().AddDate(0, 0, 20)), nil); err != nil {
			t.Fatal(err)
		}
		c := r.cut() // with a clock that is behind
		defer c.close()
		c.open(Options{})
		w = c.writer(cam, media.Main)
		early := c.begin(w, cam, media.Main)
		c.record(w, early, 0, 30, 2)
		c.settle()
		d := c.cut() // within a minute
		defer d.close()
		c.close()
		r.close()
		time.Sleep(21 * 24 * time.Hour) // the right time
		d.open(Options{})
		f, err := d.s.Footage(d.grant(cam, access.Footage), media.Main, early.Start, early.Start.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		d.same("what was recorded with the wrong time", d.takes(d.drain(f), early, later), take{early, 0, 30})
		d.silent(false)
	})
}

// drain reads footage to its end.
func (r *rig) drain(f *Footage) (list []Piece) {
	r.t.Helper()
	defer f.Close()
	for {
		p, err := f.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.t.Fatal(err)
			}
			return list
		}
		list = append(list, p)
	}
}

// TestClockSetForward: a box without a clock of its own begins in 1970, and learns the time after two minutes.
func TestClockSetForward(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		var runs []*media.Run
		// Five times, at the same time in 1970: each lies on top of those before.
		for range 5 {
			w := r.writer(cam, media.Main)
			early := r.beginAt(w, cam, time.Unix(20, 0), time.Time{}, false)
			r.record(w, early, 0, 120, 2)
			w.End("the clock was set")
			now := time.Now()
			right := r.beginAt(w, cam, now, time.Unix(140, 0), true)
			r.record(w, right, 0, 10, 2)
			w.End("end")
			runs = append(runs, early, right)
			r.silent(false)
		}
		verify := func(what string) {
			t.Helper()
			for beneath := range 5 {
				f, err := r.s.Beneath(beneath, r.grant(cam, access.Footage), media.Main, time.Unix(0, 0), time.Unix(1000, 0))
				if err != nil {
					t.Fatal(err)
				}
				r.same(what, r.takes(r.drain(f), runs...), take{runs[8-2*beneath], 0, 120})
			}
			line, err := r.s.Timeline(r.grant(cam, access.Footage), time.Unix(0, 0), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if len(line.Spans) != 6 || len(line.Unsure) != 1 || len(line.Twice) != 1 || line.Twice[0].Times != 5 ||
				line.Unsure[0] != line.Spans[0] || line.Twice[0].To != line.Spans[0].To ||
				line.Twice[0].From.Sub(line.Spans[0].From) > time.Millisecond || line.Gaps[0].Reason != "the clock was set" {
				t.Fatalf("%s: %+v", what, line)
			}
		}
		verify("recorded")
		r.silent(true)
		verify("with another index")
	})
}

// TestClockIsNoted: the first file of a run that began because the clock was set says from when to when.
func TestClockIsNoted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		w := r.writer(cam, media.Main)
		early := r.beginAt(w, cam, time.Unix(20, 0), time.Time{}, false)
		r.record(w, early, 0, 10, 2)
		w.End("the clock was set")
		now := time.Now()
		right := r.beginAt(w, cam, now, time.Unix(30, 0), true)
		r.record(w, right, 0, 5, 2)
		w.End("nothing moved")
		w.Begin(right, []byte("init")) // as a recorder does when something moves again in the same run
		r.record(w, right, 6, 5, 2)
		r.close()
		var noted []segment.Note
		for _, row := range r.files(cam) {
			for _, n := range row.notes {
				if n.Kind == segment.NoteClock {
					if row.header.Run != right.ID || row.header.Start != now.UnixMicro() {
						t.Errorf("noted in the file of %d", row.header.Start)
					}
					noted = append(noted, n)
				}
			}
		}
		want := segment.Note{Kind: segment.NoteClock, From: 30_000_000, To: now.UnixMicro(), Reason: "the clock was set"}
		if len(noted) != 1 || noted[0].From != want.From || noted[0].To != want.To || noted[0].Reason != want.Reason {
			t.Errorf("noted %+v, want %+v", noted, want)
		}
	})
}

type whole struct {
	header segment.Header
	notes  []segment.Note
}

// files reads a camera's files off the disk, of a store that is closed.
func (r *rig) files(cam media.CameraID) (list []whole) {
	r.t.Helper()
	r.open(Options{})
	defer r.close()
	key, err := r.s.keys.ForRecording(cam)
	if err != nil {
		r.t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(r.dir, "media", cam.String(), "*", "*.seg"))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			r.t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			r.t.Fatal(err)
		}
		s, err := segment.Open(f, info.Size(), key)
		if err != nil {
			r.t.Fatal(err)
		}
		one := whole{header: s.Header()}
		for i, e := range s.Table() {
			if e.Type != segment.NoteRecord {
				continue
			}
			raw, err := s.Payload(i, nil)
			if err != nil {
				r.t.Fatal(err)
			}
			n, err := segment.ParseNote(raw)
			if err != nil {
				r.t.Fatal(err)
			}
			one.notes = append(one.notes, n)
		}
		f.Close()
		list = append(list, one)
	}
	return list
}
