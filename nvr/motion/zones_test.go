package motion_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

func area(x0, y0, x1, y1 float64) media.Polygon {
	return media.Polygon{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
}

// What happens under a mask changes no byte of what a look says, whatever it is and whatever happens beside it: nothing
// of it enters the fit, the light, the noise, what is learned, or whether the picture has become another one.
func TestNothingUnderMaskIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := media.MotionSettings{
			Sensitivity: rapid.Float64Range(0, 1).Draw(t, "sensitivity"),
			Masks:       []media.Polygon{polygon(t), polygon(t)},
			Zones:       []media.Zone{{Name: "a", Polygon: polygon(t)}},
		}
		plain, wild := motion.New(settings), motion.New(settings)
		y := newYard(rapid.Uint64Range(0, 96).Draw(t, "yard"))
		at := time.Duration(0)
		for look := range rapid.IntRange(6, 40).Draw(t, "looks") {
			y.clear()
			switch rapid.IntRange(0, 7).Draw(t, "beside it") {
			case 0, 1, 2:
				y.block(rapid.IntRange(-20, width).Draw(t, "x"), rapid.IntRange(-20, height).Draw(t, "y"), 30, 40, 30)
			case 3:
				y.light(rapid.Float64Range(0.3, 3).Draw(t, "gain"), 0)
			case 4:
				y.shifted(rapid.Float64Range(-30, 30).Draw(t, "dx"), 2, 1)
			case 5: // a hand before the lens
				y.light(0, 12)
			}
			y.noise(3)
			p := y.picture()
			q := slices.Clone(p)
			salt := rapid.IntRange(0, 1<<20).Draw(t, "under it")
			for i := range q {
				if masked(settings.Masks, i) {
					q[i] = byte(salt * (i%97 + 1))
				}
			}
			a, errA := json.Marshal(plain.Look(p, at))
			b, errB := json.Marshal(wild.Look(q, at))
			if errA != nil || errB != nil || string(a) != string(b) {
				t.Fatalf("look %d:\n%s\n%s (%v, %v)", look, a, b, errA, errB)
			}
			plain.Blank(p)
			wild.Blank(q)
			if !slices.Equal(p, q) {
				t.Fatalf("look %d: it is not blanked", look)
			}
			at += rapid.SampledFrom([]time.Duration{66 * time.Millisecond, 200 * time.Millisecond, 2 * time.Second}).Draw(t, "step")
		}
	})
}

// masked says whether the middle of a pixel lies in one of the polygons, by the sum of the angles that it sees.
func masked(masks []media.Polygon, i int) bool {
	x, y := (float64(i%width)+0.5)/width, (float64(i/width)+0.5)/height
	for _, m := range masks {
		crossed := false
		for k, a := range m {
			b := m[(k+1)%len(m)]
			if (a[1] <= y) == (b[1] <= y) {
				continue
			}
			crossed = crossed != (a[0]+(y-a[1])/(b[1]-a[1])*(b[0]-a[0]) > x)
		}
		if crossed {
			return true
		}
	}
	return false
}

// visits has somebody walk through the whole picture, from left to right, and gives where they were seen to move.
func visits(t *testing.T, s media.MotionSettings) (left, right int, zones []string) {
	t.Helper()
	d := motion.New(s)
	y := newYard(1)
	for i := range 110 {
		y.clear()
		walker(y, float64(i)/5, 10)
		y.noise(3)
		r := d.Look(y.picture(), time.Duration(i)*200*time.Millisecond)
		if problem := contradiction(r); problem != "" {
			t.Fatal(problem)
		}
		for _, g := range r.Regions {
			if g.X+g.W < 0.5 {
				left++
			} else if g.X > 0.5 {
				right++
			}
		}
		for _, z := range r.Zones {
			if !slices.Contains(zones, z) {
				zones = append(zones, z)
			}
		}
	}
	return left, right, zones
}

func TestZonesOfTheirOwn(t *testing.T) {
	low, high := 0.0, 0.9
	right := media.Zone{Name: "right", Polygon: area(0.5, 0, 1, 1)}
	with := func(change func(*media.MotionSettings)) media.MotionSettings {
		s := media.MotionSettings{Sensitivity: 0.5, Zones: []media.Zone{right}}
		change(&s)
		return s
	}
	for _, c := range []struct {
		name        string
		s           media.MotionSettings
		left, right bool
	}{
		{"a zone but labels", with(func(*media.MotionSettings) {}), true, true},
		{"only zones", with(func(s *media.MotionSettings) { s.OnlyZones = true }), false, true},
		{"only zones, without one", media.MotionSettings{Sensitivity: 0.5, OnlyZones: true}, true, true},
		{"too small there", with(func(s *media.MotionSettings) { s.Zones[0].MinSize = 0.2 }), true, false},
		{"too small there, and nowhere else", with(func(s *media.MotionSettings) {
			s.Zones[0].MinSize, s.OnlyZones = 0.2, true
		}), false, false},
		{"too small for one of two", with(func(s *media.MotionSettings) {
			s.Zones[0].MinSize = 0.2
			s.Zones = append(s.Zones, media.Zone{Name: "all", Polygon: area(0, 0, 1, 1)})
		}), true, true},
		{"large enough", with(func(s *media.MotionSettings) { s.Zones[0].MinSize = 0.005 }), true, true},
	} {
		left, right, zones := visits(t, c.s)
		if (left > 0) != c.left || (right > 0) != c.right {
			t.Errorf("%s: moved %d times left and %d right, want %t and %t", c.name, left, right, c.left, c.right)
		}
		if c.s.Zones != nil && slices.Contains(zones, "right") != (c.right && c.s.Zones[0].MinSize < 0.1) {
			t.Errorf("%s: labelled %v", c.name, zones)
		}
	}
	// Somebody who is small is seen by a sensitive zone and by no other.
	for _, c := range []struct {
		name        string
		s           media.MotionSettings
		left, right bool
	}{
		{"one for all", media.MotionSettings{Sensitivity: high}, true, true},
		{"a sensitive zone", with(func(s *media.MotionSettings) { s.Sensitivity, s.Zones[0].Sensitivity = low, &high }), false, true},
		{"a dull zone", with(func(s *media.MotionSettings) { s.Sensitivity, s.Zones[0].Sensitivity = high, &low }), true, false},
	} {
		d := motion.New(c.s)
		y := newYard(3)
		var left, right int
		for i := range 110 {
			y.clear()
			tiny(y, float64(i)/5-10)
			y.noise(3)
			for _, g := range d.Look(y.picture(), time.Duration(i)*200*time.Millisecond).Regions {
				if g.X+g.W < 0.5 {
					left++
				} else if g.X > 0.5 {
					right++
				}
			}
		}
		if (left > 3) != c.left || (right > 3) != c.right {
			t.Errorf("%s: moved %d times left and %d right, want %t and %t", c.name, left, right, c.left, c.right)
		}
	}
}

// tiny is somebody of 5x8 pixels, t seconds after they came in.
func tiny(y *yard, t float64) {
	if t > 0 {
		y.block(int(t*30)-5, 90, 5, 8, 35)
	}
}
