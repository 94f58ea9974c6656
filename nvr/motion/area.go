package motion

import (
	"math"

	"hearth/nvr/media"
)

// maxZones is how many zones a camera may have: as many as a word has bits. Further ones are not looked at.
const maxZones = 32

// area is what the settings make of the picture: where to look, and which zones a place belongs to.
type area struct {
	masked  bool                    // something is masked
	pixels  [Width * Height]byte    // 255 to look, 0 masked
	use     [halfN]bool             // places whose 6x6 pixels are all looked at; never the outermost ones
	used    int                     // how many those are
	squares [frozenW * frozenH]bool // squares of frozen of which nothing is masked
	zones   [halfN]uint32           // a bit per zone that the place lies in
	names   []string                // of the zones, as many as count
	sizes   []float64               // of each, the least part of the picture that counts there
	only    bool                    // what lies in no zone does not count
	plain   bool                    // zones only label

	sensitivity float64 // of the whole picture, 0 to 1

	limits limits         // of the whole picture
	sigmas [halfN]float32 // of each place: that, or those of the most sensitive zone of its own that it lies in
	least  [halfN]uint16
}

func newArea(s media.MotionSettings) *area {
	a := &area{masked: len(s.Masks) > 0, only: s.OnlyZones && len(s.Zones) > 0, limits: limitsFor(s.Sensitivity)}
	a.sensitivity, a.plain = within(s.Sensitivity), !a.only
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
	for i := range a.squares {
		a.squares[i] = a.unmasked(i%frozenW*frozenSize, i/frozenW*frozenSize, frozenSize)
	}
	for i := range a.sigmas {
		a.sigmas[i], a.least[i] = a.limits.sigmas, uint16(a.limits.area)
	}
	var own [halfN]bool
	for n, z := range s.Zones[:min(len(s.Zones), maxZones)] {
		a.names = append(a.names, z.Name)
		a.sizes = append(a.sizes, z.MinSize)
		a.plain = a.plain && z.MinSize <= 0 && z.Sensitivity == nil
		fill(z.Polygon, halfW, halfH, func(i int) {
			a.zones[i] |= 1 << n
			if z.Sensitivity == nil {
				return
			}
			if l := limitsFor(*z.Sensitivity); !own[i] || l.sigmas < a.sigmas[i] {
				a.sigmas[i], a.least[i], own[i] = l.sigmas, uint16(l.area), true
			}
		})
	}
	return a
}

// counts says whether what lies in zones (a bit each), covers a part of the picture and has so many of its stirring
// places inside of any of them may be motion, and of which zones it is. In no zone it is just motion, unless only zones count. What
// is too small for each of its zones is none, unless most of it lies outside of them.
func (a *area) counts(zones uint32, size float64, inside, stirring int) (of uint32, ok bool) {
	for i, least := range a.sizes {
		if zones&(1<<i) != 0 && size >= least {
			of |= 1 << i
		}
	}
	return of, of != 0 || !a.only && 2*inside < max(stirring, 1)
}

// Blank makes black what is masked in a picture of Width x Height, so that nobody else sees it either.
func (d *Detector) Blank(luma []byte) {
	if d.area.masked && len(luma) == len(d.area.pixels) {
		for i, m := range d.area.pixels {
			luma[i] &= m
		}
	}
}

// open says whether nothing of the 6x6 pixels of a place is masked.
func (a *area) open(x, y int) bool {
	return a.unmasked(2*x-2, 2*y-2, 6)
}

// unmasked says whether nothing of a square of pixels is masked.
func (a *area) unmasked(x, y, size int) bool {
	for py := y; py < y+size; py++ {
		for px := x; px < x+size; px++ {
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
