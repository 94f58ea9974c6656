package privacy

import (
	"time"

	"hearth/storage/box"
)

// Reason says what makes something private.
type Reason string

// The reasons.
const (
	Hand     Reason = "hand"     // a person switched it
	Schedule Reason = "schedule" // the hours
	House    Reason = "house"    // the whole box is private
	Clock    Reason = "clock"    // the box does not know the time, and the time matters
)

// Verdict is what holds at a moment.
type Verdict struct {
	On     bool
	Until  time.Time // when it changes by itself; zero: not, or nobody knows
	Reason Reason    // while On
}

// Judge says what a rule makes of a moment by the clock on the wall of zone. While the time is not known, whatever
// depends on it is private.
func Judge(p box.Privacy, t time.Time, zone *time.Location, known bool) Verdict {
	list, err := read(p.Schedule)
	if err != nil { // kept by another version, or damaged: rather not look
		return Verdict{On: true, Reason: Schedule}
	}
	if !known {
		switch {
		case p.On:
			return Verdict{On: true, Reason: Hand}
		case len(list) > 0:
			return Verdict{On: true, Reason: Clock}
		}
		return Verdict{}
	}
	if p.On && p.Until.IsZero() {
		return Verdict{On: true, Reason: Hand}
	}
	if !t.Before(p.Until) { // nothing is switched, or no more
		return scheduled(list, t, zone)
	}
	v := Verdict{On: p.On, Until: p.Until}
	if p.On {
		v.Reason = Hand
	}
	if then := scheduled(list, p.Until, zone); then.On == p.On {
		v.Until = then.Until
	}
	return v
}

func scheduled(list []hours, t time.Time, zone *time.Location) Verdict {
	v := Verdict{}
	if v.On, v.Until = at(list, t, zone); v.On {
		v.Reason = Schedule
	}
	return v
}

// Held says whether what a person switched still holds at t.
func Held(p box.Privacy, t time.Time) bool {
	return p.On && p.Until.IsZero() || t.Before(p.Until)
}

// Change is the next moment after t at which a schedule says something else; zero: it never does.
func Change(schedule []box.PrivateHours, t time.Time, zone *time.Location) time.Time {
	list, err := read(schedule)
	if err != nil {
		return time.Time{}
	}
	_, until := at(list, t, zone)
	return until
}

// Both joins a camera's rule and the house's: it is private while either is.
func Both(camera, house box.Privacy, t time.Time, zone *time.Location, known bool) Verdict {
	first := Judge(camera, t, zone, known)
	if v := Judge(house, t, zone, known); v.On && (!first.On || first.Reason == Clock && v.Reason == Hand) {
		first = v
		if first.Reason != Clock {
			first.Reason = House
		}
	}
	v := first
	// One may go on where the other ends. Two schedules that never leave a moment end nowhere.
	for range 64 {
		a, b := Judge(camera, t, zone, known), Judge(house, t, zone, known)
		switch {
		case !a.On && !b.On:
			if first.On {
				v.Until = t
			} else {
				v.Until = earlier(a.Until, b.Until)
			}
			return v
		case a.On && a.Until.IsZero(), b.On && b.Until.IsZero():
			v.Until = time.Time{}
			return v
		}
		if a.On {
			t = a.Until
		}
		if b.On && (!a.On || b.Until.After(t)) {
			t = b.Until
		}
	}
	v.Until = time.Time{}
	return v
}

// earlier is the earlier of two moments; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
