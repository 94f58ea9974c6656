package motion_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/sim"
	"hearth/nvr/sim/h264"
)

// merged counts events: motion less than 15 s after motion is the same one.
func merged(moments []time.Duration) (n int) {
	for i, at := range moments {
		if i == 0 || at-moments[i-1] >= 15*time.Second {
			n++
		}
	}
	return n
}

// What a look says of other sensitivities is held against what looking at the same pictures with them finds: in the
// demo's yards, with noise, clocks and visitors, at key frames.
func TestReachForecasts(t *testing.T) {
	const own = 0.5
	asked := []float64{0, 0.2, 0.4, 0.5, 0.6, 0.8, 1}
	var off, all int
	for _, n := range []int{0, 1, 2, 5} {
		scene := sim.Yard(n)
		view := scene.View(width, height, uint16(n))
		picture := h264.NewPicture(width, height)
		luma := make([]byte, width*height)
		wall := time.Date(2026, 3, 1, 23, 57, 30, 0, time.UTC)
		var real []*motion.Detector
		for _, s := range asked {
			real = append(real, motion.New(media.MotionSettings{Sensitivity: s}))
		}
		d := motion.New(media.MotionSettings{Sensitivity: own})
		moved, foretold := make([][]time.Duration, len(asked)), make([][]time.Duration, len(asked))
		for at := time.Duration(0); at < 12*time.Minute; at += 2 * time.Second {
			view.Draw(picture, uint32(at*15/time.Second), at, wall.Add(at))
			for y := range height {
				copy(luma[y*width:(y+1)*width], picture.Y[y*picture.YStride:])
			}
			r := d.Look(luma, at)
			if problem := contradiction(r); problem != "" {
				t.Fatal(problem)
			}
			for i, s := range asked {
				if r.Reach > 0 && media.LevelSensitivity(r.Reach-1) <= s+1e-9 {
					foretold[i] = append(foretold[i], at)
				}
				if real[i].Look(luma, at).Moving {
					moved[i] = append(moved[i], at)
				}
			}
		}
		line := ""
		for i, s := range asked {
			a, b := merged(moved[i]), merged(foretold[i])
			line += fmt.Sprintf("  %.1f: %d/%d events, %d/%d looks", s, b, a, len(foretold[i]), len(moved[i]))
			if s == own && (a != b || len(moved[i]) != len(foretold[i])) {
				t.Errorf("yard %d: at its own sensitivity %d events are forecast, %d were", n, b, a)
			}
			off += int(math.Abs(float64(a - b)))
			all += a
		}
		t.Logf("yard %d, forecast/found:%s", n, line)
	}
	t.Logf("%d of %d events wrong", off, all)
	if off*10 > all {
		t.Errorf("the forecast is off by %d of %d events", off, all)
	}
}

// What is learned at one sensitivity forecasts the others, at key frames and where the worker watches closely.
func TestReachOfSmallAndFaint(t *testing.T) {
	t.Run("a look a second", func(t *testing.T) {
		t.Parallel()
		smallAndFaint(t, 32*time.Minute, time.Second, []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}, []float64{0.2, 0.5, 0.8})
	})
	t.Run("five looks a second", func(t *testing.T) {
		t.Parallel()
		smallAndFaint(t, 32*time.Minute, 200*time.Millisecond, []float64{0, 0.5, 1}, []float64{0.5})
	})
}

// smallAndFaint has somebody come by every 40 s, each time of another size and more or less like the wall behind them, so
// that the sensitivities differ: few come to be seen at 0, most at 1.
func smallAndFaint(t *testing.T, long, every time.Duration, asked, owns []float64) {
	t.Helper()
	found := make([][]time.Duration, len(asked))
	foretold := make([][][]time.Duration, len(owns))
	var real, own []*motion.Detector
	for _, s := range asked {
		real = append(real, motion.New(media.MotionSettings{Sensitivity: s}))
	}
	for i, s := range owns {
		own = append(own, motion.New(media.MotionSettings{Sensitivity: s}))
		foretold[i] = make([][]time.Duration, len(asked))
	}
	y := newYard(5)
	for at := time.Duration(0); at < long; at += every {
		y.clear()
		if visit, t := int(at/(40*time.Second)), (at%(40*time.Second)).Seconds()-20; visit > 0 && t > 0 {
			w, h := 3+visit*7%11, 4+visit*5%17
			y.blend(int(t*25)-w, 60+visit*13%80, w, h, 0.08*float64(1+visit*3%8))
		}
		y.noise(3)
		p := y.still()
		for i := range asked {
			if real[i].Look(p, at).Moving {
				found[i] = append(found[i], at)
			}
		}
		for k := range owns {
			r := own[k].Look(p, at)
			for i, s := range asked {
				if r.Reach > 0 && media.LevelSensitivity(r.Reach-1) <= s+1e-9 {
					foretold[k][i] = append(foretold[k][i], at)
				}
			}
		}
	}
	fewest, most := merged(found[0]), merged(found[len(found)-1])
	if most < 2*fewest+10 {
		t.Fatalf("the scene tells sensitivities apart too little: %d events at 0, %d at 1", fewest, most)
	}
	for k, set := range owns {
		off, line := 0, ""
		for i := range asked {
			a, b := merged(found[i]), merged(foretold[k][i])
			line += fmt.Sprintf("  %.1f: %d/%d", asked[i], b, a)
			off = max(off, int(math.Abs(float64(a-b))))
			if asked[i] == set && a != b {
				t.Errorf("set to %.1f, %d events are forecast for just that, %d were", set, b, a)
			}
		}
		t.Logf("set to %.1f, forecast/found:%s", set, line)
		if off > 1+most/7 {
			t.Errorf("set to %.1f, the forecast is off by %d of %d events", set, off, most)
		}
	}
}

// blend draws a rectangle that covers what is behind it in part.
func (y *yard) blend(x, top, w, h int, part float64) {
	for py := top; py < min(top+h, height); py++ {
		for px := max(x, 0); px < min(x+w, width); px++ {
			y.luma[py*width+px] += part * (30 - y.luma[py*width+px])
		}
	}
}
