package h264

import (
	"errors"
	"fmt"
)

// Decoder decodes what an Encoder without B-pictures wrote, and nothing else: whatever it meets that an Encoder does not
// write is an error, and so is a picture that does not follow the one before it. Its pictures are bit for bit those that
// any other decoder shows. It is not safe for concurrent use.
type Decoder struct {
	e        Encoder // its tables of neighbours and its reconstruction
	r        bitReader
	have     bool // there is a picture to refer to
	frameNum int  // of it
}

// ErrNotOurs says that a stream is not one that an Encoder writes.
var ErrNotOurs = errors.New("not a stream of this encoder")

// Decode decodes one picture's NAL units, without start codes; the first one needs its SPS before it. The picture is the
// decoder's own until the next call.
func (d *Decoder) Decode(nals ...[]byte) (p *Picture, err error) {
	for _, n := range nals {
		if len(n) == 0 {
			return nil, fmt.Errorf("%w: an empty NAL unit", ErrNotOurs)
		}
		d.r = bitReader{buf: rbsp(n)}
		switch n[0] {
		case nalSPS:
			err = d.parameters()
		case nalPPS:
		case nalIDR:
			err = d.picture(kindI)
			p = d.e.last
		case nalRef:
			err = d.picture(kindP)
			p = d.e.last
		default:
			err = fmt.Errorf("a NAL unit that begins with %#x", n[0])
		}
		if err != nil {
			d.have = false
			return nil, fmt.Errorf("%w: %w", ErrNotOurs, err)
		}
	}
	if p == nil {
		return nil, fmt.Errorf("%w: no picture", ErrNotOurs)
	}
	return p, nil
}

// parameters reads an SPS as far as the size.
func (d *Decoder) parameters() error {
	r := &d.r
	if profile := r.take(8); profile != 66 {
		return fmt.Errorf("profile %d", profile)
	}
	r.take(16)
	r.ue()
	bits := r.ue()
	if order := r.ue(); bits != frameNumBits-4 || order != 2 {
		return fmt.Errorf("frame_num of %d bits, pic_order_cnt_type %d", bits+4, order)
	}
	r.ue()
	r.take(1)
	mbw, mbh := int(r.ue())+1, int(r.ue())+1
	r.take(2)
	w, h := 16*mbw, 16*mbh
	if r.take(1) == 1 {
		r.ue()
		w -= 2 * int(r.ue())
		r.ue()
		h -= 2 * int(r.ue())
	}
	if r.over() || w < 16 || h < 16 || w > 4096 || h > 4096 {
		return fmt.Errorf("pictures of %dx%d", w, h)
	}
	e := &d.e
	if e.last != nil && e.Width == w && e.Height == h {
		return nil
	}
	size := mbw * mbh
	*e = Encoder{Config: Config{Width: w, Height: h}, mbw: mbw, mbh: mbh}
	e.moved = make([]neighbour, size)
	e.nnz = [3][]uint8{make([]uint8, 16*size), make([]uint8, 4*size), make([]uint8, 4*size)}
	e.last, e.spare = NewPicture(w, h), NewPicture(w, h)
	d.have = false
	return nil
}

// picture decodes a slice that is a whole picture.
func (d *Decoder) picture(k kind) error {
	e := &d.e
	if e.last == nil {
		return errors.New("a picture without parameters")
	}
	if err := d.sliceHeader(k); err != nil {
		return err
	}
	for i := range e.nnz {
		clear(e.nnz[i])
	}
	e.rec, e.ref = e.spare, e.last
	skip := 0
	for at := range e.mbw * e.mbh {
		m := &e.mb
		m.x, m.y = at%e.mbw, at/e.mbw
		m.py = 16*m.y*e.rec.YStride + 16*m.x
		m.pc = 8*m.y*e.rec.CStride + 8*m.x
		var err error
		switch {
		case k == kindI:
			e.moved[at] = neighbour{ref: -1}
			err = d.intra(d.r.ue())
		default:
			if skip == 0 {
				skip = int(d.r.ue()) + 1
			}
			if skip--; skip > 0 {
				err = d.inter(e.skipVector(m.x, m.y, e.predictVector(m.x, m.y)), 0)
			} else {
				err = d.coded(at)
			}
		}
		if err == nil && d.r.over() {
			err = errors.New("it ends early")
		}
		if err != nil {
			return fmt.Errorf("macroblock %d: %w", at, err)
		}
	}
	e.last, e.spare = e.rec, e.last
	return nil
}

func (d *Decoder) sliceHeader(k kind) error {
	r := &d.r
	first, is := r.ue(), kind(r.ue())
	r.ue()
	n := int(r.take(frameNumBits))
	if first != 0 || is != k {
		return fmt.Errorf("a slice of type %d at macroblock %d", is, first)
	}
	if k == kindI {
		r.ue()
		r.take(2)
		if n != 0 {
			return fmt.Errorf("a key frame with number %d", n)
		}
	} else {
		if r.take(3) != 0 {
			return errors.New("other references than the last picture")
		}
		if want := (d.frameNum + 1) & (1<<frameNumBits - 1); !d.have || n != want {
			return fmt.Errorf("picture %d comes where %d has to", n, want)
		}
	}
	qp := int(r.se()) + initQP
	if deblock := r.ue(); deblock != 1 || qp < minQP || qp > maxQP {
		return fmt.Errorf("QP %d, deblocking %d", qp, deblock)
	}
	d.e.setQP(qp)
	d.have, d.frameNum = true, n
	return nil
}

