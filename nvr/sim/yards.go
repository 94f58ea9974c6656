package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// place is a drawn place and the ways through it.
type place struct {
	title string
	draw  func(c *canvas)
	walks []walk
}

// light is the hour: what the sky and everything under it looks like.
type light struct {
	skyTop, skyLow, cloud color
	grass, leaf           color
	tint                  color   // multiplies walls and ground
	glow                  float64 // how bright windows are from inside
}

func lights(n int) light {
	return [...]light{
		{hex(0x6FA8DC), hex(0xDCEBF5), hex(0xFFFFFF), hex(0x7FA650), hex(0x4E7F3A), hex(0xFFFFFF), 0.15},
		{hex(0x7C8FC4), hex(0xF6C89F), hex(0xFCE3CF), hex(0x7A934A), hex(0x4A6E38), hex(0xFFE3C8), 0.75},
		{hex(0x9FB3C4), hex(0xE3E8EB), hex(0xEFF2F4), hex(0x77995A), hex(0x48734A), hex(0xE4EAEE), 0.35},
	}[n%3]
}

// places is place n of Yard. The same places come again in another light, with a number to their name.
func places(n int) place {
	p := fivePlaces(n)
	if n >= 5 {
		p.title = fmt.Sprintf("%s %d", p.title, n/5+1)
	}
	return p
}

func fivePlaces(n int) place {
	l := lights(n / 5)
	coats := [...]color{hex(0xB8453A), hex(0xE0A030), hex(0x2F6FA8), hex(0x5B8C5A), hex(0x8A4F9E), hex(0xD9D4C8)}
	coat := func(i int) color { return coats[(n+i)%len(coats)] }
	cats := [...]color{hex(0xC98B4B), hex(0x55504C), hex(0xD8D2C6)}
	cat := func(i int) color { return cats[(n+i)%len(cats)] }
	switch n % 5 {
	case 0:
		return place{"Front door", l.frontDoor, []walk{
			{"person", coat(0), 0.85, []step{{-120, 880, 330, 0}, {560, 800, 290, 0}, {905, 705, 250, 2.2}, {500, 815, 295, 0}, {-120, 885, 332, 0}}},
			{"cat", cat(0), 2.2, []step{{-110, 842, 74, 0}, {760, 800, 68, 1.2}, {1710, 850, 76, 0}}},
			{"person", coat(1), 0.9, []step{{1720, 872, 325, 0}, {930, 760, 275, 0}, {905, 705, 250, 1.5}, {600, 800, 290, 0}, {-120, 872, 328, 0}}},
		}}
	case 1:
		return place{"Garden", l.garden, []walk{
			{"cat", cat(1), 2.0, []step{{-100, 800, 70, 0}, {620, 735, 58, 1.5}, {1700, 790, 68, 0}}},
			{"person", coat(2), 0.85, []step{{1690, 860, 300, 0}, {980, 760, 235, 1}, {560, 690, 190, 0}, {-80, 700, 195, 0}}},
			{"person", coat(3), 0.9, []step{{-110, 850, 300, 0}, {760, 790, 260, 0}, {1700, 820, 280, 0}}},
		}}
	case 2:
		return place{"Garage", l.garage, []walk{
			{"car", hex(0x2F5F9E), 2.6, []step{{-420, 872, 215, 0}, {2020, 872, 215, 0}}},
			{"person", coat(1), 0.85, []step{{1710, 780, 285, 0}, {1010, 735, 250, 1.2}, {420, 760, 262, 0}, {-110, 800, 290, 0}}},
			{"cat", cat(2), 2.1, []step{{1710, 770, 64, 0}, {860, 745, 60, 1}, {-100, 790, 66, 0}}},
			{"car", hex(0xA33A32), 2.4, []step{{2020, 872, 215, 0}, {-420, 872, 215, 0}}},
		}}
	case 3:
		return place{"Back yard", l.backYard, []walk{
			{"person", coat(0), 0.85, []step{{-110, 840, 295, 0}, {700, 770, 250, 1}, {1180, 720, 220, 0}, {1690, 730, 225, 0}}},
			{"cat", cat(0), 2.0, []step{{1700, 830, 72, 0}, {840, 790, 66, 1.4}, {-100, 840, 74, 0}}},
		}}
	}
	return place{"Street", l.street, []walk{
		{"person", coat(2), 0.9, []step{{-100, 690, 215, 0}, {1700, 690, 215, 0}}},
		{"car", hex(0xC7C9CC), 2.6, []step{{2050, 832, 205, 0}, {-450, 832, 205, 0}}},
		{"person", coat(4), 0.85, []step{{1700, 700, 220, 0}, {820, 700, 220, 0.8}, {-100, 700, 220, 0}}},
		{"car", hex(0x3E6B4F), 2.5, []step{{-450, 850, 215, 0}, {2050, 850, 215, 0}}},
	}}
}

