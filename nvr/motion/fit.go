package motion

import "math"

const (
	gainMin, gainMax = 0.1, 8
	maxWhole         = 6                         // whole places of shift; twice as many pixels
	bright, dark     = float32(225), float32(20) // luma beyond which a picture may be clipped
	clipMargin       = 3                         // luma by which noise blurs where a picture is clipped
	noiseMost        = 4                         // more than that is no noise

	// A background is lost when the median residual is so many deviations, and such a part of the picture's own
	// median deviation from its middle, and neighbouring residuals are so much correlated.
	lostNoise = 3
	lostPart  = 0.4
	lostAlike = 0.3

	// It is there all the same when such a part of the places show it, within so many deviations and brighter or darker
	// by so much luma at most, and their gradients are correlated by the root of so much.
	stillPart   = 0.3
	stillSigmas = 2.5
	stillOffset = 40
	stillAlike  = 0.15

	sampleStep = 3 // the fit looks at every third place of every third row
	maxSamples = (halfW/sampleStep + 1) * (halfH/sampleStep + 1)
)

// fitter estimates how the background has to be changed to look like the picture. With m the background at a place
// of the picture less the whole part of the shift, it is the linear model
//
//	picture = gain*m + offset + slopeX*dm/dx + slopeY*dm/dy
//
// whose last two terms are the shift by a fraction of a place (Lucas and Kanade, 1981, for the whole picture at
// once). It is solved by least squares, reweighted a few times so that what moves has no say (Cauchy's weights).
type fitter struct {
	model
	wholeX, wholeY int     // the whole part of the shift, in places
	low, high      clip    // where picture and background may be clipped
	gone           bool    // the background is not to be found in the picture
	noise          float32 // median of residual over deviation, over what it is for a normal distribution; 1 to 4

	samples [maxSamples]sample
	n       int
	levels  [1024]uint16 // histogram of picture less background, or of residuals
}

// model is what least squares find.
type model struct {
	gain, offset   float32
	slopeX, slopeY float32 // less gain times the shift, in places
}

// near says that two models make no difference that could be seen.
func (m model) near(o model) bool {
	return abs(m.gain-o.gain) < 0.002 && abs(m.gain*128+m.offset-o.gain*128-o.offset) < 0.1 &&
		abs(m.slopeX-o.slopeX) < 0.02 && abs(m.slopeY-o.slopeY) < 0.02
}

// clip is a level of luma at which picture and background may be clipped: their extremes, if far enough out.
type clip struct{ picture, ground float32 }

// sample is one place that the fit looks at.
type sample struct {
	picture, ground, gx, gy, px, py, weight, dev float32
}

// run fits the background to the picture.
func (f *fitter) run(h *halver, g *background, a *area) {
	f.gain, f.slopeX, f.slopeY, f.wholeX, f.wholeY = 1, 0, 0, 0, 0
	f.gather(h, g, a)
	f.offset = f.medianDifference()
	spread := f.spread()
	for range 6 {
		before := f.model
		if !f.solve(spread) {
			break
		}
		if f.moveWhole() {
			f.gather(h, g, a)
		} else if f.near(before) {
			break
		}
		spread = f.spread()
	}
	f.noise = f.strays()
	f.gone = f.lost() && !f.still(h, g, a) && !f.relit(h, g, a)
}

// still says that the background is there in its own light and place, or a little brighter or darker, wherever nothing
// is before it: the fit has missed it because what is before it is large, or the background has little contrast. Then
// the fit is but that offset.
func (f *fitter) still(h *halver, g *background, a *area) bool {
	was, x, y := f.model, f.wholeX, f.wholeY
	f.wholeX, f.wholeY = 0, 0
	f.gather(h, g, a)
	middle := f.medianDifference()
	for _, offset := range [...]float32{0, middle} {
		f.model = model{gain: 1, offset: offset}
		if abs(offset) <= stillOffset && f.stands() {
			f.noise = 1
			return true
		}
	}
	f.model, f.wholeX, f.wholeY = was, x, y
	f.gather(h, g, a)
	return false
}

// stands says that enough places show what the model expects, with the background's texture.
func (f *fitter) stands() bool {
	var t texture
	for i := range f.samples[:f.n] {
		s := &f.samples[i]
		if abs(f.residual(s)) > stillSigmas*s.dev {
			continue
		}
		t.n++
		t.ground += s.gx*s.gx + s.gy*s.gy
		t.picture += s.px*s.px + s.py*s.py
		t.both += s.gx*s.px + s.gy*s.py
	}
	return float32(t.n) >= stillPart*float32(f.n) && t.both > 0 && t.both*t.both > stillAlike*t.ground*t.picture
}

