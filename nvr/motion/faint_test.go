package motion_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

// faintSquare is where the tests below draw something, and the frame in which they ask for it.
var faintSquare = media.Region{X: 100.0 / motion.Width, Y: 80.0 / motion.Height, W: 30.0 / motion.Width, H: 30.0 / motion.Height}

// What only light, noise and a shift of the whole picture change is followed nowhere.
func TestWholePictureIsNotFaint(t *testing.T) {
	type view struct {
		y *yard
		d *motion.Detector
	}
	views := make([]view, 4)
	for seed := range views {
		y := newYard(uint64(seed * 31))
		d, _ := warm(y, 0.5, float64(seed), 400*time.Millisecond)
		y.clear()
		y.noise(float64(seed))
		d.Before(y.picture())
		views[seed] = view{y, d}
	}
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.IntRange(0, len(views)-1).Draw(t, "yard")
		y, d := views[seed].y, views[seed].d
		gain, offset := rapid.Float64Range(0.8, 1.2).Draw(t, "gain"), rapid.Float64Range(-10, 10).Draw(t, "offset")
		y.shifted(rapid.Float64Range(-2, 2).Draw(t, "dx"), rapid.Float64Range(-2, 2).Draw(t, "dy"), float64(seed*31%97))
		y.light(gain, offset)
		y.noise(float64(seed))
		if at, ok := d.Faint(y.picture(), faintSquare); ok {
			t.Fatalf("gain %.2f, offset %.1f: at %+v", gain, offset, at)
		}
	})
}

// A shadow too faint and too small to count as motion is found right beside where something was seen, and neither
// farther away nor if it was there before.
func TestAFaintShadowIsFollowed(t *testing.T) {
	y := newYard(3)
	d, at := warm(y, 0.5, 1, 200*time.Millisecond)
	still := func() []byte {
		y.clear()
		y.noise(1)
		return y.picture()
	}
	shadow := func() []byte {
		y.clear()
		for i := range 12 * 12 {
			y.luma[(80+i/12)*motion.Width+100+i%12] -= 9
		}
		y.noise(1)
		return y.picture()
	}
	d.Before(still())
	if r := d.Look(shadow(), at); r.Moving {
		t.Fatalf("it counts by itself: %+v", r)
	}
	frame, ok := d.Faint(shadow(), faintSquare)
	if x, y := frame.X*motion.Width, frame.Y*motion.Height; !ok || x < 90 || x > 110 || y < 70 || y > 90 || frame.Score <= 0 {
		t.Errorf("%v at %+v", ok, frame)
	}
	if frame, ok := d.Faint(shadow(), media.Region{X: 0.7, Y: 0.1, W: 0.1, H: 0.1}); ok {
		t.Errorf("far away: %+v", frame)
	}
	if frame, ok := d.Faint(still(), faintSquare); ok {
		t.Errorf("nothing: %+v", frame)
	}
	d.Before(shadow())
	if frame, ok := d.Faint(shadow(), faintSquare); ok {
		t.Errorf("it was there before: %+v", frame)
	}
	if _, ok := d.Faint(make([]byte, 7), faintSquare); ok {
		t.Error("a picture of another size")
	}
}
