package sim

import (
	"math"
	"time"
)

// walk is a way through a place. Coordinates are those of the drawings: 1600x900, origin in the upper left.
type walk struct {
	kind  string
	coat  color // what the visitor looks like
	speed float64
	steps []step
}

// step is a point of a walk: where the feet are, how tall the figure is there, and how long it waits.
type step struct {
	x, y, tall float64
	wait       float64 // seconds
}

// pose is where a figure is at one moment.
type pose struct {
	x, y, tall float64
	facing     float64 // −1 left, 1 right
	walked     float64 // in figure heights, for the gait; standing figures keep it
	standing   bool
}

// seconds is how long the way from a to b takes: speed counts figure heights per second.
func (w *walk) seconds(a, b step) float64 {
	return math.Hypot(b.x-a.x, b.y-a.y) / (w.speed * (a.tall + b.tall) / 2)
}

func (w *walk) lasts() time.Duration {
	t := w.steps[0].wait
	for i, s := range w.steps[1:] {
		t += w.seconds(w.steps[i], s) + s.wait
	}
	return time.Duration(t * float64(time.Second))
}

// at is the pose some time after the walk began.
func (w *walk) at(since time.Duration) pose {
	t := since.Seconds()
	p := pose{facing: 1}
	for i, b := range w.steps[1:] {
		a := w.steps[i]
		d := w.seconds(a, b)
		if b.x < a.x {
			p.facing = -1
		} else if b.x > a.x {
			p.facing = 1
		}
		part := min(1, t/d)
		p.x, p.y, p.tall = a.x+(b.x-a.x)*part, a.y+(b.y-a.y)*part, a.tall+(b.tall-a.tall)*part
		p.walked += part * d * w.speed
		if t < d {
			return p
		}
		t -= d
		if t < b.wait {
			p.standing = true
			return p
		}
		t -= b.wait
	}
	return p
}
