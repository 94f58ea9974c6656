package event

import "time"

// How often the thumbnail of an event is written: the first one at once, so that there is one, then only for what is
// clearly better, seldom, and a last time when the event closes.
const (
	thumbEvery    = 3 * time.Second
	thumbBetter   = 1.2
	thumbWrites   = 6
	thumbAround   = 3 * time.Second // how far before or after the motion of an event a thumb of it may lie
	thumbTooEarly = 30 * time.Second
)

// seeThumb offers a thumb to the event that it belongs to.
func (b *Book) seeThumb(t Thumb) {
	switch {
	case b.current != nil && b.current.shows(t.At):
		o := b.current
		if t.Score > o.best.Score || o.best.JPEG == nil {
			o.best = t
		}
		o.chapters.offer(t)
		b.keepThumb(o, false)
	case b.previous != nil && b.previous.shows(t.At):
		o := b.previous
		if t.Score > o.kept || !o.HasThumb {
			o.best = t
			if b.keepThumb(o, true) {
				b.write(o, Closed)
			}
		}
	default:
		// Its event may be opened by the next look.
		if b.early.JPEG == nil || t.Score > b.early.Score || t.At.Sub(b.early.At) > thumbTooEarly {
			b.early = t
		}
	}
}

// shows says whether a moment lies in the event.
func (o *open) shows(at time.Time) bool {
	return !at.Before(o.Start.Add(-thumbAround)) && !at.After(o.last.Add(thumbAround))
}

// keepThumb writes the best thumb if it is worth it; last says that there will hardly be a better one. It
// says whether it did, and writes the event then unless it is the last time.
func (b *Book) keepThumb(o *open, last bool) (kept bool) {
	if o.best.JPEG == nil {
		return false
	}
	if o.HasThumb && o.best.Score <= o.kept {
		o.best = Thumb{}
		return false
	}
	if o.keptWrites >= thumbWrites {
		return false
	}
	if !last && o.keptWrites > 0 { // one write is saved for the last
		soon := time.Since(o.keptAt) < thumbEvery
		if soon || o.keptWrites == thumbWrites-1 || (o.HasThumb && o.best.Score <= thumbBetter*o.kept) {
			return false
		}
	}
	o.keptAt = time.Now()
	o.keptWrites++
	if err := b.Store.PutThumbnail(b.Camera, o.ID, o.best.At, o.best.JPEG); err != nil {
		b.log().Error("a thumbnail could not be stored", "event", o.ID, "error", err)
		return false
	}
	o.kept, o.HasThumb, o.ThumbRegion, o.best = o.best.Score, true, o.best.Region, Thumb{}
	if o == b.current && !last {
		b.update(o)
	}
	return true
}
