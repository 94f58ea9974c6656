package h264

import "math/bits"

// bitWriter collects bits, most significant first.
type bitWriter struct {
	buf []byte
	acc uint64 // the low n bits are not in buf yet
	n   uint
}

func (w *bitWriter) reset() { *w = bitWriter{buf: w.buf[:0]} }

// put writes the low n bits of v; n ≤ 32 and v has no higher bits.
func (w *bitWriter) put(v uint32, n uint) {
	w.acc = w.acc<<n | uint64(v)
	w.n += n
	if w.n >= 32 {
		w.n -= 32
		x := uint32(w.acc >> w.n)
		w.buf = append(w.buf, byte(x>>24), byte(x>>16), byte(x>>8), byte(x))
	}
}

// ue is the unsigned Exp-Golomb code (9.1).
func (w *bitWriter) ue(v uint32) {
	n := uint(bits.Len32(v + 1))
	w.put(0, n-1)
	w.put(v+1, n)
}

// se is the signed one (9.1.1).
func (w *bitWriter) se(v int32) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
	} else {
		w.ue(uint32(-2 * v))
	}
}

// finish writes the stop bit and fills up the byte (rbsp_trailing_bits).
func (w *bitWriter) finish() []byte {
	w.put(1, 1)
	if w.n%8 != 0 {
		w.put(0, 8-w.n%8)
	}
	for w.n > 0 {
		w.n -= 8
		w.buf = append(w.buf, byte(w.acc>>w.n))
	}
	return w.buf
}

// nal puts the header byte before a payload and emulation prevention bytes into it (7.4.1).
func nal(header byte, rbsp []byte) []byte {
	out := make([]byte, 1, len(rbsp)+len(rbsp)/256+8)
	out[0] = header
	zeros := 0
	for _, b := range rbsp {
		if zeros >= 2 && b <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}
