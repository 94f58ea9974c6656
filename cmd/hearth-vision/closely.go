//go:build cgo

package main

import (
	"errors"

	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// heed watches closely because a hint said that something moves: from the newest picture that was decoded in step, or
// from the key frame on. What moves is seen within the GOP then, not at its end.
func (w *watch) heed(u protocol.Unit, by int) error {
	why := protocol.WhySize
	if by != bySize {
		why = protocol.WhyQuality
	}
	fed := w.gop.fed
	w.approach(why, u.At, u.At+watchFor)
	w.hinted = true
	if fed > w.gop.newest+1 {
		w.gop.fed = fed
	} else {
		w.dec.Reset()
	}
	return w.follow(u)
}

// approach begins to watch closely, from the first unit that is kept; the decoder is to be reset for that.
func (w *watch) approach(why string, now, until int64) {
	w.closely, w.why, w.hinted, w.since, w.until = true, why, false, now, until
	w.skip(false, false)
	w.gop.fed = 0
}

// peek follows a doubt for a moment: what stirs for sure will stir again. Only if something then moves is what was kept
// looked at from its start, or if what stirred at a side of the picture is gone: it may have passed since the look before.
func (w *watch) peek(u protocol.Unit, seen sight) error {
	fed := w.gop.fed
	w.approach(protocol.WhyDoubt, u.At, u.At+watchFor)
	w.peeking, w.doubt, w.once, w.before = true, seen, false, w.last
	if w.gop.fed = fed; fed <= w.gop.newest+1 {
		w.gop.fed = w.gop.newest
		w.dec.Reset()
	}
	return w.hold(seen)
}

// peeked is the end of it. What it held back was not told: where something moves it is looked at once more, in its order.
func (w *watch) peeked(u protocol.Unit) error {
	seen, found := w.doubt, w.stirred != nil
	if found {
		seen = *w.stirred
	}
	w.stirred, w.peeking = nil, false
	if found || atSide(seen.result) {
		w.past.drop()
		w.last = w.before
		if err := w.replay(u, seen, protocol.WhyDoubt); err != nil || w.moving {
			return err
		}
	}
	w.closely = false
	w.gop.cut()
	return nil
}

// atSide says whether what a look was in doubt of is at a side of the picture.
func atSide(r motion.Result) bool {
	const edge = 0.06
	g := r.Where
	return r.Reach > 0 && (g.X < edge || g.Y < edge || g.X+g.W > 1-edge || g.Y+g.H > 1-edge)
}

// replay watches closely what was kept since the last look, and says in order what it saw. Once what begins is dated, the
// pictures up to the newest key frame are left out; once what has ended is, all that follow are.
func (w *watch) replay(u protocol.Unit, seen sight, why string) error {
	seen = seen.kept()
	g := &w.gop
	w.approach(why, u.At, u.At+watchFor)
	w.dec.Reset()
	told := false
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At == seen.at && !told {
			told = true
			return w.show(seen, f)
		}
		return w.see(f)
	}
	begins, ends := seen.result.Moving && !w.moving && !w.attentive, !seen.result.Moving && w.moving && !w.attentive
	enough := func() bool {
		return !told && g.fed < g.newest && (begins && w.moving || ends && w.last-w.moved >= stillFor)
	}
	if err := w.feed(see, enough); err != nil {
		return err
	}
	if g.fed < g.newest && ends {
		w.closely, g.fed = false, 0
		return errors.Join(w.tell(seen, nil), w.endSpell())
	}
	if g.fed < g.newest {
		g.fed = g.newest
		w.dec.Reset()
		if err := w.feed(see, nil); err != nil {
			return err
		}
	}
	if !told && begins && u.Key { // reordering holds the newest picture back, and it may be the only one to show
		if err := w.flush(see); err != nil {
			return err
		}
	}
	// Else it comes out with the units that follow, and is not looked at again.
	if !told {
		if err := w.show(seen, nil); err != nil {
			return err
		}
	}
	switch {
	case begins: // it began, and that is dated: key frames see it go on
		return w.goesOn(u)
	case ends && !seen.result.Doubt && w.last-w.moved >= endFor: // it ended, likewise
		w.closely = false
		return w.endSpell()
	}
	return nil
}

