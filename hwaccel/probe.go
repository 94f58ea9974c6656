//go:build cgo

package hwaccel

import (
	_ "embed"
	"time"

	"hearth/nvr/media"
)

// One key frame of each codec, 320x256 colour bars, parameter sets included; ffmpeg made them:
//
//	ffmpeg -f lavfi -i smptebars=s=320x256:r=1:d=1 -pix_fmt yuv420p -c:v libx264 -bf 0 -crf 32 -frames:v 1 key.h264
//
// and likewise with libx265, mjpeg and libaom-av1 (-f obu).
var (
	//go:embed probe/key.h264
	keyH264 []byte
	//go:embed probe/key.hevc
	keyH265 []byte
	//go:embed probe/key.mjpeg
	keyMJPEG []byte
	//go:embed probe/key.av1
	keyAV1 []byte
)

// Trial is how one way to decode one codec did on this machine.
type Trial struct {
	Codec  media.Codec `json:"codec"`
	Name   string      `json:"name"`
	Device string      `json:"device,omitempty"`
	Works  bool        `json:"works"`
	Why    string      `json:"why,omitempty"` // why not
	// Took is how long it was until the first picture lay in memory, scaled: opening the hardware is most of it.
	Took time.Duration `json:"took"`
}

// Probe tries every way to decode every codec with a real key frame.
func Probe() []Trial {
	var trials []Trial
	for _, c := range []struct {
		codec media.Codec
		key   []byte
	}{{media.H264, keyH264}, {media.H265, keyH265}, {media.MJPEG, keyMJPEG}, {media.AV1, keyAV1}} {
		for _, h := range append(Present(), Software()) {
			t := Trial{Codec: c.codec, Name: h.Name, Device: h.Device}
			begun := time.Now()
			d, err := prove(Params{Codec: c.codec, Width: 320, Height: 256}, h, c.key)
			t.Took = time.Since(begun)
			if err == nil {
				t.Works = true
				d.Close()
			} else {
				t.Why = err.Error()
			}
			trials = append(trials, t)
		}
	}
	return trials
}
