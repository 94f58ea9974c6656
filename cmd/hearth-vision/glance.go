//go:build cgo

package main

import (
	"cmp"

	"hearth/hwaccel"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// glance decodes a key frame alone, without what is not seen at 320x180. Within a spell it may become a thumb.
func (w *watch) glance(u protocol.Unit) (*sight, error) {
	spell := w.moving
	w.dec.Reset()
	w.skip(!spell, false)
	w.gop.fed = 0
	var seen *sight
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At != u.At || f.Damaged() {
			return nil
		}
		s, err := w.look(f)
		seen = &s
		if err == nil && spell && s.result.Moving {
			err = w.thumbs.consider(w, f, s.result)
		}
		return err
	}
	if err := w.w.decode(u, see); err != nil {
		if swapped, err := w.w.lost(err, len(w.gop.units)-1); swapped || err != nil {
			return w.glanceAgain(u, err)
		}
		w.w.stats.Bad++
		w.dec.Reset()
		return nil, nil
	}
	if seen != nil {
		if w.dec.GoesOn() {
			w.gop.fed = len(w.gop.units) // no reordering: it can go on from here
		}
		return seen, nil
	}
	if err := w.w.drain(see); err != nil || seen == nil {
		if swapped, err := w.w.lost(cmp.Or(err, errNothing), len(w.gop.units)-1); swapped || err != nil {
			return w.glanceAgain(u, err)
		}
		w.w.stats.Bad++
		return nil, nil
	}
	return seen, nil
}

// glanceAgain is for after hardware failed: software does what it did not.
func (w *watch) glanceAgain(u protocol.Unit, err error) (*sight, error) {
	if err != nil {
		return nil, err
	}
	return w.glance(u)
}

// advance decodes a long GOP up to its newest unit and looks at the newest picture.
func (w *watch) advance(u protocol.Unit) (*sight, error) {
	g := &w.gop
	w.skip(false, true)
	if g.fed == 0 {
		w.dec.Reset()
		g.fed = g.newest
	}
	found := false
	var at int64
	var seen *sight
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At < u.At-second/2 || f.Damaged() { // leads up to it
			return nil
		}
		found, at = true, f.At
		if err := f.Luma(w.luma, motion.Width, motion.Height); err != nil {
			return err
		}
		if err := w.w.hw.check(f, w.luma); err != nil || !w.moving || f.At != u.At {
			return err
		}
		seen = &sight{at, w.judge(at)} // the newest picture of a spell may become a thumb
		if !seen.result.Moving {
			return nil
		}
		return w.thumbs.consider(w, f, seen.result)
	}
	if err := w.feed(see, nil); err != nil {
		return nil, err
	}
	if seen != nil || !found {
		return seen, nil
	}
	return &sight{at, w.judge(at)}, nil
}

// skip says what is left out of decoding from the next unit on, as Decoder.Skip does.
func (w *watch) skip(loopFilter, nonReference bool) {
	w.dec.Skip(loopFilter, nonReference)
	w.leaves = nonReference
}
