package motion

import (
	"math"

	"hearth/nvr/media"
)

const (
	warmLooks   = 5   // looks, and
	warmSeconds = 8   // seconds, for which the background is young
	warmArea    = 4   // times as large as usual has to be what moves before a young background
	clearWeight = 200 // weight at which a score reaches 0.63
)

// judge says what of the last pass moves.
func (d *Detector) judge(warm bool) Result {
	out := Result{WarmUp: warm, Fit: d.fit.result()}
	least := d.limits.area
	if warm {
		least *= warmArea
	}
	found := d.find.regions(&d.half, &d.fit, &d.ground, &d.cells, d.area)
	var total float32
	var zones uint32
	n := 0
	for i := range found {
		o := &found[i]
		if o.stirring < max(least/3, 4) || o.lit(d.fit.noise*devFloor) {
			continue
		}
		if o.stirring < least || o.strong < least/3 {
			out.Doubt = true
			continue
		}
		zones |= o.zones
		total += o.weight
		n = d.keep(n, o)
	}
	if n == 0 {
		return out
	}
	out.Moving, out.Doubt = true, false
	out.Score = certainty(total)
	out.Regions = d.regions[:n]
	d.zones = d.zones[:0]
	for i, name := range d.area.names {
		if zones&(1<<i) != 0 {
			d.zones = append(d.zones, name)
		}
	}
	out.Zones = d.zones
	return out
}

// keep puts a region among the surest ones, and says how many they are now.
func (d *Detector) keep(n int, o *region) int {
	dx, dy := d.fit.wholeX, d.fit.wholeY
	r := media.Region{
		X: float64(max(o.x0+dx, 0)) / halfW, Y: float64(max(o.y0+dy, 0)) / halfH,
		W: float64(o.x1-o.x0) / halfW, H: float64(o.y1-o.y0) / halfH, Score: certainty(o.weight),
	}
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
