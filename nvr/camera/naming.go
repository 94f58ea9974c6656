package camera

import "bytes"

// What a payload is, and what a NAL unit is for.
const (
	single = iota
	several
	fragment
	unknown
)

const (
	content    = iota // belongs into the sample
	parameters        // SPS, PPS, VPS
	dropped           // delimiters, filler, ends of sequence
	invalid
)

// naming is where H.264 and H.265 differ: the NAL unit header and the numbers of the types.
type naming struct {
	hevc   bool
	header int // bytes
}

func h264Naming() naming { return naming{header: 1} }
func h265Naming() naming { return naming{hevc: true, header: 2} }

func (k naming) typ(n []byte) int {
	if k.hevc {
		return int(n[0] >> 1 & 0x3f)
	}
	return int(n[0] & 0x1f)
}

// form says how NAL units are packed into a payload, and how many bytes come before the first of several.
func (k naming) form(b []byte) (form, skip int) {
	t := k.typ(b)
	if k.hevc {
		switch {
		case t == 48:
			return several, 2
		case t == 49:
			return fragment, 0
		case t < 48:
			return single, 0
		}
		return unknown, 0
	}
	switch {
	case t == 24:
		return several, 1
	case t == 28:
		return fragment, 0
	case t < 24: // 0 is none, but some send start codes
		return single, 0
	}
	return unknown, 0
}

// fragment reads the header of a fragment: the header of the NAL unit that it is of, whether it begins or ends it,
// and its part.
func (k naming) fragment(b []byte) (head [2]byte, begin, end bool, rest []byte, err error) {
	if len(b) < k.header+2 {
		return head, false, false, nil, errShortPacket
	}
	fu := b[k.header]
	begin, end = fu&0x80 != 0, fu&0x40 != 0
	if k.hevc {
		head = [2]byte{b[0]&0x81 | fu&0x3f<<1, b[1]}
	} else {
		head[0] = b[0]&0xe0 | fu&0x1f
	}
	return head, begin, end, b[k.header+1:], nil
}

// isSlice says whether a NAL unit holds a part of a picture (VCL).
func (k naming) isSlice(n []byte) bool {
	if n[0]&0x80 != 0 {
		return false
	}
	t := k.typ(n)
	if k.hevc {
		return t <= 9 || t >= 16 && t <= 21
	}
	return t >= 1 && t <= 5
}

// picture says of a slice whether a decoder can start with it (IDR; in H.265 also CRA and BLA), and whether it is a
// RASL picture.
func (k naming) picture(n []byte) (key, leading bool) {
	t := k.typ(n)
	if k.hevc {
		return t >= 16 && t <= 21, t == 8 || t == 9
	}
	return t == 5, false
}

func (k naming) role(n []byte) int {
	if n[0]&0x80 != 0 {
		return invalid // forbidden_zero_bit
	}
	t := k.typ(n)
	if k.hevc {
		switch t {
		case 32, 33, 34:
			return parameters
		case 35, 36, 37, 38:
			return dropped
		}
		return content
	}
	switch t {
	case 7, 8:
		return parameters
	case 0, 9, 10, 11, 12:
		return dropped
	}
	return content
}

// beginsPicture says whether a payload is surely the first of a picture: a delimiter, a sequence parameter set, or
// the slice that has the upper left corner (its header starts with a one: first_mb_in_slice is 0, or
// first_slice_segment_in_pic_flag is set).
func (k naming) beginsPicture(b []byte) bool {
	if len(b) < k.header+2 {
		return false
	}
	form, skip := k.form(b)
	switch form {
	case fragment:
		head, begin, _, rest, err := k.fragment(b)
		return err == nil && begin && k.isSlice(head[:]) && len(rest) > 0 && rest[0]&0x80 != 0
	case several:
		if b = b[skip:]; len(b) < 2+k.header+1 {
			return false
		}
		b = b[2:]
	case unknown:
		return false
	}
	if k.isSlice(b) {
		return len(b) > k.header && b[k.header]&0x80 != 0
	}
	t := k.typ(b)
	if k.hevc {
		return t == 32 || t == 33 || t == 35
	}
	return t == 7 || t == 9
}

// splitStartCodes takes apart what a camera packed with Annex B start codes; nil if there are none. In a NAL unit
// these bytes cannot occur otherwise.
func splitStartCodes(n []byte) [][]byte {
	code := []byte{0, 0, 1}
	i := bytes.Index(n, code)
	if i < 0 {
		return nil
	}
	parts := [][]byte{}
	for {
		part := bytes.TrimRight(n[:i], "\x00")
		if len(part) > 0 {
			parts = append(parts, part)
		}
		n = n[i+3:]
		if i = bytes.Index(n, code); i < 0 {
			break
		}
	}
	if len(n) > 0 {
		parts = append(parts, n)
	}
	return parts
}
