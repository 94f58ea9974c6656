package motion_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/sim/mark"
)

// A drawn scene is looked at as a worker does it: key frames every two seconds, or five pictures a second.
var rates = map[string]float64{"key frames": 2, "five a second": 0.2}

// drawing draws second t of a scene into the yard, which shows the bare ground then. Noise is added afterwards.
type drawing func(y *yard, t float64)

// film looks at a drawing until end, every step seconds, and gives the seconds at which something moved.
func film(t *testing.T, d *motion.Detector, seed uint64, step, end float64, draw drawing) (moving []float64) {
	t.Helper()
	y := newYard(seed)
	for i := 0; float64(i)*step < end; i++ {
		at := float64(i) * step
		y.clear()
		draw(y, at)
		y.noise(3)
		r := d.Look(y.picture(), time.Duration(at*float64(time.Second)))
		if problem := contradiction(r); problem != "" {
			t.Fatal(problem)
		}
		if r.Moving {
			moving = append(moving, math.Round(at*10)/10)
		}
	}
	return moving
}

// contradiction says how a Result breaks what it promises whatever the picture shows; "" if it does not.
func contradiction(r motion.Result) string {
	if r.Moving != (len(r.Regions) > 0) || (r.Moving && r.Doubt) || (r.Score > 0) != r.Moving || r.Score > 1 || len(r.Regions) > 16 {
		return fmt.Sprintf("a result that contradicts itself: %+v", r)
	}
	for i, g := range r.Regions {
		if g.X < 0 || g.Y < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 1 || g.Y+g.H > 1 || g.Score <= 0 || g.Score > 1 {
			return fmt.Sprintf("region %d lies outside of the picture or has no score: %+v", i, g)
		}
		if i > 0 && g.Score > r.Regions[i-1].Score {
			return fmt.Sprintf("regions are not sorted: %+v", r.Regions)
		}
	}
	return ""
}

// digits draws a clock's text: glyphs of 7 segments, 6x10 pixels each, white on black.
func digits(y *yard, x, top int, text string) {
	y.block(x-2, top-2, 8*len(text)+2, 14, 10)
	segments := map[rune]uint8{
		'0': 0b1110111, '1': 0b0100100, '2': 0b1011101, '3': 0b1101101, '4': 0b0101110,
		'5': 0b1101011, '6': 0b1111011, '7': 0b0100101, '8': 0b1111111, '9': 0b1101111,
	}
	bars := [7][4]int{{0, 0, 6, 2}, {0, 0, 2, 5}, {4, 0, 2, 5}, {0, 4, 6, 2}, {0, 5, 2, 5}, {4, 5, 2, 5}, {0, 8, 6, 2}}
	for i, r := range text {
		for b, s := range bars {
			if segments[r]>>b&1 == 1 {
				y.block(x+8*i+s[0], top+s[1], s[2], s[3], 235)
			}
		}
	}
}

// clock is the time as hhmmss, from 11:58 on, so that all digits change within minutes.
func clock(t float64) string {
	s := 11*3600 + 58*60 + int(t)
	v := s/3600*10000 + s/60%60*100 + s%60
	text := make([]byte, 6)
	for i := range text {
		text[5-i] = byte('0' + v%10)
		v /= 10
	}
	return string(text)
}

// strip draws the simulated cameras' mark, with the frame number that a camera of 15 pictures a second has.
func strip(y *yard, t float64) {
	p := make([]byte, width*height)
	mark.Draw(p, width, width, height, 3, uint32(math.Round(t*15)))
	for i := range width * mark.Height(height) {
		y.luma[i] = float64(p[i])
	}
}

// walker walks through the picture from the second from on, 30 pixels a second, 12x32 pixels, darker than most.
func walker(y *yard, t, from float64) {
	if x := int((t - from) * 30); t >= from && x < width {
		y.block(x-12, 80, 12, 32, 35)
	}
}

