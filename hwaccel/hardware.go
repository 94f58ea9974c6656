//go:build cgo

package hwaccel

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/asticode/go-astiav"

	"hearth/nvr/media"
	"hearth/nvr/vision/protocol"
)

// Hardware is a way to decode, as FFmpeg knows it.
type Hardware struct {
	Name   string // "software", "vaapi", "cuda", "v4l2m2m"
	Device string // "/dev/dri/renderD128", "0"; empty where there is nothing to choose

	device astiav.HardwareDeviceType
	pixels astiav.PixelFormat // of its pictures, before they are fetched
	suffix string             // of the names of its decoders in FFmpeg
	inBand bool               // wants parameter sets with each unit
}

// Software decodes on the processor.
func Software() Hardware { return of(protocol.Way{Name: protocol.Software}) }

// Find gives the hardware of that name and device. It is an error when there is no hardware of that name, not when
// there is no such device: that is for a trial to find out.
func Find(w protocol.Way) (Hardware, error) {
	if !w.Known() {
		return Hardware{}, fmt.Errorf("%q is no way to decode", w.Name)
	}
	return of(w), nil
}

// Way is the hardware as the protocol names it.
func (h Hardware) Way() protocol.Way { return protocol.Way{Name: h.Name, Device: h.Device} }

func (h Hardware) String() string { return h.Way().String() }

func of(w protocol.Way) Hardware {
	h := Hardware{Name: w.Name, Device: w.Device, device: astiav.HardwareDeviceTypeNone}
	switch w.Name {
	case protocol.VAAPI:
		h.device, h.pixels = astiav.HardwareDeviceTypeVAAPI, astiav.PixelFormatVaapi
	case protocol.CUDA:
		h.device, h.pixels = astiav.HardwareDeviceTypeCUDA, astiav.PixelFormatCuda
	case protocol.V4L2:
		h.suffix, h.inBand = "_v4l2m2m", true
	}
	return h
}

// Present lists the hardware of this machine that might decode. It only looks at which devices exist; whether they
// work is for Try and Choose to find out.
func Present() []Hardware {
	var found []Hardware
	nodes, _ := filepath.Glob("/dev/dri/renderD*") // its only error is a bad pattern
	for _, n := range nodes {
		found = append(found, of(protocol.Way{Name: protocol.VAAPI, Device: n}))
	}
	if nodes, _ := filepath.Glob("/dev/video*"); len(nodes) > 0 {
		found = append(found, of(protocol.Way{Name: protocol.V4L2}))
	}
	for _, n := range []string{"/dev/nvidiactl", "/dev/nvhost-ctrl", "/dev/dxg"} {
		if _, err := os.Stat(n); err == nil {
			found = append(found, of(protocol.Way{Name: protocol.CUDA, Device: "0"}))
			break
		}
	}
	return found[:min(len(found), protocol.MaxWays)]
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
