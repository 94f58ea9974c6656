//go:build cgo

package hwaccel

import (
	"errors"
	"fmt"
	"strings"
)

// Pictures are compared as scaled luma of this size.
const (
	compareW = 320
	compareH = 180
)

// How far hardware's picture may be from software's, in levels of 255. Decoding H.264, H.265 and AV1 is exact to the
// bit; MJPEG's transform and the rounding of 10 bits are not. A wrong range or matrix is 10 levels and more apart, a
// picture of another moment some.
const (
	maxApart = 1.0 // the mean over the picture
	maxStray = 16  // any one place
)

// Errors that a caller decides by.
var (
	errNoPicture = errors.New("no picture came out")
	// ErrPixels says that hardware made another picture of a unit than software does.
	ErrPixels = errors.New("the picture is not what software makes of it")
)

// Choose opens the decoder that suits a stream: the first of the candidates that decodes this key frame to the very
// picture that software makes of it, else software. Why says, for the owner, why candidates are not used. An error
// says that nothing decodes this frame. Trying, where it is not nil, is called before each is tried: a driver may not come
// back.
func Choose(p Params, key []byte, candidates []Hardware, trying func(Hardware)) (d *Decoder, why string, err error) {
	if trying == nil {
		trying = func(Hardware) {}
	}
	trying(Software())
	d, reference, err := prove(p, Software(), key, nil)
	if err != nil && !errors.Is(err, ErrNoDecoder) {
		return nil, "", err // nor would hardware be believed
	}
	none := err
	var reasons []string
	for _, h := range candidates {
		if h.Name == Software().Name {
			continue
		}
		trying(h)
		better, _, err := prove(p, h, key, reference)
		if err == nil {
			if d != nil {
				d.Close()
			}
			return better, strings.Join(reasons, "; "), nil
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", h, err))
	}
	if d == nil {
		return nil, "", none
	}
	return d, strings.Join(reasons, "; "), nil
}

// prove opens a decoder and has it decode a key frame to a scaled picture, which it gives. With a reference that is
// what the picture must look like.
func prove(p Params, h Hardware, key, reference []byte) (d *Decoder, luma []byte, err error) {
	if d, err = Open(p, h); err != nil {
		return nil, nil, err
	}
	see := func(f *Frame) error {
		if !d.inHardware() {
			return fmt.Errorf("%s does not take this stream", h)
		}
		luma = make([]byte, compareW*compareH)
		return f.Luma(luma, compareW, compareH)
	}
	if err = d.Decode(key, 0, see); err == nil {
		err = d.Drain(see)
	}
	if err == nil && luma == nil {
		err = errNoPicture
	}
	if err == nil && reference != nil {
		_, err = Compare(luma, reference)
	}
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	return d, luma, nil
}

// Compare says how far two scaled pictures are apart: the mean difference in levels. ErrPixels when that is more than
// two right decoders are apart.
func Compare(luma, reference []byte) (apart float64, err error) {
	if len(luma) != len(reference) || len(luma) == 0 {
		return 255, fmt.Errorf("%w: %d places, not %d", ErrPixels, len(luma), len(reference))
	}
	sum, most := 0, 0
	for i := range luma {
		d := int(luma[i]) - int(reference[i])
		if d < 0 {
			d = -d
		}
		sum += d
		most = max(most, d)
	}
	apart = float64(sum) / float64(len(luma))
	if apart > maxApart || most > maxStray {
		return apart, fmt.Errorf("%w: %.1f levels apart in the mean, %d at most; %.1f and %d are tolerated", ErrPixels, apart, most, maxApart, maxStray)
	}
	return apart, nil
}
