//go:build cgo

package hwaccel

import (
	"bytes"
	"image/jpeg"
	"slices"
	"testing"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

const lumaW, lumaH = 320, 180

func paramsOf(t media.Track) Params {
	return Params{Codec: t.Codec, VPS: t.VPS, SPS: t.SPS, PPS: t.PPS, Config: t.Config, Width: t.Width, Height: t.Height}
}

// annexB is unit i of a clip as a decoder takes it.
func annexB(t testing.TB, c *clip.Clip, i int) []byte {
	t.Helper()
	b := bytes.Clone(c.Units[i].Data)
	if err := AnnexB(c.Track().Codec, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func software(t testing.TB, c *clip.Clip) *Decoder {
	t.Helper()
	d, err := Open(paramsOf(c.Track()), Software())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

type seen struct {
	at   int64
	luma []byte
}

// look is a function for Decode that keeps every picture's luma.
func look(t testing.TB, all *[]seen) func(*Frame) error {
	return func(f *Frame) error {
		s := seen{f.At, make([]byte, lumaW*lumaH)}
		if f.Damaged() {
			t.Errorf("picture at %d is damaged", f.At)
		}
		*all = append(*all, s)
		return f.Luma(s.luma, lumaW, lumaH)
	}
}

// difference is the mean absolute difference of two pictures, in luma levels.
func difference(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

var codecs = []struct {
	name string
	args []string
}{
	{"h264", []string{"-c:v", "libx264", "-bf", "0", "-g", "15"}},
	{"h264 with B-frames", []string{"-c:v", "libx264", "-bf", "3", "-b_strategy", "0", "-g", "15"}},
	{"h264 with open GOPs", []string{"-c:v", "libx264", "-bf", "2", "-g", "15", "-x264-params", "open-gop=1"}},
	{"h264 in full range", []string{"-vf", "scale=out_range=full", "-pix_fmt", "yuvj420p", "-c:v", "libx264", "-g", "15"}},
	{"h265", []string{"-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=15:bframes=0"}},
	{"h265 with B-frames", []string{"-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=15:bframes=3"}},
	{"h265 of 10 bits", []string{"-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params", "log-level=error:keyint=15"}},
	{"mjpeg", []string{"-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"}},
	{"av1", aom("-g", "15", "-pix_fmt", "yuv420p")},
	{"av1 of 10 bits", aom("-g", "15", "-pix_fmt", "yuv420p10le")},
}

// aom codes AV1 as a camera does, with nothing held back.
func aom(args ...string) []string {
	return append([]string{"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-lag-in-frames", "0"}, args...)
}

func TestEveryPictureIsAsFFmpegDecodesIt(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			clip := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=3"}, c.args...)...)
			want := clip.Luma(t, lumaW, lumaH)
			d := software(t, clip)
			var got []seen
			for i, u := range clip.Units {
				if err := d.Decode(annexB(t, clip, i), u.PTS, look(t, &got)); err != nil {
					t.Fatalf("unit %d: %v", i, err)
				}
			}
			if err := d.Drain(look(t, &got)); err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d pictures came out, ffmpeg makes %d", len(got), len(want))
			}
			var times []int64
			for _, u := range clip.Units {
				times = append(times, u.PTS)
			}
			slices.Sort(times)
			for i := range got {
				if got[i].at != times[i] {
					t.Errorf("picture %d is of %d, want %d", i, got[i].at, times[i])
				}
				if d := difference(got[i].luma, want[i]); d > 1 {
					t.Fatalf("picture %d differs by %.2f levels from ffmpeg's", i, d)
				}
			}
			if d := difference(got[0].luma, got[len(got)-1].luma); d < 2 {
				t.Fatalf("the scene does not move (%.2f), so this test shows nothing", d)
			}
		})
	}
}

// What a calm worker does: only key frames, without the loop filter, each drained at once.
func TestKeyFramesAlone(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			clip := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=4"}, c.args...)...)
			want := map[int64][]byte{}
			var times []int64
			for _, u := range clip.Units {
				times = append(times, u.PTS)
			}
			slices.Sort(times)
			for i, p := range clip.Luma(t, lumaW, lumaH) {
				want[times[i]] = p
			}
			d := software(t, clip)
			d.Skip(true, false)
			keys := 0
			for i, u := range clip.Units {
				if !u.Key {
					continue
				}
				keys++
				var got []seen
				if err := d.Decode(annexB(t, clip, i), u.PTS, look(t, &got)); err != nil {
					t.Fatal(err)
				}
				if err := d.Drain(look(t, &got)); err != nil {
					t.Fatal(err)
				}
				if len(got) != 1 || got[0].at != u.PTS {
					t.Fatalf("key frame %d (unit %d) gave %d pictures", keys, i, len(got))
				}
				if d := difference(got[0].luma, want[u.PTS]); d > 1.5 {
					t.Errorf("key frame at %d differs by %.2f levels", u.PTS, d)
				}
			}
			if keys < 3 {
				t.Fatalf("only %d key frames", keys)
			}
		})
	}
}

