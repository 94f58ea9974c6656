//go:build cgo

package main

import (
	"hearth/hwaccel"
	"hearth/nvr/media"
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
	w.dec.Skip(false, false)
	w.gop.fed = 0
}

// replay watches closely what was kept since the last look, and says in order what it saw.
func (w *watch) replay(u protocol.Unit, seen sight, why string) error {
	// The detector's slices hold until its next look.
	seen.result.Regions = append([]media.Region(nil), seen.result.Regions...)
	seen.result.Zones = append([]string(nil), seen.result.Zones...)
	w.approach(why, u.At, u.At+watchFor)
	w.dec.Reset()
	told := false
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		if f.At == seen.at && !told {
			told = true
			return w.tell(seen, f)
		}
		return w.see(f)
	}
	if err := w.feed(len(w.gop.units), see); err != nil {
		return err
	}
	begins := seen.result.Moving && u.Key && !w.attentive
	if !told && begins { // reordering holds the newest picture back, and it may be the only one to show
		if err := w.w.drain(see); err != nil {
			w.w.stats.Bad++
		}
		w.gop.fed = 0
	}
	// Else it comes out with the units that follow, and is not looked at again.
	if !told {
		if err := w.tell(seen, nil); err != nil {
			return err
		}
	}
	switch {
	case begins: // it began, and that is dated: key frames see it go on
		return w.goesOn(u)
	case w.moving && !w.attentive && u.Key && w.last-w.moved >= stillFor: // it ended, likewise
		w.closely = false
		return w.endSpell()
	}
	return nil
}

// follow decodes everything that comes.
func (w *watch) follow(u protocol.Unit) error {
	if u.Key {
		w.gop.cut()
	}
	see := func(f *hwaccel.Frame) error {
		w.w.stats.Decoded++
		return w.see(f)
	}
	if err := w.feed(len(w.gop.units), see); err != nil {
		return err
	}
	still := w.last - max(w.moved, w.since-stillFor+doubtTime)
	switch {
	case w.attentive:
		if w.last-w.moved >= calmAfter {
			return w.endSpell()
		}
	case !w.moving && w.hinted && w.hint.persists() && w.last-w.since < hintFor:
	case w.moving && w.last-w.moved >= stillFor, !w.moving && still >= stillFor:
		w.closely = false
		return w.endSpell()
	case w.moving && u.Key && u.At >= w.until:
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
	if f.At-w.last < w.pause() && w.last != 0 || f.Damaged() {
		return nil
	}
	s, err := w.look(f)
	if err != nil {
		return err
	}
	w.doubting = s.result.Doubt && w.attentive
	return w.tell(s, f)
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

// feed decodes what is kept and was not decoded yet, up to unit number end.
func (w *watch) feed(end int, see func(*hwaccel.Frame) error) error {
	g := &w.gop
	for ; g.fed < end; g.fed++ {
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
