package h264

// macroblock is the work on one macroblock.
type macroblock struct {
	x, y   int // in macroblocks
	py, pc int // place of its first pixel in Y, and in Cb and Cr

	predY, tryY [256]byte
	predC, tryC [2][64]byte
	coef        [16]int32
	dcs         [16]int32
	luma        [16][16]int16 // levels in scan order, by block in raster order
	lumaDC      [16]int16
	nz          [16]int // levels in each block of luma, without DC in Intra 16x16
	chromaDC    [2][4]int16
	chroma      [2][4][16]int16
	nzC         [2][4]int
	dcC         [2][4]int32 // scaled back
}

// blockOrder is the order in which 4x4 blocks are coded (6.4.3), as raster positions.
var blockOrder = [16]uint8{0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15}

// interCBP gives the code number of a coded_block_pattern in inter macroblocks (table 9-4).
var interCBP = [48]uint8{
	0, 2, 3, 7, 4, 8, 17, 13, 5, 18, 9, 14, 10, 15, 16, 11,
	1, 32, 33, 36, 34, 37, 44, 40, 35, 45, 38, 41, 39, 42, 43, 19,
	6, 24, 25, 20, 26, 21, 46, 28, 27, 47, 22, 29, 23, 30, 31, 12,
}

// slice codes all macroblocks of the picture.
func (e *Encoder) slice(k kind) {
	for i := range e.nnz {
		clear(e.nnz[i])
	}
	if k == kindP {
		e.rec.copyFrom(e.ref) // so that a skipped macroblock that did not move is done
	}
	e.skipped = 0
	m := &e.mb
	for m.y = range e.mbh {
		for m.x = range e.mbw {
			m.py = 16*m.y*e.cur.YStride + 16*m.x
			m.pc = 8*m.y*e.cur.CStride + 8*m.x
			switch k {
			case kindI:
				e.moved[m.y*e.mbw+m.x] = neighbour{ref: -1}
				e.codeIntra(0)
			case kindP:
				e.codeP()
			case kindB:
				e.codeB()
			}
		}
	}
	if e.skipped > 0 {
		e.w.ue(e.skipped)
	}
}

// codeP decides how to code a macroblock of a P-picture.
func (e *Encoder) codeP() {
	m := &e.mb
	at := m.y*e.mbw + m.x
	predicted := e.predictVector(m.x, m.y)
	skip := e.skipVector(m.x, m.y, predicted)
	still := e.still()
	if still && skip == (vector{}) {
		e.moved[at] = neighbour{}
		e.skipped++
		return
	}
	var v vector
	if !still {
		var cost int
		v, cost = e.search(16*m.x, 16*m.y, predicted)
		if cost > 1000 {
			if _, c := e.bestIntra(); c+12*e.lambda < cost {
				e.moved[at] = neighbour{ref: -1}
				e.w.ue(e.skipped)
				e.skipped = 0
				e.codeIntra(5)
				return
			}
		}
	}
	e.moved[at] = neighbour{v: v}
	m.predictInter(e.ref, 16*m.x, 16*m.y, v)
	cbp := 0
	if !still {
		cbp = e.transformInter()
	}
	e.reconstructInter(cbp)
	if cbp == 0 && v == skip {
		e.skipped++
		return
	}
	w := &e.w
	w.ue(e.skipped)
	e.skipped = 0
	w.ue(0) // P_L0_16x16
	w.se(4 * int32(v.x-predicted.x))
	w.se(4 * int32(v.y-predicted.y))
	e.writeInter(cbp)
}

// codeB codes a macroblock from the picture before, the one after, or both, without motion.
func (e *Encoder) codeB() {
	m := &e.mb
	x, y := 16*m.x, 16*m.y
	src := e.cur.Y[m.py:]
	stride := e.cur.YStride
	m.predictInter(e.ref, x, y, vector{})
	past, pastC := m.predY, m.predC
	m.predictInter(e.ref1, x, y, vector{})
	next, nextC := m.predY, m.predC
	mean(m.tryY[:], past[:], next[:])
	const far = 1 << 30
	best, mbType := sad16(src, stride, past[:], 16, far), uint32(1) // B_L0_16x16
	m.predY, m.predC = past, pastC
	if c := sad16(src, stride, next[:], 16, far); c < best {
		best, mbType = c, 2 // B_L1_16x16
		m.predY, m.predC = next, nextC
	}
	if c := sad16(src, stride, m.tryY[:], 16, far); c+2*e.lambda < best {
		mbType = 3 // B_Bi_16x16
		m.predY = m.tryY
		mean(m.predC[0][:], pastC[0][:], nextC[0][:])
		mean(m.predC[1][:], pastC[1][:], nextC[1][:])
	}
	cbp := e.transformInter()
	e.reconstructInter(cbp)
	w := &e.w
	w.ue(0) // nothing skipped: B_Skip would need direct prediction
	w.ue(mbType)
	n := 2
	if mbType == 3 {
		n = 4
	}
	w.put(1<<n-1, uint(n)) // all vectors are as predicted: zero
	e.writeInter(cbp)
}

