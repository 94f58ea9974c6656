package sim

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"time"

	"hearth/nvr/sim/h264"
	"hearth/nvr/sim/mark"
)

// View is a scene at one size. What does not move is drawn once. Not for concurrent use.
type View struct {
	scene  *Scene
	camera uint16
	base   *h264.Picture // luma less noiseRange
	noise  []byte        // 0 … 2·noiseRange, what is added to base
	clock  [2]int
}

// noiseRange bounds the sensor noise, in luma steps. Base luma keeps that far from black and white, so that adding eight
// pixels at once never carries from one into the next.
const noiseRange = 8

// View draws the scene's still parts at a size, for the camera with this number.
func (s *Scene) View(width, height int, camera uint16) *View {
	v := &View{scene: s, camera: camera, base: h264.NewPicture(width, height)}
	c := newCanvas(width, height)
	s.place.draw(c)
	vignette(c)
	v.store(c)

	sigma := s.Noise * math.Sqrt(min(1, float64(height)/720))
	r := rand.New(rand.NewPCG(s.Seed, 1))
	v.noise = make([]byte, 1<<16)
	for i := range v.noise {
		n := math.Round(r.NormFloat64() * sigma)
		v.noise[i] = byte(noiseRange + max(-noiseRange, min(noiseRange, n)))
	}
	return v
}

// vignette darkens the corners as a small lens does.
func vignette(c *canvas) {
	for y := range c.h {
		for x := range c.w {
			dx, dy := 2*float64(x)/float64(c.w)-1, 2*float64(y)/float64(c.h)-1
			p := &c.pix[y*c.w+x]
			*p = p.times(1 - 0.1*(dx*dx+dy*dy))
		}
	}
}

// store converts the canvas to luma and chroma, and draws what stays of the text.
func (v *View) store(c *canvas) {
	b := v.base
	r := rand.New(rand.NewPCG(2, 3))
	cb, cr := make([]float32, c.w*c.h/4), make([]float32, c.w*c.h/4)
	for y := range c.h {
		for x := range c.w {
			l, u, w := c.pix[y*c.w+x].ycc()
			// Half a step of dither keeps slopes from showing steps.
			l = max(16+noiseRange, min(235-noiseRange, l+r.Float32()))
			b.Y[y*b.YStride+x] = byte(l) - noiseRange
			at := y/2*(c.w/2) + x/2
			cb[at] += u / 4
			cr[at] += w / 4
		}
	}
	for y := range c.h / 2 {
		for x := range c.w / 2 {
			b.Cb[y*b.CStride+x] = byte(max(16, min(240, cb[y*c.w/2+x]+0.5)))
			b.Cr[y*b.CStride+x] = byte(max(16, min(240, cr[y*c.w/2+x]+0.5)))
		}
	}
	dot := dotSize(c.h)
	v.clock = [2]int{4 * dot, c.h - 11*dot}
	const clock = "2006-01-02 15:04:05"
	v.plate(v.clock[0], v.clock[1], textWidth(clock, dot), dot)
	if w := textWidth(v.scene.Title, dot); w > 0 {
		v.plate(c.w-4*dot-w, v.clock[1], w, dot)
	}
	// Behind the mark there is no color.
	for y := range (mark.Height(c.h) + 1) / 2 {
		for x := range b.CStride {
			b.Cb[y*b.CStride+x], b.Cr[y*b.CStride+x] = 128, 128
		}
	}
}

// plate darkens the ground for a line of text.
func (v *View) plate(x, y, w, dot int) {
	b := v.base
	for py := y - 2*dot; py < min(b.Height, y+9*dot); py++ {
		for px := max(0, x-2*dot); px < min(b.Width, x+w+dot); px++ {
			p := &b.Y[py*b.YStride+px]
			*p = byte(max(16, (int(*p)+noiseRange)*2/5-noiseRange))
			b.Cb[py/2*b.CStride+px/2] = byte((int(b.Cb[py/2*b.CStride+px/2]) + 3*128) / 4)
			b.Cr[py/2*b.CStride+px/2] = byte((int(b.Cr[py/2*b.CStride+px/2]) + 3*128) / 4)
		}
	}
}

// Draw draws the picture with the given number, taken at since the scene's start, when the camera's clock shows wall.
// The picture must have the view's size.
func (v *View) Draw(p *h264.Picture, frame uint32, since time.Duration, wall time.Time) {
	b := v.base
	lcg := uint64(frame)*0x9E3779B97F4A7C15 + v.scene.Seed
	for y := range b.Height {
		lcg = lcg*6364136223846793005 + 1442695040888963407
		noise := v.noise[lcg>>33%uint64(len(v.noise)-b.YStride-8):]
		from, to := b.Y[y*b.YStride:(y+1)*b.YStride], p.Y[y*p.YStride:(y+1)*p.YStride]
		for x := 0; x+8 <= len(from); x += 8 {
			binary.LittleEndian.PutUint64(to[x:],
				binary.LittleEndian.Uint64(from[x:])+binary.LittleEndian.Uint64(noise[x:]))
		}
	}
	copy(p.Cb, b.Cb)
	copy(p.Cr, b.Cr)
	if visit, w, ok := v.scene.during(since); ok {
		newSprite(p).figure(w, w.at(since-visit.From))
	}
	dot := dotSize(b.Height)
	write(p, wall.Format("2006-01-02 15:04:05"), v.clock[0], v.clock[1], dot, 225)
	write(p, v.scene.Title, b.Width-4*dot-textWidth(v.scene.Title, dot), v.clock[1], dot, 225)
	mark.Draw(p.Y, p.YStride, b.Width, b.Height, v.camera, frame)
}