// Scenes in which nothing moves, whatever happens.
func TestStillScenes(t *testing.T) {
	scenes := []struct {
		name string
		end  float64
		free float64 // seconds at the start in which it may fire
		draw drawing
	}{
		{"nothing", 120, 0, func(*yard, float64) {}},
		{"clock", 200, 0, func(y *yard, at float64) { digits(y, 250, 8, clock(at)) }},
		{"mark strip", 300, 0, strip},
		{"light switched on and off", 100, 0, func(y *yard, at float64) {
			if math.Mod(at, 40) > 21 {
				y.light(1.3, 25)
			}
		}},
		{"light switched from the first picture on", 60, 0, func(y *yard, at float64) {
			if at > 1 {
				y.light(0.6, 10)
			}
		}},
		{"light into clipping", 100, 0, func(y *yard, at float64) {
			if math.Mod(at, 40) > 21 {
				y.light(1.2, 80)
			}
		}},
		{"lamp at one side", 100, 0, func(y *yard, at float64) {
			if at > 31 {
				for i := range y.luma {
					y.luma[i] *= 1 + 0.6*math.Exp(-math.Pow(float64(i%width)/120, 2))
				}
			}
		}},
		{"clouds", 120, 0, func(y *yard, at float64) { y.light(1+0.2*math.Sin(at/3), 15*math.Sin(at/2)) }},
		{"infra-red switched", 100, 0, func(y *yard, at float64) {
			if at > 41 {
				for i := range y.luma { // another spectrum: the lawn is bright, the wall is dark, and noisier
					y.luma[i] = 60 + 0.5*math.Abs(y.luma[i]-110) + 0.2*float64(i/width)
				}
			}
		}},
		{"shake", 120, 0, func(y *yard, at float64) {
			if at > 4 {
				y.shifted(1.1*math.Sin(at*10.7), 0.9*math.Sin(at*14.4), 1)
			}
		}},
		{"nudged by five pixels", 100, 0, func(y *yard, at float64) {
			if at > 31 {
				y.shifted(4, -3, 1)
			}
		}},
		{"rain", 120, 0, func(y *yard, _ float64) {
			for range 60 {
				y.streak(40)
			}
		}},
		{"rain that begins", 120, 0, func(y *yard, at float64) {
			if at > 41 {
				for range 60 {
					y.streak(40)
				}
			}
		}},
		{"tree", 300, 60, func(y *yard, at float64) {
			for py := 30; py < 80; py++ {
				for px := 200; px < 260; px++ {
					sway := 2.5*math.Sin(at*2.3) + 1.5*math.Sin(at*3.7+float64(py)/9)
					y.luma[py*width+px] = 80 + 30*math.Sin((float64(px)+sway)/2)*math.Cos(float64(py)/2.5)
				}
			}
		}},
		{"noisier and calmer", 120, 0, func(y *yard, at float64) {
			if math.Mod(at, 40) > 21 {
				y.noise(12)
			}
		}},
	}
	for _, s := range scenes {
		for rate, step := range rates {
			t.Run(s.name+", "+rate, func(t *testing.T) {
				t.Parallel()
				d := motion.New(media.MotionSettings{Sensitivity: 0.5})
				moving := film(t, d, 1, step, s.end, s.draw)
				moving = slices.DeleteFunc(moving, func(at float64) bool { return at < s.free })
				if len(moving) > 0 {
					t.Errorf("moved at %v", moving)
				}
			})
		}
	}
}

// A walker is seen in every scene in which nothing else counts, and only while he walks.
func TestWalker(t *testing.T) {
	const from, to = 60.0, 60 + (width+12)/30.0
	scenes := map[string]drawing{
		"plain":      func(*yard, float64) {},
		"mark strip": strip,
		"clock":      func(y *yard, at float64) { digits(y, 250, 8, clock(at)) },
		"clouds":     func(y *yard, at float64) { y.light(1+0.15*math.Sin(at/3), 15*math.Sin(at/2)) },
		"shake":      func(y *yard, at float64) { y.shifted(1.1*math.Sin(at*10.7), 0.9*math.Sin(at*14.4), 1) },
		"rain": func(y *yard, _ float64) {
			for range 60 {
				y.streak(40)
			}
		},
		"light switched on as he comes": func(y *yard, at float64) {
			if at > 61 {
				y.light(1.2, 20)
			}
		},
	}
	for name, draw := range scenes {
		for rate, step := range rates {
			t.Run(name+", "+rate, func(t *testing.T) {
				t.Parallel()
				d := motion.New(media.MotionSettings{Sensitivity: 0.5})
				moving := film(t, d, 1, step, 120, func(y *yard, at float64) {
					draw(y, at)
					walker(y, at, from)
				})
				if len(moving) == 0 {
					t.Fatal("not seen")
				}
				first, last := moving[0], moving[len(moving)-1]
				if first < from || first > from+step+0.9 || last > to+1.5 || last < to-step-1.5 {
					t.Errorf("seen from %.1f to %.1f, walked from %.1f to %.1f", first, last, from, to)
				}
				if want := 0.8 * (to - from) / step; float64(len(moving)) < want-1 {
					t.Errorf("seen in %d pictures, want at least %.0f", len(moving), want)
				}
			})
		}
	}
}

