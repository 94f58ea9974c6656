package mark_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/sim/mark"
)

// picture is a noisy grey picture with a mark in it.
func picture(w, h int, camera uint16, frame uint32) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(uint64(camera), uint64(frame)))
	for i := range g.Pix {
		g.Pix[i] = byte(40 + r.IntN(160))
	}
	mark.Draw(g.Pix, g.Stride, w, h, camera, frame)
	return g
}

// scale averages what each new pixel covers, as FFmpeg's area scaler does, or repeats the nearest one upward.
func scale(g *image.Gray, w, h int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	gw, gh := g.Rect.Dx(), g.Rect.Dy()
	for y := range h {
		for x := range w {
			x0, y0 := x*gw/w, y*gh/h
			x1, y1 := max((x+1)*gw/w, x0+1), max((y+1)*gh/h, y0+1)
			sum := 0
			for yy := y0; yy < y1; yy++ {
				for xx := x0; xx < x1; xx++ {
					sum += int(g.GrayAt(xx, yy).Y)
				}
			}
			out.SetGray(x, y, color.Gray{Y: byte(sum / ((x1 - x0) * (y1 - y0)))})
		}
	}
	return out
}

func jpegged(t require, g *image.Gray, quality int) *image.Gray {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, g, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	m, err := jpeg.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return m.(*image.Gray)
}

type require interface{ Fatal(...any) }

func TestMarkSurvivesScalingAndJPEG(t *testing.T) {
	sizes := [][2]int{{1920, 1080}, {1280, 720}, {640, 360}, {640, 480}, {704, 576}, {352, 288}, {320, 180}}
	seen := [][2]int{{1280, 720}, {640, 360}, {320, 180}, {333, 187}}
	rapid.Check(t, func(t *rapid.T) {
		camera := rapid.Uint16().Draw(t, "camera")
		frame := rapid.Uint32().Draw(t, "frame")
		from := rapid.SampledFrom(sizes).Draw(t, "from")
		to := rapid.SampledFrom(seen).Draw(t, "to")
		quality := rapid.IntRange(30, 95).Draw(t, "quality")
		g := picture(from[0], from[1], camera, frame)
		if c, f, ok := mark.Read(g.Pix, g.Stride, from[0], from[1]); !ok || c != camera || f != frame {
			t.Fatalf("as drawn: read %d %d %v, want %d %d", c, f, ok, camera, frame)
		}
		s := jpegged(t, scale(g, to[0], to[1]), quality)
		if c, f, ok := mark.Read(s.Pix, s.Stride, to[0], to[1]); !ok || c != camera || f != frame {
			t.Fatalf("scaled: read %d %d %v, want %d %d", c, f, ok, camera, frame)
		}
	})
}

func TestNoMarkIsNotRead(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	g := image.NewGray(image.Rect(0, 0, 320, 180))
	for n := range 2000 {
		for i := range g.Pix[:320*12] {
			g.Pix[i] = byte(r.IntN(256))
		}
		if n%2 == 0 { // hard cells, so that only the CRC can tell
			mark.Draw(g.Pix, g.Stride, 320, 180, uint16(n), uint32(n))
			for y := range 5 {
				for x := range 10 {
					p := &g.Pix[y*320+n%32*10+x]
					*p = mark.Black + mark.White - *p
				}
			}
		}
		if c, f, ok := mark.Read(g.Pix, g.Stride, 320, 180); ok {
			t.Fatalf("picture %d: read camera %d frame %d where there is no mark", n, c, f)
		}
	}
	if _, _, ok := mark.Read(nil, 0, 320, 180); ok {
		t.Fatal("read a mark out of nothing")
	}
}

func TestKnownBits(t *testing.T) {
	// The CRC's check value: CRC-16/IBM-3740 of "123456" computed from its definition elsewhere.
	if got, want := mark.Bits(0x3132, 0x33343536), uint64(0x3132333435362EF4); got != want {
		t.Fatalf("bits %x, want %x", got, want)
	}
}

// TestJavaScriptReaderAgrees runs mark.js in Node.js on pictures as a browser's canvas gives them.
func TestJavaScriptReaderAgrees(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed")
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name   string
		camera uint16
		frame  uint32
		w, h   int
		want   string
	}{
		{"small", 7, 123456, 320, 180, "7 123456"},
		{"large numbers", 65535, 4294967295, 640, 360, "65535 4294967295"},
		{"full size", 300, 2147483648, 1280, 720, "300 2147483648"},
		{"odd size", 1, 2, 333, 187, "1 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := jpegged(t, scale(picture(1280, 720, c.camera, c.frame), c.w, c.h), 60)
			rgba := make([]byte, 0, 4*c.w*c.h)
			for y := range c.h {
				for _, v := range g.Pix[y*g.Stride : y*g.Stride+c.w] {
					rgba = append(rgba, v, v, v, 255)
				}
			}
			file := filepath.Join(dir, "rgba")
			if err := os.WriteFile(file, rgba, 0o600); err != nil {
				t.Fatal(err)
			}
			got := runNode(t, node, file, c.w, c.h)
			if got != c.want {
				t.Fatalf("mark.js read %q, want %q", got, c.want)
			}
			for i := 0; i < 4*c.w*2*c.h/36; i += 4 { // wipe the strip
				copy(rgba[i:], []byte{128, 128, 128})
			}
			if err := os.WriteFile(file, rgba, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := runNode(t, node, file, c.w, c.h); got != "null" {
				t.Fatalf("mark.js read %q out of a picture without a mark", got)
			}
		})
	}
}

func runNode(t *testing.T, node, file string, w, h int) string {
	t.Helper()
	script := `import { readFileSync } from "node:fs";
const [js, file, w, h] = process.argv.slice(-4);
const { readMark } = await import("data:text/javascript;base64," + readFileSync(js).toString("base64"));
const m = readMark({ width: +w, height: +h, data: new Uint8ClampedArray(readFileSync(file)) });
console.log(m ? m.camera + " " + m.frame : "null");`
	js, err := filepath.Abs("mark.js")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "--input-type=module", "-", js, file, strconv.Itoa(w), strconv.Itoa(h))
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}
