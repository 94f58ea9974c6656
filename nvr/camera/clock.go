package camera

import (
	"math"
	"time"
)

const (
	// envelopeSeconds is how far back an envelope looks.
	envelopeSeconds = 10
	// slewTime is how long it takes to make good most of a difference between the camera's clock and the box's, and
	// slewLimit how fast time may run or stand back at most, as a part of itself. Crystals differ by 0.01 % at worst;
	// the rest is for a camera that began with pictures from its store.
	slewTime  = 20 * time.Second
	slewLimit = 0.05
)

// wallClock says when a picture was taken by the box's clock. It is anchored where the first packet of a run
// arrived and then led slowly to where packets arrive: never in a step, never back.
//
// What it follows is the lower envelope of arrivals over the last seconds: a packet can be late for many reasons,
// but never early (the idea is that of the clock filter of NTP, RFC 5905, section 10). Media time is in nanoseconds
// on the camera's clock, arrival in Unix time as a boxClock gives it.
type wallClock struct {
	anchor int64 // Unix time of media time zero, ns, before slew
	slew   int64 // ns added to anchor by now
	last   int64 // media time of the last observation
	late   envelope
}

// newWallClock anchors media time at a moment of arrival.
func newWallClock(media, arrived int64) *wallClock {
	return &wallClock{anchor: arrived - media, last: media}
}

// at gives the wall clock of a media time. It rises with media time, also from one observation to the next.
func (c *wallClock) at(media int64) time.Time {
	return time.Unix(0, c.anchor+media+c.slew).UTC()
}

// observe is told when a unit arrived. Media times must not fall from one call to the next.
func (c *wallClock) observe(media, arrived int64) {
	step := media - c.last
	if step < 0 {
		return
	}
	c.last = media
	c.late.add(media, arrived-c.anchor-media)
	want := float64(c.late.min() - c.slew)
	limit := slewLimit * float64(step)
	c.slew += int64(max(-limit, min(limit, want*min(1, float64(step)/float64(slewTime)))))
}

// moment gives the media time that is being sent at a moment of arrival, as far as the envelope knows.
func (c *wallClock) moment(arrived int64) int64 {
	return arrived - c.anchor - c.late.min()
}

// envelope is the smallest delay seen over the last envelopeSeconds, in whole seconds of media time.
type envelope struct {
	second [envelopeSeconds]int64 // which second a place holds, plus one; 0 is none
	least  [envelopeSeconds]int64
	first  int64 // the first second seen, plus one
}

func (e *envelope) add(media, late int64) {
	s := media/int64(time.Second) + 1
	if s <= 0 {
		return
	}
	if e.first == 0 {
		e.first = s
	}
	i := s % envelopeSeconds
	if e.second[i] != s {
		e.second[i], e.least[i] = s, late
		for j := range e.second { // what is older does not count any more
			if e.second[j] <= s-envelopeSeconds {
				e.second[j] = 0
			}
		}
		return
	}
	e.least[i] = min(e.least[i], late)
}

// min is 0 while nothing was seen.
func (e *envelope) min() int64 {
	least := int64(math.MaxInt64)
	for i, s := range e.second {
		if s != 0 {
			least = min(least, e.least[i])
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// settled says whether the envelope has seen its whole length.
func (e *envelope) settled(media int64) bool {
	return e.first != 0 && media/int64(time.Second)+1-e.first >= envelopeSeconds
}

// timeline makes the 32-bit timestamps of RTP into ticks that do not wrap.
type timeline struct {
	rate    int64 // ticks per second
	known   bool
	last    uint32
	ticks   int64
	arrived time.Time
}

const (
	jumpBack    = time.Second     // more than B-frames ever go back
	jumpForward = 5 * time.Second // more than any pause between two pictures
	jumpSlack   = 3 * time.Second // a jump forward runs ahead of arrival by this much
)

// next gives a timestamp in ticks, from 0 at the first one, and whether the camera's clock jumped there: back, or
// forward without as much time having passed. Ticks begin at 0 again then. A camera that paused did not jump.
func (t *timeline) next(ts uint32, arrived time.Time) (ticks int64, jumped bool) {
	if !t.known {
		t.known, t.last, t.arrived = true, ts, arrived
		return t.ticks, false
	}
	d := int64(int32(ts - t.last))
	passed := arrived.Sub(t.arrived)
	t.last, t.arrived = ts, arrived
	ahead := time.Duration(nanos(d, t.rate))
	if ahead < -jumpBack || ahead > jumpForward && ahead > passed+jumpSlack {
		t.ticks = 0
		return 0, true
	}
	t.ticks += d
	return t.ticks, false
}

// nanos converts ticks of a clock rate without overflow and with the rest kept.
func nanos(ticks, rate int64) int64 {
	return ticks/rate*int64(time.Second) + ticks%rate*int64(time.Second)/rate
}

// ticksOf is the reverse of nanos, rounded down.
func ticksOf(ns, rate int64) int64 {
	const second = int64(time.Second)
	return ns/second*rate + ns%second*rate/second
}