// flush gets the pictures out of the decoder that reordering holds back; it begins with a key frame next.
func (w *watch) flush(see func(*hwaccel.Frame) error) error {
	err := w.w.drain(see)
	if err != nil {
		var swapped bool
		if swapped, err = w.w.lost(err, len(w.gop.units)-1); err != nil {
			return err
		}
		if swapped { // what was told already is not told again
			w.gop.fed = w.gop.newest
			if err := w.feed(see, nil); err != nil {
				return err
			}
			err = w.w.drain(see)
		} else {
			w.w.stats.Bad++
		}
	}
	w.gop.fed = 0
	return err
}

// follow decodes everything that comes.
func (w *watch) follow(u protocol.Unit) error {
	if u.Key && !w.peeking {
		w.gop.cut()
	}
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		return w.see(f)
	}
	if err := w.feed(see, func() bool { return w.stirred != nil }); err != nil {
		return err
	}
	still := w.last - max(w.moved, w.since-stillFor+doubtTime)
	switch {
	case w.attentive:
		if w.last-w.moved >= calmAfter {
			return w.endSpell()
		}
	case w.peeking:
		if w.stirred != nil || w.last-w.since >= peekFor {
			return w.peeked(u)
		}
	case !w.moving && w.hinted && w.hint.persists() && w.last-w.since < hintFor:
	case w.moving && w.last-w.moved >= stillFor, !w.moving && still >= stillFor:
		w.closely = false
		return w.endSpell()
	case w.moving && u.At >= w.until:
		return w.goesOn(u)
	}
	return nil
}

// goesOn is content with key frames while a spell is open.
func (w *watch) goesOn(u protocol.Unit) error {
	w.gop.cut()
	w.closely = false
	w.again = u.At + revisit
	return w.thumbs.flush(w)
}

// see looks at a decoded picture if it is time for a look.
func (w *watch) see(f *hwaccel.Frame) error {
	switch {
	case f.Damaged() || w.stirred != nil:
		return nil
	case f.At-w.last < w.pause() && w.last != 0:
		return w.keep(f)
	}
	s, err := w.look(f)
	if err != nil {
		return err
	}
	w.doubting = s.result.Doubt && w.attentive
	if w.peeking && s.result.Moving {
		if w.once {
			s = s.kept()
			w.stirred = &s
			return nil
		}
		w.once = true
		s.result = motion.Result{Doubt: true, Reach: s.result.Reach, Where: s.result.Where}
	}
	return w.show(s, f)
}

// pause is how far looks lie apart at least while watching closely.
func (w *watch) pause() int64 {
	switch {
	case w.doubting:
		return doubtEvery
	case w.attentive && !w.moving:
		return attentiveEvery
	}
	return lookEvery
}

// feed decodes what is kept and was not decoded yet, until that is enough; nil is never.
func (w *watch) feed(see func(*hwaccel.Frame) error, enough func() bool) error {
	g := &w.gop
	for ; g.fed < len(g.units); g.fed++ {
		if enough != nil && enough() {
			break
		}
		u := g.units[g.fed]
		if w.w.config.Codec == media.MJPEG && w.closely && u.At-w.last < w.pause() {
			continue // each picture stands alone, so what is not looked at need not be decoded
		}
		if err := w.w.decode(u, see); err != nil {
			swapped, err := w.w.lost(err, g.fed)
			switch {
			case err != nil:
				return err
			case swapped:
				g.fed = -1 // from the start; what was told already is not told again
				continue
			}
			w.w.stats.Bad++
		}
		if err := w.w.beat(); err != nil {
			return err
		}
	}
	return nil
}
