package h264

// vector is a motion vector in whole luma pixels; in the stream it is in quarters.
type vector struct{ x, y int16 }

// neighbour is what motion prediction knows of a macroblock: ref is −1 where it is intra coded, out of the picture or
// predicted from elsewhere.
type neighbour struct {
	v   vector
	ref int8
}

// neighbours gives A (left), B (above) and C (above right, else above left) of macroblock x, y (8.4.1.3.2).
func (e *Encoder) neighbours(x, y int) (a, b, c neighbour, anyBC bool) {
	none := neighbour{ref: -1}
	a, b, c = none, none, none
	at := y*e.mbw + x
	if x > 0 {
		a = e.moved[at-1]
	}
	if y == 0 {
		return a, b, c, false
	}
	b = e.moved[at-e.mbw]
	switch {
	case x+1 < e.mbw:
		c = e.moved[at-e.mbw+1]
	case x > 0:
		c = e.moved[at-e.mbw-1]
	}
	return a, b, c, true
}

// predictVector is the median prediction (8.4.1.3) for 16x16 and reference 0.
func (e *Encoder) predictVector(x, y int) vector {
	a, b, c, anyBC := e.neighbours(x, y)
	if !anyBC {
		if x == 0 {
			return vector{}
		}
		return a.v
	}
	switch {
	case a.ref == 0 && b.ref != 0 && c.ref != 0:
		return a.v
	case a.ref != 0 && b.ref == 0 && c.ref != 0:
		return b.v
	case a.ref != 0 && b.ref != 0 && c.ref == 0:
		return c.v
	}
	return vector{median(a.v.x, b.v.x, c.v.x), median(a.v.y, b.v.y, c.v.y)}
}

// skipVector is the vector that P_Skip implies (8.4.1.1).
func (e *Encoder) skipVector(x, y int, predicted vector) vector {
	if x == 0 || y == 0 {
		return vector{}
	}
	at := y*e.mbw + x
	still := neighbour{}
	if e.moved[at-1] == still || e.moved[at-e.mbw] == still {
		return vector{}
	}
	return predicted
}

func median(a, b, c int16) int16 { return max(min(a, b), min(max(a, b), c)) }

// search finds a vector for the macroblock at pixel px, py, starting from those of its neighbours, and its cost: the
// sum of absolute differences plus lambda for each bit of the vector.
func (e *Encoder) search(px, py int, predicted vector) (best vector, cost int) {
	src := e.cur.Y[py*e.cur.YStride+px:]
	stride := e.cur.YStride
	cost = 1 << 30
	try := func(v vector) bool {
		x, y := px+int(v.x), py+int(v.y)
		if x < 0 || y < 0 || x > stride-16 || y > 16*e.mbh-16 {
			return false
		}
		c := e.lambda * (vectorBits(v.x-predicted.x) + vectorBits(v.y-predicted.y))
		if c >= cost {
			return false
		}
		c += sad16(src, stride, e.ref.Y[y*stride+x:], stride, cost-c)
		if c >= cost {
			return false
		}
		best, cost = v, c
		return true
	}
	try(vector{})
	try(predicted)
	at := py/16*e.mbw + px/16
	if px > 0 {
		try(e.moved[at-1].v)
	}
	if py > 0 {
		try(e.moved[at-e.mbw].v)
	}
	for _, step := range [...]int16{6, 3, 2, 1} {
		for range 6 {
			from := best
			better := try(vector{from.x + step, from.y})
			better = try(vector{from.x - step, from.y}) || better
			better = try(vector{from.x, from.y + step}) || better
			better = try(vector{from.x, from.y - step}) || better
			if !better {
				break
			}
		}
	}
	return best, cost
}

// vectorBits is about how many bits a difference of v whole pixels takes.
func vectorBits(v int16) int {
	if v < 0 {
		v = -v
	}
	n := 1
	for v != 0 {
		n += 2
		v >>= 1
	}
	if n > 1 {
		n += 4 // quarters
	}
	return n
}

// predictInter fills the prediction of the macroblock at pixel px, py out of ref (8.4.2.2). Chroma falls between
// pixels where a component of the vector is odd.
func (m *macroblock) predictInter(ref *Picture, px, py int, v vector) {
	x, y := px+int(v.x), py+int(v.y)
	for r := range 16 {
		at := (y+r)*ref.YStride + x
		copy(m.predY[16*r:16*r+16], ref.Y[at:at+16])
	}
	if v.x&1 == 0 && v.y&1 == 0 {
		for r := range 8 {
			at := (y/2+r)*ref.CStride + x/2
			copy(m.predC[0][8*r:8*r+8], ref.Cb[at:at+8])
			copy(m.predC[1][8*r:8*r+8], ref.Cr[at:at+8])
		}
		return
	}
	halfChroma(&m.predC[0], ref.Cb, ref.CStride, x, y)
	halfChroma(&m.predC[1], ref.Cr, ref.CStride, x, y)
}

// halfChroma interpolates at half chroma pixels; x and y are luma pixels. Beyond the edge the last pixel repeats.
func halfChroma(pred *[64]byte, plane []byte, stride, x, y int) {
	dx, dy := x&1*4, y&1*4
	rows := len(plane) / stride
	for r := range 8 {
		y0 := y>>1 + r
		y1 := min(y0+1, rows-1)
		for c := range 8 {
			x0 := x>>1 + c
			x1 := min(x0+1, stride-1)
			v := (8-dx)*(8-dy)*int(plane[y0*stride+x0]) + dx*(8-dy)*int(plane[y0*stride+x1]) +
				(8-dx)*dy*int(plane[y1*stride+x0]) + dx*dy*int(plane[y1*stride+x1])
			pred[8*r+c] = byte((v + 32) >> 6)
		}
	}
}
