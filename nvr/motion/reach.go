package motion

import (
	"math"
	"time"

	"hearth/nvr/media"
)

const (
	rankStep  = 0.2 // log2 of what lies between two levels' thresholds
	rankTwice = 5   // levels up the threshold is twice as high
	// reachPause is how far looks lie apart at least that are judged at all sensitivities: each costs eleven judgements, and
	// marks are kept for ten seconds at a time. It is below half of the time within which something has to be seen twice.
	reachPause = 900 * time.Millisecond
)

// reacher says at which sensitivities a picture would have moved. The background is the one that has been learned at the
// camera's own, so what lies between is a forecast and no certainty; see docs/design/motion.md.
type reacher struct {
	limits [media.Levels]limits
	ranks  [media.Levels + rankTwice]float32 // deviations from which on a place has each rank
	eyes   [media.Levels]eye

	rank  [halfN]uint8 // by how many of them a place is beyond its background; 0 of most
	bits  [halfN]uint8 // stirs and fresh, of places with a rank
	state [halfN]uint8 // as of the background, at the level that is being judged

	judged time.Duration // the newest look that was judged at all sensitivities

	// What stands where a place is astray at some level, though maybe not at the camera's.
	look            uint32
	last            [halfN]uint32 // the look that saw the place astray
	guest, guestRaw [halfN]float32
	age             [halfN]float32 // seconds
}

// eye is what judges at one sensitivity.
type eye struct {
	crowd crowd
	trail trail
}

func (r *reacher) init() {
	for i := range r.limits {
		r.limits[i] = limitsFor(media.LevelSensitivity(i))
	}
	for i := range r.ranks {
		r.ranks[i] = r.limits[0].sigmas * float32(math.Exp2(rankStep*float64(i)))
	}
	r.look = 1
}

// begin prepares for a pass.
func (r *reacher) begin(learn bool) {
	clear(r.rank[:])
	if learn {
		r.look++
	}
}

// faint notes a place that is astray for somebody more sensitive than the camera is set to be: n is what it shows in the
// background's light, c as it is, off how far that is from the background; base is one deviation, rest what the threshold
// has besides.
func (r *reacher) faint(j int, n, c, off, base, rest float32, p pass) {
	rank := r.rankOf((off - rest) / base)
	if rank == 0 {
		return
	}
	same := 0.7 * (r.ranks[rank-1]*base + rest)
	age := float32(-1)
	if r.last[j]+1 >= r.look {
		age = r.age[j]
	}
	bits := uint8(stirs)
	if age < 0 || (abs(n-r.guest[j]) > same && abs(c-r.guestRaw[j]) > same) {
		if age < 0 {
			bits |= fresh
		}
		age = 0
		if p.learn {
			r.guest[j], r.guestRaw[j] = n, c
		}
	} else if age += p.dt; age >= stirTime {
		bits = 0
	}
	if p.learn {
		r.last[j], r.age[j] = r.look, age
	}
	r.rank[j], r.bits[j] = rank, bits
}

// clear notes a place that is astray at the camera's own sensitivity too, as the background found it.
func (r *reacher) clear(j int, g *background, off, base, rest float32, p pass) {
	r.rank[j] = r.rankOf((off - rest) / base)
	r.bits[j] = g.state[j] & (stirs | fresh)
	if p.learn {
		r.last[j], r.guest[j], r.guestRaw[j], r.age[j] = r.look, g.guest[j], g.guestRaw[j], max(g.guestFor[j], 0)
	}
}

func (r *reacher) rankOf(deviations float32) uint8 {
	n := uint8(0)
	for _, least := range r.ranks {
		if deviations <= least {
			break
		}
		n++
	}
	return n
}

// level makes the state of a level, and says whether anything stirs.
func (r *reacher) level(i int) bool {
	found := false
	for y := range halfH {
		ranks, out := r.rank[y*halfW:][:halfW], r.state[y*halfW:][:halfW]
		if empty(ranks) {
			clear(out)
			continue
		}
		bits := r.bits[y*halfW:][:halfW]
		for x, rank := range ranks {
			switch {
			case int(rank) <= i:
				out[x] = 0
				continue
			case int(rank) > i+rankTwice:
				out[x] = astray | strong | bits[x]
			default:
				out[x] = astray | bits[x]
			}
			found = found || bits[x]&stirs != 0
		}
	}
	return found
}

// judge says at how many levels what the last pass saw would have moved, and where at the last of them.
func (r *reacher) judge(d *Detector, v scene, at time.Duration, dt float32, warm bool) (reach int, where media.Region) {
	since := dt
	if apart := at - r.judged; r.judged != 0 && apart >= 0 {
		if apart < reachPause {
			return 0, where
		}
		since = max(dt, min(float32(apart.Seconds()), 10))
	}
	r.judged = at
	v.state = &r.state
	stirring := true
	for i := range r.eyes {
		e := &r.eyes[i]
		var found []region
		if stirring = stirring && r.level(i); stirring {
			found = d.find.regions(v)
		}
		crowded := e.crowd.learn(found, since, warm)
		drops := crowded > 0 && dt > 0 && dt < dropTime
		frame := box{x0: halfW, y0: halfH}
		area := r.limits[i].area
		for k := range found {
			o := &found[k]
			if o.lit || o.stirring < max(area/2, crowded/2, 4) || drops && o.fresh > o.stirring*3/4 {
				continue
			}
			if e.trail.sure(o, area, at, crowded, warm) {
				frame.add(o)
			}
		}
		if frame.x1 > 0 {
			reach, where = i+1, frame.region(&d.fit)
		}
	}
	return reach, where
}

// box is the frame around some regions, in places of the background.
type box struct{ x0, y0, x1, y1 int }

func (b *box) add(o *region) {
	b.x0, b.y0, b.x1, b.y1 = min(b.x0, o.x0), min(b.y0, o.y0), max(b.x1, o.x1), max(b.y1, o.y1)
}

// region gives the frame in parts of the picture.
func (b box) region(f *fitter) media.Region {
	x0, y0 := max(b.x0+f.wholeX, 0), max(b.y0+f.wholeY, 0)
	x1, y1 := min(b.x1+f.wholeX, halfW), min(b.y1+f.wholeY, halfH)
	return media.Region{
		X: float64(x0) / halfW, Y: float64(y0) / halfH, W: float64(max(x1-x0, 0)) / halfW, H: float64(max(y1-y0, 0)) / halfH, Score: 1,
	}
}

// agree makes the reach agree with what was found at the camera's own sensitivity, where that is one for the whole
// picture: the same settings are to forecast what has happened.
func (a *area) agree(out *Result) {
	const exact = 1e-9
	passed := int((1-a.sensitivity)*(media.Levels-1)+exact) + 1 // levels that are as sensitive, or more
	switch {
	case out.Moving && out.Reach < passed:
		out.Reach = passed
		out.Where = out.Regions[0]
	case !out.Moving && a.plain:
		most := int(math.Ceil((1-a.sensitivity)*(media.Levels-1) - exact))
		out.Reach = min(out.Reach, most)
	}
	if out.Reach == 0 {
		out.Where = media.Region{}
	}
}
