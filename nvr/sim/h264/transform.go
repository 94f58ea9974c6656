package h264

// The 4x4 transform, quantisation and their inverses (8.5), with flat scaling matrices.

// zigzag gives the raster position (x + 4y) of each place in scan order (table 8-12, frames).
var zigzag = [16]uint8{0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15}

// quantScale and levelScale are the forward and normAdjust factors by QP mod 6 for the three kinds of positions:
// both coordinates even, both odd, the others.
var (
	quantScale = [6][3]int32{
		{13107, 5243, 8066},
		{11916, 4660, 7490},
		{10082, 4194, 6554},
		{9362, 3647, 5825},
		{8192, 3355, 5243},
		{7282, 2893, 4559},
	}
	levelScale = [6][3]int32{
		{10, 16, 13}, {11, 18, 14}, {13, 20, 16}, {14, 23, 18}, {16, 25, 20}, {18, 29, 23},
	}
)

// chromaQP is table 8-15 from QP 30 on.
var chromaQP = [22]uint8{29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36, 36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39}

// maxLevel is what a level may be so that its escape code is legal in Baseline and Main.
const maxLevel = 2000

// quantiser holds what one QP means for one plane.
type quantiser struct {
	qp     int
	shift  uint      // of AC; DC of DCs has one more
	round  [2]int32  // inter, intra: rounds down by 1/6 and 1/3 of a step
	scale  [16]int32 // forward, in scan order
	level  [16]int32 // back, in scan order, shifted by QP/6
	dcBack int32     // levelScale of DC, not shifted
}

func newQuantiser(qp int) quantiser {
	q := quantiser{qp: qp, shift: uint(15 + qp/6)}
	q.round = [2]int32{1 << q.shift / 6, 1 << q.shift / 3}
	for i, at := range zigzag {
		kind := 2
		switch {
		case at&1 == 0 && at>>2&1 == 0:
			kind = 0
		case at&1 == 1 && at>>2&1 == 1:
			kind = 1
		}
		q.scale[i] = quantScale[qp%6][kind]
		q.level[i] = levelScale[qp%6][kind] << (qp / 6)
	}
	q.dcBack = levelScale[qp%6][0]
	return q
}

const (
	inter = 0
	intra = 1
)

// forward transforms the difference of a 4x4 block of src and pred.
func forward(c *[16]int32, src []byte, stride int, pred []byte, pstride int) {
	_, _ = src[3*stride+3], pred[3*pstride+3]
	for y := range 4 {
		s, p := src[y*stride:y*stride+4:y*stride+4], pred[y*pstride:y*pstride+4:y*pstride+4]
		d0, d1 := int32(s[0])-int32(p[0]), int32(s[1])-int32(p[1])
		d2, d3 := int32(s[2])-int32(p[2]), int32(s[3])-int32(p[3])
		a, b, e, d := d0+d3, d1+d2, d1-d2, d0-d3
		c[4*y], c[4*y+1], c[4*y+2], c[4*y+3] = a+b, 2*d+e, a-b, d-2*e
	}
	for x := range 4 {
		a, b := c[x]+c[x+12], c[x+4]+c[x+8]
		e, d := c[x+4]-c[x+8], c[x]-c[x+12]
		c[x], c[x+4], c[x+8], c[x+12] = a+b, 2*d+e, a-b, d-2*e
	}
}

// quantise fills levels (scan order) from place first on and says how many are not zero.
func (q *quantiser) quantise(levels *[16]int16, c *[16]int32, first, kind int) int {
	n := 0
	round := q.round[kind]
	for i := first; i < 16; i++ {
		v := c[zigzag[i]]
		s := v >> 31
		l := ((v^s-s)*q.scale[i] + round) >> q.shift
		if l != 0 {
			n++
			l = min(l, maxLevel)
		}
		levels[i] = int16(l ^ s - s)
	}
	return n
}

