//go:build cgo

package hwaccel

import (
	"fmt"
	"os/exec"
	"testing"

	"hearth/nvr/media/obu"
	"hearth/nvr/vision/clip"
)

// Filters and grain are left out and taken in again at key frames, also in the midst of a stream, and what is whole is
// exactly what it is when everything is decoded in turn: nothing of a picture without its filters is left.
func TestAV1LeavesOutAndTakesInAgain(t *testing.T) {
	const gop = 15
	c := clip.Make(t, append([]string{"-f", "lavfi", "-i", "mandelbrot=s=640x360:r=15:end_scale=0.01", "-t", "4", "-vf", "noise=alls=6:allf=t"},
		aom("-g", "15", "-b:v", "150k", "-pix_fmt", "yuv420p")...)...)
	want := decoded(t, software(t, c), c)
	d := software(t, c)
	apart := func(i int, see []byte) float64 { return difference(see, want[i].luma) }
	decode := func(i int) float64 {
		var got []seen
		if err := d.Decode(annexB(t, c, i), c.Units[i].PTS, look(t, &got)); err != nil || len(got) != 1 {
			t.Fatalf("unit %d: %d pictures, %v", i, len(got), err)
		}
		return apart(i, got[0].luma)
	}
	if !c.Units[0].Key || !c.Units[gop].Key || !c.Units[2*gop].Key {
		t.Fatal("the clip has its key frames elsewhere")
	}
	without := 0.0
	for round := range 2 {
		d.Skip(true, false)
		d.Reset()
		without = decode(0)
		if d.GoesOn() {
			t.Error("one could go on from a key frame without its filters")
		}
		if without > 1.5 {
			t.Errorf("without filters it is another picture: %.2f levels apart", without)
		}
		d.Skip(false, false)
		decode(1) // not a key frame: still without
		for i := gop; i < 2*gop; i++ {
			if a := decode(i); a > 0 {
				t.Fatalf("round %d: picture %d is %.3f levels apart", round, i, a)
			}
		}
		if !d.GoesOn() {
			t.Error("one could not go on from what is whole")
		}
		d.Skip(false, true) // pictures that nothing refers to may be missing, others are whole
		d.Reset()
		for i := 2 * gop; i < 3*gop; i++ {
			err := d.Decode(annexB(t, c, i), c.Units[i].PTS, func(f *Frame) error {
				luma := make([]byte, lumaW*lumaH)
				err := f.Luma(luma, lumaW, lumaH)
				if a := apart(i, luma); a > 0 {
					t.Errorf("picture %d is %.3f levels apart", i, a)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("a key frame without filters is %.3f levels apart", without)
}

// Film grain is what an encoder took out and the decoder is to make up again. It is other noise in each picture, so it is
// left out.
func TestAV1ComesWithoutGrain(t *testing.T) {
	c := clip.Make(t, "-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=1", "-vf", "noise=alls=20:allf=t", "-pix_fmt", "yuv420p",
		"-c:v", "libsvtav1", "-preset", "10", "-g", "15", "-svtav1-params", "film-grain=50:pred-struct=1")
	luma := func(args ...string) []byte {
		t.Helper()
		args = append(append([]string{"-v", "error"}, args...), "-i", c.Path, "-vf", fmt.Sprintf("scale=%d:%d:flags=area,format=gray", lumaW, lumaH),
			"-frames:v", "1", "-f", "rawvideo", "-")
		out, err := exec.Command("ffmpeg", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	plain, grained := luma("-c:v", "libdav1d", "-export_side_data", "film_grain"), luma("-c:v", "libdav1d")
	if difference(plain, grained) < 0.3 {
		t.Fatalf("grain makes a difference of %.2f levels: this test shows nothing", difference(plain, grained))
	}
	var got []seen
	d := software(t, c)
	if err := d.Decode(annexB(t, c, 0), 0, look(t, &got)); err != nil || len(got) != 1 {
		t.Fatalf("%d pictures, %v", len(got), err)
	}
	if a := difference(got[0].luma, plain); a > 0.2 {
		t.Errorf("the picture is %.2f levels apart from that without grain, %.2f from that with it", a, difference(got[0].luma, grained))
	}
}

// A clip's key frames are known for what they are.
func TestWhereAV1Begins(t *testing.T) {
	c := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=2"}, aom("-g", "10", "-pix_fmt", "yuv420p")...)...)
	for i, u := range c.Units {
		if obu.Key(u.Data) != u.Key {
			t.Errorf("unit %d begins with a key frame: %v", i, !u.Key)
		}
	}
}
