package hwaccel

//#include "native.h"
import "C"

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/asticode/go-astiav"

	"hearth/nvr/media"
)

var (
	errNoMemory = errors.New("out of memory")

	// ErrNoDecoder says that this FFmpeg cannot decode the codec in the way that was asked for.
	ErrNoDecoder = errors.New("no decoder")
)

// maxPixels is the largest picture that is decoded: 67 megapixels.
const maxPixels = 8192 * 8192

// Params are what is known of a stream before its first unit.
type Params struct {
	Codec         media.Codec
	VPS, SPS, PPS []byte // without start codes
	Config        []byte // other codecs
	Width, Height int    // pixels; a decoder finds out by itself where they are 0
}

// Decoder decodes one stream.
type Decoder struct {
	params   Params
	hardware Hardware
	cc       *astiav.CodecContext
	device   *astiav.HardwareDeviceContext
	pkt      *astiav.Packet
	pic, got *astiav.Frame // as decoded; fetched from the hardware's memory
	buf      []byte
	w, h     int // of the newest picture

	held  int  // pictures that went in and did not come out, as far as is known
	stale bool // Reset was called: what comes next is a key frame
	ended bool // it was drained: only a flush opens it again

	luma C.hearth_scaler
	jpeg jpegEncoder
}

// Open opens a decoder without having tried it; Choose is what to use for a camera.
func Open(p Params, hw Hardware) (d *Decoder, err error) {
	astiav.SetLogLevel(astiav.LogLevelQuiet) // a broken camera would fill the log; errors are returned
	codec := hw.decoder(p.Codec)
	if codec == nil {
		return nil, fmt.Errorf("%w for %s by %s in this FFmpeg", ErrNoDecoder, p.Codec, hw.Name)
	}
	d = &Decoder{params: p, hardware: hw}
	defer func() {
		if err != nil {
			d.Close()
			d = nil
		}
	}()
	if d.cc = astiav.AllocCodecContext(codec); d.cc == nil {
		return d, errNoMemory
	}
	if err := d.cc.SetExtraData(p.extradata()); err != nil {
		return d, errNoMemory
	}
	d.cc.SetWidth(p.Width)
	d.cc.SetHeight(p.Height)
	d.cc.SetThreadCount(1) // one camera of many: threads would cost more and add delay
	d.cc.SetTimeBase(astiav.NewRational(1, 1_000_000))
	if err := d.attach(); err != nil {
		return d, err
	}
	options := astiav.NewDictionary()
	defer options.Free()
	if err := options.Set("max_pixels", strconv.Itoa(maxPixels), astiav.NewDictionaryFlags()); err != nil {
		return d, err
	}
	if err := d.cc.Open(codec, options); err != nil {
		return d, fmt.Errorf("open %s by %s: %w", p.Codec, hw.Name, err)
	}
	if d.pkt = astiav.AllocPacket(); d.pkt == nil {
		return d, errNoMemory
	}
	if d.pic = astiav.AllocFrame(); d.pic == nil {
		return d, errNoMemory
	}
	if d.got = astiav.AllocFrame(); d.got == nil {
		return d, errNoMemory
	}
	return d, nil
}

// attach opens the hardware's device, where there is one to open, and tells the decoder to use it.
func (d *Decoder) attach() error {
	kind := d.hardware.device
	if kind == astiav.HardwareDeviceTypeNone {
		return nil
	}
	device, err := astiav.CreateHardwareDeviceContext(kind, d.hardware.Device, nil, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", d.hardware, err)
	}
	d.device = device
	d.cc.SetHardwareDeviceContext(device)
	want := d.hardware.pixels
	d.cc.SetPixelFormatCallback(func(offered []astiav.PixelFormat) astiav.PixelFormat {
		for _, f := range offered {
			if f == want {
				return f
			}
		}
		// The hardware cannot do this one; the last offer is always software.
		if len(offered) > 0 {
			return offered[len(offered)-1]
		}
		return astiav.PixelFormatNone
	})
	return nil
}

// Hardware says what decodes.
func (d *Decoder) Hardware() Hardware { return d.hardware }

// Size is the size of the newest picture in its own pixels; 0, 0 before the first.
func (d *Decoder) Size() (width, height int) { return d.w, d.h }