func (l light) frontDoor(c *canvas) {
	l.sky(c, 380)
	l.treeLine(c, 360, 60, 11)
	l.lawn(c, 380)
	c.paint(polygon{-40, 930, 330, 930, 1010, 712, 850, 712}, l.paving(), 1, 3)
	l.tree(c, 190, 520, 250, 4)
	// The house stands on the right.
	wall := hex(0xEADFC9)
	l.wall(c, rect{620, 150, 1020, 560, 0}, wall)
	c.paint(polygon{560, 165, 700, -60, 1640, -60, 1640, 165}, l.roof(hex(0x8C4A3C)), 1, 0)
	c.paint(rect{560, 158, 1080, 16, 3}, solid(l.lit(hex(0xF7F3EA))), 1, 0)
	c.paint(rect{646, 174, 1020, 60, 0}, solid(hex(0x000000)), 0.22, 50)
	c.paint(rect{620, 660, 1020, 50, 0}, grain(solid(l.lit(hex(0x8E8A84))), 0.12, 40, 12), 1, 0)
	l.door(c, 810, 330, 190, 380, hex(0x2F5D62))
	l.window(c, 1120, 320, 210, 210)
	l.window(c, 1400, 320, 160, 210)
	l.window(c, 660, 340, 90, 150)
	c.paint(rect{770, 700, 270, 22, 3}, solid(l.lit(hex(0xB9B3AA))), 1, 0)
	c.paint(rect{745, 716, 320, 26, 3}, solid(l.lit(hex(0xA39D94))), 1, 0)
	l.bush(c, 1200, 700, 120, 60, 21)
	l.bush(c, 1400, 712, 150, 75, 22)
	l.bush(c, 1560, 705, 110, 62, 23)
	l.bush(c, 675, 705, 60, 44, 24)
	l.flowers(c, 1130, 745, 470, 30, 90, 25)
}

func (l light) garden(c *canvas) {
	l.sky(c, 330)
	l.treeLine(c, 330, 110, 31)
	l.lawn(c, 400)
	l.fence(c, -20, 300, 1640, 170)
	l.bush(c, 90, 470, 150, 80, 32)
	l.bush(c, 300, 480, 120, 62, 33)
	l.bush(c, 1480, 470, 170, 90, 34)
	l.flowers(c, 60, 505, 420, 34, 120, 35)
	c.paint(polygon{-60, 760, -60, 690, 520, 660, 900, 690, 1700, 820, 1700, 930, 1260, 930, 820, 770, 500, 715}, l.paving(), 1, 6)
	c.paint(ellipse{1210, 600, 250, 62}, solid(l.lit(hex(0x9A948A))), 1, 4)
	c.paint(ellipse{1210, 598, 228, 52}, down(l.skyLow.times(0.78), l.skyTop.times(0.62), 545, 650), 1, 3)
	c.paint(ellipse{1130, 590, 46, 12}, solid(l.leaf.times(1.15)), 1, 2)
	c.paint(ellipse{1290, 610, 36, 9}, solid(l.leaf.times(1.05)), 1, 2)
	l.tree(c, 760, 560, 330, 36)
	l.flowers(c, 1020, 655, 390, 22, 70, 37)
}

