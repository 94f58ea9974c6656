package event

import (
	"time"

	"hearth/nvr/media"
)

// Kinds of events.
const (
	Motion = "motion"
	Tamper = "tamper" // somebody, or the weather, did something to the camera; the detail says what
	Frozen = "frozen" // the camera shows nothing new
)

// overAfter is how long looks have to say nothing of it, by the box's clock, for it to be over.
const overAfter = 10 * time.Second

// sameTrouble is how soon after the last look that told of it what is wrong with a camera is still the same event.
const sameTrouble = time.Minute

// Wrong is something that is wrong with a camera at the moment of a look.
type Wrong struct {
	Detail string    // which of its kind; may be empty
	Since  time.Time // when it began, as the worker says
}

// trouble makes the events of one kind of what can be wrong with a camera. They last for as long as the looks say so.
// Each is written when it opens and when it closes, and counts toward an hourly limit of its own. What goes on beyond MaxLength, or
// beyond the limit, makes no event until it has been over.
type trouble struct {
	kind  string
	event Event     // the one that goes on, or the last one; no ID: there was none
	goes  bool      // it goes on
	muted bool      // it goes on without an event
	last  time.Time // of the last look that said so, by the camera's clock
	heard time.Time // when that was received, by the box's clock
}

// seeTroubles takes from a look what is wrong with the camera.
func (b *Book) seeTroubles(l Look) {
	b.tamper.kind, b.frozen.kind = Tamper, Frozen
	b.seeTrouble(&b.tamper, l.At, l.Tamper)
	b.seeTrouble(&b.frozen, l.At, l.Frozen)
}

func (b *Book) seeTrouble(t *trouble, at time.Time, w *Wrong) {
	if at.Before(t.last) && t.last.Sub(at) < backBy {
		return // an older picture, looked at again
	}
	if w == nil && time.Since(t.heard) < overAfter {
		return
	}
	if w == nil || t.goes && w.Detail != t.event.Detail || t.goes && at.Sub(t.event.Start) >= MaxLength {
		long := w != nil && t.goes && w.Detail == t.event.Detail
		b.endTrouble(t)
		t.muted = long
	}
	if w == nil {
		return
	}
	known := !t.event.ID.IsZero() && w.Detail == t.event.Detail && at.Sub(t.last) < sameTrouble && at.Sub(t.last) >= 0
	t.last, t.heard = at, time.Now()
	switch {
	case t.goes, t.muted:
	case known && at.Sub(t.event.Start) < MaxLength:
		t.goes, t.event.End = true, time.Time{}
		b.keep(t.event, Updated)
	case b.limit().takeWrong():
		since := w.Since
		if since.After(at) || at.Sub(since) > farOff || since.Before(t.event.End) {
			since = at
		}
		t.goes = true
		t.event = Event{ID: media.NewUUID(), Camera: b.Camera, Kind: t.kind, Detail: w.Detail, Start: since}
		b.keep(t.event, Opened)
		b.shooter.shoot(t.event)
	default:
		t.muted = true
	}
}

// endTrouble closes the event of what is wrong, if there is one, at the last look that said so.
func (b *Book) endTrouble(t *trouble) {
	t.muted = false
	if !t.goes {
		return
	}
	t.goes, t.event.End = false, t.last
	if t.last.Before(t.event.Start) { // the clock was set
		t.event.End = t.event.Start
	}
	b.keep(t.event, Closed)
}

// tickTroubles closes what no look has spoken of for a while: the worker died, or the camera is gone.
func (b *Book) tickTroubles() {
	for _, t := range []*trouble{&b.tamper, &b.frozen} {
		if t.goes && time.Since(t.heard) >= LostAfter {
			b.endTrouble(t)
		}
	}
}

// waitTroubles is how long tickTroubles has nothing to do.
func (b *Book) waitTroubles() time.Duration {
	w := time.Hour
	for _, t := range []*trouble{&b.tamper, &b.frozen} {
		if t.goes {
			w = min(w, time.Until(t.heard.Add(LostAfter)))
		}
	}
	return w
}
