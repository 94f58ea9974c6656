//go:build cgo

package main

import (
	"math/rand/v2"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

// scene is a drawn picture of a textured yard in the size of a thumbnail.
type scene []byte

func drawn() scene {
	s, rnd := make(scene, thumbWidth*thumbHeight), rand.New(rand.NewPCG(1, 2))
	for y := 0; y < thumbHeight; y += 8 {
		for x := 0; x < thumbWidth; x += 8 {
			v := byte(90 + rnd.IntN(40))
			for i := range 64 {
				s[(y+i/8)*thumbWidth+x+i%8] = v
			}
		}
	}
	return s
}

// someone draws a chequered figure at a place, smeared over so many pixels along its way, and gives where it is.
func (s scene) someone(x, y, w, h, smear int) media.Region {
	for py := max(y, 0); py < min(y+h, thumbHeight); py++ {
		for px := max(x, 0); px < min(x+w, thumbWidth); px++ {
			sum := 0
			for k := range smear {
				if ((px-x+k)/10+(py-y)/10)%2 == 0 {
					sum += 200
				} else {
					sum += 40
				}
			}
			s[py*thumbWidth+px] = byte(sum / smear)
		}
	}
	x1, y1 := min(x+w, thumbWidth), min(y+h, thumbHeight)
	x, y = max(x, 0), max(y, 0)
	return media.Region{
		X: float64(x) / thumbWidth, Y: float64(y) / thumbHeight, W: float64(x1-x) / thumbWidth, H: float64(y1-y) / thumbHeight, Score: 0.8,
	}
}

// seen is the picture as the detector gets it.
func (s scene) seen() []byte {
	out := make([]byte, motion.Width*motion.Height)
	for i := range out {
		out[i] = max(s[i/motion.Width*2*thumbWidth+i%motion.Width*2], 1)
	}
	return out
}

func score(x, y, w, h, smear int) float64 {
	s := drawn()
	r := s.someone(x, y, w, h, smear)
	_, v := appeal(s, s.seen(), motion.Result{Moving: true, Score: 0.8, Regions: []media.Region{r}})
	return v
}

// Somebody walks through: in from the left, nearer and faster, stands still for a moment in the middle, and goes out at the
// right. Best shown are they where they stand.
func TestBestMomentIsWhereTheyStand(t *testing.T) {
	best, at := 0.0, -1
	for i := range 40 {
		x, smear := -60+20*i, 1+i/4 // ever faster
		h := 60 + 5*i               // ever nearer
		if i >= 20 && i < 24 {
			x, smear, h = 320, 1, 160 // stands
		}
		if v := score(x, 20, h/2, h, smear); v > best {
			best, at = v, i
		}
	}
	if at < 20 || at >= 24 {
		t.Errorf("the best moment is picture %d, want one of 20 to 23, in which they stand", at)
	}
}

func TestAppeal(t *testing.T) {
	for _, c := range []struct {
		name          string
		better, worse float64
	}{
		{"sharp rather than smeared over 4 pixels", score(300, 100, 60, 120, 1), score(300, 100, 60, 120, 4)},
		{"smeared over 3 rather than 8", score(300, 100, 60, 120, 3), score(300, 100, 60, 120, 8)},
		{"sharp rather than a little larger and smeared", score(300, 100, 60, 120, 1), score(300, 100, 70, 140, 8)},
		{"large rather than small", score(300, 100, 60, 120, 1), score(300, 100, 30, 60, 1)},
		{"much larger and smeared rather than tiny and sharp", score(200, 20, 150, 300, 4), score(300, 100, 16, 40, 1)},
		{"wholly inside rather than cut off at the left", score(300, 100, 60, 120, 1), score(-20, 100, 80, 120, 1)},
		{"wholly inside rather than cut off at the right", score(300, 100, 60, 120, 1), score(thumbWidth-60, 100, 80, 120, 1)},
	} {
		if c.better <= c.worse*thumbGain {
			t.Errorf("%s: %.3f and %.3f, want a tenth more at least", c.name, c.better, c.worse)
		}
	}
}

// What is masked is no reason to take a picture or not.
func TestMaskedIsNotSharp(t *testing.T) {
	s := drawn()
	r := s.someone(300, 100, 100, 120, 8)
	seen := s.seen()
	before := sharpness(s, seen, r)
	for y := 100; y < 220; y++ { // a sharp sign within the region, under a mask
		for x := 350; x < 400; x++ {
			s[y*thumbWidth+x] = byte(255 * (x / 2 % 2))
			seen[y/2*motion.Width+x/2] = 0
		}
	}
	if after := sharpness(s, seen, r); after > before+0.05 {
		t.Errorf("sharpness %.2f with a sign under a mask, %.2f without", after, before)
	}
}
