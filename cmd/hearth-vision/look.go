//go:build cgo

package main

import (
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

// tell says what was seen, in the order in which the pictures were taken. With its picture a sight may become a
// thumb.
func (w *watch) tell(s sight, f *hwaccel.Frame) error {
	r := s.result
	w.last = s.at
	w.hint.look(s.at, r)
	if r.Moving {
		if !w.moving {
			w.moving = true
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
