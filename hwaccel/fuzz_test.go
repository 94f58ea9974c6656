//go:build cgo

package hwaccel

import (
	"bytes"
	"errors"
	"testing"

	"hearth/nvr/media"
)

// FuzzAnnexB: what is taken has a start code wherever a length was, and nothing else was changed; what is refused is
// ErrBadSample.
func FuzzAnnexB(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0x65})
	f.Add([]byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 6})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, sample []byte) {
		was := bytes.Clone(sample)
		if err := AnnexB(media.H264, sample); err != nil {
			if !errors.Is(err, ErrBadSample) {
				t.Fatal(err)
			}
			return
		}
		for at := 0; at < len(was); {
			n := int(was[at])<<24 | int(was[at+1])<<16 | int(was[at+2])<<8 | int(was[at+3])
			if !bytes.Equal(sample[at:at+4], []byte{0, 0, 0, 1}) || n < 1 || !bytes.Equal(sample[at+4:at+4+n], was[at+4:at+4+n]) {
				t.Fatalf("%x became %x", was, sample)
			}
			at += 4 + n
		}
	})
}

// FuzzDecode: no unit ends the process, whatever is in it. What comes out is a picture within bounds.
func FuzzDecode(f *testing.F) {
	for i, s := range Samples {
		units, err := s.units()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), units[0], units[len(units)-1])
		f.Add(byte(i), units[0], units[0][:len(units[0])/2])
	}
	f.Fuzz(func(t *testing.T, sample byte, first, second []byte) {
		codec := Samples[int(sample)%len(Samples)].Codec
		d, err := Open(Params{Codec: codec, Width: 320, Height: 256}, Software())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		luma := make([]byte, 320*180)
		see := func(fr *Frame) error {
			if w, h := fr.Size(); w <= 0 || h <= 0 || w*h > maxPixels {
				t.Errorf("a picture of %dx%d", w, h)
			}
			_ = fr.Luma(luma, 320, 180)
			_, _ = fr.JPEG(320)
			return nil
		}
		for _, unit := range [][]byte{first, second, first} {
			_ = d.Decode(unit, 1, see)
		}
		_ = d.Drain(see)
	})
}