// mean is the default weighted prediction (8.4.2.3.1).
func mean(out, a, b []byte) {
	for i := range out {
		out[i] = byte((int(a[i]) + int(b[i]) + 1) >> 1)
	}
}

// still says that the macroblock differs from the same place of the reference by no more than noise below the
// quantiser.
func (e *Encoder) still() bool {
	c, r, m := e.cur, e.ref, &e.mb
	for i := range 4 {
		at := m.py + i/2*8*c.YStride + i%2*8
		sad, sum := compare8(c.Y[at:], c.YStride, r.Y[at:], r.YStride)
		if sad > e.stillSAD[0] || sum > e.stillSum || -sum > e.stillSum {
			return false
		}
	}
	sad, sum := compare8(c.Cb[m.pc:], c.CStride, r.Cb[m.pc:], r.CStride)
	if sad > e.stillSAD[1] || sum > e.stillSum || -sum > e.stillSum {
		return false
	}
	sad, sum = compare8(c.Cr[m.pc:], c.CStride, r.Cr[m.pc:], r.CStride)
	return sad <= e.stillSAD[1] && sum <= e.stillSum && -sum <= e.stillSum
}

// transformInter fills all levels from the difference to the prediction and gives the coded_block_pattern.
func (e *Encoder) transformInter() int {
	m := &e.mb
	cbp := 0
	for b8 := range 4 {
		n, size := 0, 0
		for i := range 4 {
			b := int(blockOrder[4*b8+i])
			bx, by := b%4*4, b/4*4
			forward(&m.coef, e.cur.Y[m.py+by*e.cur.YStride+bx:], e.cur.YStride, m.predY[16*by+bx:], 16)
			m.nz[b] = e.q.quantise(&m.luma[b], &m.coef, 0, inter)
			n += m.nz[b]
			if n > 0 && n <= 2 {
				for _, l := range m.luma[b] {
					size += int(max(l, -l))
				}
			}
		}
		switch {
		case n > 2 || size > 2:
			cbp |= 1 << b8
		case n > 0: // one or two lonely ones are noise, and cost more than they show
			for i := range 4 {
				b := blockOrder[4*b8+i]
				m.luma[b], m.nz[b] = [16]int16{}, 0
			}
		}
	}
	return cbp | e.transformChroma(inter)<<4
}

// transformChroma fills the levels of both chroma planes: 0 there are none, 1 only DC, 2 more.
func (e *Encoder) transformChroma(kind int) int {
	m := &e.mb
	result := 0
	for p, plane := range [2][]byte{e.cur.Cb, e.cur.Cr} {
		for b := range 4 {
			bx, by := b%2*4, b/2*4
			forward(&m.coef, plane[m.pc+by*e.cur.CStride+bx:], e.cur.CStride, m.predC[p][8*by+bx:], 8)
			m.dcC[p][b] = m.coef[0]
			m.nzC[p][b] = e.qc.quantise(&m.chroma[p][b], &m.coef, 1, kind)
			if m.nzC[p][b] > 0 {
				result = 2
			}
		}
		if e.qc.chromaDC(&m.chromaDC[p], &m.dcC[p], kind) > 0 {
			result = max(result, 1)
		}
	}
	return result
}

// reconstructInter writes what the decoder will have.
func (e *Encoder) reconstructInter(cbp int) {
	m := &e.mb
	if cbp&15 == 0 {
		for y := range 16 {
			copy(e.rec.Y[m.py+y*e.rec.YStride:][:16], m.predY[16*y:16*y+16])
		}
	} else {
		for b := range 16 {
			bx, by := b%4*4, b/4*4
			dst, pred := e.rec.Y[m.py+by*e.rec.YStride+bx:], m.predY[16*by+bx:]
			if m.nz[b] > 0 {
				e.q.add(dst, e.rec.YStride, pred, 16, &m.luma[b], 0, false)
			} else {
				copy4(dst, e.rec.YStride, pred, 16)
			}
		}
	}
	e.reconstructChroma(cbp >> 4)
}

func (e *Encoder) reconstructChroma(coded int) {
	m := &e.mb
	for p, plane := range [2][]byte{e.rec.Cb, e.rec.Cr} {
		for b := range 4 {
			bx, by := b%2*4, b/2*4
			dst, pred := plane[m.pc+by*e.rec.CStride+bx:], m.predC[p][8*by+bx:]
			if coded > 0 && (m.dcC[p][b] != 0 || m.nzC[p][b] > 0) {
				e.qc.add(dst, e.rec.CStride, pred, 8, &m.chroma[p][b], m.dcC[p][b], true)
			} else {
				copy4(dst, e.rec.CStride, pred, 8)
			}
		}
	}
}

func copy4(dst []byte, stride int, src []byte, sstride int) {
	for y := range 4 {
		copy(dst[y*stride:y*stride+4], src[y*sstride:y*sstride+4])
	}
}
