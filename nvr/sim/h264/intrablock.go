package h264

// bestIntra chooses a mode for luma, leaves its prediction in predY and gives its cost in absolute differences. It
// writes over predY and tryY.
func (e *Encoder) bestIntra() (mode, cost int) {
	m := &e.mb
	left, top := m.x > 0, m.y > 0
	src := e.cur.Y[m.py:]
	cost = 1 << 30
	for try := predVertical; try <= predPlane; try++ {
		if !possible(try, left, top) {
			continue
		}
		predictLuma(&m.tryY, e.rec.Y, m.py, e.rec.YStride, try, left, top)
		if c := sad16(src, e.cur.YStride, m.tryY[:], 16, cost); c < cost {
			mode, cost = try, c
			m.predY = m.tryY
		}
	}
	return mode, cost
}

func (e *Encoder) bestIntraChroma() (mode int) {
	m := &e.mb
	left, top := m.x > 0, m.y > 0
	cost := 1 << 30
	for try := predVertical; try <= predPlane; try++ {
		if !possible(try, left, top) {
			continue
		}
		predictChroma(&m.tryC[0], e.rec.Cb, m.pc, e.rec.CStride, try, left, top)
		predictChroma(&m.tryC[1], e.rec.Cr, m.pc, e.rec.CStride, try, left, top)
		cb, _ := compare8(e.cur.Cb[m.pc:], e.cur.CStride, m.tryC[0][:], 8)
		cr, _ := compare8(e.cur.Cr[m.pc:], e.cur.CStride, m.tryC[1][:], 8)
		if cb+cr < cost {
			mode, cost = try, cb+cr
			m.predC = m.tryC
		}
	}
	return mode
}

func possible(mode int, left, top bool) bool {
	switch mode {
	case predVertical:
		return top
	case predHorizontal:
		return left
	case predPlane:
		return left && top
	}
	return true
}

// codeIntra codes the macroblock as Intra 16x16; offset is what the slice type adds to mb_type (table 7-13).
func (e *Encoder) codeIntra(offset uint32) {
	m := &e.mb
	mode, _ := e.bestIntra()
	chroma := e.bestIntraChroma()
	ac := 0
	for b := range 16 {
		bx, by := b%4*4, b/4*4
		forward(&m.coef, e.cur.Y[m.py+by*e.cur.YStride+bx:], e.cur.YStride, m.predY[16*by+bx:], 16)
		m.dcs[b] = m.coef[0]
		m.nz[b] = e.q.quantise(&m.luma[b], &m.coef, 1, intra)
		ac |= m.nz[b]
	}
	e.q.lumaDC(&m.lumaDC, &m.dcs)
	coded := e.transformChroma(intra)
	for b := range 16 {
		bx, by := b%4*4, b/4*4
		dst, pred := e.rec.Y[m.py+by*e.rec.YStride+bx:], m.predY[16*by+bx:]
		if m.dcs[b] != 0 || m.nz[b] > 0 {
			e.q.add(dst, e.rec.YStride, pred, 16, &m.luma[b], m.dcs[b], true)
		} else {
			copy4(dst, e.rec.YStride, pred, 16)
		}
	}
	e.reconstructChroma(coded)

	w := &e.w
	mbType := offset + 1 + uint32(mode) + 4*uint32(coded)
	if ac != 0 {
		mbType += 12
	}
	w.ue(mbType)
	w.ue(chromaMode[chroma])
	w.se(0) // mb_qp_delta
	w.residual(m.lumaDC[:], e.nearby(0, 4*m.x, 4*m.y))
	if ac != 0 {
		for _, b := range blockOrder {
			e.writeBlock(0, 4, int(b), m.luma[b][1:], m.nz[b])
		}
	}
	e.writeChroma(coded)
}

// writeInter writes coded_block_pattern and all levels.
func (e *Encoder) writeInter(cbp int) {
	m, w := &e.mb, &e.w
	w.ue(uint32(interCBP[cbp]))
	if cbp == 0 {
		return
	}
	w.se(0) // mb_qp_delta
	for i, b := range blockOrder {
		if cbp>>(i/4)&1 == 1 {
			e.writeBlock(0, 4, int(b), m.luma[b][:], m.nz[b])
		}
	}
	e.writeChroma(cbp >> 4)
}

func (e *Encoder) writeChroma(coded int) {
	m := &e.mb
	if coded == 0 {
		return
	}
	for p := range 2 {
		e.w.residual(m.chromaDC[p][:], chromaDC)
	}
	if coded < 2 {
		return
	}
	for p := range 2 {
		for b := range 4 {
			e.writeBlock(1+p, 2, b, m.chroma[p][b][1:], m.nzC[p][b])
		}
	}
}

// writeBlock writes a 4x4 block's levels and remembers how many there are; per is how many blocks the macroblock has
// across in this plane.
func (e *Encoder) writeBlock(plane, per, b int, levels []int16, n int) {
	bx, by := per*e.mb.x+b%per, per*e.mb.y+b/per
	e.w.residual(levels, e.nearby(plane, bx, by))
	e.nnz[plane][by*e.blocksAcross(plane)+bx] = uint8(n)
}

func (e *Encoder) blocksAcross(plane int) int {
	if plane == 0 {
		return 4 * e.mbw
	}
	return 2 * e.mbw
}

// nearby is nC (9.2.1): the mean number of levels of the blocks to the left and above.
func (e *Encoder) nearby(plane, bx, by int) int {
	across := e.blocksAcross(plane)
	at := by*across + bx
	n := e.nnz[plane]
	switch {
	case bx > 0 && by > 0:
		return (int(n[at-1]) + int(n[at-across]) + 1) >> 1
	case bx > 0:
		return int(n[at-1])
	case by > 0:
		return int(n[at-across])
	}
	return 0
}