// Skip says what to leave out from the next unit on: the loop filter, which smooths block edges (for looks that
// are scaled down anyway), and pictures that no other picture refers to.
func (d *Decoder) Skip(loopFilter, nonReference bool) {
	C.hearth_skip((*C.AVCodecContext)(d.cc.UnsafePointer()), cbool(loopFilter), cbool(nonReference))
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Decode takes the next unit, in decoding order, and calls see for each picture that is ready now, in the order in
// which they are shown. At comes back in the Frame. An error of see ends it and is returned; other errors are the
// unit's, and the next one may be given.
func (d *Decoder) Decode(unit []byte, at int64, see func(*Frame) error) error {
	if len(unit) == 0 {
		return ErrBadSample
	}
	if err := d.pkt.FromData(d.padded(unit)); err != nil {
		return errNoMemory
	}
	defer d.pkt.Unref()
	d.pkt.SetSize(len(d.buf) - padding)
	if d.stale {
		d.restart(unit)
	}
	d.held++
	d.pkt.SetPts(at)
	for {
		err := d.cc.SendPacket(d.pkt)
		if errors.Is(err, astiav.ErrEagain) {
			// A decoder that is full has pictures to give.
			if n, err := d.receive(see); err != nil {
				return err
			} else if n == 0 {
				return errors.New("decode: the decoder takes nothing and gives nothing")
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		_, err = d.receive(see)
		return err
	}
}

// padding is how far behind a unit's end FFmpeg may read (AV_INPUT_BUFFER_PADDING_SIZE).
const padding = 64

// padded is the unit with zeros behind it, and in front what a decoder must be told again and again: those of
// V4L2 look for parameter sets in the stream only.
func (d *Decoder) padded(unit []byte) []byte {
	d.buf = d.buf[:0]
	if d.hardware.inBand {
		d.buf = append(d.buf, d.params.extradata()...)
	}
	d.buf = append(d.buf, unit...)
	d.buf = append(d.buf, make([]byte, padding)...)
	return d.buf
}

// Drain gives out the pictures that the decoder holds back for reordering, and resets it: the next unit must be a
// key frame.
func (d *Decoder) Drain(see func(*Frame) error) error {
	defer d.Reset()
	d.ended = true
	if err := d.cc.SendPacket(nil); err != nil && !errors.Is(err, astiav.ErrEof) {
		return fmt.Errorf("drain: %w", err)
	}
	_, err := d.receive(see)
	return err
}

// Reset forgets all units so far: the next one must be a key frame.
func (d *Decoder) Reset() { d.stale = true }

// restart does what Reset promised, now that it is known what comes.
func (d *Decoder) restart(unit []byte) {
	if !d.keeps(unit) {
		C.hearth_flush((*C.AVCodecContext)(d.cc.UnsafePointer()))
	}
	d.held, d.stale, d.ended = 0, false, false
}

// keeps says whether the decoder may keep what it has when it is to begin anew with a unit. A flush of FFmpeg's H.264
// decoder gives all its tables back to the system and takes them anew, which costs as much as a twentieth of a key frame. An
// IDR picture makes it forget what came before just as well, as long as it holds no picture back.
func (d *Decoder) keeps(unit []byte) bool {
	plain := d.params.Codec == media.H264 && d.device == nil && d.hardware.suffix == ""
	return plain && d.held == 0 && !d.ended && beginsWithIDR(unit)
}

func (d *Decoder) receive(see func(*Frame) error) (n int, err error) {
	for {
		err := d.cc.ReceiveFrame(d.pic)
		if errors.Is(err, astiav.ErrEagain) || errors.Is(err, astiav.ErrEof) {
			return n, nil
		}
		if err != nil {
			return n, fmt.Errorf("decode: %w", err)
		}
		n++
		d.held--
		err = d.show(see)
		d.pic.Unref()
		d.got.Unref()
		if err != nil {
			return n, err
		}
	}
}

// show fetches the picture into memory if it is not there yet, and passes it on.
func (d *Decoder) show(see func(*Frame) error) error {
	f := &Frame{At: d.pic.Pts(), f: d.pic, d: d}
	if d.device != nil && d.pic.PixelFormat() == d.hardware.pixels {
		if err := d.pic.TransferHardwareData(d.got); err != nil {
			return fmt.Errorf("fetch a picture from %s: %w", d.hardware, err)
		}
		d.got.SetColorRange(d.pic.ColorRange())
		d.got.SetColorSpace(d.pic.ColorSpace())
		d.got.SetSampleAspectRatio(d.pic.SampleAspectRatio())
		f.f = d.got
	}
	d.w, d.h = f.Size()
	return see(f)
}

// inHardware says whether the picture that is being shown came from the hardware asked for, not from a fallback.
func (d *Decoder) inHardware() bool {
	return d.device == nil || d.pic.PixelFormat() == d.hardware.pixels
}

// Close frees everything. A closed Decoder is not to be used.
func (d *Decoder) Close() {
	d.jpeg.close()
	C.hearth_scaler_free(&d.luma)
	if d.got != nil {
		d.got.Free()
	}
	if d.pic != nil {
		d.pic.Free()
	}
	if d.pkt != nil {
		d.pkt.Free()
	}
	if d.cc != nil {
		if d.device != nil {
			d.cc.SetPixelFormatCallback(nil) // go-astiav keeps it by the context's address
		}
		d.cc.Free()
	}
	if d.device != nil {
		d.device.Free()
	}
	*d = Decoder{}
}
