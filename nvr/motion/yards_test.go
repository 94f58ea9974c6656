package motion_test

import (
	"fmt"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/sim"
	"hearth/nvr/sim/h264"
)

// The yards of the demo: sensor noise, a clock with the date, a mark that changes with every picture, and visitors
// (a person, a cat, a car) at known times. Every visit is seen, and nothing else.
func TestDemoYards(t *testing.T) {
	for _, n := range []int{0, 1, 2, 5} {
		for rate, step := range rates {
			t.Run(fmt.Sprintf("yard %d, %s", n, rate), func(t *testing.T) {
				t.Parallel()
				scene := sim.Yard(n)
				view := scene.View(width, height, uint16(n))
				picture := h264.NewPicture(width, height)
				luma := make([]byte, width*height)
				d := motion.New(media.MotionSettings{Sensitivity: 0.5})
				const end = 5 * time.Minute
				var moved, wrong []time.Duration
				wall := time.Date(2026, 3, 1, 23, 57, 30, 0, time.UTC) // so that the whole date changes
				every := time.Duration(step * float64(time.Second))
				visits := scene.Spans(0, end-10*time.Second)
				for at := time.Duration(0); at < end; at += every {
					view.Draw(picture, uint32(at*15/time.Second), at, wall.Add(at))
					for y := range height {
						copy(luma[y*width:(y+1)*width], picture.Y[y*picture.YStride:])
					}
					r := d.Look(luma, at)
					if !r.Moving {
						continue
					}
					moved = append(moved, at)
					near := false
					for _, v := range visits {
						near = near || (at >= v.From-100*time.Millisecond && at <= v.To+2*time.Second)
					}
					if !near {
						wrong = append(wrong, at)
					}
				}
				if len(visits) < 4 {
					t.Fatalf("only %d visits", len(visits))
				}
				for _, v := range visits {
					seen := false
					for _, at := range moved {
						seen = seen || (at >= v.From && at <= v.To)
					}
					if !seen {
						t.Errorf("%s from %v to %v: not seen", v.Kind, v.From, v.To)
					}
				}
				if len(wrong) > 0 {
					t.Errorf("moved when nobody was there, at %v", wrong)
				}
			})
		}
	}
}