func (l light) garage(c *canvas) {
	l.sky(c, 420)
	l.treeLine(c, 400, 90, 41)
	l.lawn(c, 420)
	c.paint(polygon{500, 660, 1130, 660, 1330, 820, 330, 820}, grain(down(l.lit(hex(0xB4B0A8)), l.lit(hex(0xC4C0B8)), 660, 820), 0.06, 60, 14), 1, 3)
	c.paint(rect{-50, 800, 1700, 24, 0}, solid(l.lit(hex(0xD2CEC6))), 1, 0)
	c.paint(rect{-50, 822, 1700, 120, 0}, grain(solid(l.lit(hex(0x5E6064))), 0.08, 30, 5), 1, 0)
	l.wall(c, rect{400, 260, 830, 400, 0}, hex(0xC9D3D6))
	c.paint(polygon{350, 272, 815, 40, 1280, 272}, l.roof(hex(0x5A5F6B)), 1, 0)
	c.paint(polygon{470, 262, 815, 88, 1160, 262}, grain(solid(l.lit(hex(0xB9C4C8))), 0.05, 200, 8), 1, 0)
	l.window(c, 765, 140, 100, 90)
	c.paint(rect{498, 338, 634, 322, 4}, solid(l.lit(hex(0xF2F0EA))), 1, 0)
	c.paint(rect{514, 354, 602, 306, 0}, l.slats(hex(0xDDD8CC), 51), 1, 0)
	for i := range 4 {
		c.paint(rect{540 + 142*float64(i), 372, 116, 48, 4}, down(l.skyTop.times(0.8), l.skyLow.times(0.9), 372, 420), 1, 0)
	}
	c.paint(rect{420, 270, 790, 46, 0}, solid(hex(0)), 0.2, 40)
	c.paint(ellipse{450, 400, 18, 26}, solid(hex(0xFFE9B0).mix(hex(0x807860), 0.4-0.4*l.glow)), 1, 0)
	l.bush(c, 300, 668, 110, 80, 42)
	l.bush(c, 1330, 672, 130, 90, 43)
	l.tree(c, 1500, 640, 290, 44)
	l.tree(c, 90, 600, 210, 45)
	l.flowers(c, 1190, 690, 200, 20, 50, 46)
}

func (l light) backYard(c *canvas) {
	l.sky(c, 320)
	l.treeLine(c, 320, 130, 61)
	l.lawn(c, 390)
	l.fence(c, -20, 290, 1640, 150)
	l.tree(c, 1380, 520, 300, 62)
	l.bush(c, 700, 440, 140, 66, 63)
	l.bush(c, 940, 446, 150, 70, 64)
	l.flowers(c, 620, 475, 420, 24, 90, 66)
	// A shed, a terrace, a table under a parasol.
	l.wall(c, rect{130, 230, 300, 260, 0}, hex(0x9C6B48))
	c.paint(polygon{100, 240, 280, 130, 460, 240}, l.roof(hex(0x5C4A42)), 1, 0)
	l.door(c, 235, 320, 90, 170, hex(0x6B4A33))
	c.paint(polygon{-40, 930, -40, 760, 560, 700, 1120, 760, 980, 930}, l.paving(), 1, 3)
	c.paint(ellipse{470, 742, 150, 22}, solid(hex(0)), 0.28, 14)
	for _, x := range []float64{400, 540} {
		c.paint(limb{x, 640, x + (x-470)*0.12, 735, 5}, solid(l.lit(hex(0x4A4A4C))), 1, 0)
	}
	c.paint(limb{470, 740, 470, 330, 5}, solid(l.lit(hex(0xE8E2D6))), 1, 0)
	c.paint(ellipse{470, 640, 130, 18}, solid(l.lit(hex(0xEFE9DD))), 1, 0)
	c.paint(polygon{240, 450, 470, 330, 700, 450, 590, 462, 470, 468, 350, 462}, down(l.lit(hex(0xD9644A)), l.lit(hex(0xB84A36)), 330, 465), 1, 0)
	c.paint(polygon{400, 463, 470, 330, 540, 463, 470, 468}, solid(l.lit(hex(0xF3E3CC))), 1, 0)
	l.bush(c, 1560, 560, 150, 90, 65)
}

