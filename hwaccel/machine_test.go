//go:build cgo

package hwaccel

import (
	"os"
	"testing"
	"time"

	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

// TestThisMachinesHardware is for a machine that has some: HEARTH_HARDWARE names the kind (cuda, vaapi, v4l2m2m). It decodes
// what cameras send, holds every picture against ffmpeg's, lets streams change on the way, and prints what belongs in
// docs/design/hardware.md. make test-nvdec runs it for NVIDIA's cards.
func TestThisMachinesHardware(t *testing.T) {
	kind := os.Getenv("HEARTH_HARDWARE")
	if kind == "" {
		t.Skip("HEARTH_HARDWARE says which hardware to test: cuda, vaapi or v4l2m2m")
	}
	var tested []Hardware
	for _, h := range Present() {
		if h.Name == kind {
			tested = append(tested, h)
		}
	}
	if len(tested) == 0 {
		t.Fatalf("this machine has no %s: there is %v", kind, Present())
	}
	for _, h := range tested {
		t.Logf("%s, driver %q, FFmpeg %s", h, h.driver(), Version())
		t.Logf("| codec | bits | right | first picture | each | CPU each |")
		for _, by := range []Hardware{h, Software()} {
			for _, s := range Samples {
				tr := Try(by, s)
				if tr.Wrong {
					t.Errorf("%s makes wrong pictures of %s: %s", h, s, tr.Why)
				}
				t.Logf("| %s by %s | %d | %v %s | %s | %s | %s |", s.Codec, by, s.Bits, tr.Works, tr.Why, tr.First, tr.Picture, tr.CPU)
			}
		}
		for _, c := range codecs {
			t.Run(h.Name+" "+c.name, func(t *testing.T) { play1080(t, h, c.args) })
		}
	}
}

// play1080 plays five seconds of a camera's large stream by hardware and by software, beside each other.
func play1080(t *testing.T, h Hardware, args []string) {
	made := clip.Make(t, append([]string{"-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=15:d=5"}, args...)...)
	want := made.Luma(t, lumaW, lumaH)
	key := annexB(t, made, 0)
	d, why, err := Choose(paramsOf(made.Track()), key, []Hardware{h}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.Hardware().Name == protocol.Software {
		t.Logf("not taken: %s", why) // what it does not know is software's; what it does must be right
		return
	}
	d.Reset()
	begun, used := time.Now(), processorTime()
	got := decoded(t, d, made)
	took, cost := time.Since(begun), processorTime()-used
	if len(got) != len(want) {
		t.Fatalf("%d pictures came out, ffmpeg makes %d", len(got), len(want))
	}
	for i := range got {
		if a := difference(got[i].luma, want[i]); a > 1 {
			t.Fatalf("picture %d differs by %.2f levels from ffmpeg's", i, a)
		}
	}
	soft := software(t, made)
	used = processorTime()
	decoded(t, soft, made)
	n := time.Duration(len(got))
	t.Logf("1920x1080: %s a picture, %s of the processor; software %s of it", took/n, cost/n, (processorTime()-used)/n)
}
