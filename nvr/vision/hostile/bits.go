package hostile

import "bytes"

// bits writes the syntax of H.264, H.265 and AV1, bit by bit.
type bits struct {
	b []byte
	n int // bits
}

func (w *bits) u(n int, v uint64) *bits {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
	return w
}

// ue writes an unsigned Exp-Golomb code.
func (w *bits) ue(v uint64) *bits {
	n := 0
	for (v+1)>>(n+1) != 0 {
		n++
	}
	return w.u(n, 0).u(n+1, v+1)
}

// rest copies bits from position from on.
func (w *bits) rest(b []byte, from int) *bits { return w.part(b, from, 8*len(b)) }

// part copies bits from position from up to position to.
func (w *bits) part(b []byte, from, to int) *bits {
	for ; from < to; from++ {
		w.u(1, uint64(b[from/8]>>(7-from%8)&1))
	}
	return w
}

// nal ends what was written and puts the header before it, with the bytes in between that keep start codes out.
func (w *bits) nal(header ...byte) []byte {
	w.u(1, 1)
	return escape(header, w.b)
}

func escape(header, body []byte) []byte {
	out := bytes.Clone(header)
	zeros := 0
	for _, v := range body {
		if zeros >= 2 && v <= 3 {
			out = append(out, 3)
			zeros = 0
		}
		out = append(out, v)
		if zeros++; v != 0 {
			zeros = 0
		}
	}
	return out
}

func unescape(b []byte) []byte { return bytes.ReplaceAll(b, []byte{0, 0, 3}, []byte{0, 0}) }

// golomb reads an unsigned Exp-Golomb code and says where the next one begins.
func golomb(b []byte, at int) (v uint64, next int) {
	bit := func() uint64 {
		if at >= 8*len(b) {
			return 1
		}
		v := uint64(b[at/8] >> (7 - at%8) & 1)
		at++
		return v
	}
	n := 0
	for n < 32 && bit() == 0 {
		n++
	}
	v = 1
	for range n {
		v = v<<1 | bit()
	}
	return v - 1, at
}
