package h264

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// content draws picture n of something a test codes.
type content func(p *Picture, n int, r *rand.Rand)

func noise(p *Picture, _ int, r *rand.Rand) {
	for _, plane := range [][]byte{p.Y, p.Cb, p.Cr} {
		for i := range plane {
			plane[i] = byte(r.Uint32())
		}
	}
}

// scene is a slope with a square that moves, and sensor noise.
func scene(p *Picture, n int, r *rand.Rand) {
	for y := range p.Height {
		for x := range p.Width {
			v := 40 + 100*x/p.Width + 60*y/p.Height + int(r.Uint32()%7) - 3
			if dx, dy := x-5*n%p.Width, y-p.Height/3; dx >= 0 && dy >= 0 && dx < p.Width/6+8 && dy < p.Height/3 {
				v = 220 - 2*dx%90
			}
			p.Y[y*p.YStride+x] = byte(v)
		}
	}
	for y := range p.Height / 2 {
		for x := range p.Width / 2 {
			p.Cb[y*p.CStride+x] = byte(110 + 30*x/p.Width + n%3)
			p.Cr[y*p.CStride+x] = byte(150 - 40*y/p.Height)
			if dx := x - 5*n%p.Width/2; dx >= 0 && dx < p.Width/12 {
				p.Cr[y*p.CStride+x] = 200
			}
		}
	}
}

// mixed is still in places, wild in others, and jumps.
func mixed(p *Picture, n int, r *rand.Rand) {
	scene(p, n/4*4, r)
	x0, y0 := r.IntN(p.Width), r.IntN(p.Height)
	for y := y0; y < min(p.Height, y0+40); y++ {
		for x := x0; x < min(p.Width, x0+60); x++ {
			p.Y[y*p.YStride+x] = byte(r.Uint32())
			p.Cb[y/2*p.CStride+x/2] = byte(r.Uint32())
		}
	}
	if n%7 == 6 {
		for i := range p.Y {
			p.Y[i] = 255 * byte(n/7&1)
		}
	}
}

// decode runs Debian's ffmpeg over an Annex-B stream and gives the raw 4:2:0 pictures. A warning fails the test.
func decode(t *testing.T, stream []byte) []byte {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.Command(ffmpeg, "-v", "warning", "-xerror", "-err_detect", "explode", "-f", "h264", "-i", "-",
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-")
	cmd.Stdin = bytes.NewReader(stream)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, complaints.String())
	}
	return out.Bytes()
}

// appendShown appends what of the picture is shown, as ffmpeg writes it.
func appendShown(b []byte, p *Picture) []byte {
	for y := range p.Height {
		b = append(b, p.Y[y*p.YStride:][:p.Width]...)
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := range p.Height / 2 {
			b = append(b, plane[y*p.CStride:][:p.Width/2]...)
		}
	}
	return b
}

func TestDecoderShowsTheReconstruction(t *testing.T) {
	type c struct {
		name   string
		draw   content
		w, h   int
		qp     int
		rate   int
		b      bool
		frames int
	}
	var cases []c
	for _, qp := range []int{10, 11, 13, 18, 23, 27, 31, 36, 42, 48} {
		cases = append(cases,
			c{"noise", noise, 176, 144, qp, 0, false, 4},
			c{"scene", scene, 320, 180, qp, 0, false, 20},
			c{"mixed", mixed, 208, 120, qp, 0, qp%2 == 1, 24})
	}
	cases = append(cases,
		c{"scene", scene, 640, 360, 26, 0, false, 12},
		c{"scene with B", scene, 322, 182, 24, 0, true, 21},
		c{"rate", mixed, 320, 180, 30, 300_000, false, 40},
		c{"smallest", mixed, 16, 16, 24, 0, false, 10},
		c{"narrow", mixed, 18, 250, 24, 0, true, 11},
		c{"flat", mixed, 250, 18, 24, 0, false, 11},
	)
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s %dx%d qp %d", c.name, c.w, c.h, c.qp), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(c.qp), uint64(c.w)))
			rec := make([][]byte, c.frames)
			e, err := New(Config{
				Width: c.w, Height: c.h, FPS: 15, GOP: 9, QP: c.qp, Bitrate: c.rate, BPictures: c.b,
				Reconstructed: func(n int64, p *Picture) { rec[n] = appendShown(nil, p) },
			})
			if err != nil {
				t.Fatal(err)
			}
			var stream []byte
			var order []int64
			add := func(frames []Frame) {
				for _, f := range frames {
					for _, n := range f.NALs {
						stream = append(append(stream, 0, 0, 0, 1), n...)
					}
					if f.Decode > f.Number {
						t.Errorf("picture %d is decoded as number %d, after it is due", f.Number, f.Decode)
					}
					order = append(order, f.Number)
				}
			}
			p := NewPicture(c.w, c.h)
			for n := range c.frames {
				c.draw(p, n, r)
				frames, err := e.Encode(p, n == 15)
				if err != nil {
					t.Fatal(err)
				}
				add(frames)
			}
			add(e.Flush())
			if len(order) != c.frames {
				t.Fatalf("%d pictures in, %d out", c.frames, len(order))
			}
			got := decode(t, stream)
			size := c.w * c.h * 3 / 2
			if len(got) != c.frames*size {
				t.Fatalf("ffmpeg shows %.2f pictures of %d", float64(len(got))/float64(size), c.frames)
			}
			for n, want := range rec {
				if !bytes.Equal(got[n*size:(n+1)*size], want) {
					t.Fatalf("picture %d is not what the encoder reconstructed (first difference at %d)", n,
						firstDifference(got[n*size:(n+1)*size], want))
				}
			}
		})
	}
}