func (l light) street(c *canvas) {
	l.sky(c, 430)
	l.treeLine(c, 400, 120, 70)
	for i, x := range []float64{-80, 340, 780, 1230} {
		wall := [...]color{hex(0xD8B48C), hex(0xC7D0D4), hex(0xE5DCC4), hex(0xB98A78)}[i]
		w, h := 380+20*float64(i%2), 300+26*float64((i*2)%3)
		l.wall(c, rect{x, 560 - h, w, h, 0}, wall)
		c.paint(polygon{x - 24, 566 - h, x + w/2, 440 - h, x + w + 24, 566 - h}, l.roof([...]color{hex(0x7A4438), hex(0x55606B)}[i%2]), 1, 0)
		l.window(c, x+50, 610-h, 84, 96)
		l.window(c, x+w-134, 610-h, 84, 96)
		l.door(c, x+w/2-36, 430, 72, 130, [...]color{hex(0x31566E), hex(0x7A3B34), hex(0x3E5C48)}[i%3])
	}
	c.paint(rect{-50, 545, 1700, 110, 0}, grain(down(l.grass.times(0.85), l.grass, 545, 655), 0.12, 30, 9), 1, 0)
	l.tree(c, 300, 610, 230, 71)
	l.tree(c, 1180, 612, 250, 72)
	l.bush(c, 720, 590, 130, 56, 73)
	c.paint(rect{-50, 640, 1700, 90, 0}, l.paving(), 1, 0)
	c.paint(rect{-50, 728, 1700, 16, 0}, solid(l.lit(hex(0xCFCBC3))), 1, 0)
	c.paint(rect{-50, 744, 1700, 200, 0}, grain(solid(l.lit(hex(0x5A5D62))), 0.08, 40, 6), 1, 0)
	for i := range 6 {
		c.paint(rect{-60 + 320*float64(i), 884, 170, 9, 2}, solid(l.lit(hex(0xE8E6DF))), 0.9, 0)
	}
}

// lit is a surface's color in this light.
func (l light) lit(c color) color {
	return color{c.r * l.tint.r, c.g * l.tint.g, c.b * l.tint.b}
}

func (l light) sky(c *canvas, horizon float64) {
	c.paint(rect{-10, -10, 1620, horizon + 30, 0}, func(x, y float64) color {
		s := l.skyTop.mix(l.skyLow, math.Pow(clamp01(y/horizon), 0.8))
		k := clamp01((cloudy(x/330+9, y/105+3) - 0.5) * 3.2)
		return s.mix(l.cloud, 0.75*k*clamp01(1.15-y/horizon))
	}, 1, 0)
}

func (l light) lawn(c *canvas, horizon float64) {
	c.paint(rect{-10, horizon, 1620, 920 - horizon, 0}, func(x, y float64) color {
		depth := (y - horizon) / (900 - horizon)
		g := l.grass.mix(l.skyLow, 0.22*(1-depth)).times(0.86 + 0.14*depth)
		size := 6 + 26*depth
		return g.times(0.86 + 0.2*cloudy(x/size, y/(size*0.45)) + 0.08*cloudy(x/220, y/60))
	}, 1, 0)
}

func (l light) paving() fill {
	return func(x, y float64) color {
		row := math.Floor(math.Sqrt(max(0, y-500)) * 1.35)
		gap := 0.92 + 0.1*corner(int32(math.Floor(x/(34+row*2.6)+row*0.5)), int32(row))
		return l.lit(hex(0xC3B8A6)).times(gap * (0.94 + 0.1*cloudy(x/18, y/9)))
	}
}

func (l light) wall(c *canvas, r rect, paint color) {
	c.paint(ellipse{r.x + r.w/2, r.y + r.h + 4, r.w / 2, 16}, solid(hex(0)), 0.25, 14)
	c.paint(r, grain(down(l.lit(paint).times(0.97), l.lit(paint).times(1.04), r.y, r.y+r.h), 0.045, 24, 24), 1, 0)
}

