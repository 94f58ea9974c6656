package motion

import (
	"time"

	"hearth/nvr/media"
)

// Width and Height are the size in pixels of the pictures that a Detector looks at.
const (
	Width  = 320
	Height = 180
)

// maxRegions bounds how many regions a Result names; the surest come first.
const maxRegions = 16

// changedPart is how much of the picture, in percent, has to be astray for it to count as another picture.
const changedPart = 75

// changedAgain is how soon after the whole picture changed it has to change again to count as moving.
const changedAgain = 4500 * time.Millisecond

// Detector looks for motion in the pictures of one camera. It is not safe for concurrent use.
type Detector struct {
	area *area

	half     halver
	fit      fitter
	profiles [maxProfiles]profile
	now      *profile // the one of them that holds
	find     finder
	crowd    crowd
	trail    trail
	guard    guard
	frozen   frozen
	outline  outline // of the picture, when it is needed
	reach    reacher
	faint    faint

	begun   bool          // there is a background
	changed time.Duration // when the whole picture last changed; 0 it never did
	leaves  int           // how many known profiles have been left
	newest  time.Duration // of the newest picture learned from

	regions [maxRegions]media.Region
	zones   []string
}

// Result is what one look found. Its slices are the Detector's own: they hold until the next call of Look.
type Result struct {
	// Moving says that something moves, surely enough to begin an event with.
	Moving bool
	// Doubt says that something small stirred, too little to say so from one picture. A closer look, at the pictures
	// around this one, is worth its cost. Moving and Doubt are never both true.
	Doubt bool
	// WarmUp says that the background is still young: only what is large counts as moving.
	WarmUp bool
	// Changed says that the whole picture became another one (infra-red switched, the camera was turned or covered)
	// and that another background holds from now on: a known one, or one begun anew from this picture.
	Changed bool
	// Tamper says what is wrong with the camera's view, after it has lasted; "" as long as nothing is. TamperSince is
	// when it began.
	Tamper      Tamper
	TamperSince time.Duration
	// Frozen says that the camera has been showing the same picture again and again since FrozenSince.
	Frozen      bool
	FrozenSince time.Duration
	// Score tells how much moves and how clearly, 0 to 1; 0 when nothing moves. It is for comparing the pictures of
	// one event with each other.
	Score float64
	// Regions are where it moves, the surest first, at most 16. Empty when nothing moves.
	Regions []media.Region
	// Zones are the names of the zones that the regions touch, in the order of the settings, each once.
	Zones []string
	// Reach is at how many media.Levels of sensitivity it would have moved in the whole picture, the most sensitive first: at
	// media.LevelSensitivity(Reach-1) and above; 0 at none. Zones have no part in it.
	Reach int
	// Where is the frame around what reached that far; empty when Reach is 0.
	Where media.Region
	// Fit is how the background was turned into this picture.
	Fit Fit
}

// Fit is the light and the place of a picture relative to the background.
type Fit struct {
	Gain   float64 // picture = Gain * background + Offset
	Offset float64 // luma, 0-255
	DX, DY float64 // pixels of the 320x180 picture that the picture lies right of and below the background
	Noise  float64 // how much the picture strays as a whole, in units of the background's own deviation; 1 is usual
}

// New makes a Detector that has seen nothing yet.
func New(s media.MotionSettings) *Detector {
	d := &Detector{}
	d.reach.init()
	d.SetSettings(s)
	return d
}

// SetSettings changes sensitivity, zones and masks. The background is kept, unless something is to be seen that was
// masked until now: then it begins anew with the next picture.
func (d *Detector) SetSettings(s media.MotionSettings) {
	before := d.area
	d.area = newArea(s)
	d.zones = make([]string, 0, len(s.Zones))
	if before == nil {
		return
	}
	if before.unmasks(d.area) {
		d.begun = false
	}
	if before.pixels != d.area.pixels { // other views are known by what is masked now
		for i := range d.profiles {
			if p := &d.profiles[i]; p != d.now {
				p.known = false
			}
		}
		if d.now != nil {
			d.now.sharp, d.guard = sharpness{}, guard{}
		}
	}
}

// Look takes the next picture: luma 0-255, Width x Height, row by row. A picture of another size is a mistake of the
// caller's: it is not looked at, and the Result is empty. At is when it was taken, counted from any fixed moment; how
// far two pictures lie apart tells how fast to learn. A picture older than the newest one is looked at, but nothing
// is learned from it.
func (d *Detector) Look(luma []byte, at time.Duration) Result {
	if len(luma) != Width*Height {
		return Result{}
	}
	d.half.take(luma, d.area)
	if !d.begun {
		d.begin(at)
		d.frozen.see(luma, at, d.area)
		return Result{WarmUp: true, Fit: Fit{Gain: 1, Noise: 1}}
	}
	dt := float32((at - d.newest).Seconds())
	learn := dt > 0
	dt = min(max(dt, 0), 10)
	if learn {
		d.frozen.see(luma, at, d.area)
	}
	out := d.compare(at, dt, learn)
	if out.Moving && out.Reach == 0 { // the picture as a whole
		out.Reach, out.Where = media.Levels, out.Regions[0]
	}
	if g := &d.guard; g.kind != "" && at >= g.since {
		out.Tamper, out.TamperSince = g.kind, g.since
	}
	if f := &d.frozen; f.held && at >= f.since {
		out.Frozen, out.FrozenSince = true, f.since
	}
	return out
}

// compare says what moves in the half picture.
func (d *Detector) compare(at time.Duration, dt float32, learn bool) Result {
	p := d.now
	d.fit.run(&d.half, &p.ground, d.area)
	if d.fit.gone {
		return d.lose(at, dt, learn)
	}
	d.reach.begin(learn)
	s := p.ground.pass(&d.half, &d.fit, d.area, pass{dt: dt, learn: learn, looks: p.looks, reach: &d.reach})
	if s.astray > s.used*changedPart/100 {
		return d.lose(at, dt, learn)
	}
	out := d.judge(at, dt, p.looks < warmLooks || p.warmed < warmSeconds)
	if learn {
		d.learn(at, dt)
	}
	return out
}

// learn goes on from what the last pass found.
func (d *Detector) learn(at time.Duration, dt float32) {
	p := d.now
	p.cells.learn(&p.ground, dt)
	p.ground.relight(&d.fit, dt)
	d.newest = at
	p.looks++
	p.warmed += dt
	p.known = p.known || p.warmed >= knownAfter && !d.guard.lost
	if p.ground.forget(dt) {
		p.cells.habits(&p.ground)
		d.guard.focus(at, d)
	}
	d.guard.watch(at, d)
}

// begin takes the half picture as the background, and forgets all that was.
func (d *Detector) begin(at time.Duration) {
	for i := range d.profiles {
		d.profiles[i].looks, d.profiles[i].known = 0, false
	}
	d.now = &d.profiles[0]
	d.now.begin(&d.half)
	d.guard, d.frozen = guard{}, frozen{}
	d.begun, d.newest, d.changed = true, at, 0
}
