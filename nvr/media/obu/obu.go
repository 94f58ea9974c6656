// Package obu takes AV1's units apart, as far as that needs no decoder (AV1 specification, 5.3 to 5.9).
package obu

import "encoding/binary"

// Kinds of OBU (6.2.2).
const (
	Sequence  = 1
	Delimiter = 2
	Header    = 3 // of a frame, its tiles follow on their own
	Frame     = 6
	Padding   = 15
)

// OBU is one part of a temporal unit.
type OBU struct {
	Kind     byte
	Extended bool
	Layers   byte // the extension: which temporal and spatial layer it belongs to
	Body     []byte
}

// Next takes the first OBU off. One that does not say its length goes up to the end. False: b is no OBU, or is cut off.
func Next(b []byte) (o OBU, rest []byte, ok bool) {
	const forbidden, extended, sized = 0x80, 4, 2
	if len(b) == 0 || b[0]&forbidden != 0 {
		return OBU{}, nil, false
	}
	head := b[0]
	o.Kind, o.Extended = head>>3&15, head&extended != 0
	b = b[1:]
	if o.Extended {
		if len(b) == 0 {
			return OBU{}, nil, false
		}
		o.Layers, b = b[0], b[1:]
	}
	if head&sized == 0 {
		o.Body = b
		return o, nil, true
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return OBU{}, nil, false
	}
	end := n + int(size)
	o.Body = b[n:end:end]
	return o, b[end:], true
}

// Append writes an OBU, with its length or without.
func (o OBU) Append(b []byte, sized bool) []byte {
	head := o.Kind << 3
	if o.Extended {
		head |= 4
	}
	if sized {
		head |= 2
	}
	b = append(b, head)
	if o.Extended {
		b = append(b, o.Layers)
	}
	if sized {
		b = binary.AppendUvarint(b, uint64(len(o.Body)))
	}
	return append(b, o.Body...)
}

// Key says whether a unit's first picture is a key frame that brings its sequence header: then nothing before it is
// needed. Some cameras repeat the sequence header with every picture.
func Key(unit []byte) bool {
	described, still := false, false
	for len(unit) > 0 {
		o, rest, ok := Next(unit)
		if !ok {
			return false
		}
		unit = rest
		if len(o.Body) == 0 {
			continue
		}
		switch o.Kind {
		case Sequence:
			const reducedStillPicture = 8
			described, still = true, o.Body[0]&reducedStillPicture != 0
		case Header, Frame:
			const existing, kindOfFrame = 0x80, 0x60
			return described && (still || o.Body[0]&(existing|kindOfFrame) == 0)
		}
	}
	return false
}
