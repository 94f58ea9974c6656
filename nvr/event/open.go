package event

import (
	"slices"
	"time"

	"hearth/nvr/media"
)

const (
	updateEvery = 5 * time.Second  // an event that goes on is written at most this often, but for a new zone
	backBy      = 30 * time.Second // looks older than this before the last one are of another time: the clock was set
	maxRegions  = 16
	maxZones    = 32
	maxUnsaved  = 64
	sameRegion  = 0.5 // intersection over union from which on two regions are the same
)

// open is an event that goes on, or went on until a moment ago.
type open struct {
	Event
	chapters chapters
	where    []media.Region // of the last moving look that had some

	floor  time.Time // the event before it ended then: it does not begin earlier
	until  time.Time // by the box's clock: until when a summary takes in what comes; zero: it is none
	last   time.Time // of the last moving look, by the camera's clock
	heard  time.Time // when that was received, by the box's clock
	turned time.Time // when it was last opened or closed, by the box's clock
	wrote  time.Time // when the event was last written
	dirty  bool      // there is more to write

	best       Thumb     // the best thumb that is not written yet; no JPEG: none
	kept       float64   // score of the thumbnail that is written
	keptAt     time.Time // when
	keptWrites int
}

// seeLook extends, closes or opens an event.
func (b *Book) seeLook(l Look) {
	if o := b.current; o != nil {
		still, settled := l.At.Sub(o.last), time.Since(o.turned) >= updateEvery
		switch {
		case still < -o.backBy(), l.Moving && o.full(l.At):
			b.close()
			b.previous, b.summary = nil, nil // or it would be opened again at once
			if still >= -o.backBy() {
				b.floor = o.last
			}
		case settled && (still >= MergeWithin || still >= PostRoll && !l.Moving):
			b.close()
		}
	}
	b.Store.AddMark(b.Camera, l.At, l.Reach, l.Where)
	if !l.Moving {
		return
	}
	b.Store.AddMotion(b.Camera, l.At, l.Score)
	if b.current == nil {
		b.begin(l)
		return
	}
	if o := b.current; b.extend(o, l) || (o.dirty && time.Since(o.wrote) >= updateEvery) {
		b.update(o)
	}
}

// begin opens the event that a moving look belongs to, or opens it again.
func (b *Book) begin(l Look) {
	switch {
	case b.previous != nil && b.previous.again(l):
		b.resume(b.previous, l)
	case b.summary != nil && b.summary.takes(l.At):
		s := b.summary
		s.Visits++
		b.turn(s, l.At)
		b.resume(s, l)
	case b.limit().take():
		b.open(l, Event{})
	default:
		b.open(l, Event{Visits: 1})
		b.summary = b.current
		b.summary.until = time.Now().Add(summed)
	}
	if early := b.early; early.JPEG != nil {
		b.early = Thumb{}
		b.seeThumb(early)
	}
}

// resume opens an event again.
func (b *Book) resume(o *open, l Look) {
	b.current, b.previous = o, nil
	o.End, o.turned = time.Time{}, time.Now()
	b.extend(o, l)
	b.update(o)
}

// open begins an event.
func (b *Book) open(l Look, e Event) {
	floor := b.floor
	if b.previous != nil {
		floor = b.previous.last
	}
	if floor.Sub(l.At) >= StayWithin {
		floor = time.Time{} // the clock was set
	}
	if l.At.Before(floor) {
		l.At = floor // what came late
	}
	e.ID, e.Camera, e.Kind, e.Start = media.NewUUID(), b.Camera, Motion, l.At
	o := &open{Event: e, last: l.At, floor: floor, turned: time.Now()}
	b.current, b.previous, b.floor = o, nil, time.Time{}
	b.extend(o, l)
	b.write(o, Opened)
}

// close ends the event that goes on, at its last motion.
func (b *Book) close() {
	o := b.current
	b.keepThumb(o, true)
	if len(o.chapters.parts) > 1 || o.Visits > 0 {
		b.keepChapter(o)
	}
	o.End, o.turned = o.last, time.Now()
	b.write(o, Closed)
	b.current, b.previous = nil, o
}

// turn begins another chapter of an event.
func (b *Book) turn(o *open, at time.Time) {
	if c := &o.chapters; len(c.parts) > 0 {
		b.keepChapter(o)
		if before := c.parts[len(c.parts)-1].To; at.Before(before) {
			at = before
		}
	}
	o.chapters.begin(at)
}

