//go:build cgo

package main

// bitReader reads the start of a NAL unit's payload, most significant bit first. What was read beyond its end is 0 and
// makes it spent.
type bitReader struct {
	b     []byte
	pos   int // in bits
	spent bool
}

// headBytes is how much of a NAL unit is read at most; a slice's header is much shorter.
const headBytes = 96

// unescape copies the start of a NAL unit to dst without its emulation prevention bytes (H.264, 7.4.1; H.265, 7.4.2).
func unescape(dst *[headBytes]byte, nal []byte) []byte {
	n, zeros := 0, 0
	for _, b := range nal {
		if n == len(dst) {
			break
		}
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst[n] = b
		n++
	}
	return dst[:n]
}

func (r *bitReader) flag() bool { return r.bits(1) != 0 }

// bits reads n bits, up to 32.
func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.pos >= 8*len(r.b) {
			r.spent = true
			continue
		}
		v |= uint32(r.b[r.pos>>3]>>(7-r.pos&7)) & 1
		r.pos++
	}
	return v
}

// ue reads an unsigned Exp-Golomb code (H.264, 9.1).
func (r *bitReader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		if zeros++; zeros > 31 || r.spent {
			r.spent = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se reads a signed one (9.1.1).
func (r *bitReader) se() int {
	v := r.ue()
	if v%2 == 1 {
		return int(v/2) + 1
	}
	return -int(v / 2)
}
