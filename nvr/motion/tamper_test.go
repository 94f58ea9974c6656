package motion_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

// wrong is something that was wrong with a camera, in seconds: when it is said to have begun, and from when to when the
// looks said so.
type wrong struct {
	kind            string
	since, from, to float64
}

// guarded looks at a drawing, which brings its own noise, and gives what was wrong and how often something moved.
func guarded(t *testing.T, step, end float64, draw drawing) (found []wrong, moved []float64) {
	t.Helper()
	d := motion.New(media.MotionSettings{Sensitivity: 0.5})
	y := newYard(1)
	for i := 0; float64(i)*step < end; i++ {
		at := float64(i) * step
		y.clear()
		draw(y, at)
		r := d.Look(y.picture(), time.Duration(at*float64(time.Second)))
		if problem := contradiction(r); problem != "" {
			t.Fatal(problem)
		}
		note := func(kind string, since time.Duration) {
			for k := range found {
				if f := &found[k]; f.kind == kind && f.to > at-step-0.01 {
					f.to = at
					return
				}
			}
			found = append(found, wrong{kind, since.Seconds(), at, at})
		}
		if r.Tamper != "" {
			note(string(r.Tamper), r.TamperSince)
		}
		if r.Frozen {
			note("frozen", r.FrozenSince)
		}
		if r.Moving {
			moved = append(moved, at)
		}
	}
	return found, moved
}

// blurred is the yard as a lens out of focus shows it: a Gaussian of so many pixels.
func (y *yard) blurred(sigma float64) {
	r := int(3 * sigma)
	kernel, sum := make([]float64, 2*r+1), 0.0
	for i := range kernel {
		kernel[i] = math.Exp(-math.Pow(float64(i-r)/sigma, 2) / 2)
		sum += kernel[i]
	}
	out := make([]float64, len(y.luma))
	for py := range height {
		for px := range width {
			v := 0.0
			for i, k := range kernel {
				v += k * y.luma[py*width+min(max(px+i-r, 0), width-1)]
			}
			out[py*width+px] = v / sum
		}
	}
	for py := range height {
		for px := range width {
			v := 0.0
			for i, k := range kernel {
				v += k * out[min(max(py+i-r, 0), height-1)*width+px]
			}
			y.luma[py*width+px] = v / sum
		}
	}
}

// fog lies over the yard, the thicker the farther up in the picture it is: thick is 0 to 1.
func (y *yard) fog(thick float64) {
	for i := range y.luma {
		clear := math.Exp(-3 * thick * (1 - 0.8*float64(i/width)/height))
		y.luma[i] = clear*y.luma[i] + (1-clear)*180
	}
}

// infrared is another spectrum: the lawn is bright, the wall is dark.
func (y *yard) infrared() {
	for i := range y.luma {
		y.luma[i] = 60 + 0.5*math.Abs(y.luma[i]-110) + 0.2*float64(i/width)
	}
}

// elsewhere is what the camera shows when it looks at something else.
func (y *yard) elsewhere() { copy(y.luma, newYard(40).luma) }

const lasting = 1e9 // a moment that never comes

func within(t, from, to float64) bool { return t >= from && t < to }

