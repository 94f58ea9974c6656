package h264

import (
	"fmt"
	"math/bits"
	"sync"
)

// bitReader reads bits, most significant first. Behind the end it reads zeros and is over.
type bitReader struct {
	buf []byte
	at  int // bits read
}

func (r *bitReader) over() bool { return r.at > 8*len(r.buf) }

// peek gives the next n bits without taking them; n ≤ 32.
func (r *bitReader) peek(n int) uint32 {
	var v uint64
	for i := range 5 {
		v <<= 8
		if at := r.at/8 + i; at < len(r.buf) {
			v |= uint64(r.buf[at])
		}
	}
	return uint32(v >> (40 - r.at%8 - n) & (1<<n - 1))
}

func (r *bitReader) take(n int) uint32 {
	v := r.peek(n)
	r.at += n
	return v
}

// ue is the unsigned Exp-Golomb code (9.1); se the signed one (9.1.1).
func (r *bitReader) ue() uint32 {
	zeros := bits.LeadingZeros32(r.peek(32))
	if zeros > 15 { // nothing of ours is that large
		r.at = 8*len(r.buf) + 1
		return 0
	}
	r.at += zeros
	return r.take(zeros+1) - 1
}

func (r *bitReader) se() int32 {
	v := int32(r.ue())
	if v&1 == 1 {
		return v/2 + 1
	}
	return -v / 2
}

// rbsp gives a NAL unit's payload without emulation prevention bytes (7.4.1).
func rbsp(nal []byte) []byte {
	out := make([]byte, 0, len(nal))
	zeros := 0
	for _, b := range nal[1:] {
		if zeros >= 2 && b == 3 {
			zeros = 0
			continue
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

// lookup finds the place of a code by the next width bits: (place << 8 | length), 0 where there is none.
type lookup struct {
	width int
	codes []uint16
}

func newLookup(table []vlc) lookup {
	l := lookup{}
	for _, c := range table {
		l.width = max(l.width, int(c.len))
	}
	l.codes = make([]uint16, 1<<l.width)
	for place, c := range table {
		if c.len == 0 {
			continue
		}
		spare := l.width - int(c.len)
		for i := range 1 << spare {
			l.codes[int(c.bits)<<spare|i] = uint16(place)<<8 | uint16(c.len)
		}
	}
	return l
}

func (r *bitReader) code(l *lookup) (place int, ok bool) {
	c := l.codes[r.peek(l.width)]
	r.at += int(c & 0xFF)
	return int(c >> 8), c != 0
}

// lookups are the tables of CAVLC, the other way around.
type lookups struct {
	tokens  [5]lookup // the last is of chroma DC
	zeros   [15]lookup
	zerosDC [3]lookup
	runs    [7]lookup
}

var allLookups = sync.OnceValue(func() *lookups {
	l := &lookups{}
	for i := range coeffTokens {
		l.tokens[i] = newLookup(coeffTokens[i][:])
	}
	l.tokens[4] = newLookup(coeffTokenDC[:])
	for i := range totalZeros {
		l.zeros[i] = newLookup(totalZeros[i][:])
	}
	for i := range totalZerosDC {
		l.zerosDC[i] = newLookup(totalZerosDC[i][:])
	}
	for i := range runBefore {
		l.runs[i] = newLookup(runBefore[i][:])
	}
	return l
})

func (l *lookups) token(nc int) *lookup {
	switch {
	case nc == chromaDC:
		return &l.tokens[4]
	case nc < 2:
		return &l.tokens[0]
	case nc < 4:
		return &l.tokens[1]
	case nc < 8:
		return &l.tokens[2]
	}
	return &l.tokens[3]
}

// residual reads one block of levels in scan order and says how many are not zero: bitWriter.residual the other way.
func (r *bitReader) residual(levels []int16, nc int) (int, error) {
	clear(levels)
	tables := allLookups()
	token, ok := r.code(tables.token(nc))
	total, ones := token/4, token%4
	if !ok || total > len(levels) {
		return 0, fmt.Errorf("no coeff_token at bit %d", r.at)
	}
	if total == 0 {
		return 0, nil
	}
	var value [16]int32
	for i := range ones {
		value[i] = 1 - 2*int32(r.take(1))
	}
	if err := r.levels(value[ones:total], total, ones); err != nil {
		return 0, err
	}
	zeros := 0
	if total < len(levels) {
		table := &tables.zeros[total-1]
		if len(levels) == 4 {
			table = &tables.zerosDC[total-1]
		}
		if zeros, ok = r.code(table); !ok || total+zeros > len(levels) {
			return 0, fmt.Errorf("no total_zeros at bit %d", r.at)
		}
	}
	at := total + zeros - 1
	for i := range total {
		levels[at] = int16(value[i])
		run := 0
		if i < total-1 && zeros > 0 {
			if run, ok = r.code(&tables.runs[min(zeros, 7)-1]); !ok || run > zeros {
				return 0, fmt.Errorf("no run_before at bit %d", r.at)
			}
			zeros -= run
		}
		at -= run + 1
	}
	return total, nil
}

// levels reads those that are no trailing ones (9.2.2.1).
func (r *bitReader) levels(value []int32, total, ones int) error {
	suffix := 0
	if total > 10 && ones < 3 {
		suffix = 1
	}
	for i := range value {
		prefix := bits.LeadingZeros32(r.peek(32))
		if prefix > 15 {
			return fmt.Errorf("level_prefix %d at bit %d", prefix, r.at)
		}
		r.at += prefix + 1
		code := prefix << suffix
		size := suffix
		switch {
		case prefix == 14 && suffix == 0:
			size = 4
		case prefix == 15:
			size = 12
		}
		code += int(r.take(size))
		if prefix == 15 && suffix == 0 {
			code += 15
		}
		if i == 0 && ones < 3 {
			code += 2
		}
		v := int32(code+2) >> 1
		if code&1 == 1 {
			v = int32(-code-1) >> 1
		}
		value[i] = v
		if suffix == 0 {
			suffix = 1
		}
		if max(v, -v) > 3<<(suffix-1) && suffix < 6 {
			suffix++
		}
	}
	return nil
}
