package event

import (
	"slices"
	"time"

	"hearth/nvr/media"
)

// What is one visit. Motion that ends and begins again is the same event
//   - within MergeWithin, since the two stretches of footage would overlap;
//   - within BackWithin where it ended: who goes out of the picture comes back at the same side of it;
//   - within StayWithin where it ended, if that was inside the picture: who stands still has not left.
//
// Somebody who comes from elsewhere in the picture, as the next car on a road does, is another visit.
const (
	MergeWithin = PreRoll + PostRoll
	BackWithin  = 30 * time.Second
	StayWithin  = 90 * time.Second
)

const (
	nearby = 0.1  // how far two regions lie apart at most that are at one place, in parts of the picture
	border = 0.02 // how far a region lies from the picture's border at least that is inside
)

// again says whether a moving look belongs to an event that was closed.
func (o *open) again(l Look) bool {
	if !l.At.After(o.Start.Add(-PreRoll)) || o.full(l.At) {
		return false
	}
	switch gap := l.At.Sub(o.last); {
	case gap < MergeWithin:
		return true
	case gap < BackWithin:
		return o.begins(l.Regions, func(media.Region) bool { return true })
	case gap < StayWithin:
		return o.begins(l.Regions, inside)
	}
	return false
}

// begins says whether one of the regions lies where the event ended, at a place that will do.
func (o *open) begins(regions []media.Region, do func(media.Region) bool) bool {
	return slices.ContainsFunc(o.where, func(w media.Region) bool {
		return do(w) && slices.ContainsFunc(regions, func(r media.Region) bool { return near(w, r) })
	})
}

func near(a, b media.Region) bool {
	return a.X-nearby < b.X+b.W && b.X-nearby < a.X+a.W && a.Y-nearby < b.Y+b.H && b.Y-nearby < a.Y+a.H
}

func inside(r media.Region) bool {
	return r.X > border && r.Y > border && r.X+r.W < 1-border && r.Y+r.H < 1-border
}