// small is somebody far away: 6x14 pixels, so many levels brighter than the middle of what is behind them, on which
// half of that still shows, 7 pixels a second.
func small(y *yard, t, from, brighter float64) {
	if t < from {
		return
	}
	x, top := 60+int((t-from)*7), 100
	for py := top; py < top+14; py++ {
		for px := x; px < min(x+6, width); px++ {
			y.luma[py*width+px] = 110 + brighter + 0.5*(y.luma[py*width+px]-110)
		}
	}
}

// Somebody far away is seen at the second look, as the first cannot tell them from a digit that changes, and most of
// the time from then on.
func TestSmallWalker(t *testing.T) {
	for rate, step := range rates {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			d := motion.New(media.MotionSettings{Sensitivity: 0.5})
			moving := film(t, d, 3, step, 60, func(y *yard, at float64) { small(y, at, 40, 25) })
			if len(moving) == 0 || moving[0] < 40 || moving[0] > 40+max(step, 1) {
				t.Fatalf("seen at %v, came at 40", moving)
			}
			if want := int(0.8 * 20 / step); len(moving) < want {
				t.Errorf("seen in %d pictures, want at least %d", len(moving), want)
			}
		})
	}
}

func TestSensitivity(t *testing.T) {
	far := func(y *yard, at float64) { small(y, at, 40, 12) }
	var seen [3]int
	for i, s := range []float64{0, 0.5, 1} {
		moving := film(t, motion.New(media.MotionSettings{Sensitivity: s}), 3, 2, 60, far)
		if len(moving) > 0 && moving[0] < 40 {
			t.Errorf("sensitivity %v: moved at %v, before anything came", s, moving[0])
		}
		seen[i] = len(moving)
	}
	if seen[0] != 0 || seen[1] == 0 || seen[2] < seen[1] {
		t.Errorf("somebody far away was seen %v times with sensitivities 0, 0.5 and 1; want none, some, at least as many", seen)
	}
	for rate, step := range rates {
		if moving := film(t, motion.New(media.MotionSettings{Sensitivity: 1}), 1, step, 60, func(*yard, float64) {}); len(moving) > 0 {
			t.Errorf("%s: the most sensitive look sees motion in noise, at %v", rate, moving)
		}
		moving := film(t, motion.New(media.MotionSettings{Sensitivity: 0}), 1, step, 60, func(y *yard, at float64) { walker(y, at, 40) })
		if want := int(0.7 * 11 / step); len(moving) < want {
			t.Errorf("%s: the least sensitive look sees somebody near in %d pictures, want at least %d", rate, len(moving), want)
		}
	}
}

// The whole picture masked: nothing to see, and nothing breaks.
func TestAllMasked(t *testing.T) {
	d := motion.New(media.MotionSettings{Masks: []media.Polygon{{{-1, -1}, {2, -1}, {2, 2}, {-1, 2}}}})
	if moving := film(t, d, 1, 2, 20, func(y *yard, at float64) { walker(y, at, 5) }); len(moving) > 0 {
		t.Errorf("moved at %v", moving)
	}
}

// Something comes and stays, and later is gone: that moves for a moment each, and never again.
func TestGhost(t *testing.T) {
	for rate, step := range rates {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			d := motion.New(media.MotionSettings{Sensitivity: 0.5})
			moving := film(t, d, 1, step, 180, func(y *yard, at float64) {
				if at > 60 && at < 120 {
					y.block(100, 60, 60, 30, 220)
				}
			})
			if len(moving) == 0 || moving[0] < 60 || moving[0] > 60+step+0.1 {
				t.Fatalf("what came was not seen at once: %v", moving)
			}
			moving = slices.DeleteFunc(moving, func(at float64) bool { return at < 62.1 || at > 120 && at < 122.1 })
			if len(moving) > 0 {
				t.Errorf("moved at %v", moving)
			}
		})
	}
}

// Somebody stands before the camera when it starts and walks away: the place he leaves does not go on moving.
func TestGhostAtStart(t *testing.T) {
	for rate, step := range rates {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			d := motion.New(media.MotionSettings{Sensitivity: 0.5})
			moving := film(t, d, 1, step, 60, func(y *yard, at float64) { y.block(100+int(at*35), 60, 24, 60, 30) })
			if len(moving) == 0 {
				t.Error("not seen")
			}
			if n := len(moving); n > 0 && moving[n-1] > 6.3+2.1 {
				t.Errorf("gone after 6.3 s, and moved until %v", moving[n-1])
			}
		})
	}
}

