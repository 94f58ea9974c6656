package storm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"hearth/nvr/sim/h264"
	"hearth/nvr/sim/mark"
)

// seen is what the mark in one picture says.
type seen struct {
	camera uint16
	frame  uint32
}

// film decodes fragmented MP4 as it comes: one initialization, then fragments, each message whole boxes.
type film struct {
	decoder    h264.Decoder
	parameters [][]byte // SPS, PPS
}

var errNoMark = errors.New("a picture without a mark that can be read")

// take gives the marks of all pictures in b. An error says that there is something that no camera sent: also then the
// marks before it are given. cut allows the end to be missing.
func (f *film) take(b []byte, cut bool) (all []seen, err error) {
	var samples [][]byte
	moof := 0
	for at := 0; at < len(b); {
		if len(b)-at < 8 {
			return all, missing(cut, "half a box")
		}
		size, kind := int(binary.BigEndian.Uint32(b[at:])), string(b[at+4:at+8])
		if size < 8 {
			return all, fmt.Errorf("a box %q of %d bytes", kind, size)
		}
		if at+size > len(b) {
			return all, missing(cut, "half a box "+kind)
		}
		body := b[at+8 : at+size]
		switch kind {
		case "moov":
			if f.parameters, err = parameterSets(body); err != nil {
				return all, err
			}
		case "moof":
			moof = at
			if samples, err = f.cutSamples(b, moof, body, cut); err != nil {
				return all, err
			}
		case "mdat":
			for _, s := range samples {
				one, err := f.picture(s)
				if err != nil {
					return all, err
				}
				all = append(all, one)
			}
			samples = nil
		}
		at += size
	}
	return all, nil
}

func missing(cut bool, what string) error {
	if cut {
		return nil
	}
	return errors.New(what)
}

// parameterSets finds SPS and PPS in the one avcC.
func parameterSets(moov []byte) (sets [][]byte, err error) {
	i := bytes.Index(moov, []byte("avcC"))
	if i < 0 || bytes.Count(moov, []byte("avcC")) != 1 {
		return nil, errors.New("an initialization without one avcC")
	}
	b := moov[i+4:]
	at := 5
	for _, mask := range []byte{0x1F, 0xFF} {
		if at >= len(b) {
			return nil, errors.New("a short avcC")
		}
		n := int(b[at] & mask)
		at++
		for range n {
			if at+2 > len(b) || at+2+int(binary.BigEndian.Uint16(b[at:])) > len(b) {
				return nil, errors.New("a short avcC")
			}
			size := int(binary.BigEndian.Uint16(b[at:]))
			sets = append(sets, b[at+2:at+2+size])
			at += 2 + size
		}
	}
	return sets, nil
}

// cutSamples gives the samples that a moof at b[moof:] lists.
func (f *film) cutSamples(b []byte, moof int, body []byte, cut bool) (samples [][]byte, err error) {
	err = boxes(body, func(kind string, traf []byte) error {
		if kind != "traf" {
			return nil
		}
		size := uint32(0)
		return boxes(traf, func(kind string, p []byte) error {
			if len(p) < 8 {
				return nil
			}
			flags := binary.BigEndian.Uint32(p) & 0xFFFFFF
			switch kind {
			case "tfhd":
				at := 8
				for _, skip := range [][2]uint32{{0x1, 8}, {0x2, 4}, {0x8, 4}} {
					if flags&skip[0] != 0 {
						at += int(skip[1])
					}
				}
				if flags&0x10 != 0 {
					size = binary.BigEndian.Uint32(p[at:])
				}
			case "trun":
				n := int(binary.BigEndian.Uint32(p[4:]))
				p = p[8:]
				if flags&1 == 0 {
					return errors.New("a trun without an offset")
				}
				at := moof + int(int32(binary.BigEndian.Uint32(p)))
				p = p[4:]
				if flags&0x4 != 0 {
					p = p[4:]
				}
				for range n {
					this := size
					for _, field := range []uint32{0x100, 0x200, 0x400, 0x800} {
						if flags&field == 0 {
							continue
						}
						if len(p) < 4 {
							return errors.New("a short trun")
						}
						if field == 0x200 {
							this = binary.BigEndian.Uint32(p)
						}
						p = p[4:]
					}
					if at < 0 || at+int(this) > len(b) {
						return missing(cut, "a sample outside")
					}
					samples = append(samples, b[at:at+int(this)])
					at += int(this)
				}
			}
			return nil
		})
	})
	return samples, err
}

func boxes(b []byte, each func(kind string, body []byte) error) error {
	for len(b) >= 8 {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return errors.New("a box larger than what it is in")
		}
		if err := each(string(b[4:8]), b[8:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

// picture decodes one sample and reads its mark.
func (f *film) picture(sample []byte) (seen, error) {
	var nals [][]byte
	for len(sample) > 4 {
		n := int(binary.BigEndian.Uint32(sample))
		if n > len(sample)-4 {
			return seen{}, errors.New("a NAL unit larger than its sample")
		}
		if nal := sample[4 : 4+n]; n > 0 {
			if nal[0]&31 == 5 && len(nals) == 0 {
				nals = append(nals, f.parameters...)
			}
			nals = append(nals, nal)
		}
		sample = sample[4+n:]
	}
	p, err := f.decoder.Decode(nals...)
	if err != nil {
		return seen{}, err
	}
	return readMark(p.Y, p.YStride, p.Width, p.Height)
}

// still reads the mark of a JPEG.
func still(b []byte) (seen, error) {
	p, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return seen{}, err
	}
	switch p := p.(type) {
	case *image.YCbCr:
		return readMark(p.Y, p.YStride, p.Rect.Dx(), p.Rect.Dy())
	case *image.Gray:
		return readMark(p.Pix, p.Stride, p.Rect.Dx(), p.Rect.Dy())
	}
	return seen{}, fmt.Errorf("a JPEG of %T", p)
}

func readMark(luma []byte, stride, w, h int) (seen, error) {
	c, f, ok := mark.Read(luma, stride, w, h)
	if !ok {
		return seen{}, errNoMark
	}
	return seen{c, f}, nil
}
