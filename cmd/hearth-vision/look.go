//go:build cgo

package main

import (
	"slices"
	"time"

	"hearth/hwaccel"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// sight is what one picture showed.
type sight struct {
	at     int64
	result motion.Result
}

// look has the detector look at a picture.
func (w *watch) look(f *hwaccel.Frame) (sight, error) {
	if err := f.Luma(w.luma, motion.Width, motion.Height); err != nil {
		return sight{}, err
	}
	if err := w.w.hw.check(f, w.luma); err != nil {
		return sight{}, err
	}
	return sight{f.At, w.judge(f.At)}, nil
}

// judge gives the detector the picture in w.luma. Its time never goes back by more than a closer look does, whatever
// a camera's clock does between two runs.
func (w *watch) judge(at int64) motion.Result {
	w.w.detector.Blank(w.luma) // nor shall the choice of a thumb see it
	t := at - w.base
	if w.last == 0 && w.newest != 0 && (t <= w.newest || t > w.newest+3600*second) || w.base == 0 {
		w.base = at - w.newest - second/10
		t = w.newest + second/10
	}
	w.newest = max(w.newest, t)
	w.w.stats.Looks++
	return w.w.detector.Look(w.luma, time.Duration(t)*time.Microsecond)
}

// kept is the sight with slices of its own: the detector's hold until its next look.
func (s sight) kept() sight {
	s.result.Regions = slices.Clone(s.result.Regions)
	s.result.Zones = slices.Clone(s.result.Zones)
	return s
}

// show tells what a picture of a closer look showed. Where nothing moves, that waits: it may yet turn out that something
// begins there. F is nil where the picture is not at hand any more, and what is in it cannot be shown.
func (w *watch) show(s sight, f *hwaccel.Frame) error {
	switch {
	case !w.moving && s.result.Moving:
		if err := w.date(s); err != nil {
			return err
		}
	case !w.moving && f != nil:
		return w.hold(s)
	}
	return w.tell(s, f)
}

// tell says what was seen, in the order in which the pictures were taken. With its picture a sight may become a
// thumb.
func (w *watch) tell(s sight, f *hwaccel.Frame) error {
	if err := w.letGo(); err != nil {
		return err
	}
	w.last = s.at
	return w.say(s, f)
}

// say is tell for what may be older than the newest look.
func (w *watch) say(s sight, f *hwaccel.Frame) error {
	r := s.result
	w.hint.look(s.at, r)
	if r.Moving {
		if !w.moving {
			w.moving, w.until = true, s.at+showFor
			w.spell++
			w.thumbs.begin()
		}
		w.moved, w.doubts = s.at, 0
	}
	err := w.w.say(protocol.Look{
		Of: w.w.task,
		At: s.at, Moving: r.Moving, Score: bound(r.Score), Regions: r.Regions, Zones: r.Zones, Spell: w.spell,
		Tamper: string(r.Tamper), TamperSince: w.moment(r.TamperSince, s.at),
		Frozen: r.Frozen, FrozenSince: w.moment(r.FrozenSince, s.at),
		Reach: r.Reach, Where: r.Where,
	})
	if err != nil || !r.Moving || f == nil {
		return err
	}
	return w.thumbs.consider(w, f, r)
}

// moment is when something was that the detector dates, at the latest at.
func (w *watch) moment(t time.Duration, at int64) int64 { return min(w.base+t.Microseconds(), at) }

func (w *watch) endSpell() error {
	if !w.moving {
		return nil
	}
	w.moving = false
	return w.thumbs.flush(w)
}

func bound(v float64) float64 { return min(max(v, 0), 1) }