// add puts the inverse transform of levels onto pred and writes the result. When withDC, dc (already scaled) takes
// the place of the first coefficient.
func (q *quantiser) add(dst []byte, stride int, pred []byte, pstride int, levels *[16]int16, dc int32, withDC bool) {
	var c [16]int32
	first := 0
	if withDC {
		c[0] = dc
		first = 1
	}
	for i := first; i < 16; i++ {
		c[zigzag[i]] = int32(levels[i]) * q.level[i]
	}
	for y := 0; y < 16; y += 4 {
		e, f := c[y]+c[y+2], c[y]-c[y+2]
		g, h := c[y+1]>>1-c[y+3], c[y+1]+c[y+3]>>1
		c[y], c[y+1], c[y+2], c[y+3] = e+h, f+g, f-g, e-h
	}
	for x := range 4 {
		e, f := c[x]+c[x+8], c[x]-c[x+8]
		g, h := c[x+4]>>1-c[x+12], c[x+4]+c[x+12]>>1
		dst[x] = clip(int32(pred[x]) + (e+h+32)>>6)
		dst[x+stride] = clip(int32(pred[x+pstride]) + (f+g+32)>>6)
		dst[x+2*stride] = clip(int32(pred[x+2*pstride]) + (f-g+32)>>6)
		dst[x+3*stride] = clip(int32(pred[x+3*pstride]) + (e-h+32)>>6)
	}
}

func clip(v int32) byte {
	if uint32(v) > 255 {
		return byte(^v >> 31)
	}
	return byte(v)
}

// hadamard4 is the transform of the 16 DC coefficients of an Intra 16x16 macroblock, its own inverse but for scale.
func hadamard4(c *[16]int32) {
	for y := 0; y < 16; y += 4 {
		a, b := c[y]+c[y+1], c[y]-c[y+1]
		d, e := c[y+2]+c[y+3], c[y+2]-c[y+3]
		c[y], c[y+1], c[y+2], c[y+3] = a+d, a-d, b-e, b+e
	}
	for x := range 4 {
		a, b := c[x]+c[x+4], c[x]-c[x+4]
		d, e := c[x+8]+c[x+12], c[x+8]-c[x+12]
		c[x], c[x+4], c[x+8], c[x+12] = a+d, a-d, b-e, b+e
	}
}

// lumaDC quantises the DC coefficients (raster order of blocks) to levels in scan order and leaves in c what the
// decoder will have (8.5.10).
func (q *quantiser) lumaDC(levels *[16]int16, c *[16]int32) int {
	hadamard4(c)
	n := 0
	for i, at := range zigzag {
		v := c[at] / 2
		s := v >> 31
		l := int32((int64(v^s-s)*int64(q.scale[0]) + 2*int64(q.round[intra])) >> (q.shift + 1))
		l = min(l, maxLevel)
		if l != 0 {
			n++
		}
		l = l ^ s - s
		levels[i] = int16(l)
		c[at] = l
	}
	q.scaleLumaDC(c)
	return n
}

// scaleLumaDC turns levels in raster order of blocks into what add takes for each block's DC (8.5.10).
func (q *quantiser) scaleLumaDC(c *[16]int32) {
	hadamard4(c)
	for i := range c {
		if q.qp >= 12 {
			c[i] = c[i] * q.dcBack << (q.qp/6 - 2)
		} else {
			c[i] = (c[i]*q.dcBack + 1<<(1-q.qp/6)) >> (2 - q.qp/6)
		}
	}
}

// chromaDC does the same for the four of a chroma plane (8.5.11.1), raster order.
func (q *quantiser) chromaDC(levels *[4]int16, c *[4]int32, kind int) int {
	hadamard2(c)
	n := 0
	for i, v := range c {
		s := v >> 31
		l := int32((int64(v^s-s)*int64(q.scale[0]) + 2*int64(q.round[kind])) >> (q.shift + 1))
		l = min(l, maxLevel)
		if l != 0 {
			n++
		}
		l = l ^ s - s
		levels[i] = int16(l)
		c[i] = l
	}
	q.scaleChromaDC(c)
	return n
}

// scaleChromaDC does as scaleLumaDC for the four of a chroma plane (8.5.11.1).
func (q *quantiser) scaleChromaDC(c *[4]int32) {
	hadamard2(c)
	for i := range c {
		c[i] = c[i] * q.dcBack << (q.qp / 6) >> 1
	}
}

func hadamard2(c *[4]int32) {
	a, b, d, e := c[0]+c[1], c[0]-c[1], c[2]+c[3], c[2]-c[3]
	c[0], c[1], c[2], c[3] = a+d, b+e, a-d, b-e
}
