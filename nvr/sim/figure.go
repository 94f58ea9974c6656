package sim

import (
	"math"

	"hearth/nvr/sim/h264"
)

// sprite paints shapes straight into a picture, over its noise.
type sprite struct {
	p      *h264.Picture
	sx, sy float64
}

func newSprite(p *h264.Picture) *sprite {
	return &sprite{p: p, sx: float64(p.Width) / designWidth, sy: float64(p.Height) / designHeight}
}

// put paints a shape in one color.
func (s *sprite) put(sh shape, c color, alpha float64) {
	y, cb, cr := c.ycc()
	s.plane(sh, s.p.Y, s.p.YStride, s.p.Width, s.p.Height, s.sx, s.sy, y, alpha)
	w, h, sx, sy := s.p.Width/2, s.p.Height/2, s.sx/2, s.sy/2
	s.plane(sh, s.p.Cb, s.p.CStride, w, h, sx, sy, cb, alpha)
	s.plane(sh, s.p.Cr, s.p.CStride, w, h, sx, sy, cr, alpha)
}

// shade darkens the luma under a soft-edged shape.
func (s *sprite) shade(sh shape, alpha float64) {
	x0, y0, x1, y1 := sh.bounds()
	px0, px1 := span(x0, x1, s.sx, s.p.Width)
	py0, py1 := span(y0, y1, s.sy, s.p.Height)
	for py := py0; py < py1; py++ {
		for px := px0; px < px1; px++ {
			d := sh.distance((float64(px)+0.5)/s.sx, (float64(py)+0.5)/s.sy)
			v := &s.p.Y[py*s.p.YStride+px]
			*v = byte(float64(*v) * (1 - alpha*clamp01(-d/8)))
		}
	}
}

func (s *sprite) plane(sh shape, plane []byte, stride, w, h int, sx, sy float64, v float32, alpha float64) {
	x0, y0, x1, y1 := sh.bounds()
	scale := min(sx, sy)
	px0, px1 := span(x0-1/scale, x1+1/scale, sx, w)
	py0, py1 := span(y0-1/scale, y1+1/scale, sy, h)
	for py := py0; py < py1; py++ {
		y := (float64(py) + 0.5) / sy
		row := plane[py*stride : py*stride+w]
		for px := px0; px < px1; px++ {
			cover := clamp01(0.5-sh.distance((float64(px)+0.5)/sx, y)*scale) * alpha
			if cover > 0 {
				row[px] = byte(float32(row[px]) + (v-float32(row[px]))*float32(cover) + 0.5)
			}
		}
	}
}

// figure draws a visitor in a pose.
func (s *sprite) figure(w *walk, p pose) {
	switch w.kind {
	case "cat":
		s.cat(w.coat, p)
	case "car":
		s.car(w.coat, p)
	default:
		s.person(w.coat, p)
	}
}

func (s *sprite) person(coat color, p pose) {
	t := p.tall
	at := func(x, y float64) (float64, float64) { return p.x + p.facing*x*t, p.y - y*t }
	swing := math.Sin(p.walked * 2 * math.Pi / 0.85)
	bob := 0.012 * math.Abs(swing)
	if p.standing {
		swing, bob = 0.12, 0
	}
	line := func(x0, y0, x1, y1, r float64, c color) {
		ax, ay := at(x0, y0)
		bx, by := at(x1, y1)
		s.put(limb{ax, ay, bx, by, r * t}, c, 1)
	}
	trousers, shoe, skin, hair := hex(0x2E3A52), hex(0x221D1B), hex(0xD9A98A), hex(0x3A2A20)
	s.shade(ellipse{p.x, p.y, 0.3 * t, 0.06 * t}, 0.4)
	hip, shoulder := 0.5-bob, 0.79-bob
	leg := func(sw float64, c color) {
		knee := 0.27 + 0.03*math.Max(0, -sw)
		foot := 0.035 + 0.07*math.Max(0, -sw)*math.Abs(math.Cos(p.walked*2*math.Pi/0.85))
		line(0, hip, 0.11*sw+0.02, knee, 0.062, c)
		line(0.11*sw+0.02, knee, 0.19*sw-0.01, foot+0.03, 0.05, c)
		line(0.19*sw-0.01, foot-0.01, 0.19*sw+0.06, foot-0.015, 0.028, shoe)
	}
	arm := func(sw float64, c color) {
		line(0, shoulder-0.01, 0.1*sw, 0.62-bob, 0.042, c)
		line(0.1*sw, 0.62-bob, 0.17*sw+0.03, 0.48-bob, 0.036, c)
		line(0.17*sw+0.035, 0.46-bob, 0.17*sw+0.04, 0.455-bob, 0.03, skin)
	}
	arm(swing, coat.times(0.75))
	leg(-swing, trousers.times(0.8))
	leg(swing, trousers)
	line(0, hip+0.02, 0.01, shoulder-0.02, 0.1, coat)
	line(0.01, hip+0.08, 0.02, shoulder-0.04, 0.075, coat.times(1.12))
	line(0.01, shoulder, 0.015, 0.86-bob, 0.04, skin.times(0.9))
	line(0.018, 0.905-bob, 0.022, 0.925-bob, 0.062, skin)
	line(-0.012, 0.94-bob, 0.012, 0.955-bob, 0.055, hair)
	line(-0.03, 0.9-bob, -0.03, 0.94-bob, 0.04, hair)
	arm(-swing, coat.times(0.9))
}