func (l light) roof(paint color) fill {
	return func(x, y float64) color {
		row := math.Floor(y / 13)
		tile := corner(int32(math.Floor(x/22+row*0.5)), int32(row))
		edge := y/13 - row
		return l.lit(paint).times(0.84 + 0.16*tile + 0.14*edge)
	}
}

func (l light) slats(paint color, height float64) fill {
	return func(_, y float64) color {
		at := math.Mod(max(0, y-354), height) / height // the edge is blurred: it begins a little above
		return l.lit(paint).times(0.86 + 0.16*math.Sqrt(at))
	}
}

func (l light) window(c *canvas, x, y, w, h float64) {
	c.paint(rect{x - 10, y - 10, w + 20, h + 20, 2}, solid(l.lit(hex(0xF6F2E8))), 1, 0)
	glass := down(l.skyTop.times(0.55), l.skyLow.times(0.72), y, y+h)
	warm := hex(0xF7CF86)
	c.paint(rect{x, y, w, h, 0}, func(px, py float64) color {
		g := glass(px, py)
		shine := clamp01(math.Sin((px+py)/w*2.2) * 1.4)
		return g.mix(hex(0xFFFFFF), 0.12*shine).mix(warm, l.glow*0.8)
	}, 1, 0)
	curtain := l.lit(hex(0xEFE6D8))
	c.paint(polygon{x, y, x + 0.24*w, y, x + 0.12*w, y + h, x, y + h}, solid(curtain), 0.75, 0)
	c.paint(polygon{x + w, y, x + 0.76*w, y, x + 0.88*w, y + h, x + w, y + h}, solid(curtain), 0.75, 0)
	frame := solid(l.lit(hex(0xF6F2E8)))
	c.paint(rect{x + w/2 - 4, y, 8, h, 0}, frame, 1, 0)
	c.paint(rect{x, y + 0.45*h - 3, w, 6, 0}, frame, 1, 0)
	c.paint(rect{x - 18, y + h + 8, w + 36, 12, 2}, solid(l.lit(hex(0xCFC7B8))), 1, 0)
}

func (l light) door(c *canvas, x, y, w, h float64, paint color) {
	c.paint(rect{x - 12, y - 12, w + 24, h + 12, 2}, solid(l.lit(hex(0xF6F2E8))), 1, 0)
	c.paint(rect{x, y, w, h, 0}, down(l.lit(paint).times(1.1), l.lit(paint).times(0.92), y, y+h), 1, 0)
	for _, top := range []float64{0.08, 0.54} {
		for _, left := range []float64{0.1, 0.55} {
			c.paint(rect{x + left*w, y + top*h, 0.35 * w, 0.38 * h, 3}, solid(l.lit(paint).times(0.8)), 1, 0)
			c.paint(rect{x + left*w + 4, y + top*h + 4, 0.35*w - 6, 0.38*h - 6, 3}, solid(l.lit(paint).times(1.05)), 1, 0)
		}
	}
	c.paint(ellipse{x + 0.9*w, y + 0.52*h, 0.035 * w, 0.035 * w}, solid(hex(0xD9B65A)), 1, 0)
}

func (l light) fence(c *canvas, x, y, w, h float64) {
	wood := l.lit(hex(0xB08D64))
	c.paint(ellipse{x + w/2, y + h + 4, w / 2, 14}, solid(hex(0)), 0.3, 14)
	for i := 0; float64(i)*34 < w; i++ {
		px := x + 34*float64(i)
		shade := 0.86 + 0.2*corner(int32(i), 77)
		c.paint(polygon{px, y + 12, px + 15, y, px + 30, y + 12, px + 30, y + h, px, y + h},
			grain(solid(wood.times(shade)), 0.1, 5, 60), 1, 0)
	}
	c.paint(rect{x, y + 0.25*h, w, 12, 0}, solid(wood.times(0.8)), 0.8, 0)
	c.paint(rect{x, y + 0.75*h, w, 12, 0}, solid(wood.times(0.8)), 0.8, 0)
}

