package motion_test

import (
	"math"
	"math/rand/v2"
	"slices"
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
	out    []byte
}

func newYard(seed uint64) *yard {
	y := &yard{random: rand.New(rand.NewPCG(seed, 7)), luma: make([]float64, width*height)}
	y.shifted(0, 0, float64(seed%97))
	y.ground = slices.Clone(y.luma)
	return y
}

// clear puts the ground back.
func (y *yard) clear() { y.luma = append(y.luma[:0], y.ground...) }

// shifted is the ground (luma 40 to 200) moved right and down by so many pixels, exactly, since it is made of sines:
// of x, of y, of x+2y, and of x/2.9-y/3.1, each from a table, and of edges that cover pixels in part, as they do before
// a lens: if they fell on whole pixels, a post would move by up to a pixel more or less than all around it.
func (y *yard) shifted(dx, dy, phase float64) {
	var ofX, sinX, cosX [width]float64
	for i := range width {
		x := float64(i) - dx
		ofX[i] = 105 + 18*math.Sin(x/9+phase)
		post := math.Mod(x+phase+800, 80) // a post begins every 80 pixels, maybe within the pixel
		ofX[i] -= 30 * (covered(post, 0, 5) + covered(post, 80, 85))
		sinX[i], cosX[i] = math.Sincos(x / 2.9)
	}
	var across [width + 2*height]float64
	for i := range across {
		across[i] = 10 * math.Sin((float64(i)-dx-2*dy)/4.3)
	}
	for j := range height {
		v := float64(j) - dy
		ofY := 14 * math.Cos(v/7+phase/3)
		ofY += 25 * covered(v, 71, 78) // a kerb
		sinY, cosY := math.Sincos(v / 3.1)
		row := y.luma[j*width:][:width]
		for i := range row {
			row[i] = ofX[i] + ofY + across[i+2*j] + 6*(sinX[i]*cosY-cosX[i]*sinY)
		}
	}
}

// covered is the part of the pixel from v to v+1 that lies between lo and hi.
func covered(v, lo, hi float64) float64 { return max(0, min(v+1, hi)-max(v, lo)) }

// strip draws an upright strip from column lo to hi, moved right by dx, by so much brighter than what is behind it.
func (y *yard) strip(lo, hi, dx, brighter float64) {
	for i := range y.luma {
		y.luma[i] += brighter * covered(float64(i%width)-dx, lo, hi)
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

// still is picture into a buffer that is used again.
func (y *yard) still() []byte {
	if y.out == nil {
		y.out = make([]byte, width*height)
	}
	for i, v := range y.luma {
		y.out[i] = byte(min(max(v+0.5, 0), 255))
	}
	return y.out
}
