//go:build cgo

package hwaccel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

var update = flag.Bool("update", false, "make the clips that decoders are tried with anew")

// How each sample is coded: a pattern in which everything moves, a key frame and what follows it, no reordering (as
// cameras do).
var samplings = map[string][]string{
	"h264-8":  {"-c:v", "libx264", "-profile:v", "high", "-bf", "0", "-crf", "30", "-pix_fmt", "yuv420p", "-threads", "1"},
	"h264-10": {"-c:v", "libx264", "-bf", "0", "-crf", "30", "-pix_fmt", "yuv420p10le", "-threads", "1"},
	"h265-8":  {"-c:v", "libx265", "-crf", "30", "-pix_fmt", "yuv420p", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=0:info=0"},
	"h265-10": {"-c:v", "libx265", "-crf", "30", "-pix_fmt", "yuv420p10le", "-tag:v", "hvc1", "-x265-params", "log-level=error:bframes=0:info=0"},
	"mjpeg-8": {"-c:v", "mjpeg", "-q:v", "9", "-pix_fmt", "yuvj420p", "-frames:v", "4"},
	"av1-8":   {"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-crf", "40", "-lag-in-frames", "0", "-pix_fmt", "yuv420p"},
	"av1-10":  {"-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-crf", "40", "-lag-in-frames", "0", "-pix_fmt", "yuv420p10le"},
}

func TestProbeClips(t *testing.T) {
	if !*update {
		t.Skip("makes files of the tree anew: -update")
	}
	for _, s := range Samples {
		args := append([]string{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=15", "-frames:v", "12", "-g", "100"}, samplings[s.String()]...)
		c := clip.Make(t, args...)
		var b []byte
		for i, u := range c.Units {
			unit := annexB(t, c, i)
			if p := paramsOf(c.Track()); u.Key && p.Config == nil {
				unit = append(p.extradata(), unit...)
			}
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(unit))), unit...)
		}
		pictures := c.Luma(t, probeLumaW, probeLumaH)
		write(t, s.String()+".units", b)
		write(t, s.String()+".luma", append(bytes.Clone(pictures[0]), pictures[len(pictures)-1]...))
		t.Logf("%s: %d units, %d bytes", s, len(c.Units), len(b))
	}
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("probe", name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every sample decodes in software to what ffmpeg makes of it, and says what it cost.
func TestSoftwareDecodesEverySample(t *testing.T) {
	for _, s := range Samples {
		tr := Try(Software(), s)
		t.Logf("%s: first %s, then %s a picture, %s of the processor, %.2f levels apart", s, tr.First, tr.Picture, tr.CPU, tr.Apart)
		if !tr.Works || tr.Why != "" {
			t.Errorf("%s does not decode: %s", s, tr.Why)
		}
		if tr.First <= 0 || tr.Picture <= 0 || tr.CPU <= 0 {
			t.Errorf("%s: first %s, then %s, processor %s", s, tr.First, tr.Picture, tr.CPU)
		}
	}
}

// What is not there says so, for each kind.
func TestHardwareThatIsNotThereIsRefused(t *testing.T) {
	for _, w := range []protocol.Way{{Name: "vaapi", Device: "/nonexistent"}, {Name: "v4l2m2m"}, {Name: "cuda", Device: "0"}} {
		if _, err := os.Stat("/dev/nvidiactl"); w.Name == "cuda" && err == nil {
			continue
		}
		h, err := Find(w)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range Samples {
			tr := Try(h, s)
			if tr.Works || tr.Why == "" {
				t.Errorf("%s by %s works, because %q", s, w, tr.Why)
			}
			if strings.ContainsAny(tr.Why, "\n\r") {
				t.Errorf("%s by %s: more than a line: %q", s, w, tr.Why)
			}
			t.Logf("%s by %s: %s", s, w, tr.Why)
		}
	}
}

func TestComparing(t *testing.T) {
	a := make([]byte, compareW*compareH)
	for i := range a {
		a[i] = byte(16 + i%200)
	}
	change := func(f func(i int, v byte) byte) []byte {
		b := bytes.Clone(a)
		for i := range b {
			b[i] = f(i, b[i])
		}
		return b
	}
	for _, c := range []struct {
		name  string
		other []byte
		right bool
	}{
		{"the same", a, true},
		{"rounded otherwise", change(func(i int, v byte) byte { return v + byte(i&1) }), true},
		{"another range", change(func(_ int, v byte) byte { return byte(float64(v)*219/255 + 16) }), false},
		{"gray", change(func(int, byte) byte { return 128 }), false},
		{"a row of it green", change(func(i int, v byte) byte {
			if i < compareW {
				return v ^ 0x40
			}
			return v
		}), false},
		{"a place too far", change(func(i int, v byte) byte { return a[(i+2*compareW+20)%len(a)] }), false},
		{"nothing", nil, false},
	} {
		apart, err := Compare(c.other, a)
		if (err == nil) != c.right {
			t.Errorf("%s: %v, %.2f apart", c.name, err, apart)
		}
		if err != nil && !errors.Is(err, ErrPixels) {
			t.Errorf("%s: %v is not ErrPixels", c.name, err)
		}
	}
}