// extend takes a moving look into an event, and says whether that is worth writing at once.
func (b *Book) extend(o *open, l Look) (worth bool) {
	if l.At.Before(o.floor) {
		l.At = o.floor
	}
	if o.chapters.turns(l.At, o.last) {
		b.turn(o, l.At)
		worth = len(o.chapters.parts) > 1
	}
	return o.extend(l) || worth
}

// backBy is how much older than the last moving look a look is at least that is of another time: the clock was set. A
// worker cannot make it so, nor have one summary follow the other, by saying times that are off as far as is let through.
func (o *open) backBy() time.Duration {
	if o.until.IsZero() {
		return backBy
	}
	return 2*farOff + backBy
}

// full says whether an event has lasted for as long as it may.
func (o *open) full(at time.Time) bool {
	if o.until.IsZero() {
		return at.Sub(o.Start) >= MaxLength
	}
	return !time.Now().Before(o.until)
}

// takes says whether another visit goes into a summary.
func (o *open) takes(at time.Time) bool { return !o.full(at) && at.Sub(o.last) >= -o.backBy() }

// update writes the event that goes on.
func (b *Book) update(o *open) { b.write(o, Updated) }

// write keeps an event as it is now.
func (b *Book) write(o *open, phase Phase) {
	o.dirty, o.wrote = false, time.Now()
	e := o.Event
	e.Regions, e.Zones = slices.Clone(e.Regions), slices.Clone(e.Zones)
	if parts := o.chapters.parts; len(parts) > 1 || e.Visits > 0 {
		e.Chapters = slices.Clone(parts)
	}
	b.keep(e, phase)
}

// keep stores a version of an event and tells of it. What cannot be stored now is tried again later.
func (b *Book) keep(e Event, phase Phase) {
	b.unsaved = slices.DeleteFunc(b.unsaved, func(u Event) bool { return u.ID == e.ID })
	b.unsaved = append(b.unsaved, e)
	b.save()
	if b.OnEvent != nil {
		b.OnEvent(e, phase)
	}
}

// save stores what is not stored yet.
func (b *Book) save() {
	for len(b.unsaved) > 0 {
		if err := b.Store.PutEvent(b.unsaved[0]); err != nil {
			b.log().Error("an event could not be stored", "event", b.unsaved[0].ID, "waiting", len(b.unsaved), "error", err)
			break
		}
		b.unsaved = b.unsaved[1:]
	}
	if over := len(b.unsaved) - maxUnsaved; over > 0 {
		b.log().Error("events that could not be stored are given up", "events", over)
		b.unsaved = slices.Clone(b.unsaved[over:])
	}
}

// extend takes a moving look into the event and its chapter, and says whether that is worth writing at once.
func (o *open) extend(l Look) bool {
	if !l.At.Before(o.last) {
		o.last = l.At
		if len(l.Regions) > 0 {
			o.where = append(o.where[:0], l.Regions[:min(len(l.Regions), maxRegions)]...)
		}
	}
	if l.At.Before(o.Start) {
		o.Start, o.dirty = l.At, true
	}
	o.heard = time.Now()
	o.chapters.extend(l.At, l.Score)
	if l.Score > o.Score {
		o.Score, o.dirty = l.Score, true
	}
	for _, r := range l.Regions {
		if o.add(r) {
			o.dirty = true
		}
	}
	fresh := false
	for _, z := range l.Zones {
		if len(o.Zones) < maxZones && !slices.Contains(o.Zones, z) {
			o.Zones = append(o.Zones, z)
			o.dirty, fresh = true, true
		}
	}
	return fresh
}

// add keeps a region if it is new or surer than one that it nearly covers; the least sure makes room.
func (o *open) add(r media.Region) bool {
	least := 0
	for i, k := range o.Regions {
		if overlap(k, r) >= sameRegion {
			if r.Score > k.Score {
				o.Regions[i] = r
				return true
			}
			return false
		}
		if k.Score < o.Regions[least].Score {
			least = i
		}
	}
	if len(o.Regions) < maxRegions {
		o.Regions = append(o.Regions, r)
		return true
	}
	if r.Score > o.Regions[least].Score {
		o.Regions[least] = r
		return true
	}
	return false
}

// overlap is the intersection of two regions over their union.
func overlap(a, b media.Region) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}
