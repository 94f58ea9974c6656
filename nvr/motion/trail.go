package motion

import "time"

// What is small, flat beside a clock, or seen while the background is young has to be seen twice, and to have moved in
// between, before it counts: a digit that changes stays where it is.
const (
	trailLength = 24
	trailTime   = 2500 * time.Millisecond // between the two looks, at most
	trailLeast  = 1.5                     // places that it has to have moved
	trailReach  = 6                       // places that it may have moved at once, and
	trailSpeed  = 16                      // places per second
	trailAlike  = 2.5                     // how much larger than before it may be, or smaller
)

// step is where something was seen.
type step struct {
	at   time.Duration
	x, y float32 // middle of what stirred, in places
	n    int     // places that stirred
}

// trail remembers the last steps of everything that could not be told from one look.
type trail struct {
	steps [trailLength]step
	n     int // steps taken in all
}

// follows says whether s goes on from an earlier step (or, for older pictures, leads to a later one).
func (t *trail) follows(s step) bool {
	for i := range t.steps[:min(t.n, trailLength)] {
		o := &t.steps[i]
		apart := s.at - o.at
		if apart < 0 {
			apart = -apart
		}
		if apart == 0 || apart > trailTime {
			continue
		}
		dx, dy := s.x-o.x, s.y-o.y
		reach := trailReach + trailSpeed*float32(apart.Seconds())
		moved := dx*dx + dy*dy
		alike := float32(s.n) < trailAlike*float32(o.n) && float32(o.n) < trailAlike*float32(s.n)
		if alike && moved >= trailLeast*trailLeast && moved <= reach*reach {
			return true
		}
	}
	return false
}

// add remembers a step, for the oldest one.
func (t *trail) add(s step) {
	t.steps[t.n%trailLength] = s
	t.n++
	if t.n == 2*trailLength {
		t.n = trailLength
	}
}
