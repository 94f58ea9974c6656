//go:build cgo

package hwaccel

import (
	"testing"

	"hearth/nvr/media"
)

func TestProbe(t *testing.T) {
	software := map[media.Codec]bool{}
	for _, tr := range Probe() {
		t.Logf("%s by %s %s: works %v %s (%s)", tr.Codec, tr.Name, tr.Device, tr.Works, tr.Why, tr.Took)
		if tr.Works == (tr.Why != "") {
			t.Errorf("works %v, why not %q", tr.Works, tr.Why)
		}
		if tr.Name == "software" {
			software[tr.Codec] = tr.Works
		}
	}
	for _, c := range []media.Codec{media.H264, media.H265, media.MJPEG} {
		if !software[c] {
			t.Errorf("%s does not decode in software", c)
		}
	}
}
