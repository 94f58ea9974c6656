package motion_test

import (
	"math"
	"math/rand/v2"
	"sync"

	"hearth/nvr/motion"
)

const (
	width  = motion.Width
	height = motion.Height
)

// yard is a scene drawn for a test: textured ground (a lawn, a path, a wall with edges), on which a test puts what it
// needs, in floating luma, so that light and shift are exact.
type yard struct {
	random *rand.Rand
	ground []float64
	luma   []float64
}

func newYard(seed uint64) *yard {
	y := &yard{random: rand.New(rand.NewPCG(seed, 7)), ground: make([]float64, width*height)}
	for i := range y.ground {
		y.ground[i] = texture(float64(i%width), float64(i/width), float64(seed%97))
	}
	y.clear()
	return y
}

// texture is the luma (40 to 200) of the ground at a point, which may lie between pixels.
func texture(x, y, phase float64) float64 {
	v := 105 + 18*math.Sin(x/9+phase) + 14*math.Cos(y/7+phase/3) + 10*math.Sin((x+2*y)/4.3) + 6*math.Sin(x/2.9-y/3.1)
	if y > 70 && y < 78 { // a kerb
		v += 25
	}
	if math.Mod(x+phase, 80) < 5 { // posts
		v -= 30
	}
	return v
}

// clear puts the ground back.
func (y *yard) clear() { y.luma = append(y.luma[:0], y.ground...) }

// shifted is the ground moved right and down by so many pixels.
func (y *yard) shifted(dx, dy, phase float64) {
	for i := range y.luma {
		y.luma[i] = texture(float64(i%width)-dx, float64(i/width)-dy, phase)
	}
}

// block draws a rectangle so much brighter than the middle gray that it has its own luma and no texture of the ground.
func (y *yard) block(x, top, w, h int, luma float64) {
	for py := max(top, 0); py < min(top+h, height); py++ {
		for px := max(x, 0); px < min(x+w, width); px++ {
			y.luma[py*width+px] = luma
		}
	}
}

// light changes the light of everything.
func (y *yard) light(gain, offset float64) {
	for i := range y.luma {
		y.luma[i] = gain*y.luma[i] + offset
	}
}

// grain is noise of deviation 1, drawn once: a picture takes a stretch of it that begins somewhere.
var grain = sync.OnceValue(func() []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	g := make([]float64, 5*width*height+1)
	for i := range g {
		g[i] = r.NormFloat64()
	}
	return g
})

// noise adds a sensor's noise of so many levels (standard deviation).
func (y *yard) noise(deviation float64) {
	g := grain()[y.random.IntN(4*width*height):]
	for i := range y.luma {
		y.luma[i] += g[i] * deviation
	}
}

// picture is what the camera sends.
func (y *yard) picture() []byte {
	out := make([]byte, len(y.luma))
	for i, v := range y.luma {
		out[i] = byte(min(max(v+0.5, 0), 255))
	}
	return out
}

// streak draws a drop of rain at a random place: 1x8 pixels, so much brighter than what is behind it.
func (y *yard) streak(brighter float64) {
	x, top := y.random.IntN(width), y.random.IntN(height-8)
	for py := top; py < top+8; py++ {
		y.luma[py*width+x] += brighter
	}
}
