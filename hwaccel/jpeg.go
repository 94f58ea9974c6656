package hwaccel

//#include "native.h"
import "C"

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/asticode/go-astiav"
)

// jpegQuality is FFmpeg's quantiser scale, 2 (best) to 31. At 4 a face of 30 pixels stays a face, and a picture of
// 640x360 has some 30 KB.
const jpegQuality = 4

// jpegEncoder codes pictures of one size at a time; another size makes it begin anew.
type jpegEncoder struct {
	cc     *astiav.CodecContext
	pic    *astiav.Frame
	pkt    *astiav.Packet
	scaler C.hearth_scaler
	w, h   int
}

func (e *jpegEncoder) encode(f *Frame, w, h int) ([]byte, error) {
	if e.cc == nil || e.w != w || e.h != h {
		e.close()
		if err := e.open(w, h); err != nil {
			e.close()
			return nil, err
		}
	}
	if err := e.pic.MakeWritable(); err != nil {
		return nil, err
	}
	dst := (*C.AVFrame)(e.pic.UnsafePointer())
	if ret := C.hearth_scale(&e.scaler, f.native(), dst); ret < 0 {
		return nil, astiav.Error(ret)
	}
	C.hearth_quality(dst, jpegQuality)
	if err := e.cc.SendFrame(e.pic); err != nil {
		return nil, err
	}
	if err := e.cc.ReceivePacket(e.pkt); err != nil {
		return nil, err
	}
	defer e.pkt.Unref()
	return e.pkt.Data(), nil // a copy
}

func (e *jpegEncoder) open(w, h int) error {
	codec := astiav.FindEncoder(astiav.CodecIDMjpeg)
	if codec == nil {
		return errors.New("this FFmpeg has no JPEG encoder")
	}
	if e.cc = astiav.AllocCodecContext(codec); e.cc == nil {
		return errNoMemory
	}
	e.w, e.h = w, h
	e.cc.SetWidth(w)
	e.cc.SetHeight(h)
	e.cc.SetPixelFormat(astiav.PixelFormatYuvj420P)
	e.cc.SetTimeBase(astiav.NewRational(1, 25))
	e.cc.SetThreadCount(1)
	options := astiav.NewDictionary()
	defer options.Free()
	for k, v := range map[string]string{"flags": "+qscale+bitexact", "qmin": "2", "global_quality": strconv.Itoa(jpegQuality * 118)} {
		if err := options.Set(k, v, astiav.NewDictionaryFlags()); err != nil {
			return err
		}
	}
	if err := e.cc.Open(codec, options); err != nil {
		return fmt.Errorf("open the encoder: %w", err)
	}
	if e.pkt = astiav.AllocPacket(); e.pkt == nil {
		return errNoMemory
	}
	if e.pic = astiav.AllocFrame(); e.pic == nil {
		return errNoMemory
	}
	e.pic.SetWidth(w)
	e.pic.SetHeight(h)
	e.pic.SetPixelFormat(astiav.PixelFormatYuvj420P)
	return e.pic.AllocBuffer(64)
}

func (e *jpegEncoder) close() {
	if e.pic != nil {
		e.pic.Free()
	}
	if e.pkt != nil {
		e.pkt.Free()
	}
	if e.cc != nil {
		e.cc.Free()
	}
	C.hearth_scaler_free(&e.scaler)
	*e = jpegEncoder{}
}
