package motion

import "time"

const (
	frozenSize  = 10                     // pixels of the squares in which pictures are compared
	frozenW     = Width / frozenSize     // squares in a row
	frozenH     = Height / frozenSize    // rows of them
	frozenPause = 900 * time.Millisecond // between two pictures compared: closer ones may be one picture, coded twice
	frozenPart  = 0.02                   // part of the squares that a clock burned into the picture may change
	frozenUsual = 0.5                    // part of the squares that change where a sensor is at work
	frozenArmed = 20                     // comparisons before it is known what is usual
	frozenTime  = 300                    // seconds over which it is
	frozenAfter = 30 * time.Second       // that nothing has to change
)

// frozen watches whether the camera goes on to see. No two pictures of a sensor are the same: its noise changes them
// everywhere, even when they were coded to few bits. A camera that sends the same picture again and again, maybe with
// the time of day in it, shows nothing new, however many units come.
type frozen struct {
	held  bool          // it shows nothing new, since
	since time.Duration // when

	before [Width * Height]byte
	at     time.Duration // of before
	began  bool          // there is a before
	same   bool          // nothing has changed, since
	from   time.Duration // the picture before the first one that was the same

	usual    float32 // part of the squares that change from one picture to the next
	compared int     // pictures, up to frozenArmed
}

// see compares a picture with the one before.
func (f *frozen) see(luma []byte, at time.Duration, a *area) {
	if f.began && at-f.at < frozenPause {
		return
	}
	if !f.began {
		f.began, f.at = true, at
		copy(f.before[:], luma)
		return
	}
	part, ok := f.changed(luma, a)
	dt := float32((at - f.at).Seconds())
	before := f.at
	f.at = at
	copy(f.before[:], luma)
	if !ok {
		return
	}
	if part > frozenPart {
		f.held, f.same = false, false
		alpha := rate(min(dt, 10), frozenTime)
		if f.compared < frozenArmed {
			f.compared++
			alpha = 1 / float32(f.compared)
		}
		f.usual += alpha * (part - f.usual)
		return
	}
	if f.compared < frozenArmed || f.usual < frozenUsual {
		f.usual -= rate(min(dt, 10), frozenTime) * f.usual
		return
	}
	if !f.same {
		f.same, f.from = true, before
	}
	if at-f.from >= frozenAfter && !f.held {
		f.held, f.since = true, f.from
	}
}

// changed is the part of the squares in which not every pixel is what it was. It is not known where all is masked.
func (f *frozen) changed(luma []byte, a *area) (part float32, ok bool) {
	open, changed := 0, 0
	for sy := range frozenH {
		for sx := range frozenW {
			if !a.squares[sy*frozenW+sx] {
				continue
			}
			open++
			for y := sy * frozenSize; y < (sy+1)*frozenSize; y++ {
				i := y*Width + sx*frozenSize
				if [frozenSize]byte(luma[i:]) != [frozenSize]byte(f.before[i:]) {
					changed++
					break
				}
			}
		}
	}
	if open == 0 {
		return 0, false
	}
	return float32(changed) / float32(open), true
}

// forget begins to learn anew what is usual: in another light the sensor may be as calm as it was noisy.
func (f *frozen) forget() {
	f.held, f.same, f.usual, f.compared = false, false, 0, 0
}
