package motion_test

import (
	"math"
	"math/rand/v2"
)

// disturbances are done to the pictures of a real clip, beyond what make-scenes does to it: second t, into out.
// Wrong is what is wrong with the camera in the end; empty: nothing ever is.
var disturbances = []struct {
	name  string
	clip  string
	wrong string
	to    func(r *rand.Rand, t float64, in, out []byte)
}{
	{"snow", "person-day", "", func(r *rand.Rand, _ float64, in, out []byte) {
		copy(out, in)
		for range 150 {
			x, y := 1+r.IntN(width-3), 1+r.IntN(height-3)
			for _, i := range []int{y*width + x, y*width + x + 1, y*width + width + x, y*width + width + x + 1} {
				out[i] = byte(min(int(out[i])+70, 255))
			}
		}
	}},
	{"lamp at one side", "car-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		for i, v := range in {
			k := 1.0
			if math.Mod(t, 26) > 13 {
				k += 0.5 * math.Exp(-math.Pow(float64(i%width)/110, 2))
			}
			out[i] = byte(min(float64(v)*k, 255))
		}
	}},
	{"exposure hunts", "person-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		k := 1 + 0.2*math.Sin(t*2.1) + 0.1*math.Sin(t*5.3)
		for i, v := range in {
			out[i] = byte(min(float64(v)*k, 255))
		}
	}},
	{"pole in the wind, +-4 pixels", "car-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		dx, dy := 4*math.Sin(t*3.1), 3*math.Sin(t*4.7+1)
		fx, fy := dx-math.Floor(dx), dy-math.Floor(dy)
		at := func(x, y int) float64 { return float64(in[min(max(y, 0), height-1)*width+min(max(x, 0), width-1)]) }
		for y := range height {
			for x := range width {
				sx, sy := x+int(math.Floor(dx)), y+int(math.Floor(dy))
				v := (1-fy)*((1-fx)*at(sx, sy)+fx*at(sx+1, sy)) + fy*((1-fx)*at(sx, sy+1)+fx*at(sx+1, sy+1))
				out[y*width+x] = byte(v + 0.5)
			}
		}
	}},
	{"infra-red from 55 s on", "car-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		copy(out, in)
		if t > 55 {
			for i, v := range in {
				out[i] = byte(30 + 0.6*math.Abs(float64(v)-110) + 0.3*float64(v))
			}
		}
	}},
	{"snow, few flakes", "car-day", "", func(r *rand.Rand, _ float64, in, out []byte) {
		copy(out, in)
		for range 40 {
			x, y := 1+r.IntN(width-4), 1+r.IntN(height-4)
			for i := range 9 {
				out[(y+i/3)*width+x+i%3] = byte(min(int(out[(y+i/3)*width+x+i%3])+90, 255))
			}
		}
	}},
	{"rain from 10 s on", "person-day", "", func(r *rand.Rand, t float64, in, out []byte) {
		copy(out, in)
		if t < 10 {
			return
		}
		for range 120 {
			x, y := r.IntN(width), r.IntN(height-12)
			for i := range 10 {
				out[(y+i)*width+x] = byte(min(int(out[(y+i)*width+x])+45, 255))
			}
		}
	}},
	{"two lamps, one after the other", "person-night", "", func(_ *rand.Rand, t float64, in, out []byte) {
		for i, v := range in {
			x, y, k := float64(i%width), float64(i/width), 1.0
			if math.Mod(t, 30) > 8 {
				k += 1.2 * math.Exp(-math.Pow((x-300)/90, 2)-math.Pow((y-20)/80, 2))
			}
			if math.Mod(t, 38) > 17 {
				k += 0.8 * math.Exp(-math.Pow(x/70, 2))
			}
			out[i] = byte(min(float64(v)*k, 255))
		}
	}},
	{"shadows of clouds", "car-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		for i, v := range in {
			edge := float64(i%width) + 0.4*float64(i/width) - math.Mod(t*25, 900) + 200 // passes every 36 s
			out[i] = byte(float64(v) * (1 - 0.3/(1+math.Exp(-edge/12))/(1+math.Exp((edge-180)/12))))
		}
	}},
	{"dusk to infra-red to day", "person-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		dim := min(max((60-t)/40, 0.35), 1)
		for i, v := range in {
			out[i] = byte(dim * float64(v))
			if t > 60 && t < 130 { // the far wall gets less of its light
				w := float64(v)
				out[i] = byte(20 + (0.5*math.Abs(w-90)+0.3*w)*(0.5+0.5*float64(i/width)/height))
			} else if t >= 130 {
				out[i] = v
			}
		}
	}},
	{"a wide lens in the wind, half a pixel", "person-day", "", func(_ *rand.Rand, t float64, in, out []byte) {
		f := 0.5 + 0.5*math.Sin(t*7.3)
		for y := range height {
			for x := range width {
				a, b := in[y*width+x], in[y*width+min(x+1, width-1)]
				out[y*width+x] = byte((1-f)*float64(a) + f*float64(b) + 0.5)
			}
		}
	}},
	{"noise, deviation 15", "person-night", "", func(r *rand.Rand, _ float64, in, out []byte) {
		g := grain()[r.IntN(4*width*height):]
		for i, v := range in {
			out[i] = byte(min(max(float64(v)+15*g[i]+0.5, 0), 255))
		}
	}},
	{"a lid", "person-day", "covered", func(r *rand.Rand, t float64, in, out []byte) {
		lid(r, t >= 100, in, out)
	}},
	{"a lid at night", "person-night", "covered", func(r *rand.Rand, t float64, in, out []byte) {
		lid(r, t >= 100, in, out)
	}},
	{"a lid for seven seconds", "car-day", "", func(r *rand.Rand, t float64, in, out []byte) {
		lid(r, t >= 50 && t < 57, in, out)
	}},
	{"turned", "person-night", "turned", func(_ *rand.Rand, t float64, in, out []byte) { swung(t >= 100, in, out) }},
	{"out of focus", "person-day", "defocused", func(_ *rand.Rand, t float64, in, out []byte) { soft(t >= 100, in, out) }},
	{"out of focus at night", "person-night", "defocused", func(_ *rand.Rand, t float64, in, out []byte) { soft(t >= 100, in, out) }},
}

// lid is a picture without anything in it, but for noise.
func lid(r *rand.Rand, on bool, in, out []byte) {
	copy(out, in)
	if on {
		g := grain()[r.IntN(4*width*height):]
		for i := range out {
			out[i] = byte(14.5 + 3*g[i])
		}
	}
}

// swung is what the camera shows when it was turned by a third of the picture; what comes into it is made of its mirror.
func swung(on bool, in, out []byte) {
	copy(out, in)
	if !on {
		return
	}
	for y := range height {
		for x := range width {
			from := x + 107
			if from >= width {
				from = 2*width - 1 - from
			}
			out[y*width+x] = in[min(y+23, height-1)*width+from]
		}
	}
}

// soft is the picture out of focus: the mean of 15 x 15 pixels.
func soft(on bool, in, out []byte) {
	copy(out, in)
	if !on {
		return
	}
	const r = 7
	row := make([]int, width*height)
	for y := range height {
		for x := range width {
			sum := 0
			for d := -r; d <= r; d++ {
				sum += int(in[y*width+min(max(x+d, 0), width-1)])
			}
			row[y*width+x] = sum
		}
	}
	for y := range height {
		for x := range width {
			sum := 0
			for d := -r; d <= r; d++ {
				sum += row[min(max(y+d, 0), height-1)*width+x]
			}
			out[y*width+x] = byte(sum / (2*r + 1) / (2*r + 1))
		}
	}
}
