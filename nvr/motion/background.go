package motion

const (
	devFloor    = 0.6  // luma: no place is trusted to stray less than this
	meanTime    = 20   // seconds in which a place that is not astray takes on a new mean (by 63 %)
	devTime     = 20   // the same for its deviation
	wildTime    = 120  // seconds over which what strays far counts as a place's habit
	relightTime = 30   // seconds in which the background takes on a new light
	stirTime    = 1.5  // seconds for which a place that has changed stirs
	settle      = 5    // seconds after which what has not changed any more is background
	otherTime   = 900  // seconds for which a former background is remembered
	forgetEvery = 5    // seconds
	wildMax     = 60   // luma: more astray than this counts as this much habit
	wildSigmas  = 1.5  // how far beyond its habit a place has to go
	edgeStill   = 0.05 // places: a shift by less brings nothing in at the border
	wildVisit   = 0.25 // part of what strays with what moves that counts as habit: a path is to stay one
	wildLooks   = 12   // looks for which a young background takes all that strays for habit
)

// What pass finds at a place, as bits.
const (
	astray = 1 << iota // differs from the background
	strong             // by more than twice the threshold
	stirs              // and changed a moment ago
	fresh              // and was not astray in the picture before
	turned             // shows again what it showed before: it is not astray
)

// background is what each place usually shows. All luma in it is in the background's own light and position.
type background struct {
	mean [halfN]float32 // what the place shows
	dev  [halfN]float32 // mean deviation from it while nothing is astray
	wild [halfN]float32 // mean deviation over minutes, with all that is astray: the habit of clocks and trees

	other    [halfN]float32 // what the place showed before, or shows now and then
	otherFor [halfN]float32 // seconds for which other is still remembered; 0 there is none
	guest    [halfN]float32 // what the place shows now, while astray
	guestRaw [halfN]float32 // the same in the luma of the picture in which it was first seen
	guestFor [halfN]float32 // seconds for which it has been showing that; -1 while it is not astray

	state  [halfN]uint8   // what the last pass found
	passed float32        // seconds that otherFor does not know of yet
	ratio  [halfN]float32 // residual over threshold where state is astray
	off    [halfN]float32 // residual, luma, likewise, up to wildMax
}

// pass is one look's way of going through the background.
type pass struct {
	dt    float32 // seconds since the newest picture
	learn bool
	looks int
	late  bool // the background is of long ago: what is new has been there for a while
	reach *reacher
}

// seen is what a pass found in all.
type seen struct {
	used   int // places looked at
	astray int
}

// begin takes a picture as the background.
func (g *background) begin(h *halver) {
	g.mean = h.luma
	clear(g.dev[:])
	clear(g.wild[:])
	clear(g.otherFor[:])
	clear(g.state[:])
	g.guest = h.luma
	for i := range g.guestFor {
		g.guestFor[i] = -1
	}
}

