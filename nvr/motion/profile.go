package motion

import "time"

const (
	maxProfiles = 3  // of a camera: by day, through infra-red, and what it shows while nothing of that is there
	knownAfter  = 20 // seconds after which a view is known
)

// profile is all that is known of a camera's view in one kind of light. Each is kept whole, so that a switch from day to
// infra-red and back finds what was learned the last time.
type profile struct {
	ground background
	cells  cells
	sharp  sharpness // usual, over minutes; all 0 until it is known

	looks  int     // pictures learned from since it began; 0 it is empty
	warmed float32 // seconds since the first of them
	known  bool    // it shows the camera's view as it should be
	left   int     // how many profiles have been left when this one was: the highest was left last

	outline outline // of the ground when it was left
}

// begin empties the profile and begins it with a picture.
func (p *profile) begin(h *halver) {
	p.ground.begin(h)
	p.cells, p.sharp = cells{}, sharpness{}
	p.looks, p.warmed, p.known, p.left = 1, 0, false, 0
}

// leave notes what is needed to know the profile again.
func (d *Detector) leave() {
	p := d.now
	d.leaves++
	p.left = d.leaves
	p.outline.take(&p.ground.mean, d.area)
}

// recall looks for the picture among the known profiles other than the one that holds, and takes up the one that fits it
// best. It says whether there is one. The fit is that of the one tried last. What is there that is not in the profile has come since it
// was left, maybe hours ago: it is a ghost until it moves.
func (d *Detector) recall(dt float32) bool {
	var best *profile
	var least float32
	d.outline.take(&d.half.luma, d.area)
	for i := range d.profiles {
		p := &d.profiles[i]
		if p == d.now || !p.known || !p.outline.shows(&d.outline) {
			continue
		}
		d.fit.run(&d.half, &p.ground, d.area)
		if d.fit.gone {
			continue
		}
		if left := d.fit.spread() / d.fit.gain; best == nil || left < least {
			best, least = p, left
		}
	}
	if best == nil {
		return false
	}
	d.fit.run(&d.half, &best.ground, d.area)
	how := pass{dt: dt, looks: best.looks, late: true, reach: &d.reach}
	if s := best.ground.pass(&d.half, &d.fit, d.area, how); s.astray > s.used*changedPart/100 {
		return false
	}
	how.learn = true
	best.ground.pass(&d.half, &d.fit, d.area, how)
	d.now = best
	return true
}

// room is the profile to begin anew: the one that holds if it is not known, else an empty or an unknown one, else the one
// that was left first.
func (d *Detector) room() *profile {
	if !d.now.known {
		return d.now
	}
	var first *profile
	for i := range d.profiles {
		p := &d.profiles[i]
		if p == d.now {
			continue
		}
		if !p.known {
			return p
		}
		if first == nil || p.left < first.left {
			first = p
		}
	}
	return first
}

// seenBefore says whether o is the outline of a known view, of one that does not hold now.
func (d *Detector) seenBefore(o *outline) bool {
	for i := range d.profiles {
		if p := &d.profiles[i]; p != d.now && p.known && p.outline.shows(o) {
			return true
		}
	}
	return false
}

// lose deals with a picture in which nothing of the background is to be found: a known one is taken up again, or one
// begins anew from this picture. Light and infra-red do that once, and keep the edges where they are. What does it
// again and again, and does not, stands or moves close before the camera.
func (d *Detector) lose(at time.Duration, dt float32, learn bool) Result {
	out := Result{Changed: true, WarmUp: true, Fit: d.fit.result()}
	if !learn {
		return out
	}
	again := d.changed > 0 && at-d.changed <= changedAgain
	before := d.now
	if before.known {
		d.leave()
	}
	if d.recall(dt) {
		out.WarmUp = false
		d.guard.found()
		d.learn(at, dt)
	} else {
		p := d.room()
		clock := before.cells // a clock stays where it is, in whatever light
		p.begin(&d.half)
		p.cells = clock
		d.now, d.newest = p, at
		d.outline.take(&d.half.luma, d.area)
		if d.seenBefore(&d.outline) {
			again = false
			d.guard.found()
		} else {
			d.guard.lose(at, d)
		}
	}
	if again {
		d.regions[0] = wholePicture
		out.Moving, out.Score, out.Regions = true, 1, d.regions[:1]
		d.zones = append(d.zones[:0], d.area.names...)
		out.Zones = d.zones
	}
	d.changed = at
	d.frozen.forget()
	return out
}