// gather collects the samples for the present whole shift.
func (f *fitter) gather(h *halver, g *background, a *area) {
	f.n = 0
	f.low, f.high = clip{dark, dark}, clip{bright, bright}
	for y := 1 + max(f.wholeY, 0); y < halfH-1+min(f.wholeY, 0); y += sampleStep {
		for x := 1 + max(f.wholeX, 0); x < halfW-1+min(f.wholeX, 0); x += sampleStep {
			i := y*halfW + x
			j := i - f.wholeY*halfW - f.wholeX
			if !a.use[i] || !a.use[j] {
				continue
			}
			c, m := h.luma[i], g.mean[j]
			s := sample{picture: c, ground: m, dev: g.dev[j] + devFloor}
			s.gx, s.gy = (g.mean[j+1]-g.mean[j-1])*0.5, (g.mean[j+halfW]-g.mean[j-halfW])*0.5
			s.px, s.py = (h.luma[i+1]-h.luma[i-1])*0.5, (h.luma[i+halfW]-h.luma[i-halfW])*0.5
			s.weight = 1 / (1 + g.wild[j]*0.25)
			f.low = clip{min(f.low.picture, c), min(f.low.ground, m)}
			f.high = clip{max(f.high.picture, c), max(f.high.ground, m)}
			f.samples[f.n] = s
			f.n++
		}
	}
	f.low = clip{f.low.picture + clipMargin, f.low.ground + clipMargin}
	f.high = clip{f.high.picture - clipMargin, f.high.ground - clipMargin}
	for i := range f.samples[:f.n] {
		s := &f.samples[i]
		if s.picture > f.high.picture || s.picture < f.low.picture || s.ground > f.high.ground || s.ground < f.low.ground {
			s.weight *= 1.0 / 64
		}
	}
}

// medianDifference is a first offset that half the picture could not mislead.
func (f *fitter) medianDifference() float32 {
	if f.n == 0 {
		return 0
	}
	clear(f.levels[:])
	for _, s := range f.samples[:f.n] {
		f.levels[int((s.picture-s.ground+256)*2)&1023]++
	}
	return float32(f.median())/2 - 256 + 0.25
}

// spread is the median residual of the present fit, in levels of luma.
func (f *fitter) spread() float32 {
	clear(f.levels[:])
	for i := range f.samples[:f.n] {
		f.levels[min(int(abs(f.residual(&f.samples[i]))*16), len(f.levels)-1)]++
	}
	return float32(f.median()+1) / 16
}

// strays is the median residual in units of the background's own deviation, over 0.845: what the median is for a
// normal distribution whose mean deviation is 1.
func (f *fitter) strays() float32 {
	clear(f.levels[:])
	for i := range f.samples[:f.n] {
		s := &f.samples[i]
		f.levels[min(int(abs(f.residual(s))/(f.gain*s.dev)*64), len(f.levels)-1)]++
	}
	return clamp(float32(f.median()+1)/64/0.845, 1, noiseMost)
}

// lost says that the background is not to be found in the picture: it strays far, and what the fit leaves is nearly as
// much as there is to see in the picture at all (medians, so that half of the picture may be hidden by what moves),
// and is no noise, since what lies three places apart strays alike.
func (f *fitter) lost() bool {
	if f.noise < lostNoise || f.n < 16 {
		return false
	}
	left := f.spread()
	clear(f.levels[:])
	for i := range f.samples[:f.n] {
		f.levels[int(f.samples[i].picture*2)]++
	}
	middle := float32(f.median())/2 + 0.25
	clear(f.levels[:])
	for i := range f.samples[:f.n] {
		f.levels[int(abs(f.samples[i].picture-middle)*2)]++
	}
	if left < lostPart*(float32(f.median())+1)/2 {
		return false
	}
	var alike, all, before float32
	for i := range f.samples[:f.n] {
		r := clamp(f.residual(&f.samples[i]), -4*left, 4*left)
		alike += r * before
		all += r * r
		before = r
	}
	return alike > lostAlike*all
}

// relit says that the background is still there, but in another light here than there, which one gain and offset can
// not tell: its texture is where it was. Then the fit is but the median offset.
func (f *fitter) relit(h *halver, g *background, a *area) bool {
	x, y := f.wholeX, f.wholeY
	f.wholeX, f.wholeY = 0, 0
	f.gather(h, g, a)
	var t texture
	for i := range f.samples[:f.n] {
		s := &f.samples[i]
		t.ground += s.gx*s.gx + s.gy*s.gy
		t.picture += s.px*s.px + s.py*s.py
		t.both += s.gx*s.px + s.gy*s.py
	}
	if !t.kept(f.n, devFloor) {
		f.wholeX, f.wholeY = x, y
		return false
	}
	f.model = model{gain: 1, offset: f.medianDifference()}
	f.noise = f.strays()
	return true
}

func (f *fitter) residual(s *sample) float32 {
	return s.picture - f.gain*s.ground - f.offset - f.slopeX*s.gx - f.slopeY*s.gy
}

// clipped says that a picture of luma c, where expect was expected from a background of luma m, differs from it only
// by what the sensor's range cuts off: now, or when the background was learned.
func (f *fitter) clipped(c, expect, m float32) bool {
	if c > expect {
		return m > f.high.ground || (c < f.low.picture && expect < f.low.picture)
	}
	return m < f.low.ground || (c > f.high.picture && expect > f.high.picture)
}

