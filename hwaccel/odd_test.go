//go:build cgo

package hwaccel

import (
	"testing"

	"hearth/nvr/vision/clip"
)

// What few cameras send: sizes that are no multiple of anything, other samplings of colour, more bits, other ranges,
// fields in place of frames. Each picture is what ffmpeg makes of it.
func TestOddPicturesAreAsFFmpegDecodesThem(t *testing.T) {
	x265 := func(params string, args ...string) []string {
		return append([]string{"-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=10:" + params}, args...)
	}
	av1 := func(args ...string) []string { return aom(append(args, "-g", "10")...) }
	for _, c := range []struct {
		name, size string
		args       []string
	}{
		{"h264 of 642x362", "642x362", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}},
		{"h264 of 1080 lines, coded as 1088", "1920x1080", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast"}},
		{"h264 of 321x241, 4:4:4", "321x241", []string{"-c:v", "libx264", "-pix_fmt", "yuv444p"}},
		{"h264 upright", "360x640", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p"}},
		{"h264 of 4:2:2", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "yuv422p"}},
		{"h264 of 4:2:2, 10 bits", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "yuv422p10le"}},
		{"h264 of 10 bits", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p10le"}},
		{"h264 in gray", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "gray"}},
		{"h264 interlaced", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-flags", "+ildct+ilme", "-x264-params", "tff=1"}},
		{"h264 in full range", "642x362", []string{"-vf", "scale=out_range=full", "-c:v", "libx264", "-pix_fmt", "yuvj420p"}},
		{"h264 in slices", "640x360", []string{"-c:v", "libx264", "-pix_fmt", "yuv420p", "-slices", "4"}},
		{"h265 of 642x362", "642x362", x265("bframes=0", "-pix_fmt", "yuv420p")},
		{"h265 of 10 bits, 642x362", "642x362", x265("bframes=2", "-pix_fmt", "yuv420p10le")},
		{"h265 of 12 bits", "640x360", x265("bframes=0", "-pix_fmt", "yuv420p12le")},
		{"h265 of 4:2:2, 10 bits", "640x360", x265("bframes=0", "-pix_fmt", "yuv422p10le")},
		{"h265 of 4:4:4", "642x362", x265("bframes=0", "-pix_fmt", "yuv444p")},
		{"h265 in gray", "640x360", x265("bframes=0", "-pix_fmt", "gray")},
		{"h265 in full range", "640x360", x265("bframes=0:range=full", "-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p")},
		{"mjpeg of 642x362, 4:2:2", "642x362", []string{"-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj422p"}},
		{"mjpeg of 321x241, 4:4:4", "321x241", []string{"-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj444p"}},
		{"av1 of 642x362", "642x362", av1("-pix_fmt", "yuv420p")},
		{"av1 of 10 bits, 321x241", "321x241", av1("-pix_fmt", "yuv420p10le")},
		{"av1 of 1080 lines", "1920x1080", av1("-pix_fmt", "yuv420p")},
		{"av1 upright, in full range", "360x640", av1("-vf", "scale=out_range=full", "-pix_fmt", "yuv420p", "-color_range", "pc")},
		{"av1 of 4:4:4", "640x360", av1("-pix_fmt", "yuv444p")},
		{"av1 of 4:2:2, 10 bits", "640x360", av1("-pix_fmt", "yuv422p10le")},
		{"av1 in gray", "640x360", av1("-pix_fmt", "gray")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			made := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=" + c.size + ":r=15:d=0.8", "-g", "10"}, c.args...)...)
			want := made.Luma(t, lumaW, lumaH)
			got := decoded(t, software(t, made), made)
			if len(got) != len(want) || len(got) < 10 {
				t.Fatalf("%d pictures came out, ffmpeg makes %d", len(got), len(want))
			}
			for i := range got {
				if d := difference(got[i].luma, want[i]); d > 1 {
					t.Fatalf("picture %d differs by %.2f levels from ffmpeg's", i, d)
				}
			}
		})
	}
}

