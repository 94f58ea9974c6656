package motion

import (
	"time"

	"hearth/nvr/media"
)

// Tamper is what somebody, or the weather, did to the camera itself.
type Tamper string

// What can be told from the pictures.
const (
	Covered   Tamper = "covered"   // the known view is gone, and there is hardly anything to see instead
	Turned    Tamper = "turned"    // the known view is gone, and there is another one
	Defocused Tamper = "defocused" // the known view is there, and what is fine in it is gone
)

const (
	tamperAfter = 10 * time.Second // that the known view has to be gone: a hand waved over the lens is no tampering
	acceptAfter = 60               // seconds after which another view that stands is the known one
	lookAgain   = time.Second      // between two comparisons of what is seen now with what is known
	dull        = 0.35             // part of the known view's edges below which there is hardly anything to see

	blurred    = 0.65             // part of the usual sharpness below which a view is out of focus
	sharpAgain = 0.8              // and from which on it is not any more
	blurAfter  = 15 * time.Second // that it has to be: a zoom that looks for its focus is no tampering
	sharpTime  = 300              // seconds over which a sharpness becomes usual
)

// wholePicture is where it moves when nothing of the background is to be seen.
var wholePicture = media.Region{W: 1, H: 1, Score: 1}

// guard watches whether the camera shows what it should. What the background has lost is compared, while it lasts, with
// the outlines of the views that are known; how sharp a view is, every few seconds with what is usual. Both are done on
// backgrounds rather than pictures, as they have less noise and do not show what only passes by.
type guard struct {
	kind  Tamper // "" nothing is wrong
	since time.Duration

	lost    bool          // no known view is seen, since
	gone    time.Duration // when
	checked time.Duration

	soft      bool // the known view is out of focus, since
	softSince time.Duration

	outline outline
	sharp   sharpness
}

// lose takes note of a picture in which nothing known is to be found.
func (g *guard) lose(at time.Duration, d *Detector) {
	if g.lost || d.lastKnown() == nil {
		return
	}
	g.lost, g.gone, g.checked = true, at, at
	g.kind, g.soft = "", false
}

// found takes note that a known view is there again, or that what is there is known from now on.
func (g *guard) found() {
	if g.lost || g.kind != Defocused {
		g.kind = ""
	}
	g.lost, g.soft = false, false
}

// watch compares what is seen with what is known, after something was learned.
func (g *guard) watch(at time.Duration, d *Detector) {
	if !g.lost || at-g.checked < lookAgain {
		return
	}
	g.checked = at
	known := d.lastKnown().outline.strength()
	if d.recall(0) { // with the outline of the picture
		g.found()
		return
	}
	g.outline.take(&d.now.ground.mean, d.area)
	if d.seenBefore(&g.outline) {
		g.found()
		return
	}
	// What does not hold still leaves edges in the background that it does not have, noise in the picture.
	plain := min(g.outline.strength(), d.outline.strength()) < dull*known
	switch {
	case !plain && d.now.warmed >= acceptAfter:
		g.found()
	case g.kind == "" && at-g.gone >= tamperAfter:
		g.kind, g.since = Turned, g.gone
		if plain {
			g.kind = Covered
		}
	}
}

// focus compares how sharp the known view is with how sharp it usually is. It is asked every forgetEvery seconds.
func (g *guard) focus(at time.Duration, d *Detector) {
	p := d.now
	if g.lost || !p.known {
		return
	}
	g.sharp.take(&p.ground.mean, d.area)
	part := g.sharp.over(&p.sharp)
	switch {
	case g.kind == Defocused:
		if part > sharpAgain {
			g.kind = ""
		}
	case part > 0 && part < blurred:
		if !g.soft {
			g.soft, g.softSince = true, at-forgetEvery*time.Second
		}
		if at-g.softSince >= blurAfter {
			g.kind, g.since, g.soft = Defocused, g.softSince, false
		}
	default:
		g.soft = false
		p.sharp.learn(&g.sharp, rate(forgetEvery, sharpTime))
	}
}

// lastKnown is the known profile that was left last, other than the one that holds; nil if there is none.
func (d *Detector) lastKnown() *profile {
	var last *profile
	for i := range d.profiles {
		if p := &d.profiles[i]; p != d.now && p.known && (last == nil || p.left > last.left) {
			last = p
		}
	}
	return last
}