// coded decodes a macroblock of a P-picture that is not skipped.
func (d *Decoder) coded(at int) error {
	e, r := &d.e, &d.r
	if kind := r.ue(); kind != 0 {
		if kind < 5 {
			return fmt.Errorf("mb_type %d", kind)
		}
		e.moved[at] = neighbour{ref: -1}
		return d.intra(kind - 5)
	}
	v := e.predictVector(e.mb.x, e.mb.y)
	x, y := r.se(), r.se()
	if x%4 != 0 || y%4 != 0 {
		return errors.New("a vector of parts of pixels")
	}
	v.x += int16(x / 4)
	v.y += int16(y / 4)
	cbp := r.ue()
	for i, code := range interCBP {
		if uint32(code) == cbp {
			return d.inter(v, i)
		}
	}
	return fmt.Errorf("coded_block_pattern %d", cbp)
}

// inter predicts a macroblock from the last picture and adds the levels that cbp says are there.
func (d *Decoder) inter(v vector, cbp int) error {
	e, m := &d.e, &d.e.mb
	px, py := 16*m.x, 16*m.y
	if x, y := px+int(v.x), py+int(v.y); x < 0 || y < 0 || x > 16*e.mbw-16 || y > 16*e.mbh-16 {
		return fmt.Errorf("a vector to %d, %d", x, y)
	}
	e.moved[m.y*e.mbw+m.x] = neighbour{v: v}
	m.predictInter(e.ref, px, py, v)
	if cbp != 0 && d.r.se() != 0 {
		return errors.New("QP changes within the picture")
	}
	for i, b := range blockOrder {
		m.nz[b] = 0
		if cbp>>(i/4)&1 == 0 {
			continue
		}
		if err := d.block(0, 4, int(b), m.luma[b][:], &m.nz[b]); err != nil {
			return err
		}
	}
	if err := d.chroma(cbp >> 4); err != nil {
		return err
	}
	e.reconstructInter(cbp)
	return nil
}

// intra decodes an Intra 16x16 macroblock; kind is its mb_type in a slice of type I.
func (d *Decoder) intra(kind uint32) error {
	e, m, r := &d.e, &d.e.mb, &d.r
	if kind < 1 || kind > 24 {
		return fmt.Errorf("mb_type %d", kind)
	}
	mode, coded, ac := int(kind-1)%4, int(kind-1)/4%3, kind > 12
	chroma := -1
	name := r.ue()
	for i, code := range chromaMode {
		if code == name {
			chroma = i
		}
	}
	left, top := m.x > 0, m.y > 0
	if chroma < 0 || !possible(mode, left, top) || !possible(chroma, left, top) {
		return fmt.Errorf("prediction %d, %d", mode, chroma)
	}
	if r.se() != 0 {
		return errors.New("QP changes within the picture")
	}
	predictLuma(&m.predY, e.rec.Y, m.py, e.rec.YStride, mode, left, top)
	predictChroma(&m.predC[0], e.rec.Cb, m.pc, e.rec.CStride, chroma, left, top)
	predictChroma(&m.predC[1], e.rec.Cr, m.pc, e.rec.CStride, chroma, left, top)

	if _, err := r.residual(m.lumaDC[:], e.nearby(0, 4*m.x, 4*m.y)); err != nil {
		return err
	}
	for i, at := range zigzag {
		m.dcs[at] = int32(m.lumaDC[i])
	}
	e.q.scaleLumaDC(&m.dcs)
	for _, b := range blockOrder {
		m.nz[b] = 0
		if ac {
			if err := d.block(0, 4, int(b), m.luma[b][1:], &m.nz[b]); err != nil {
				return err
			}
		} else {
			clear(m.luma[b][:])
		}
	}
	if err := d.chroma(coded); err != nil {
		return err
	}
	for b := range 16 {
		bx, by := b%4*4, b/4*4
		e.q.add(e.rec.Y[m.py+by*e.rec.YStride+bx:], e.rec.YStride, m.predY[16*by+bx:], 16, &m.luma[b], m.dcs[b], true)
	}
	e.reconstructChroma(coded)
	return nil
}

// chroma reads the levels of both planes: 0 there are none, 1 only DC, 2 more.
func (d *Decoder) chroma(coded int) error {
	m := &d.e.mb
	m.dcC, m.nzC = [2][4]int32{}, [2][4]int{}
	if coded == 0 {
		return nil
	}
	for p := range 2 {
		if _, err := d.r.residual(m.chromaDC[p][:], chromaDC); err != nil {
			return err
		}
		for b, l := range m.chromaDC[p] {
			m.dcC[p][b] = int32(l)
			clear(m.chroma[p][b][:])
		}
		d.e.qc.scaleChromaDC(&m.dcC[p])
	}
	if coded < 2 {
		return nil
	}
	for p := range 2 {
		for b := range 4 {
			if err := d.block(1+p, 2, b, m.chroma[p][b][1:], &m.nzC[p][b]); err != nil {
				return err
			}
		}
	}
	return nil
}

// block reads a 4x4 block's levels: Encoder.writeBlock the other way.
func (d *Decoder) block(plane, per, b int, levels []int16, n *int) (err error) {
	e := &d.e
	bx, by := per*e.mb.x+b%per, per*e.mb.y+b/per
	*n, err = d.r.residual(levels, e.nearby(plane, bx, by))
	e.nnz[plane][by*e.blocksAcross(plane)+bx] = uint8(*n)
	return err
}
