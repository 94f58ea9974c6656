package motion

import (
	"math"
	"time"

	"hearth/nvr/media"
)

const (
	warmLooks   = 5   // looks, and
	warmSeconds = 8   // seconds, for which the background is young
	largeArea   = 4   // times as large as the least that counts has to be what counts at once
	hugeArea    = 27  // the same before a young background
	flatHeight  = 12  // places: what is no higher may be writing
	dropTime    = 0.5 // seconds between two pictures in which nothing but a drop leaves its place
	clearWeight = 200 // weight at which a score reaches 0.63
)

// judge says what of the last pass moves.
func (d *Detector) judge(at time.Duration, dt float32, warm bool) Result {
	out := Result{WarmUp: warm, Fit: d.fit.result()}
	v := scene{&d.half, &d.fit, &d.now.ground, &d.now.cells, d.area, &d.now.ground.state}
	found := d.find.regions(v)
	crowded := d.crowd.learn(found, dt, warm)
	drops := crowded > 0 && dt > 0 && dt < dropTime
	var total float32
	var zones uint32
	n := 0
	for i := range found {
		o := &found[i]
		least := o.area()
		if o.lit || o.stirring < max(least/2, crowded/2, 4) {
			continue
		}
		of, counts := d.area.counts(o.zones, o.size(), o.inside, o.stirring)
		if !counts {
			continue
		}
		if drops && o.fresh > o.stirring*3/4 {
			continue // in a crowd, what was nowhere near a moment ago is one more drop
		}
		if !d.trail.sure(o, least, at, crowded, warm) {
			out.Doubt = true
			continue
		}
		o.moving = true
		zones |= of
		total += o.weight
		n = d.keep(n, o)
	}
	if dt > 0 {
		d.find.habits(&d.now.ground, wildRate(d.now.looks, dt))
	}
	if out.Reach, out.Where = d.reach.judge(d, v, at, dt, warm); n == 0 {
		d.area.agree(&out)
		return out
	}
	out.Moving, out.Doubt = true, false
	out.Score = certainty(total)
	out.Regions = d.regions[:n]
	d.area.agree(&out)
	d.zones = d.zones[:0]
	for i, name := range d.area.names {
		if zones&(1<<i) != 0 {
			d.zones = append(d.zones, name)
		}
	}
	out.Zones = d.zones
	return out
}

// area is how many places have to stir together for the region to count: the mean of what holds where it stirs.
func (o *region) area() int { return o.least / max(o.stirring, 1) }

// size is the part of the picture that the frame around the region covers.
func (o *region) size() float64 { return float64((o.x1-o.x0)*(o.y1-o.y0)) / halfN }

// sure says whether a region counts as motion: at once when it is large and clear, else when it has moved on since
// another look.
func (t *trail) sure(o *region, area int, at time.Duration, crowded int, warm bool) bool {
	s := step{at: at, x: float32(o.sumX) / float32(o.stirring), y: float32(o.sumY) / float32(o.stirring), n: o.stirring}
	follows := t.follows(s)
	t.add(s)
	least := max(area, crowded)
	if o.stirring < least || o.strong < min(least, largeArea*area)/3 {
		return false
	}
	writing := o.beside >= o.stirring*9/10 && o.y1-o.y0 <= flatHeight
	if warm {
		return follows || (o.stirring >= hugeArea*area && o.y1-o.y0 > 2*flatHeight)
	}
	return follows || (!writing && o.stirring >= max(largeArea*area, crowded))
}

// framed is a region in the picture's own coordinates.
func (d *Detector) framed(o *region) media.Region {
	dx, dy := d.fit.wholeX, d.fit.wholeY
	return media.Region{
		X: float64(max(o.x0+dx, 0)) / halfW, Y: float64(max(o.y0+dy, 0)) / halfH,
		W: float64(o.x1-o.x0) / halfW, H: float64(o.y1-o.y0) / halfH, Score: certainty(o.weight),
	}
}

// keep puts a region among the surest ones, and says how many they are now.
func (d *Detector) keep(n int, o *region) int {
	r := d.framed(o)
	at := n
	for at > 0 && d.regions[at-1].Score < r.Score {
		at--
	}
	if at >= maxRegions {
		return n
	}
	n = min(n+1, maxRegions)
	copy(d.regions[at+1:n], d.regions[at:n-1])
	d.regions[at] = r
	return n
}

// certainty makes a score of 0 to 1 of a weight.
func certainty(weight float32) float64 {
	return 1 - math.Exp(-float64(weight)/clearWeight)
}