// pass compares every place with the fitted background, notes in state what it finds, and learns.
func (g *background) pass(h *halver, f *fitter, a *area, p pass) seen {
	clear(g.state[:])
	var s seen
	young := 1 / float32(p.looks+1) // while the background is young it is an average
	alphaMean, alphaDev := max(young, rate(p.dt, meanTime)), max(young, rate(p.dt, devTime))
	alphaWild := wildRate(p.looks, p.dt)
	gain, offset, slopeX, slopeY := f.gain, f.offset, f.slopeX, f.slopeY
	inverse := 1 / gain
	keen := p.reach.limits[0].sigmas
	hazy := 0.25 * (abs(slopeX) + abs(slopeY) + 0.1*gain) * inverse // how wrong a slope may be
	edgeX, edgeY := edge(slopeX*inverse), edge(slopeY*inverse)
	x0, x1 := max(edgeX, edgeX-f.wholeX), min(halfW-edgeX, halfW-edgeX-f.wholeX)
	for y := max(edgeY, edgeY-f.wholeY); y < min(halfH-edgeY, halfH-edgeY-f.wholeY); y++ {
		// The row's places, seen from the background (at) and from the picture (there).
		at, there := y*halfW, (y+f.wholeY)*halfW+f.wholeX
		for x := x0; x < x1; x++ {
			j := at + x
			if !a.use[there+x] || !a.use[j] {
				continue
			}
			s.used++
			m, c := g.mean[j], h.luma[there+x]
			gx, gy := (g.mean[j+1]-g.mean[j-1])*0.5, (g.mean[j+halfW]-g.mean[j-halfW])*0.5
			expect := gain*m + offset + slopeX*gx + slopeY*gy
			d := (c - expect) * inverse
			off := abs(d)
			dev, wild := g.dev[j], g.wild[j]
			base, rest := f.noise*(dev+devFloor), wildSigmas*wild+hazy*(abs(gx)+abs(gy))
			threshold := a.sigmas[there+x]*base + rest
			if off <= threshold {
				if off > keen*base+rest && !f.clipped(c, expect, m) && (g.otherFor[j] <= 0 || abs(m+d-g.other[j]) > threshold) {
					p.reach.faint(j, m+d, c, off, base, rest, p)
				}
				if p.learn {
					g.mean[j] = m + alphaMean*d
					g.dev[j] = dev + alphaDev*(off-dev)
					g.wild[j] = wild - alphaWild*wild
					g.guestFor[j] = -1
				}
				continue
			}
			if f.clipped(c, expect, m) {
				if p.learn {
					g.guestFor[j] = -1
				}
				continue
			}
			n := m + d // what the picture would show in the background's light and position
			if g.otherFor[j] > 0 && abs(n-g.other[j]) <= threshold {
				g.state[j] = turned
				if p.learn {
					g.wild[j] = wild + alphaWild*(min(off, wildMax)-wild)
					g.mean[j], g.other[j] = g.other[j]+alphaMean*(n-g.other[j]), m
					g.otherFor[j], g.guestFor[j] = otherTime, -1
				}
				continue
			}
			g.state[j] = g.visit(j, n, c, 0.7*threshold, p)
			if off > 2*threshold {
				g.state[j] |= strong
			}
			g.ratio[j] = off / threshold
			p.reach.clear(j, g, off, base, rest, p)
			g.off[j] = min(off, wildMax)
			s.astray++
		}
	}
	return s
}

// wildRate is how much of the way to what strays a habit goes in a look.
func wildRate(looks int, dt float32) float32 {
	if looks <= wildLooks {
		return 1 / float32(looks+1)
	}
	return rate(dt, wildTime)
}

// edge is how many places at a border are not looked at when the picture shifts across it by a part of a place. The
// mean of the outermost place is half made up, since its pixels lie beyond the border, and so the next place's gradient
// is: what such a shift brings in there from outside cannot be foretold.
func edge(part float32) int {
	if abs(part) > edgeStill {
		return 2
	}
	return 1
}

// visit follows what an astray place shows, n in the background's light and c as it is. It has changed when both have:
// neither a change of light nor a fit that changed its mind is a change of what is there. It says whether it stirs, and when it has shown the same for long enough to be
// background.
func (g *background) visit(j int, n, c, same float32, p pass) uint8 {
	age := g.guestFor[j]
	if age < 0 && p.late {
		if p.learn {
			g.guest[j], g.guestRaw[j], g.guestFor[j] = n, c, stirTime
		}
		return astray
	}
	if age < 0 || (abs(n-g.guest[j]) > same && abs(c-g.guestRaw[j]) > same) {
		if p.learn {
			g.guest[j], g.guestRaw[j], g.guestFor[j] = n, c, 0
		}
		if age < 0 {
			return astray | stirs | fresh
		}
		return astray | stirs
	}
	age += p.dt
	if p.learn {
		g.guestFor[j] = age
		if age >= settle {
			g.other[j], g.otherFor[j] = g.mean[j], otherTime
			g.mean[j], g.guestFor[j] = n, -1
		}
	}
	if age < stirTime {
		return astray | stirs
	}
	return astray
}

// relight takes the background a part of the way to the light of the fit, so that a change of light that stays
// becomes usual. All of it, also what is clipped now: beyond the sensor's range the background goes on in its mind.
func (g *background) relight(f *fitter, dt float32) {
	part := rate(dt, relightTime)
	scale, add := (f.gain-1)*part, f.offset*part
	if abs(scale)*128+abs(add) < 0.02 {
		return
	}
	for i, m := range g.mean {
		g.mean[i] = m + m*scale + add
		g.other[i] += g.other[i]*scale + add
		g.guest[i] += g.guest[i]*scale + add
	}
}

// forget lets time pass for former backgrounds. It does so every few seconds, which is often enough, and says when.
func (g *background) forget(dt float32) bool {
	g.passed += dt
	if g.passed < forgetEvery {
		return false
	}
	for i := range g.otherFor {
		g.otherFor[i] -= g.passed
	}
	g.passed = 0
	return true
}

// rate is how much of the way to go in dt seconds when 63 % are gone in time seconds.
func rate(dt, time float32) float32 { return dt / (dt + time) }
