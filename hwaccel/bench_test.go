//go:build cgo

package hwaccel

import (
	"strings"
	"syscall"
	"testing"

	"hearth/nvr/vision/clip"
)

// BenchmarkMinute measures what looking costs: CPU seconds per minute of one camera's video, key frames only
// without loop filter against everything, each scaled to 320x180 luma.
func BenchmarkMinute(b *testing.B) {
	for _, size := range []struct{ name, size, rate string }{
		{"1080p15-4M", "1920x1080", "4M"},
		{"360p15-512k", "640x360", "512k"},
		{"av1-1080p15-4M", "1920x1080", "4M"},
		{"av1-360p15-512k", "640x360", "512k"},
	} {
		b.Run(size.name, func(b *testing.B) {
			c := noisy(b, size.size, size.rate, strings.HasPrefix(size.name, "av1"))
			minute(b, c)
		})
	}
}

func minute(b *testing.B, c *clip.Clip) {
	d := software(b, c)
	luma := make([]byte, lumaW*lumaH)
	units := make([][]byte, len(c.Units))
	for i := range units {
		units[i] = annexB(b, c, i)
	}
	seconds := float64(len(units)) / 15
	for _, way := range []string{"key-frames", "everything-scaled", "everything"} {
		b.Run(way, func(b *testing.B) {
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

// noisy is 20 s of a scene that fills the rate as a camera's does: a slowly zooming picture under noise, one key
// frame every two seconds.
func noisy(t testing.TB, size, rate string, av1 bool) *clip.Clip {
	coding := []string{"-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "high", "-g", "30", "-sc_threshold", "0"}
	if av1 {
		coding = aom("-g", "30", "-keyint_min", "30")
	}
	return clip.Make(t, append(append([]string{
		"-f", "lavfi", "-i", "mandelbrot=s=" + size + ":r=15:end_scale=0.01", "-t", "20", "-vf", "noise=alls=6:allf=t,format=yuv420p",
	}, coding...), "-b:v", rate, "-maxrate", rate, "-bufsize", rate)...)
}

func cpu(t testing.TB) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// BenchmarkCodecs measures what one picture costs, decoded in software and scaled, for docs/design/hardware.md.
func BenchmarkCodecs(b *testing.B) {
	for _, size := range []struct{ name, size, rate string }{{"1080p", "1920x1080", "4M"}, {"360p", "640x360", "512k"}} {
		for _, c := range []struct {
			name string
			args []string
		}{
			{"h264", []string{"-c:v", "libx264", "-preset", "superfast", "-bf", "0", "-pix_fmt", "yuv420p", "-b:v", size.rate}},
			{"h265", []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=0", "-b:v", size.rate, "-pix_fmt", "yuv420p"}},
			{"h265-10", []string{"-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=0", "-b:v", size.rate, "-pix_fmt", "yuv420p10le"}},
			{"av1", aom("-b:v", size.rate, "-pix_fmt", "yuv420p")},
			{"av1-10", aom("-b:v", size.rate, "-pix_fmt", "yuv420p10le")},
			{"mjpeg", []string{"-c:v", "mjpeg", "-q:v", "6", "-pix_fmt", "yuvj420p"}},
		} {
			b.Run(size.name+"/"+c.name, func(b *testing.B) {
				made := clip.Make(b, append([]string{
					"-f", "lavfi", "-i", "mandelbrot=s=" + size.size + ":r=15:end_scale=0.01", "-t", "2",
					"-vf", "noise=alls=6:allf=t", "-g", "30",
				}, c.args...)...)
				d := software(b, made)
				luma := make([]byte, lumaW*lumaH)
				see := func(f *Frame) error { return f.Luma(luma, lumaW, lumaH) }
				units := make([][]byte, len(made.Units))
				for i := range units {
					units[i] = annexB(b, made, i)
				}
				before := cpu(b)
				for b.Loop() {
					if err := play(d, units, see); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric((cpu(b)-before)/float64(b.N*len(units))*900, "cpu-s/min") // of 15 pictures a second
			})
		}
	}
}
