package hwaccel

//#include "native.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/asticode/go-astiav"
)

// Frame is a decoded picture in memory.
type Frame struct {
	At int64 // as given with its unit

	f *astiav.Frame
	d *Decoder
}

func (f *Frame) native() *C.AVFrame { return (*C.AVFrame)(f.f.UnsafePointer()) }

// Size is the picture's size in its own pixels.
func (f *Frame) Size() (width, height int) { return f.f.Width(), f.f.Height() }

// Damaged says that parts of the picture were missing and are guessed.
func (f *Frame) Damaged() bool { return C.hearth_damaged(f.native()) != 0 }

// Luma scales the picture's luma to width x height bytes in dst, row by row, 0 (black) to 255. The width must be a
// multiple of 32.
func (f *Frame) Luma(dst []byte, width, height int) error {
	if width <= 0 || height <= 0 || width%32 != 0 || len(dst) < width*height {
		return fmt.Errorf("scale to %dx%d in %d bytes: the sizes do not fit", width, height, len(dst))
	}
	ret := C.hearth_luma(&f.d.luma, f.native(), (*C.uint8_t)(unsafe.Pointer(&dst[0])), C.int(width), C.int(height))
	if ret < 0 {
		return fmt.Errorf("scale to %dx%d: %w", width, height, astiav.Error(ret))
	}
	return nil
}

// JPEG codes the picture as a JPEG that is width pixels wide (0: as wide as the picture), in the aspect in which it
// is meant to be seen.
func (f *Frame) JPEG(width int) ([]byte, error) {
	w, h := f.shown(width)
	b, err := f.d.jpeg.encode(f, w, h)
	if err != nil {
		return nil, fmt.Errorf("code a JPEG of %dx%d: %w", w, h, err)
	}
	return b, nil
}

// maxShown bounds the sides of a JPEG, in pixels.
const maxShown = 8192

// shown is the size of the picture with square pixels, so wide; both sides are even.
func (f *Frame) shown(width int) (w, h int) {
	fw, fh := f.Size()
	aspect := float64(fw) / float64(max(fh, 1))
	if sar := f.f.SampleAspectRatio(); sar.Num() > 0 && sar.Den() > 0 {
		if r := float64(sar.Num()) / float64(sar.Den()); r > 0.2 && r < 5 {
			aspect *= r
		}
	}
	if width <= 0 {
		width = int(float64(fh)*aspect + 0.5)
	}
	even := func(v float64) int { return min(max(int(v/2+0.5)*2, 16), maxShown) }
	w = even(float64(width))
	return w, even(float64(w) / aspect)
}
