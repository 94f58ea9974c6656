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
	last  time.Time // of the last moving look, by the camera's clock
	heard time.Time // when that was received, by the box's clock
	wrote time.Time // when the event was last written
	dirty bool      // there is more to write

	best       Thumb     // the best thumb that is not written yet; no JPEG: none
	kept       float64   // score of the thumbnail that is written
	keptAt     time.Time // when
	keptWrites int
}

// seeLook extends, closes or opens an event.
func (b *Book) seeLook(l Look) {
	if o := b.current; o != nil {
		still := l.At.Sub(o.last)
		switch {
		case still >= MergeWithin, still >= PostRoll && !l.Moving:
			b.close()
		case still < -backBy, l.Moving && l.At.Sub(o.Start) >= MaxLength:
			b.close()
			b.previous = nil // or it would be opened again at once
		}
	}
	if !l.Moving {
		return
	}
	b.Store.AddMotion(b.Camera, l.At, l.Score)
	switch {
	case b.current != nil:
		o := b.current
		if o.extend(l) || (o.dirty && time.Since(o.wrote) >= updateEvery) {
			b.update(o)
		}
	case b.previous != nil && b.previous.near(l.At):
		o := b.previous
		b.current, b.previous = o, nil
		o.End = time.Time{}
		o.extend(l)
		b.update(o)
	default:
		b.open(l)
	}
}

// open begins an event.
func (b *Book) open(l Look) {
	o := &open{Event: Event{ID: media.NewUUID(), Camera: b.Camera, Kind: "motion", Start: l.At}, last: l.At}
	o.extend(l)
	b.current, b.previous = o, nil
	b.write(o, Opened)
	if early := b.early; early.JPEG != nil {
		b.early = Thumb{}
		b.seeThumb(early)
	}
}

// close ends the event that goes on, at its last motion.
func (b *Book) close() {
	o := b.current
	b.keepThumb(o, true)
	o.End = o.last
	b.write(o, Closed)
	b.current, b.previous = nil, o
}

// update writes the event that goes on.
func (b *Book) update(o *open) { b.write(o, Updated) }

// write stores the event and tells of it. What cannot be stored now is tried again later.
func (b *Book) write(o *open, phase Phase) {
	o.dirty, o.wrote = false, time.Now()
	e := o.Event
	e.Regions, e.Zones = slices.Clone(e.Regions), slices.Clone(e.Zones)
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

// near says whether motion at a time is still this event's.
func (o *open) near(at time.Time) bool {
	return at.After(o.Start.Add(-PreRoll)) && at.Sub(o.last) < MergeWithin && at.Sub(o.Start) < MaxLength
}

// extend takes a moving look into the event, and says whether that is worth writing at once.
func (o *open) extend(l Look) bool {
	if l.At.After(o.last) {
		o.last = l.At
	}
	if l.At.Before(o.Start) {
		o.Start, o.dirty = l.At, true
	}
	o.heard = time.Now()
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