func TestASizeThatChangesMidStream(t *testing.T) {
	coding := []string{"-c:v", "libx264", "-bf", "0", "-g", "15", "-bsf:v", "dump_extra=freq=keyframe"}
	small := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x240:r=15:d=1"}, coding...)...)
	large := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=1280x720:r=15:d=1"}, coding...)...)
	d := software(t, small)
	for _, c := range []*clip.Clip{small, large, small} {
		w, h := 0, 0
		for i := range c.Units {
			unit := annexB(t, c, i)
			if c.Units[i].Key { // as a camera that announces its new size in the stream
				p := paramsOf(c.Track())
				unit = append(p.extradata(), unit...)
			}
			err := d.Decode(unit, int64(i), func(f *Frame) error {
				w, h = f.Size()
				if _, err := f.JPEG(640); err != nil {
					return err
				}
				return f.Luma(make([]byte, lumaW*lumaH), lumaW, lumaH)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if w != c.Track().Width || h != c.Track().Height {
			t.Errorf("%dx%d came out, want %dx%d", w, h, c.Track().Width, c.Track().Height)
		}
	}
}

func TestJPEG(t *testing.T) {
	for _, c := range []struct {
		size, sar, matrix string
		width             int
		wantW, wantH      int
	}{
		{"1280x720", "1", "bt709", 640, 640, 360},
		{"1280x720", "1", "bt709", 0, 1280, 720},
		{"352x288", "1", "smpte170m", 640, 640, 524},
		{"704x576", "16/11", "smpte170m", 640, 640, 360},
		{"360x640", "1", "smpte170m", 640, 640, 1138},
		{"642x362", "1", "smpte170m", 100, 100, 56},
	} {
		t.Run(c.size, func(t *testing.T) {
			clip := clip.Make(t, "-f", "lavfi", "-i", "smptebars=s="+c.size+":r=5:d=0.2", "-vf", "scale=out_color_matrix="+c.matrix+",setsar="+c.sar,
				"-c:v", "libx264", "-pix_fmt", "yuv420p")
			d := software(t, clip)
			var b []byte
			see := func(f *Frame) (err error) {
				b, err = f.JPEG(c.width)
				return err
			}
			if err := d.Decode(annexB(t, clip, 0), 0, see); err != nil {
				t.Fatal(err)
			}
			if err := d.Drain(see); err != nil {
				t.Fatal(err)
			}
			img, err := jpeg.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if s := img.Bounds().Size(); s.X != c.wantW || s.Y != c.wantH {
				t.Errorf("the JPEG has %v, want %dx%d", s, c.wantW, c.wantH)
			}
			// The first bar is gray of 75 %, the second yellow: colours and range are kept.
			for i, want := range [][3]uint32{{191, 191, 191}, {191, 191, 0}} {
				r, g, b, _ := img.At((2*i+1)*c.wantW/14, c.wantH/4).RGBA()
				got := [3]uint32{r >> 8, g >> 8, b >> 8}
				for k := range got {
					if max(got[k], want[k])-min(got[k], want[k]) > 6 {
						t.Errorf("bar %d is %v, want %v", i, got, want)
						break
					}
				}
			}
		})
	}
}

func TestChooseFallsBackToSoftware(t *testing.T) {
	c := clip.Make(t, "-f", "lavfi", "-i", "testsrc2=s=320x240:r=5:d=0.2", "-c:v", "libx264")
	var candidates []Hardware
	for _, w := range []protocol.Way{{Name: "vaapi", Device: "/nonexistent"}, {Name: "v4l2m2m"}, {Name: "cuda", Device: "0"}} {
		h, err := Find(w)
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, h)
	}
	d, why, err := Choose(paramsOf(c.Track()), annexB(t, c, 0), candidates, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Hardware().Name != "software" || why == "" {
		t.Errorf("chose %s because of %q", d.Hardware(), why)
	}
	if _, _, err := Choose(paramsOf(c.Track()), []byte("no key frame at all, just text"), nil, nil); err == nil {
		t.Error("text was decoded")
	}
	if _, err := Find(protocol.Way{Name: "abacus"}); err == nil {
		t.Error("an abacus decodes")
	}
}

func TestGarbageIsAnErrorAndNoMore(t *testing.T) {
	c := clip.Make(t, "-f", "lavfi", "-i", "testsrc2=s=320x240:r=15:d=2", "-c:v", "libx264", "-bf", "0", "-g", "15")
	d := software(t, c)
	for i := range c.Units {
		b := annexB(t, c, i)
		for k := i % 7; k < len(b); k += 97 {
			b[k] ^= byte(k)
		}
		_ = d.Decode(b, int64(i), func(f *Frame) error { return f.Luma(make([]byte, lumaW*lumaH), lumaW, lumaH) })
	}
	d.Reset()
	var got []seen
	if err := d.Decode(annexB(t, c, 0), 7, look(t, &got)); err != nil {
		t.Fatal(err)
	}
	if err := d.Drain(look(t, &got)); err != nil || len(got) != 1 {
		t.Fatalf("after garbage a key frame gave %d pictures: %v", len(got), err)
	}
}