// What is wrong with a camera is said once it has lasted, with when it began, and is over when it is over.
func TestTamper(t *testing.T) {
	for _, c := range []struct {
		name     string
		kind     string
		from, to float64 // when it is wrong
		late     float64 // how long it may take to be said
		over     float64 // and when it has to be over at the latest
		draw     func(y *yard, at float64)
	}{
		{"a lid", "covered", 60, 100, 13, 103, func(y *yard, _ float64) { y.light(0, 12) }},
		{"a sheet of paper, uneven in the light", "covered", 60, 100, 13, 103, func(y *yard, _ float64) {
			for i := range y.luma {
				y.luma[i] = 150 + 30*float64(i%width)/width
			}
		}},
		{"a hand that does not hold still", "covered", 60, 100, 13, 103, func(y *yard, at float64) {
			for i := range y.luma {
				y.luma[i] = 60 + 20*math.Sin(float64(i%width)/90+at) + 10*math.Cos(float64(i/width)/70-2*at)
			}
		}},
		{"turned away and back", "turned", 60, 100, 13, 103, func(y *yard, _ float64) { y.elsewhere() }},
		{"turned away for good", "turned", 60, lasting, 13, 127, func(y *yard, _ float64) { y.elsewhere() }},
		{"knocked aside", "turned", 60, lasting, 13, 127, func(y *yard, _ float64) { y.shifted(37, 22, 1) }},
		{"out of focus", "defocused", 60, 130, 35, 165, func(y *yard, _ float64) { y.blurred(5) }},
	} {
		for rate, step := range rates {
			t.Run(c.name+", "+rate, func(t *testing.T) {
				t.Parallel()
				found, _ := guarded(t, step, 180, func(y *yard, at float64) {
					if within(at, c.from, c.to) {
						c.draw(y, at)
					}
					digits(y, 250, 8, clock(at))
					y.noise(3)
				})
				if len(found) != 1 || found[0].kind != c.kind {
					t.Fatalf("found %+v, want it %s", found, c.kind)
				}
				f := found[0]
				if math.Abs(f.since-c.from) > 8 || f.from < c.from+8 || f.from > c.from+c.late || f.to > c.over || f.to < min(c.to, 110)-step-0.1 {
					t.Errorf("%+v; it was so from %.0f to %.0f", f, c.from, min(c.to, 180))
				}
			})
		}
	}
}

// What passes, and what changes the light, is no tampering.
func TestNoTamper(t *testing.T) {
	for name, draw := range map[string]drawing{
		"nothing": func(*yard, float64) {},
		"a hand waved over the lens": func(y *yard, at float64) {
			if within(at, 60, 65) || within(at, 70, 73) || within(at, 90, 99) {
				y.light(0, 30)
			}
		},
		"light goes out, but for a little": func(y *yard, at float64) {
			if at > 60 {
				y.light(0.06, 4)
			}
		},
		"light goes on": func(y *yard, at float64) {
			if at < 60 {
				y.light(0.15, 5)
			}
		},
		"infra-red and back": func(y *yard, at float64) {
			if within(at, 60, 120) {
				y.infrared()
			}
		},
		"infra-red through the dark": func(y *yard, at float64) {
			if at > 63 {
				y.infrared()
			}
			if within(at, 60, 64) {
				y.light(math.Abs(at-62)/2.2, 10*math.Abs(2-math.Abs(at-62)))
			}
		},
		"fog rolls in": func(y *yard, at float64) { y.fog(0.9 * min(max((at-60)/60, 0), 1)) },
		"a lorry stops before the camera": func(y *yard, at float64) {
			if at > 60 {
				y.block(int(max(100, 320-(at-60)*80)), 0, width, height, 200)
			}
		},
		"a zoom looks for its focus": func(y *yard, at float64) {
			if within(at, 60, 67) {
				y.blurred(5)
			}
		},
		"snow": func(y *yard, _ float64) {
			for range 150 {
				y.block(y.random.IntN(width), y.random.IntN(height), 3, 3, 235)
			}
		},
		"the pole sways": func(y *yard, at float64) { y.shifted(3*math.Sin(at*3.1), 3*math.Cos(at*4.7), 1) },
		"a wall": func(y *yard, at float64) {
			y.light(0, 120)
			if at > 60 {
				y.light(0, 30)
			}
		},
	} {
		for rate, step := range rates {
			t.Run(name+", "+rate, func(t *testing.T) {
				t.Parallel()
				if found, _ := guarded(t, step, 160, func(y *yard, at float64) { draw(y, at); y.noise(3) }); len(found) > 0 {
					t.Errorf("found %+v", found)
				}
			})
		}
	}
}