// decoded is all of a clip's pictures; its parameter sets come with its key frames, as cameras send them.
func decoded(t *testing.T, d *Decoder, c *clip.Clip) []seen {
	t.Helper()
	var got []seen
	p := paramsOf(c.Track())
	for i, u := range c.Units {
		unit := annexB(t, c, i)
		if u.Key && p.Config == nil {
			unit = append(p.extradata(), unit...)
		}
		if err := d.Decode(unit, u.PTS, look(t, &got)); err != nil {
			t.Fatalf("unit %d: %v", i, err)
		}
	}
	if err := d.Drain(look(t, &got)); err != nil {
		t.Fatal(err)
	}
	return got
}

// A camera may change its size, its bits and its sampling from one key frame to the next, with new parameter sets of the
// same number in the stream. The very first picture after it is right. (All of them say which range they have: FFmpeg keeps
// that of the sets before for those that do not.)
func TestAStreamThatBecomesAnother(t *testing.T) {
	for name, coding := range map[string][]string{"h264": {"-c:v", "libx264", "-bf", "0"}, "av1": aom()} {
		t.Run(name, func(t *testing.T) { becomesAnother(t, coding) })
	}
}

func becomesAnother(t *testing.T, coding []string) {
	var clips []*clip.Clip
	for _, s := range []struct{ size, pixels string }{
		{"640x360", "yuv420p"}, {"360x640", "yuv420p"}, {"642x362", "yuv420p"}, {"642x362", "yuv420p10le"}, {"642x362", "yuv444p"}, {"320x180", "gray"},
	} {
		clips = append(clips, clip.Make(t, append(append([]string{"-f", "lavfi", "-i", "testsrc2=s=" + s.size + ":r=15:d=0.4"}, coding...),
			"-colorspace", "smpte170m", "-pix_fmt", s.pixels)...))
	}
	d := software(t, clips[0])
	for round := range 2 {
		for k, c := range clips {
			want := c.Luma(t, lumaW, lumaH)
			got := decoded(t, d, c)
			if len(got) != len(want) {
				t.Fatalf("round %d, clip %d: %d pictures, want %d", round, k, len(got), len(want))
			}
			for i := range got {
				if d := difference(got[i].luma, want[i]); d > 1 {
					t.Fatalf("round %d, clip %d, picture %d differs by %.2f levels from ffmpeg's", round, k, i, d)
				}
			}
			if w, h := d.Size(); w != c.Track().Width || h != c.Track().Height {
				t.Errorf("round %d, clip %d has %dx%d", round, k, w, h)
			}
		}
	}
}

// Units of another size without their parameter sets are no pictures of the old size that anybody should believe: they are
// errors or damaged. Once units fit again, so do pictures.
func TestANewSizeWithoutParameterSets(t *testing.T) {
	coded := func(size string) *clip.Clip {
		return clip.Make(t, "-f", "lavfi", "-i", "testsrc2=s="+size+":r=15:d=0.6", "-c:v", "libx264", "-bf", "0", "-g", "5", "-threads", "1")
	}
	small, large := coded("320x180"), coded("1280x720")
	d := software(t, small)
	want := small.Luma(t, lumaW, lumaH)
	for range 3 {
		got := decoded(t, d, small)
		if len(got) != len(want) {
			t.Fatalf("%d pictures, want %d", len(got), len(want))
		}
		for i := range got {
			if d := difference(got[i].luma, want[i]); d > 1 {
				t.Fatalf("picture %d differs by %.2f levels from ffmpeg's", i, d)
			}
		}
		sound := 0
		for i := range large.Units {
			// An error is as good as a damaged picture.
			_ = d.Decode(annexB(t, large, i), int64(i), func(f *Frame) error {
				if !f.Damaged() {
					sound++
				}
				return nil
			})
		}
		if sound > 0 {
			t.Errorf("%d pictures of units that do not fit pass for sound", sound)
		}
		d.Reset()
	}
}
