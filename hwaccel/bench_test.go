//go:build cgo

package hwaccel

import (
	"fmt"
	"syscall"
	"testing"

	"hearth/nvr/vision/clip"
)

// BenchmarkMinute measures what looking costs: CPU seconds per minute of one camera's video, key frames only
// without loop filter against everything, each scaled to 320x180 luma.
func BenchmarkMinute(b *testing.B) {
	for _, size := range []struct{ name, size, rate string }{{"1080p15-4M", "1920x1080", "4M"}, {"360p15-512k", "640x360", "512k"}} {
		c := noisy(b, size.size, size.rate)
		d := software(b, c)
		luma := make([]byte, lumaW*lumaH)
		units := make([][]byte, len(c.Units))
		for i := range units {
			units[i] = annexB(b, c, i)
		}
		seconds := float64(len(units)) / 15
		for _, way := range []string{"key-frames", "everything-scaled", "everything"} {
			b.Run(fmt.Sprintf("%s/%s", size.name, way), func(b *testing.B) {
				keys := way == "key-frames"
				d.Reset()
				d.Skip(keys, false)
				see := func(f *Frame) error {
					if way == "everything" {
						return nil
					}
					return f.Luma(luma, lumaW, lumaH)
				}
				before := cpu(b)
				for b.Loop() {
					for i, u := range c.Units {
						if keys && !u.Key {
							continue
						}
						if err := d.Decode(units[i], u.PTS, see); err != nil {
							b.Fatal(err)
						}
						if keys {
							if err := d.Drain(see); err != nil {
								b.Fatal(err)
							}
						}
					}
				}
				b.ReportMetric((cpu(b)-before)/float64(b.N)/seconds*60, "cpu-s/min")
			})
		}
	}
}

// noisy is 20 s of a scene that fills the rate as a camera's does: a slowly zooming picture under noise, one key
// frame every two seconds.
func noisy(t testing.TB, size, rate string) *clip.Clip {
	return clip.Make(t, "-f", "lavfi", "-i", "mandelbrot=s="+size+":r=15:end_scale=0.01", "-t", "20",
		"-vf", "noise=alls=6:allf=t,format=yuv420p",
		"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high", "-g", "30", "-sc_threshold", "0",
		"-b:v", rate, "-maxrate", rate, "-bufsize", rate)
}

func cpu(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