func (s *sprite) cat(coat color, p pose) {
	t := p.tall
	line := func(x0, y0, x1, y1, r float64, c color) {
		s.put(limb{p.x + p.facing*x0*t, p.y - y0*t, p.x + p.facing*x1*t, p.y - y1*t, r * t}, c, 1)
	}
	a := p.walked * 2 * math.Pi / 1.6
	s.shade(ellipse{p.x, p.y, 0.8 * t, 0.1 * t}, 0.35)
	for i, x := range []float64{-0.42, 0.42, -0.5, 0.36} {
		sw := 0.16 * math.Sin(a+float64(i)*1.7)
		c := coat.times(0.7)
		if i > 1 {
			c = coat.times(0.95)
		}
		line(x, 0.42, x+sw, 0.06, 0.075, c)
	}
	wave := 0.08 * math.Sin(a/2)
	line(-0.52, 0.6, -0.74, 0.66, 0.06, coat)
	line(-0.74, 0.66, -0.92, 0.92+wave, 0.055, coat)
	line(-0.92, 0.92+wave, -0.86, 1.16+wave, 0.05, coat.times(0.8))
	line(-0.42, 0.54, 0.38, 0.52, 0.2, coat)
	line(-0.3, 0.42, 0.3, 0.42, 0.09, coat.mix(hex(0xFFFFFF), 0.35))
	line(0.4, 0.58, 0.56, 0.74, 0.14, coat)
	line(0.52, 0.92, 0.52, 1.02, 0.06, coat.times(0.85))
	line(0.7, 0.92, 0.71, 1.02, 0.06, coat.times(0.85))
	line(0.6, 0.8, 0.66, 0.8, 0.185, coat)
	line(0.72, 0.72, 0.74, 0.72, 0.09, coat.mix(hex(0xFFFFFF), 0.5))
	line(0.7, 0.84, 0.7, 0.84, 0.03, hex(0x202418))
}

func (s *sprite) car(paint color, p pose) {
	t := p.tall
	x := func(v float64) float64 { return p.x + p.facing*v*t }
	y := func(v float64) float64 { return p.y - v*t }
	shape := func(points ...float64) polygon {
		for i := 0; i < len(points); i += 2 {
			points[i], points[i+1] = x(points[i]), y(points[i+1])
		}
		return points
	}
	s.shade(ellipse{p.x, p.y, 1.6 * t, 0.12 * t}, 0.5)
	s.put(shape(-1.5, 0.2, -1.52, 0.55, -1.35, 0.66, -0.95, 0.68, -0.7, 0.98, 0.25, 1.0, 0.7, 0.68, 1.35, 0.58, 1.52, 0.4,
		1.5, 0.2), paint, 1)
	s.put(shape(-0.84, 0.68, -0.63, 0.92, -0.22, 0.93, -0.22, 0.68), hex(0x26323C), 1)
	s.put(shape(-0.14, 0.68, -0.14, 0.93, 0.2, 0.93, 0.54, 0.68), hex(0x2C3944), 1)
	s.put(shape(-1.5, 0.3, -1.5, 0.36, 1.5, 0.36, 1.5, 0.3), paint.times(0.8), 1)
	s.put(ellipse{x(1.44), y(0.46), 0.08 * t, 0.06 * t}, hex(0xFFF3C4), 1)
	s.put(ellipse{x(-1.47), y(0.5), 0.05 * t, 0.07 * t}, hex(0xB5281E), 1)
	for _, wx := range []float64{-0.95, 0.95} {
		s.put(ellipse{x(wx), y(0.21), 0.24 * t, 0.24 * t}, hex(0x1B1B1D), 1)
		s.put(ellipse{x(wx), y(0.21), 0.13 * t, 0.13 * t}, hex(0xA9AEB3), 1)
		turn := p.facing * p.walked / 0.24
		s.put(limb{
			x(wx) - 0.11*t*math.Cos(turn), y(0.21) - 0.11*t*math.Sin(turn),
			x(wx) + 0.11*t*math.Cos(turn), y(0.21) + 0.11*t*math.Sin(turn), 0.015 * t,
		}, hex(0x4A4E52), 1)
	}
}
