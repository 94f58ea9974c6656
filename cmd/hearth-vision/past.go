//go:build cgo

package main

import (
	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/motion"
)

const (
	pastMost  = 24         // pictures, at most
	pastFor   = 1 * second // for which they are kept
	pastEvery = 60_000     // no closer together than this: every picture of 15 a second
)

// past keeps the pictures of a closer look for as long as nothing moves, and what was seen in them. What then moves for sure is
// followed back in them to where it began; only what is older than that is told.
type past struct {
	pictures [pastMost]picture // a ring
	first, n int
}

// picture is one that was decoded and in which nothing moved.
type picture struct {
	sight
	looked bool // else there is no result
	luma   []byte
}

// shift gives up the oldest picture. What was seen in it, where it was looked at, is to be told.
func (p *past) shift() *sight {
	o := &p.pictures[p.first]
	p.first = (p.first + 1) % pastMost
	p.n--
	if !o.looked {
		return nil
	}
	return &o.sight
}

// drop forgets all.
func (p *past) drop() { p.first, p.n = 0, 0 }

// newest is the moment of the newest picture; 0 there is none.
func (p *past) newest() int64 {
	if p.n == 0 {
		return 0
	}
	return p.pictures[(p.first+p.n-1)%pastMost].at
}

// keep keeps a picture that is not looked at.
func (w *watch) keep(f *hwaccel.Frame) error {
	if w.moving || w.attentive || f.At-max(w.past.newest(), w.last) < pastEvery {
		return nil
	}
	next, err := w.room(f.At)
	if err != nil {
		return err
	}
	return f.Luma(next.luma, motion.Width, motion.Height)
}

// hold keeps a picture that was looked at, in which nothing moves. It is in w.luma.
func (w *watch) hold(s sight) error {
	w.last = s.at
	next, err := w.room(s.at)
	if err != nil {
		return err
	}
	next.result, next.looked = s.result, true
	copy(next.luma, w.luma)
	return nil
}

// room makes room for a picture; its luma has the size of motion's.
func (w *watch) room(at int64) (*picture, error) {
	p := &w.past
	for p.n > 0 && (p.n == pastMost || at-p.pictures[p.first].at > pastFor) {
		if err := w.release(); err != nil {
			return nil, err
		}
	}
	next := &p.pictures[(p.first+p.n)%pastMost]
	p.n++
	if next.luma == nil {
		next.luma = make([]byte, motion.Width*motion.Height)
	}
	next.sight, next.looked = sight{at: at}, false
	return next, nil
}

// release gives up the oldest picture and tells what was seen in it.
func (w *watch) release() error {
	if s := w.past.shift(); s != nil {
		return w.say(*s, nil)
	}
	return nil
}

// letGo tells all that is held.
func (w *watch) letGo() error {
	for w.past.n > 0 {
		if err := w.release(); err != nil {
			return err
		}
	}
	return nil
}

// date follows what a look is the first to see move back to the picture in which it began, and tells of that.
func (w *watch) date(s sight) error {
	if s.result.Changed || s.result.WarmUp || len(s.result.Regions) == 0 {
		return w.letGo()
	}
	frame := around(s.result.Regions)
	begins, at := w.past.n, frame
	if begins > 0 {
		w.w.detector.Before(w.past.pictures[w.past.first].luma)
	}
	for begins > 0 {
		o := &w.past.pictures[(w.past.first+begins-1)%pastMost]
		if s.at-o.at > pastFor {
			break
		}
		f, ok := w.w.detector.Faint(o.luma, at)
		if !ok {
			break
		}
		begins--
		frame, at = f, f
	}
	if begins == w.past.n {
		return w.letGo()
	}
	for range begins {
		if err := w.release(); err != nil {
			return err
		}
	}
	start := w.past.pictures[w.past.first].at
	w.past.drop()
	return w.say(sight{start, motion.Result{Moving: true, Score: frame.Score, Regions: []media.Region{frame}}}, nil)
}

// around is the frame around all regions.
func around(regions []media.Region) media.Region {
	x0, y0, x1, y1 := 1.0, 1.0, 0.0, 0.0
	for _, r := range regions {
		x0, y0 = min(x0, r.X), min(y0, r.Y)
		x1, y1 = max(x1, r.X+r.W), max(y1, r.Y+r.H)
	}
	return media.Region{X: x0, Y: y0, W: x1 - x0, H: y1 - y0}
}
