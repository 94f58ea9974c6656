package mark

// The strip's cells, the smallest picture it fits, and the two lumas it is drawn with.
const (
	Rows    = 2
	Columns = 32
	// RowsPerPicture is how many rows of cells would fill the picture from top to bottom.
	RowsPerPicture = 36

	MinWidth  = 128
	MinHeight = 72

	Black = 32
	White = 208

	leastContrast = 48
)

// Height is how many rows of pixels the mark covers in a picture h pixels high, from the top.
func Height(h int) int { return (Rows*h + RowsPerPicture - 1) / RowsPerPicture }

// Bits packs a mark's content: camera, frame and CRC, most significant bit first.
func Bits(camera uint16, frame uint32) uint64 {
	v := uint64(camera)<<32 | uint64(frame)
	return v<<16 | uint64(crc(v))
}

// Draw writes the mark into a luma plane of w × h pixels, rows stride bytes apart. A picture smaller than MinWidth x
// MinHeight is left alone.
func Draw(luma []byte, stride, w, h int, camera uint16, frame uint32) {
	if w < MinWidth || h < MinHeight {
		return
	}
	bits := Bits(camera, frame)
	for r := range Rows {
		y0, y1 := r*h/RowsPerPicture, (r+1)*h/RowsPerPicture
		line := luma[y0*stride : y0*stride+w]
		for i := range Columns {
			v := byte(Black)
			if bits>>(63-r*Columns-i)&1 == 1 {
				v = White
			}
			cell := line[i*w/Columns : (i+1)*w/Columns]
			for x := range cell {
				cell[x] = v
			}
		}
		for y := y0 + 1; y < y1; y++ {
			copy(luma[y*stride:y*stride+w], line)
		}
	}
}

// Read finds the mark in a luma plane of w × h pixels, rows stride bytes apart. ok is false when there is none.
func Read(luma []byte, stride, w, h int) (camera uint16, frame uint32, ok bool) {
	if w < Columns || h < RowsPerPicture || stride < w || len(luma) < (h-1)*stride+w {
		return 0, 0, false
	}
	var cells [Rows * Columns]float64
	lo, hi := 255.0, 0.0
	for n := range cells {
		v := inner(luma, stride, w, h, n%Columns, n/Columns)
		cells[n] = v
		lo, hi = min(lo, v), max(hi, v)
	}
	if hi-lo < leastContrast {
		return 0, 0, false
	}
	middle, doubt := (lo+hi)/2, (hi-lo)/10
	var bits uint64
	for _, v := range cells {
		bits <<= 1
		switch {
		case v > middle+doubt:
			bits |= 1
		case v >= middle-doubt:
			return 0, 0, false
		}
	}
	if crc(bits>>16) != uint16(bits) {
		return 0, 0, false
	}
	return uint16(bits >> 48), uint32(bits >> 16), true
}

// inner is the mean luma of the inner half of cell i in row r.
func inner(luma []byte, stride, w, h, i, r int) float64 {
	x0, x1 := middleHalf(i, w, Columns)
	y0, y1 := middleHalf(r, h, RowsPerPicture)
	sum := 0
	for y := y0; y < y1; y++ {
		for _, v := range luma[y*stride+x0 : y*stride+x1] {
			sum += int(v)
		}
	}
	return float64(sum) / float64((x1-x0)*(y1-y0))
}

// middleHalf gives the pixels whose centres lie in the middle half of part i of n parts of size pixels, or the pixel
// in the very middle when there is none.
func middleHalf(i, size, n int) (from, to int) {
	// x+1/2 ≥ (4i+1)·size/(4n)  ⇔  x ≥ ((4i+1)·size − 2n) / 4n, rounded up.
	from = ceilDiv((4*i+1)*size-2*n, 4*n)
	to = ceilDiv((4*i+3)*size-2*n, 4*n)
	if to <= from {
		from = (2*i + 1) * size / (2 * n)
		to = from + 1
	}
	return from, to
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// crc is CRC-16/IBM-3740 over the low 48 bits of v, big-endian.
func crc(v uint64) uint16 {
	c := uint16(0xFFFF)
	for shift := 40; shift >= 0; shift -= 8 {
		c ^= uint16(v>>shift&0xFF) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
	}
	return c
}
