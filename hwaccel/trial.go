//go:build cgo

package hwaccel

import (
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// A clip of each kind of picture: probe/NAME.units holds its units, each behind its length of 4 bytes (big endian), and
// probe/NAME.luma what ffmpeg's own decoder makes of the first and the last picture, 64x36 places. TestProbeClips makes
// them.
//
//go:embed probe
var probeFiles embed.FS

// The clips' size, in pixels. 360 lines are coded as 368, so a decoder that does not crop is found out.
const (
	probeW, probeH = 640, 360
	probeLumaW     = 64
	probeLumaH     = 36
)

// Sample is a kind of picture that decoders are tried with.
type Sample struct {
	Codec media.Codec
	Bits  int // per sample of luma
}

func (s Sample) String() string { return fmt.Sprintf("%s-%d", s.Codec, s.Bits) }

// Samples are all kinds. Cameras send 8 bits; a few send 10 in H.265 and AV1, none is known to in H.264.
var Samples = []Sample{
	{media.H264, 8}, {media.H264, 10}, {media.H265, 8}, {media.H265, 10}, {media.MJPEG, 8}, {media.AV1, 8}, {media.AV1, 10},
}

// FindSample finds a sample by its name, as "h265-10".
func FindSample(name string) (Sample, error) {
	for _, s := range Samples {
		if s.String() == name {
			return s, nil
		}
	}
	return Sample{}, fmt.Errorf("%q is no sample", name)
}

// units are those of the sample's clip, a key frame first.
func (s Sample) units() ([][]byte, error) {
	b, err := probeFiles.ReadFile("probe/" + s.String() + ".units")
	if err != nil {
		return nil, err
	}
	var units [][]byte
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint32(b))
		if n > len(b)-4 {
			return nil, fmt.Errorf("the clip of %s is cut off", s)
		}
		units = append(units, b[4:4+n])
		b = b[4+n:]
	}
	return units, nil
}

func (s Sample) params() Params { return Params{Codec: s.Codec, Width: probeW, Height: probeH} }

// enough is for how long pictures are decoded to know what one costs.
const enough = 50 * time.Millisecond

// Try has one way to decode play the sample's clip, compares every picture with software's (software's own with what
// ffmpeg made when the clip was made), and measures what it costs.
func Try(h Hardware, s Sample) protocol.Trial {
	t := protocol.Trial{Codec: s.Codec, Bits: s.Bits, Way: h.Way()}
	if err := try(h, s, &t); err != nil {
		t.Works, t.Why, t.Wrong = false, reason(err), errors.Is(err, ErrPixels)
	} else {
		t.Works = true
	}
	return t
}

func try(h Hardware, s Sample, t *protocol.Trial) error {
	units, err := s.units()
	if err != nil {
		return err
	}
	var reference [][]byte
	if h.Name != protocol.Software {
		// Where software has no decoder, what ffmpeg made of the clip must do.
		if reference, err = inSoftware(s, units); err != nil && !errors.Is(err, ErrNoDecoder) {
			return fmt.Errorf("nothing to compare its pictures with: %w", err)
		}
	}
	begun := time.Now()
	d, err := Open(s.params(), h)
	if err != nil {
		return err
	}
	defer d.Close()

	luma := make([]byte, compareW*compareH)
	small := make([]byte, probeLumaW*probeLumaH)
	seen := 0
	see := func(f *Frame) error {
		if !d.inHardware() {
			return fmt.Errorf("%s does not take %s of %d bits", h, s.Codec, s.Bits)
		}
		if w, h := f.Size(); w != probeW || h != probeH {
			return fmt.Errorf("%w: it has %dx%d pixels, not %dx%d", ErrPixels, w, h, probeW, probeH)
		}
		if f.At != int64(seen) {
			return fmt.Errorf("%w: picture %d came out in place of %d", ErrPixels, f.At, seen)
		}
		if err := f.Luma(luma, compareW, compareH); err != nil {
			return err
		}
		if seen == 0 {
			t.First = time.Since(begun)
		}
		apart := 0.0
		var err error
		if reference != nil {
			apart, err = Compare(luma, reference[seen])
		} else if want, ok := s.picture(seen, len(units)); ok {
			if err = f.Luma(small, probeLumaW, probeLumaH); err == nil {
				apart, err = Compare(small, want)
			}
		}
		t.Apart = max(t.Apart, apart)
		if err != nil {
			return fmt.Errorf("picture %d: %w", seen, err)
		}
		seen++
		return nil
	}
	if err := play(d, units, see); err != nil {
		return err
	}
	if seen != len(units) {
		return fmt.Errorf("%d pictures came out of %d", seen, len(units))
	}

	see = func(f *Frame) error { return f.Luma(luma, compareW, compareH) }
	begun, used, n := time.Now(), processorTime(), 0
	for n == 0 || time.Since(begun) < enough {
		if err := play(d, units, see); err != nil {
			return fmt.Errorf("the clip played again: %w", err)
		}
		n += len(units)
	}
	t.Picture = time.Since(begun) / time.Duration(n)
	t.CPU = (processorTime() - used) / time.Duration(n)
	return nil
}

// play decodes a clip from its start to its end.
func play(d *Decoder, units [][]byte, see func(*Frame) error) error {
	d.Reset()
	for i, u := range units {
		if err := d.Decode(u, int64(i), see); err != nil {
			return err
		}
	}
	return d.Drain(see)
}

// inSoftware is the scaled luma of all pictures of a clip.
func inSoftware(s Sample, units [][]byte) ([][]byte, error) {
	d, err := Open(s.params(), Software())
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var pictures [][]byte
	err = play(d, units, func(f *Frame) error {
		luma := make([]byte, compareW*compareH)
		pictures = append(pictures, luma)
		return f.Luma(luma, compareW, compareH)
	})
	if err == nil && len(pictures) != len(units) {
		err = errNoPicture
	}
	return pictures, err
}

// picture is what picture i of n looks like, where that is known.
func (s Sample) picture(i, n int) ([]byte, bool) {
	b, err := probeFiles.ReadFile("probe/" + s.String() + ".luma")
	const size = probeLumaW * probeLumaH
	if err != nil || len(b) != 2*size {
		return nil, false
	}
	switch i {
	case 0:
		return b[:size], true
	case n - 1:
		return b[size:], true
	}
	return nil, false
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// reason is an error in one line within the protocol's bounds.
func reason(err error) string {
	s := strings.Join(strings.Fields(err.Error()), " ")
	return strings.ToValidUTF8(s[:min(len(s), protocol.MaxText/4)], "?")
}