// median finds the middle bin of the histogram.
func (f *fitter) median() int {
	half, sum := f.n/2, 0
	for i, v := range f.levels {
		if sum += int(v); sum > half {
			return i
		}
	}
	return 0
}

// solve makes one step of the reweighted least squares, and says whether it could.
func (f *fitter) solve(spread float32) bool {
	if f.n < 16 {
		return false
	}
	// The normal equations, for the ground less its middle, so that gain and offset do not pull at each other.
	var m [4][5]float64
	var mean, weights float32
	for i := range f.samples[:f.n] {
		mean += f.samples[i].ground
	}
	mean /= float32(f.n)
	var aa, a1, ax, ay, xx, xy, yy, x1, y1, ac, oc, xc, yc float32
	scale := 1 / (3 * spread * spread)
	for i := range f.samples[:f.n] {
		s := &f.samples[i]
		r := f.residual(s)
		w := s.weight / (1 + r*r*scale)
		v, c := s.ground-mean, s.picture
		wv, wx, wy := w*v, w*s.gx, w*s.gy
		weights += w
		aa += wv * v
		a1 += wv
		ax += wv * s.gx
		ay += wv * s.gy
		ac += wv * c
		xx += wx * s.gx
		xy += wx * s.gy
		x1 += wx
		xc += wx * c
		yy += wy * s.gy
		y1 += wy
		yc += wy * c
		oc += w * c
	}
	if weights < 1 {
		return false
	}
	// Where the picture has nothing to tell a gain or a shift by, they are 1 and 0.
	flat, calm := float64(weights)*1, float64(weights)*0.05
	m[0] = [5]float64{float64(aa) + flat, float64(a1), float64(ax), float64(ay), float64(ac) + flat}
	m[1] = [5]float64{float64(a1), float64(weights), float64(x1), float64(y1), float64(oc)}
	m[2] = [5]float64{float64(ax), float64(x1), float64(xx) + calm, float64(xy), float64(xc)}
	m[3] = [5]float64{float64(ay), float64(y1), float64(xy), float64(yy) + calm, float64(yc)}
	p, ok := eliminate(&m)
	if !ok || !(p[0] >= gainMin && p[0] <= gainMax) {
		return false
	}
	f.gain, f.offset = float32(p[0]), float32(p[1]-p[0]*float64(mean))
	f.slopeX, f.slopeY = float32(p[2]), float32(p[3])
	return true
}

// moveWhole takes whole places out of the slopes, and says whether there were any.
func (f *fitter) moveWhole() bool {
	dx, dy := -f.slopeX/f.gain, -f.slopeY/f.gain
	wx, wy := whole(dx), whole(dy)
	wx = min(max(f.wholeX+wx, -maxWhole), maxWhole) - f.wholeX
	wy = min(max(f.wholeY+wy, -maxWhole), maxWhole) - f.wholeY
	if wx == 0 && wy == 0 {
		// A step farther than the slope is good for cannot be meant.
		f.slopeX, f.slopeY = clamp(f.slopeX, -f.gain, f.gain), clamp(f.slopeY, -f.gain, f.gain)
		return false
	}
	f.wholeX, f.wholeY = f.wholeX+wx, f.wholeY+wy
	f.slopeX, f.slopeY = clamp(f.slopeX+float32(wx)*f.gain, -f.gain, f.gain), clamp(f.slopeY+float32(wy)*f.gain, -f.gain, f.gain)
	return true
}

// result says what was found, in pixels.
func (f *fitter) result() Fit {
	return Fit{
		Gain: float64(f.gain), Offset: float64(f.offset), Noise: float64(f.noise),
		DX: 2 * (float64(f.wholeX) - float64(f.slopeX/f.gain)), DY: 2 * (float64(f.wholeY) - float64(f.slopeY/f.gain)),
	}
}

// whole is how many whole places are in a shift, taking a little more than half for one so that it does not waver.
func whole(d float32) int {
	if d > 0.6 {
		return min(int(d+0.5), 2)
	}
	if d < -0.6 {
		return -min(int(0.5-d), 2)
	}
	return 0
}

func clamp(v, lo, hi float32) float32 { return min(max(v, lo), hi) }

// abs without a branch: half of what it is asked about is noise around 0.
func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// eliminate solves four linear equations by Gauss's elimination with pivots. The last column is the right side.
func eliminate(m *[4][5]float64) (p [4]float64, ok bool) {
	for c := range 4 {
		best := c
		for r := c + 1; r < 4; r++ {
			if m[r][c]*m[r][c] > m[best][c]*m[best][c] {
				best = r
			}
		}
		m[c], m[best] = m[best], m[c]
		if m[c][c]*m[c][c] < 1e-18 {
			return p, false
		}
		for r := range 4 {
			if r == c {
				continue
			}
			k := m[r][c] / m[c][c]
			for i := c; i < 5; i++ {
				m[r][i] -= k * m[c][i]
			}
		}
	}
	for c := range 4 {
		p[c] = m[c][4] / m[c][c]
	}
	return p, true
}
