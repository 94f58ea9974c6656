package motion_test

import (
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/motion"
)

// BenchmarkLook looks at pictures of a textured, noisy yard: empty, and with two walkers in it.
func BenchmarkLook(b *testing.B) {
	for _, walkers := range []int{0, 2} {
		name := "calm"
		if walkers > 0 {
			name = "moving"
		}
		b.Run(name, func(b *testing.B) {
			y := newYard(1)
			var pictures [][]byte
			for i := range 32 {
				y.clear()
				for w := range walkers {
					y.block(20+8*i, 60+40*w, 14, 34, 40)
				}
				y.noise(4)
				pictures = append(pictures, y.picture())
			}
			d := motion.New(media.MotionSettings{Sensitivity: 0.5})
			at := time.Duration(0)
			for i := range 64 {
				d.Look(pictures[i%32], at)
				at += 200 * time.Millisecond
			}
			b.ReportAllocs()
			b.SetBytes(motion.Width * motion.Height)
			i := 0
			begun := spent(b)
			for b.Loop() {
				d.Look(pictures[i%32], at)
				at += 200 * time.Millisecond
				i++
			}
			// By processor time, which others on the machine do not take; 3,000 are asked for.
			b.ReportMetric(float64(b.N)/(spent(b)-begun), "pictures/cpu-s")
		})
	}
}

// spent is the processor time of this process in seconds.
func spent(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