// treeLine is a far wood along the horizon.
func (l light) treeLine(c *canvas, y, h float64, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	far := l.leaf.mix(l.skyLow, 0.42)
	for i := range 46 {
		x := -40 + 37*float64(i) + 20*r.Float64()
		ry := h * (0.5 + 0.5*r.Float64())
		c.paint(ellipse{x, y + h*0.35, 38 + 24*r.Float64(), ry}, grain(solid(far.times(0.85+0.25*r.Float64())), 0.1, 12, 10), 1, 3)
	}
	c.paint(rect{-10, y + h*0.3, 1620, h, 0}, solid(far.times(0.85)), 1, 20)
}

// leaves paints many small ellipses in an outline of rx, ry, lighter toward the upper left.
func (l light) leaves(c *canvas, x, y, rx, ry float64, n int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 2))
	c.paint(ellipse{x, y, rx * 0.9, ry * 0.9}, solid(l.leaf.times(0.62)), 1, 6)
	for i := range n {
		a, d := r.Float64()*2*math.Pi, math.Sqrt(r.Float64())
		dx, dy := math.Cos(a)*d, math.Sin(a)*d
		sun := 0.66 + 0.34*float64(i)/float64(n) - 0.2*(dx+1.4*dy) + 0.16*(r.Float64()-0.5)
		size := (0.1 + 0.1*r.Float64()) * (rx + ry) / 2
		leaf := l.leaf.times(sun).mix(l.grass, 0.25*r.Float64())
		c.paint(ellipse{x + dx*rx, y + dy*ry, size * 1.15, size * 0.85}, grain(solid(leaf), 0.14, size/3, size/3), 0.92, 4)
	}
}

// tree stands at x, y and is tall units high.
func (l light) tree(c *canvas, x, y, tall float64, seed uint64) {
	c.paint(ellipse{x + 0.12*tall, y + 4, 0.5 * tall, 0.07 * tall}, solid(hex(0x10240C)), 0.34, 24)
	bark := l.lit(hex(0x6B5140))
	trunk := polygon{x - 0.065*tall, y + 6, x - 0.035*tall, y - 0.6*tall, x + 0.035*tall, y - 0.6*tall, x + 0.07*tall, y + 6}
	c.paint(trunk, grain(func(px, _ float64) color { return bark.times(1.1 - 0.5*(px-x+0.06*tall)/(0.13*tall)) }, 0.16, 5, 26), 1, 0)
	c.paint(limb{x, y - 0.45*tall, x - 0.2*tall, y - 0.75*tall, 0.022 * tall}, solid(bark.times(0.9)), 1, 0)
	c.paint(limb{x, y - 0.4*tall, x + 0.2*tall, y - 0.7*tall, 0.02 * tall}, solid(bark.times(0.75)), 1, 0)
	l.leaves(c, x-0.2*tall, y-0.78*tall, 0.28*tall, 0.24*tall, 70, seed)
	l.leaves(c, x+0.22*tall, y-0.76*tall, 0.27*tall, 0.23*tall, 70, seed+1)
	l.leaves(c, x, y-0.98*tall, 0.33*tall, 0.28*tall, 110, seed+2)
}

func (l light) bush(c *canvas, x, y, rx, ry float64, seed uint64) {
	c.paint(ellipse{x + 8, y + 0.75*ry, rx, 0.3 * ry}, solid(hex(0x10240C)), 0.36, 16)
	l.leaves(c, x, y, rx, ry, 80, seed)
}

func (l light) flowers(c *canvas, x, y, w, h float64, n int, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 3))
	kinds := [...]color{hex(0xE8505B), hex(0xF9D56E), hex(0xF3ECC2), hex(0xB57BD0), hex(0xFF9A5A)}
	for range n {
		px, py := x+w*r.Float64(), y+h*r.Float64()
		size := 3.5 + 3.5*(py-y)/h + 2*r.Float64()
		c.paint(limb{px, py, px, py + 2.4*size, 1.6}, solid(l.leaf.times(0.9)), 1, 0)
		c.paint(ellipse{px, py, size, size * 0.85}, solid(l.lit(kinds[r.IntN(len(kinds))])), 1, 0)
		c.paint(ellipse{px, py, size * 0.35, size * 0.3}, solid(hex(0x8A5A20)), 0.8, 0)
	}
}
