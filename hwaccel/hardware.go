//go:build cgo

package hwaccel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/asticode/go-astiav"

	"hearth/nvr/media"
)

// Hardware is a way to decode: a kind of hardware, and which device of it.
type Hardware struct {
	Name   string // "software", "vaapi", "cuda", "v4l2m2m"
	Device string // "/dev/dri/renderD128", "0"; empty where there is nothing to choose

	device astiav.HardwareDeviceType
	pixels astiav.PixelFormat // of its pictures, before they are fetched
	suffix string             // of the names of its decoders in FFmpeg
	inBand bool               // wants parameter sets with each unit
}

// Software decodes on the processor.
func Software() Hardware {
	return Hardware{Name: "software", device: astiav.HardwareDeviceTypeNone}
}

func (h Hardware) String() string {
	if h.Device == "" {
		return h.Name
	}
	return h.Name + " " + h.Device
}

// Present lists the hardware of this machine that might decode, what costs least first. It only looks at which
// devices exist; whether they work is for Choose to find out.
func Present() []Hardware {
	var found []Hardware
	nodes, _ := filepath.Glob("/dev/dri/renderD*") // its only error is a bad pattern
	for _, n := range nodes {
		found = append(found, Hardware{
			Name: "vaapi", Device: n, device: astiav.HardwareDeviceTypeVAAPI, pixels: astiav.PixelFormatVaapi,
		})
	}
	if nodes, _ := filepath.Glob("/dev/video*"); len(nodes) > 0 {
		found = append(found, Hardware{
			Name: "v4l2m2m", device: astiav.HardwareDeviceTypeNone, suffix: "_v4l2m2m", inBand: true,
		})
	}
	for _, n := range []string{"/dev/nvidiactl", "/dev/nvhost-ctrl", "/dev/dxg"} {
		if _, err := os.Stat(n); err == nil {
			found = append(found, Hardware{
				Name: "cuda", Device: "0", device: astiav.HardwareDeviceTypeCUDA, pixels: astiav.PixelFormatCuda,
			})
			break
		}
	}
	return found
}

// decoder finds FFmpeg's decoder; nil when it has none.
func (h Hardware) decoder(c media.Codec) *astiav.Codec {
	var name string
	var id astiav.CodecID
	switch c {
	case media.H264:
		name, id = "h264", astiav.CodecIDH264
	case media.H265:
		name, id = "hevc", astiav.CodecIDHevc
	case media.MJPEG:
		name, id = "mjpeg", astiav.CodecIDMjpeg
	case media.AV1:
		name, id = "av1", astiav.CodecIDAv1
	default:
		return nil
	}
	if h.suffix != "" {
		return astiav.FindDecoderByName(name + h.suffix)
	}
	if h.device != astiav.HardwareDeviceTypeNone {
		return astiav.FindDecoderByName(name) // which hands over to the hardware
	}
	codec := astiav.FindDecoder(id)
	if codec != nil && codec.Name() == "av1" {
		return nil // FFmpeg's own AV1 decoder is for hardware alone
	}
	return codec
}

// Choose opens the decoder that suits a stream. Want is "auto", "software", or the name of a kind of hardware. Each
// candidate must decode the key frame first; software comes last. Why says, for the owner, why wanted hardware is
// not used. An error says that nothing decodes this frame.
func Choose(p Params, want string, key []byte) (d *Decoder, why string, err error) {
	return choose(p, want, key, Present())
}

func choose(p Params, want string, key []byte, present []Hardware) (*Decoder, string, error) {
	var reasons []string
	if want != "software" {
		for _, h := range present {
			if want != "auto" && want != "" && want != h.Name {
				continue
			}
			d, err := prove(p, h, key)
			if err == nil {
				return d, "", nil
			}
			reasons = append(reasons, fmt.Sprintf("%s: %v", h, err))
		}
		if want != "auto" && want != "" && len(reasons) == 0 {
			reasons = append(reasons, "this machine has no "+want)
		}
	}
	d, err := prove(p, Software(), key)
	if err != nil {
		return nil, "", err
	}
	return d, strings.Join(reasons, "; "), nil
}

var errNoPicture = errors.New("no picture came out")

// prove opens a decoder and has it decode a key frame to a scaled picture.
func prove(p Params, h Hardware, key []byte) (*Decoder, error) {
	d, err := Open(p, h)
	if err != nil {
		return nil, err
	}
	proven := false
	luma := make([]byte, 32*32)
	see := func(f *Frame) error {
		if !d.inHardware() {
			return fmt.Errorf("%s does not take this stream", h)
		}
		proven = true
		return f.Luma(luma, 32, 32)
	}
	err = d.Decode(key, 0, see)
	if err == nil {
		err = d.Drain(see)
	}
	if err == nil && !proven {
		err = errNoPicture
	}
	if err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}
