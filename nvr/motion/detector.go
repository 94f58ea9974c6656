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
const changedPart = 60

// changedAgain is how soon after the whole picture changed it has to change again to count as moving.
const changedAgain = 4500 * time.Millisecond

// Detector looks for motion in the pictures of one camera. It is not safe for concurrent use.
type Detector struct {
	area *area

	half   halver
	fit    fitter
	ground background
	cells  cells
	find   finder
	crowd  crowd
	trail  trail

	changed time.Duration // when the whole picture last changed; 0 it never did
	looks   int           // pictures learned from since New or since the whole picture changed
	newest  time.Duration // of the newest picture learned from
	warmed  float32       // seconds since the first of them

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
	// and that the background was begun anew from this picture.
	Changed bool
	// Score tells how much moves and how clearly, 0 to 1; 0 when nothing moves. It is for comparing the pictures of
	// one event with each other.
	Score float64
	// Regions are where it moves, the surest first, at most 16. Empty when nothing moves.
	Regions []media.Region
	// Zones are the names of the zones that the regions touch, in the order of the settings, each once.
	Zones []string
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
	d.SetSettings(s)
	return d
}

// SetSettings changes sensitivity, zones and masks. The background is kept, unless something is to be seen that was
// masked until now: then it begins anew with the next picture.
func (d *Detector) SetSettings(s media.MotionSettings) {
	before := d.area
	d.area = newArea(s)
	d.zones = make([]string, 0, len(s.Zones))
	if before != nil && before.unmasks(d.area) {
		d.looks = 0
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
	if d.looks == 0 {
		d.begin(at)
		return Result{WarmUp: true, Fit: Fit{Gain: 1, Noise: 1}}
	}
	dt := float32((at - d.newest).Seconds())
	learn := dt > 0
	if !learn {
		dt = 0
	}
	dt = min(dt, 10)
	d.fit.run(&d.half, &d.ground, d.area)
	s := d.ground.pass(&d.half, &d.fit, d.area, pass{dt: dt, learn: learn, looks: d.looks})
	if s.astray > s.used*changedPart/100 || d.fit.gone {
		return d.restart(at, learn)
	}
	out := d.judge(at, dt, d.looks < warmLooks || d.warmed < warmSeconds)
	if learn {
		d.cells.learn(&d.ground, dt)
		d.ground.relight(&d.fit, dt)
		if d.ground.forget(dt) {
			d.cells.habits(&d.ground)
		}
		d.looks++
		d.newest = at
		d.warmed += dt
	}
	return out
}

// restart begins the background anew, since the whole picture has changed. Light and infra-red do that once. What does
// it again and again stands or moves close before the camera.
func (d *Detector) restart(at time.Duration, learn bool) Result {
	out := Result{Changed: true, WarmUp: true, Fit: d.fit.result()}
	if !learn {
		return out
	}
	if d.changed > 0 && at-d.changed <= changedAgain {
		d.regions[0] = media.Region{W: 1, H: 1, Score: 1}
		out.Moving, out.Score, out.Regions = true, 1, d.regions[:1]
		d.zones = append(d.zones[:0], d.area.names...)
		out.Zones = d.zones
	}
	cells := d.cells // a clock stays where it is, in whatever light
	d.begin(at)
	d.cells, d.changed = cells, at
	return out
}

// begin takes the half picture as the background.
func (d *Detector) begin(at time.Duration) {
	d.ground.begin(&d.half)
	d.cells = cells{}
	d.looks, d.newest, d.warmed = 1, at, 0
}
