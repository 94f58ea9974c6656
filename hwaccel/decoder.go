package hwaccel

//#include "native.h"
import "C"

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/asticode/go-astiav"

	"hearth/nvr/media"
	"hearth/nvr/media/obu"
	"hearth/nvr/vision/protocol"
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

	skip, has skips // what is to be left out, and what it was opened with

	luma C.hearth_scaler
	jpeg jpegEncoder
}

// skips is what of the pictures is left out.
type skips struct{ loopFilter, nonReference bool }

// Open opens a decoder without having tried it; Choose is what to use for a camera.
func Open(p Params, hw Hardware) (d *Decoder, err error) {
	astiav.SetLogLevel(astiav.LogLevelQuiet) // a broken camera would fill the log; errors are returned
	d = &Decoder{params: p, hardware: hw}
	defer func() {
		if err != nil {
			d.Close()
			d = nil
		}
	}()
	if err := d.start(); err != nil {
		return d, err
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

// start opens FFmpeg's decoder, with what it is to leave out.
func (d *Decoder) start() error {
	p := d.params
	codec := d.hardware.decoder(p.Codec)
	if codec == nil {
		return fmt.Errorf("%w for %s by %s in this FFmpeg", ErrNoDecoder, p.Codec, d.hardware.Name)
	}
	if d.cc = astiav.AllocCodecContext(codec); d.cc == nil {
		return errNoMemory
	}
	if err := d.cc.SetExtraData(p.extradata()); err != nil {
		return errNoMemory
	}
	d.cc.SetWidth(p.Width)
	d.cc.SetHeight(p.Height)
	d.cc.SetThreadCount(1) // one camera of many: threads would cost more and add delay
	d.cc.SetTimeBase(astiav.NewRational(1, 1_000_000))
	if err := d.attach(); err != nil {
		return err
	}
	d.leaveOut()
	options := astiav.NewDictionary()
	defer options.Free()
	settings := [][2]string{{"max_pixels", strconv.Itoa(maxPixels)}}
	if p.Codec == media.AV1 {
		// No picture is held back, and noise that was taken out before coding is not put in again: it would move.
		settings = append(settings, [2]string{"max_frame_delay", "1"}, [2]string{"export_side_data", "film_grain"})
	}
	for _, s := range settings {
		if err := options.Set(s[0], s[1], astiav.NewDictionaryFlags()); err != nil {
			return err
		}
	}
	if err := d.cc.Open(codec, options); err != nil {
		return fmt.Errorf("open %s by %s: %w", p.Codec, d.hardware.Name, err)
	}
	return nil
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
// are scaled down anyway), and pictures that no other picture refers to. AV1 heeds it from the next key frame on.
func (d *Decoder) Skip(loopFilter, nonReference bool) {
	d.skip = skips{loopFilter, nonReference}
	if !d.fixed() {
		d.leaveOut()
	}
}

func (d *Decoder) leaveOut() {
	d.has = d.skip
	C.hearth_skip((*C.AVCodecContext)(d.cc.UnsafePointer()), cbool(d.skip.loopFilter), cbool(d.skip.nonReference))
}

// fixed says whether what is left out counts for as long as FFmpeg's decoder is open: dav1d asks once.
func (d *Decoder) fixed() bool {
	return d.params.Codec == media.AV1 && d.hardware.Name == protocol.Software
}

// GoesOn says whether the units that follow may be decoded on top of those so far when nothing is to be left out: a
// key frame without its loop filter is no ground for those of AV1, as long as they go without, too.
func (d *Decoder) GoesOn() bool { return !d.fixed() || !d.has.loopFilter }

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
	if d.stale || d.fixed() && d.skip != d.has && d.held == 0 && obu.Key(unit) {
		if err := d.restart(unit); err != nil {
			return err
		}
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
func (d *Decoder) restart(unit []byte) error {
	switch {
	case d.fixed() && d.skip != d.has:
		if err := d.anew(); err != nil {
			return err
		}
	case !d.keeps(unit):
		C.hearth_flush((*C.AVCodecContext)(d.cc.UnsafePointer()))
	}
	d.held, d.stale, d.ended = 0, false, false
	return nil
}

// anew opens FFmpeg's decoder anew. Where that fails the one before stays.
func (d *Decoder) anew() error {
	old, has := d.cc, d.has
	C.hearth_flush((*C.AVCodecContext)(old.UnsafePointer())) // it gives up its pictures before there are others
	if err := d.start(); err != nil {
		if d.cc != nil {
			d.cc.Free()
		}
		d.cc, d.has = old, has
		return err
	}
	old.Free()
	return nil
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