// TestReconstructionIsNearThePicture: bit-exact nonsense would pass the test above.
func TestReconstructionIsNearThePicture(t *testing.T) {
	for _, qp := range []int{10, 16, 22, 28, 34, 40} {
		var p *Picture
		e, err := New(Config{
			Width: 320, Height: 192, FPS: 15, GOP: 5, QP: qp,
			Reconstructed: func(n int64, rec *Picture) {
				sum := 0.0
				for i, v := range p.Y {
					d := float64(v) - float64(rec.Y[i])
					sum += d * d
				}
				// Uniform quantisation errs by a twelfth of the step squared; skipping and the dead zone by more.
				if mse, limit := sum/float64(len(p.Y)), 1+0.2*qpStep(qp)*qpStep(qp); mse > limit {
					t.Errorf("QP %d, picture %d: mean squared error %.1f, want at most %.1f", qp, n, mse, limit)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(1, 1))
		p = NewPicture(320, 192)
		for n := range 10 {
			scene(p, n, r)
			if _, err := e.Encode(p, false); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestKeyFramesAndRate(t *testing.T) {
	const rate = 800_000
	e, err := New(Config{Width: 640, Height: 360, FPS: 15, GOP: 15, Bitrate: rate})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	p := NewPicture(640, 360)
	bits := 0
	const pictures, warmUp = 150, 45
	for n := range pictures {
		scene(p, n, r)
		frames, err := e.Encode(p, n == 20)
		if err != nil || len(frames) != 1 {
			t.Fatalf("%d frames, %v", len(frames), err)
		}
		want := n == 0 || n == 15 || n >= 20 && (n-20)%15 == 0
		if frames[0].Key != want || want != (len(frames[0].NALs) == 3) {
			t.Errorf("picture %d: key %v with %d NAL units, want key %v", n, frames[0].Key, len(frames[0].NALs), want)
		}
		if n >= warmUp {
			for _, nal := range frames[0].NALs {
				bits += 8 * len(nal)
			}
		}
	}
	got := float64(bits) * 15 / (pictures - warmUp)
	if got < 0.8*rate || got > 1.2*rate {
		t.Errorf("%.0f bits per second, want about %d", got, rate)
	}
}

func TestBadConfigurations(t *testing.T) {
	for _, c := range []Config{
		{},
		{Width: 8, Height: 64, FPS: 15},
		{Width: 321, Height: 180, FPS: 15},
		{Width: 320, Height: 180},
		{Width: 320, Height: 180, FPS: 15, QP: 60},
		{Width: 320, Height: 180, FPS: 15, GOP: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
	e, err := New(Config{Width: 64, Height: 64, FPS: 15})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Encode(NewPicture(32, 32), false); err == nil {
		t.Error("a picture of another size is taken")
	}
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func BenchmarkStillScene(b *testing.B) {
	for _, size := range [][2]int{{320, 180}, {640, 360}, {1280, 720}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			e, err := New(Config{Width: size[0], Height: size[1], FPS: 15})
			if err != nil {
				b.Fatal(err)
			}
			pictures := make([]*Picture, 10)
			for n := range pictures {
				pictures[n] = NewPicture(size[0], size[1])
				scene(pictures[n], n, r)
			}
			b.ReportAllocs()
			bytes, n := 0, 0
			for b.Loop() {
				frames, err := e.Encode(pictures[n%10], false)
				if err != nil {
					b.Fatal(err)
				}
				n++
				for _, f := range frames {
					for _, nal := range f.NALs {
						bytes += len(nal)
					}
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "pictures/s")
			b.ReportMetric(float64(bytes*8*15)/float64(n)/1000, "kbit/s")
		})
	}
}