// A camera that sends one picture again and again shows nothing new, also when it writes the time into it.
func TestFrozen(t *testing.T) {
	type camera struct {
		name   string
		frozen bool
		draw   drawing // with its noise
	}
	stands := func(y *yard, at float64) { // the sensor's noise stands still with the picture
		if within(at, 80, 140) {
			copy(y.luma, newYardOf(77, 3))
			return
		}
		y.noise(3)
	}
	for _, c := range []camera{
		{"it stands", true, stands},
		{"it stands, its clock does not", true, func(y *yard, at float64) { stands(y, at); digits(y, 250, 8, clock(at)) }},
		{"it goes on", false, func(y *yard, _ float64) { y.noise(3) }},
		{"nearly without noise", false, func(y *yard, _ float64) { y.noise(0.3) }},
		{"never any noise", false, func(*yard, float64) {}},
		{"it stands for a while", false, func(y *yard, at float64) {
			if within(at, 80, 105) {
				stands(y, 81)
				return
			}
			y.noise(3)
		}},
		{"it becomes calm", false, func(y *yard, at float64) { y.noise(3 * math.Pow(0.985, at)) }},
	} {
		for rate, step := range rates {
			t.Run(c.name+", "+rate, func(t *testing.T) {
				t.Parallel()
				found, _ := guarded(t, step, 180, c.draw)
				if !c.frozen {
					if len(found) > 0 {
						t.Errorf("found %+v", found)
					}
					return
				}
				if len(found) != 1 || found[0].kind != "frozen" {
					t.Fatalf("found %+v", found)
				}
				if f := found[0]; math.Abs(f.since-80) > 2.2 || f.from > 80+30+4.1 || f.to < 137.9 || f.to > 140 {
					t.Errorf("%+v; it stood from 80 to 140", f)
				}
			})
		}
	}
}

// newYardOf is a picture of the first yard with noise that is always the same.
func newYardOf(seed uint64, deviation float64) []float64 {
	y := newYard(1)
	g := grain()[seed*100:]
	for i := range y.luma {
		y.luma[i] += g[i] * deviation
	}
	return y.luma
}

// A camera that switches to infra-red and back finds what it knew: nothing has to be learned anew, and somebody who
// walks by as soon as it has is seen.
func TestNightAndDay(t *testing.T) {
	for rate, step := range rates {
		t.Run(rate, func(t *testing.T) {
			t.Parallel()
			d := motion.New(media.MotionSettings{Sensitivity: 0.5})
			walks := []float64{40, 100, 166, 226, 286} // the last three just after a switch to what is known
			moving := film(t, d, 1, step, 330, func(y *yard, at float64) {
				if int(at/60)%2 == 1 {
					y.infrared()
				}
				for _, from := range walks {
					walker(y, at, from)
				}
			})
			for _, from := range walks {
				seen := 0
				for _, at := range moving {
					if at >= from && at <= from+11.5 {
						seen++
					}
				}
				if want := int(0.7 * 11 / step); seen < want {
					t.Errorf("who came at %.0f is seen in %d pictures, want %d", from, seen, want)
				}
			}
			for _, at := range moving {
				near := false
				for _, from := range walks {
					near = near || at >= from && at <= from+13
				}
				if !near {
					t.Errorf("moves at %.1f, when nobody is there", at)
				}
			}
		})
	}
}

// The state of a look that is older than the newest is that of its own moment.
func TestTamperOfOlderPictures(t *testing.T) {
	d := motion.New(media.MotionSettings{Sensitivity: 0.5})
	y := newYard(1)
	see := func(at time.Duration, covered bool) motion.Result {
		y.clear()
		if covered {
			y.light(0, 12)
		}
		y.noise(3)
		return d.Look(y.picture(), at)
	}
	at := time.Duration(0)
	for ; at < 60*time.Second; at += 2 * time.Second {
		see(at, false)
	}
	for ; at < 80*time.Second; at += 2 * time.Second {
		see(at, true)
	}
	if r := see(at, true); r.Tamper != motion.Covered {
		t.Fatalf("not covered: %+v", r)
	}
	if r := see(70*time.Second, true); r.Tamper != motion.Covered {
		t.Errorf("ten seconds ago it was covered already: %+v", r)
	}
	if r := see(58*time.Second, false); r.Tamper != "" {
		t.Errorf("before it began it was not: %+v", r)
	}
}

// ExampleDetector_tamper shows what a look says of a covered lens.
func ExampleDetector_tamper() {
	d := motion.New(media.MotionSettings{Sensitivity: 0.5})
	y := newYard(1)
	for at := time.Duration(0); at <= 80*time.Second; at += 2 * time.Second {
		y.clear()
		if at >= 60*time.Second {
			y.light(0, 12)
		}
		y.noise(3)
		if r := d.Look(y.picture(), at); r.Tamper != "" {
			fmt.Println(at, r.Tamper, "since", r.TamperSince)
			break
		}
	}
	// Output: 1m10s covered since 1m0s
}
