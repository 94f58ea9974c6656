package h264

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// coded is an encoder's frames, and ffmpeg's pictures of them.
func coded(t *testing.T, c Config, draw content, frames int) (out []Frame, shown [][]byte) {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(c.QP), uint64(c.Width)))
	p := NewPicture(c.Width, c.Height)
	var stream []byte
	for n := range frames {
		draw(p, n, r)
		f, err := e.Encode(p, n == 15)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, f...)
		for _, n := range f[0].NALs {
			stream = append(append(stream, 0, 0, 0, 1), n...)
		}
	}
	pixels, size := decode(t, stream), c.Width*c.Height*3/2
	for at := 0; at+size <= len(pixels); at += size {
		shown = append(shown, pixels[at:at+size])
	}
	return out, shown
}

// TestDecoderShowsWhatFFmpegShows: every picture, every pixel, over all quantisers and kinds of pictures.
func TestDecoderShowsWhatFFmpegShows(t *testing.T) {
	draws := map[string]content{"noise": noise, "scene": scene, "mixed": mixed}
	for qp := minQP; qp <= maxQP; qp += 3 {
		for name, draw := range draws {
			t.Run(fmt.Sprintf("%s qp %d", name, qp), func(t *testing.T) {
				t.Parallel()
				frames, shown := coded(t, Config{Width: 162 + 2*qp, Height: 90, FPS: 15, GOP: 9, QP: qp}, draw, 20)
				if len(shown) != len(frames) {
					t.Fatalf("ffmpeg shows %d pictures of %d", len(shown), len(frames))
				}
				var d Decoder
				for i, f := range frames {
					p, err := d.Decode(f.NALs...)
					if err != nil {
						t.Fatalf("picture %d: %v", i, err)
					}
					if got := appendShown(nil, p); !bytes.Equal(got, shown[i]) {
						t.Fatalf("picture %d is not what ffmpeg shows (first difference at %d)", i, firstDifference(got, shown[i]))
					}
				}
			})
		}
	}
}

// TestDecoderRefuses what is missing, damaged or foreign: it must never show a picture that nobody drew.
func TestDecoderRefuses(t *testing.T) {
	encode := func(b bool) (frames []Frame) {
		e, err := New(Config{Width: 176, Height: 96, FPS: 15, GOP: 30, QP: 27, BPictures: b})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(3, 4))
		p := NewPicture(176, 96)
		for n := range 12 {
			scene(p, n, r)
			f, err := e.Encode(p, false)
			if err != nil {
				t.Fatal(err)
			}
			frames = append(frames, f...)
		}
		return frames
	}
	frames := encode(false)
	refused := func(what string, d *Decoder, nals ...[]byte) {
		t.Helper()
		if _, err := d.Decode(nals...); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: %v", what, err)
		}
	}
	begun := func(n int) *Decoder {
		d := &Decoder{}
		for _, f := range frames[:n] {
			if _, err := d.Decode(f.NALs...); err != nil {
				t.Fatal(err)
			}
		}
		return d
	}
	refused("nothing", &Decoder{})
	refused("a picture before the parameters", &Decoder{}, frames[0].NALs[2])
	refused("a picture that refers to none", &Decoder{}, frames[0].NALs[0], frames[1].NALs[0])
	refused("a picture that is left out", begun(3), frames[4].NALs[0])
	refused("a picture twice", begun(3), frames[2].NALs[0])
	refused("B-pictures", &Decoder{}, encode(true)[0].NALs...)
	d := begun(3)
	refused("half a picture", d, frames[3].NALs[0][:len(frames[3].NALs[0])/2])
	refused("what comes after it", d, frames[4].NALs[0])

	// Damage anywhere ends in an error or a picture, not in a panic.
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		d := begun(1)
		n := bytes.Clone(frames[1].NALs[0])
		for range 1 + r.IntN(4) {
			n[r.IntN(len(n))] ^= 1 << r.IntN(8)
		}
		_, _ = d.Decode(n)
	}
}

func BenchmarkDecode(b *testing.B) {
	e, err := New(Config{Width: 128, Height: 72, FPS: 15, GOP: 4})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	var frames []Frame
	p := NewPicture(128, 72)
	for n := range 4 {
		scene(p, n, r)
		f, err := e.Encode(p, false)
		if err != nil {
			b.Fatal(err)
		}
		frames = append(frames, f...)
	}
	var d Decoder
	n := 0
	for b.Loop() {
		if _, err := d.Decode(frames[n%4].NALs...); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