func TestMask(t *testing.T) {
	settings := media.MotionSettings{Sensitivity: 0.5, Masks: []media.Polygon{{{0.5, 0}, {1, 0}, {1, 1}, {0.5, 1}}}}
	plain, wild := motion.New(settings), motion.New(settings)
	a, b := newYard(1), newYard(1)
	seen := 0
	for i := range 100 {
		for _, y := range []*yard{a, b} {
			y.clear()
			walker(y, float64(i)/5, 12)
			y.noise(3)
		}
		for py := range height { // what is masked goes mad in b
			for px := width / 2; px < width; px++ {
				b.luma[py*width+px] = float64((i*37 + px*py) % 256)
			}
		}
		at := time.Duration(i) * 200 * time.Millisecond
		p, q := plain.Look(a.picture(), at), wild.Look(b.picture(), at)
		if !same(p, q) {
			t.Fatalf("look %d: what is masked changed the result from %+v to %+v", i, p, q)
		}
		for _, r := range p.Regions {
			seen++
			if r.X+r.W > 0.5 {
				t.Errorf("look %d: region %+v lies in the mask", i, r)
			}
		}
	}
	if seen < 15 {
		t.Errorf("the walker beside the mask was seen in %d pictures", seen)
	}
}

func TestUnmask(t *testing.T) {
	settings := media.MotionSettings{Sensitivity: 0.5, Masks: []media.Polygon{{{0.5, 0}, {1, 0}, {1, 1}, {0.5, 1}}}}
	d := motion.New(settings)
	film(t, d, 1, 2, 60, func(*yard, float64) {})
	settings.Masks = nil
	d.SetSettings(settings)
	y := newYard(1)
	for i := range 10 {
		y.clear()
		y.noise(3)
		if r := d.Look(y.picture(), time.Duration(60+2*i)*time.Second); r.Moving {
			t.Fatalf("look %d after the mask was taken away: what it hid moves", i)
		}
	}
}

func TestZones(t *testing.T) {
	box := func(x0, y0, x1, y1 float64) media.Polygon {
		return media.Polygon{{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}
	}
	d := motion.New(media.MotionSettings{Sensitivity: 0.5, Zones: []media.Zone{
		{Name: "left", Polygon: box(0, 0, 0.3, 1)},
		{Name: "sky", Polygon: box(0, 0, 1, 0.3)},
		{Name: "right", Polygon: box(0.7, 0, 1, 1)},
		{Name: "all", Polygon: box(0, 0, 1, 1)},
	}})
	y := newYard(1)
	var got []string
	for i := range 60 {
		y.clear()
		walker(y, float64(i)/2, 15)
		y.noise(3)
		r := d.Look(y.picture(), time.Duration(i)*500*time.Millisecond)
		if !r.Moving && len(r.Zones) > 0 {
			t.Fatalf("look %d: zones %v without motion", i, r.Zones)
		}
		for _, z := range r.Zones {
			if !slices.Contains(got, z) {
				got = append(got, z)
			}
		}
	}
	if want := []string{"left", "all", "right"}; !slices.Equal(got, want) {
		t.Errorf("the walker touched %v, want %v", got, want)
	}
}

// What was taken before the newest picture is looked at, but changes nothing.
func TestOlderPictures(t *testing.T) {
	with, without := motion.New(media.MotionSettings{Sensitivity: 0.5}), motion.New(media.MotionSettings{Sensitivity: 0.5})
	a, b := newYard(1), newYard(1)
	old := newYard(2)
	seen := 0
	for i := range 60 {
		for _, y := range []*yard{a, b} {
			y.clear()
			walker(y, float64(2*i), 80)
			y.noise(3)
		}
		at := time.Duration(2*i) * time.Second
		p, q := with.Look(a.picture(), at), without.Look(b.picture(), at)
		if !same(p, q) {
			t.Fatalf("look %d: an older picture changed the result from %+v to %+v", i, q, p)
		}
		if i > 20 {
			copy(old.luma, a.ground)
			old.block(30+i, 80, 12, 32, 35)
			old.noise(3)
			if with.Look(old.picture(), at-time.Second).Moving {
				seen++
			}
		}
	}
	if seen < 30 {
		t.Errorf("the walker was seen in %d of 39 older pictures", seen)
	}
}

func TestWrongSize(t *testing.T) {
	d := motion.New(media.MotionSettings{})
	for _, n := range []int{0, 1, width*height - 1, width*height + 1} {
		if r := d.Look(make([]byte, n), 0); r.Moving || r.Regions != nil || r.WarmUp {
			t.Errorf("a picture of %d bytes gave %+v", n, r)
		}
	}
}

func same(p, q motion.Result) bool {
	return p.Moving == q.Moving && p.Doubt == q.Doubt && p.WarmUp == q.WarmUp && p.Changed == q.Changed && p.Score == q.Score &&
		p.Fit == q.Fit && slices.Equal(p.Regions, q.Regions) && slices.Equal(p.Zones, q.Zones)
}
