package motion

import (
	"math"

	"hearth/nvr/media"
)

// maxZones is how many zones a camera may have: as many as a word has bits. Further ones are not looked at.
const maxZones = 32

// area is what the settings make of the picture: where to look, and which zones a place belongs to.
type area struct {
	masked bool                 // something is masked
	pixels [Width * Height]byte // 255 to look, 0 masked
	use    [halfN]bool          // places whose 6x6 pixels are all looked at; never the outermost ones
	used   int                  // how many those are
	zones  [halfN]uint32        // a bit per zone that the place lies in
	names  []string             // of the zones, as many as count
}

func newArea(s media.MotionSettings) *area {
	a := &area{masked: len(s.Masks) > 0}
	for i := range a.pixels {
		a.pixels[i] = 255
	}
	for _, p := range s.Masks {
		fill(p, Width, Height, func(i int) { a.pixels[i] = 0 })
	}
	for y := 1; y < halfH-1; y++ {
		for x := 1; x < halfW-1; x++ {
			if a.open(x, y) {
				a.use[y*halfW+x] = true
				a.used++
			}
		}
	}
	for n, z := range s.Zones[:min(len(s.Zones), maxZones)] {
		a.names = append(a.names, z.Name)
		fill(z.Polygon, halfW, halfH, func(i int) { a.zones[i] |= 1 << n })
	}
	return a
}

// open says whether nothing of the 6x6 pixels of a place is masked.
func (a *area) open(x, y int) bool {
	for py := 2*y - 2; py < 2*y+4; py++ {
		for px := 2*x - 2; px < 2*x+4; px++ {
			if a.pixels[py*Width+px] == 0 {
				return false
			}
		}
	}
	return true
}

// unmasks says whether b looks somewhere where a does not.
func (a *area) unmasks(b *area) bool {
	for i, v := range a.pixels {
		if v == 0 && b.pixels[i] != 0 {
			return true
		}
	}
	return false
}

// fill calls set with the index of every place, of a picture of w x h places, whose middle lies in the polygon (odd
// number of edges crossed to its left). Points outside of the picture and numbers that are none do no harm.
func fill(p media.Polygon, w, h int, set func(i int)) {
	for _, c := range p {
		if math.IsNaN(c[0]) || math.IsNaN(c[1]) || math.IsInf(c[0], 0) || math.IsInf(c[1], 0) {
			return
		}
	}
	for y := range h {
		cy := (float64(y) + 0.5) / float64(h)
		for x := range w {
			cx := (float64(x) + 0.5) / float64(w)
			inside := false
			for i := range p {
				q, r := p[i], p[(i+1)%len(p)]
				if (q[1] > cy) != (r[1] > cy) && cx < (r[0]-q[0])*(cy-q[1])/(r[1]-q[1])+q[0] {
					inside = !inside
				}
			}
			if inside {
				set(y*w + x)
			}
		}
	}
}
