//go:build cgo

package hwaccel

import (
	"fmt"
	"testing"

	"hearth/nvr/vision/clip"
)

// Luma made smaller by a whole number of times is the mean, as ffmpeg's area filter makes it: within two levels everywhere,
// black and white at both ends of either range. 1000x500 is no multiple and goes another way.
func TestLumaIsTheMean(t *testing.T) {
	for _, size := range []string{"320x180", "640x360", "1280x720", "1920x1080", "2560x1440", "1000x500"} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, full range %v", size, full), func(t *testing.T) {
				pixels, outRange := "yuv420p", "limited"
				if full {
					pixels, outRange = "yuvj420p", "full"
				}
				c := clip.Make(t, "-f", "lavfi", "-i", "testsrc2=s="+size+":r=5:d=0.4,noise=alls=20:allf=t,"+
					"drawbox=w=64:h=64:color=black:t=fill,drawbox=x=64:w=64:h=64:color=white:t=fill,scale=out_range="+outRange,
					"-pix_fmt", pixels, "-c:v", "libx264", "-preset", "ultrafast", "-qp", "12", "-bf", "0")
				want := c.Luma(t, lumaW, lumaH)
				d := software(t, c)
				var got []seen
				for i, u := range c.Units {
					if err := d.Decode(annexB(t, c, i), u.PTS, look(t, &got)); err != nil {
						t.Fatal(err)
					}
				}
				if len(got) != len(want) {
					t.Fatalf("%d pictures, want %d", len(got), len(want))
				}
				lowest, highest := byte(255), byte(0)
				for i := range got {
					far := 0
					for p := range want[i] {
						a, b := got[i].luma[p], want[i][p]
						lowest, highest = min(lowest, a), max(highest, a)
						if max(a, b)-min(a, b) > 2 {
							far++
						}
					}
					if d := difference(got[i].luma, want[i]); d > 0.6 || far > 0 {
						t.Errorf("picture %d differs by %.2f levels, in %d places by more than two", i, d, far)
					}
				}
				if lowest > 3 || highest < 252 {
					t.Errorf("from %d to %d", lowest, highest)
				}
			})
		}
	}
}

// BenchmarkLuma makes pictures smaller that lie in memory already.
func BenchmarkLuma(b *testing.B) {
	for _, size := range []string{"640x360", "1920x1080"} {
		b.Run(size, func(b *testing.B) {
			c := clip.Make(b, "-f", "lavfi", "-i", "testsrc2=s="+size+":r=5:d=0.2", "-c:v", "libx264", "-bf", "0")
			luma := make([]byte, lumaW*lumaH)
			err := software(b, c).Decode(annexB(b, c, 0), 0, func(f *Frame) error {
				for b.Loop() {
					if err := f.Luma(luma, lumaW, lumaH); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
