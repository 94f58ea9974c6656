package box

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed says that bytes are no box, or that a box ends beyond what holds it.
var ErrMalformed = errors.New("malformed MP4 box")

// Begin appends the head of a box of the given kind (four letters) and returns where it starts, for End.
func Begin(b []byte, kind string) ([]byte, int) {
	at := len(b)
	b = append(b, 0, 0, 0, 0)
	return append(b, kind...), at
}

// BeginFull is Begin for a box with a version and flags.
func BeginFull(b []byte, kind string, version uint8, flags uint32) ([]byte, int) {
	b, at := Begin(b, kind)
	return U32(b, uint32(version)<<24|flags&0xffffff), at
}

// End fills in the size of the box that starts at at.
func End(b []byte, at int) []byte {
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	return b
}

// U16 appends a big-endian number, as U32 and U64 do.
func U16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }

// U32 appends a big-endian number.
func U32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

// U64 appends a big-endian number.
func U64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// Zeros appends n zero bytes.
func Zeros(b []byte, n int) []byte {
	for ; n >= 8; n -= 8 {
		b = U64(b, 0)
	}
	for ; n > 0; n-- {
		b = append(b, 0)
	}
	return b
}

// Box is one box, read in place.
type Box struct {
	Kind string
	// Head is the length of size and kind, 8 or 16 bytes.
	Head int
	// Body is what follows them, without a copy.
	Body []byte
}

// Size is the length of the whole box in bytes.
func (x Box) Size() int { return x.Head + len(x.Body) }

// Next reads the first box of b and returns what follows it. A box that ends beyond b is ErrMalformed.
func Next(b []byte) (Box, []byte, error) {
	if len(b) < 8 {
		return Box{}, nil, fmt.Errorf("%w: %d bytes left", ErrMalformed, len(b))
	}
	head, size := 8, uint64(binary.BigEndian.Uint32(b))
	switch size {
	case 0: // to the end of what holds it
		size = uint64(len(b))
	case 1:
		if len(b) < 16 {
			return Box{}, nil, fmt.Errorf("%w: cut in its size", ErrMalformed)
		}
		head, size = 16, binary.BigEndian.Uint64(b[8:])
	}
	if size < uint64(head) || size > uint64(len(b)) {
		return Box{}, nil, fmt.Errorf("%w: %q says %d bytes, %d are there", ErrMalformed, b[4:8], size, len(b))
	}
	return Box{Kind: string(b[4:8]), Head: head, Body: b[head:size]}, b[size:], nil
}

// Find returns the body of the first box of the given kind in b, or nil. A path of kinds goes down level by level.
func Find(b []byte, path ...string) []byte {
	for _, kind := range path {
		found := false
		for len(b) > 0 {
			x, rest, err := Next(b)
			if err != nil {
				return nil
			}
			if x.Kind == kind {
				b, found = x.Body, true
				break
			}
			b = rest
		}
		if !found {
			return nil
		}
	}
	return b
}
