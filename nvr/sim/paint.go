package sim

import "math"

// Drawing with signed distances: a shape says how far a point lies from its edge (negative inside), which gives smooth
// edges at any size. Coordinates are 1600x900 whatever the picture's size.
const (
	designWidth  = 1600
	designHeight = 900
)

// color is red, green, blue from 0 to 1, gamma coded.
type color struct{ r, g, b float32 }

// hex reads 0xRRGGBB.
func hex(v uint32) color {
	return color{float32(v>>16&255) / 255, float32(v>>8&255) / 255, float32(v&255) / 255}
}

func (c color) mix(d color, part float64) color {
	p := float32(part)
	return color{c.r + (d.r-c.r)*p, c.g + (d.g-c.g)*p, c.b + (d.b-c.b)*p}
}

func (c color) times(f float64) color {
	g := float32(f)
	return color{c.r * g, c.g * g, c.b * g}
}

// ycc is the color in BT.709, limited range.
func (c color) ycc() (y, cb, cr float32) {
	l := 0.2126*c.r + 0.7152*c.g + 0.0722*c.b
	return 16 + 219*l, 128 + 224*(c.b-l)/1.8556, 128 + 224*(c.r-l)/1.5748
}

// shape is something that can be painted.
type shape interface {
	bounds() (x0, y0, x1, y1 float64)
	distance(x, y float64) float64
}

// fill gives the color of a place.
type fill func(x, y float64) color

func solid(c color) fill { return func(_, _ float64) color { return c } }

// down goes from one color to another between two heights.
func down(from, to color, y0, y1 float64) fill {
	return func(_, y float64) color { return from.mix(to, clamp01((y-y0)/(y1-y0))) }
}

// grain varies a fill's brightness by ±amount in spots of the given size.
func grain(f fill, amount, sizeX, sizeY float64) fill {
	return func(x, y float64) color {
		return f(x, y).times(1 + amount*(2*cloudy(x/sizeX, y/sizeY)-1))
	}
}

// canvas is a picture in the making.
type canvas struct {
	w, h   int
	sx, sy float64 // pixels per unit
	pix    []color
}

func newCanvas(w, h int) *canvas {
	return &canvas{w: w, h: h, sx: float64(w) / designWidth, sy: float64(h) / designHeight, pix: make([]color, w*h)}
}

// paint puts a shape on the canvas; its edge fades over soft units, at least a pixel.
func (c *canvas) paint(s shape, f fill, alpha, soft float64) {
	x0, y0, x1, y1 := s.bounds()
	scale := min(c.sx, c.sy)
	edge := max(soft, 1/scale)
	px0, px1 := span(x0-edge, x1+edge, c.sx, c.w)
	py0, py1 := span(y0-edge, y1+edge, c.sy, c.h)
	for py := py0; py < py1; py++ {
		y := (float64(py) + 0.5) / c.sy
		row := c.pix[py*c.w : (py+1)*c.w]
		for px := px0; px < px1; px++ {
			x := (float64(px) + 0.5) / c.sx
			cover := clamp01(0.5-s.distance(x, y)/edge) * alpha
			if cover > 0 {
				row[px] = row[px].mix(f(x, y), cover)
			}
		}
	}
}

// span is the pixels of a stretch of coordinates.
func span(a, b, scale float64, n int) (from, to int) {
	return max(0, int(math.Floor(a*scale))), min(n, int(math.Ceil(b*scale)))
}

func clamp01(v float64) float64 { return max(0, min(1, v)) }

// rect is a rectangle with rounded corners.
type rect struct{ x, y, w, h, round float64 }

func (r rect) bounds() (x0, y0, x1, y1 float64) { return r.x, r.y, r.x + r.w, r.y + r.h }

func (r rect) distance(x, y float64) float64 {
	dx := math.Abs(x-r.x-r.w/2) - r.w/2 + r.round
	dy := math.Abs(y-r.y-r.h/2) - r.h/2 + r.round
	if dx <= 0 || dy <= 0 {
		return max(dx, dy) - r.round
	}
	return math.Hypot(dx, dy) - r.round
}

// ellipse has its centre and half its axes.
type ellipse struct{ x, y, rx, ry float64 }

func (e ellipse) bounds() (x0, y0, x1, y1 float64) {
	return e.x - e.rx, e.y - e.ry, e.x + e.rx, e.y + e.ry
}

func (e ellipse) distance(x, y float64) float64 {
	dx, dy := (x-e.x)/e.rx, (y-e.y)/e.ry
	k := math.Hypot(dx, dy)
	if k == 0 {
		return -min(e.rx, e.ry)
	}
	return (k - 1) * k / math.Hypot(dx/e.rx, dy/e.ry) // first order: value over gradient
}

// limb is a line with round ends.
type limb struct{ x0, y0, x1, y1, r float64 }

func (l limb) bounds() (x0, y0, x1, y1 float64) {
	return min(l.x0, l.x1) - l.r, min(l.y0, l.y1) - l.r, max(l.x0, l.x1) + l.r, max(l.y0, l.y1) + l.r
}

func (l limb) distance(x, y float64) float64 {
	dx, dy := l.x1-l.x0, l.y1-l.y0
	t := 0.0
	if n := dx*dx + dy*dy; n > 0 {
		t = clamp01(((x-l.x0)*dx + (y-l.y0)*dy) / n)
	}
	return math.Hypot(x-l.x0-t*dx, y-l.y0-t*dy) - l.r
}

// polygon is a closed line of points x, y, x, y, …
type polygon []float64

func (p polygon) bounds() (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = p[0], p[1], p[0], p[1]
	for i := 0; i < len(p); i += 2 {
		x0, x1 = min(x0, p[i]), max(x1, p[i])
		y0, y1 = min(y0, p[i+1]), max(y1, p[i+1])
	}
	return x0, y0, x1, y1
}

func (p polygon) distance(x, y float64) float64 {
	nearest := math.Inf(1)
	inside := false
	jx, jy := p[len(p)-2], p[len(p)-1]
	for i := 0; i < len(p); i += 2 {
		ix, iy := p[i], p[i+1]
		ex, ey := jx-ix, jy-iy
		wx, wy := x-ix, y-iy
		t := clamp01((wx*ex + wy*ey) / (ex*ex + ey*ey))
		bx, by := wx-ex*t, wy-ey*t
		nearest = min(nearest, bx*bx+by*by)
		if (iy > y) != (jy > y) && x < (jx-ix)*(y-iy)/(jy-iy)+ix {
			inside = !inside
		}
		jx, jy = ix, iy
	}
	if inside {
		return -math.Sqrt(nearest)
	}
	return math.Sqrt(nearest)
}

// cloudy is smooth noise from 0 to 1 with detail in three sizes.
func cloudy(x, y float64) float64 {
	return (4*lattice(x, y) + 2*lattice(2.1*x+31, 2.1*y+17) + lattice(4.3*x+7, 4.3*y+53)) / 7
}

// lattice is smooth noise from 0 to 1 with one random value per unit square's corner.
func lattice(x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	ix, iy := int32(fx), int32(fy)
	a, b := corner(ix, iy), corner(ix+1, iy)
	c, d := corner(ix, iy+1), corner(ix+1, iy+1)
	return a + (b-a)*tx + (c-a+(a-b-c+d)*tx)*ty
}

func corner(x, y int32) float64 {
	h := uint32(x)*0x9E3779B1 ^ uint32(y)*0x85EBCA77
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	h ^= h >> 15
	return float64(h>>8) / (1 << 24)
}
