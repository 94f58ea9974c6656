package h264

import "fmt"

// Config says what an Encoder makes.
type Config struct {
	Width, Height int // pixels, even, 16 to 4096
	FPS           int // pictures per second, 1 to 120
	// GOP is how many pictures lie from one key frame to the next; 0 is two seconds.
	GOP int
	// QP is the quantiser, 10 (fine) to 48 (coarse); 0 is 27. With a Bitrate it is where the control begins.
	QP int
	// Bitrate, in bits per second, makes the encoder choose QP by itself to come near it; 0 keeps QP.
	Bitrate int
	// BPictures makes every other picture a B-picture (Main profile): pictures come out one late and reordered.
	BPictures bool
	// Reconstructed, when set, is called for each coded picture with what a decoder will show. The picture is the
	// encoder's own: look, do not keep.
	Reconstructed func(number int64, p *Picture)
}

// Frame is one coded picture.
type Frame struct {
	// NALs are without start codes and the receiver's to keep. A key frame begins with its SPS and PPS.
	NALs [][]byte
	Key  bool // IDR
	// Number counts pictures in the order they were given to Encode and are shown, from 0. Frames come in the order
	// of decoding; Decode counts that, and starts at −1 when there are B-pictures, so that it never exceeds Number.
	Number, Decode int64
	QP             int
}

// Encoder codes pictures one after the other. It is not safe for concurrent use.
type Encoder struct {
	Config

	mbw, mbh int
	sps, pps []byte

	w           bitWriter
	cur         *Picture // being coded
	ref         *Picture // list 0
	ref1        *Picture // list 1 of a B-picture
	rec         *Picture // reconstruction of cur
	past, last  *Picture // the two newest reference pictures
	spare       *Picture
	held        *Picture // waits to become a B-picture
	holding     bool
	heldNumber  int64
	mb          macroblock
	moved       []neighbour
	nnz         [3][]uint8 // levels in each 4x4 block of Y, Cb, Cr
	q, qc       quantiser
	lambda      int
	stillSAD    [2]int // what an 8x8 block of luma, chroma may differ and still be skipped
	stillSum    int
	skipped     uint32 // macroblocks skipped in a row
	rate        rate
	number      int64 // of the next picture given
	decode      int64
	sinceKey    int // pictures since the last key frame, in order of decoding
	frameNum    int
	order, base int64 // number since the last key frame, and of it
	idrID       uint32
}

// New checks the configuration and makes an encoder.
func New(c Config) (*Encoder, error) {
	if c.GOP == 0 {
		c.GOP = 2 * c.FPS
	}
	if c.QP == 0 {
		c.QP = 27
	}
	switch {
	case c.Width < 16 || c.Height < 16 || c.Width > 4096 || c.Height > 4096 || c.Width%2 != 0 || c.Height%2 != 0:
		return nil, fmt.Errorf("picture size %dx%d: want even numbers from 16 to 4096", c.Width, c.Height)
	case c.FPS < 1 || c.FPS > 120:
		return nil, fmt.Errorf("%d pictures per second: want 1 to 120", c.FPS)
	case c.QP < minQP || c.QP > maxQP:
		return nil, fmt.Errorf("QP %d: want %d to %d", c.QP, minQP, maxQP)
	case c.GOP < 1 || c.Bitrate < 0:
		return nil, fmt.Errorf("GOP %d, bit rate %d: want positive numbers", c.GOP, c.Bitrate)
	}
	e := &Encoder{Config: c, mbw: (c.Width + 15) / 16, mbh: (c.Height + 15) / 16, sps: sps(&c), pps: pps()}
	size := e.mbw * e.mbh
	e.moved = make([]neighbour, size)
	e.nnz = [3][]uint8{make([]uint8, 16*size), make([]uint8, 4*size), make([]uint8, 4*size)}
	e.last, e.spare = NewPicture(c.Width, c.Height), NewPicture(c.Width, c.Height)
	if c.BPictures {
		e.past, e.held = NewPicture(c.Width, c.Height), NewPicture(c.Width, c.Height)
		e.decode = -1
	}
	e.rate = newRate(&c)
	return e, nil
}

// SPS and PPS are the parameter sets, as NAL units without start codes. They never change.
func (e *Encoder) SPS() []byte { return e.sps }

// PPS is the picture parameter set.
func (e *Encoder) PPS() []byte { return e.pps }

// Encode codes a picture, as a key frame when key is set or one is due. Without B-pictures exactly one frame comes out.
// The picture's padding is written; the picture is the caller's again afterwards.
func (e *Encoder) Encode(p *Picture, key bool) ([]Frame, error) {
	if p.Width != e.Width || p.Height != e.Height {
		return nil, fmt.Errorf("picture of %dx%d in a stream of %dx%d", p.Width, p.Height, e.Width, e.Height)
	}
	p.Pad()
	n := e.number
	e.number++
	ahead := 0
	if e.holding {
		ahead = 1
	}
	key = key || n == 0 || e.sinceKey+ahead >= e.GOP
	switch {
	case key:
		return append(e.Flush(), e.code(p, n, kindI)), nil
	case !e.BPictures:
		return []Frame{e.code(p, n, kindP)}, nil
	case !e.holding:
		e.held.copyFrom(p)
		e.holding, e.heldNumber = true, n
		return nil, nil
	}
	e.holding = false
	return []Frame{e.code(p, n, kindP), e.code(e.held, n-1, kindB)}, nil
}

// Flush codes the picture that waits for the one after it, if there is one.
func (e *Encoder) Flush() []Frame {
	if !e.holding {
		return nil
	}
	e.holding = false
	return []Frame{e.code(e.held, e.heldNumber, kindP)}
}

// code codes one picture and moves the reference pictures on.
func (e *Encoder) code(p *Picture, number int64, k kind) Frame {
	header := byte(nalRef)
	switch k {
	case kindI:
		header = nalIDR
		e.frameNum, e.base, e.sinceKey = 0, number, 0
		e.idrID++
	case kindB:
		header = nalLoss
	}
	e.order = number - e.base
	e.sinceKey++
	e.cur, e.rec, e.ref = p, e.spare, e.last
	if k == kindB {
		e.ref, e.ref1 = e.past, e.last
	}
	qp := e.rate.next(k)
	e.setQP(qp)
	e.w.reset()
	e.sliceHeader(k, qp)
	e.slice(k)
	f := Frame{Key: k == kindI, Number: number, Decode: e.decode, QP: qp}
	e.decode++
	if f.Key {
		f.NALs = [][]byte{e.sps, e.pps}
	}
	f.NALs = append(f.NALs, nal(header, e.w.finish()))
	e.rate.spent(k, 8*len(e.w.buf))
	if e.Reconstructed != nil {
		e.Reconstructed(number, e.rec)
	}
	if k == kindB {
		return f
	}
	e.frameNum++
	if e.BPictures {
		e.past, e.last, e.spare = e.last, e.rec, e.past
	} else {
		e.last, e.spare = e.rec, e.last
	}
	return f
}

func (e *Encoder) setQP(qp int) {
	if qp == e.q.qp {
		return
	}
	e.q = newQuantiser(qp)
	qc := qp
	if qp >= 30 {
		qc = int(chromaQP[qp-30])
	}
	e.qc = newQuantiser(qc)
	// √0.85·2^((QP−12)/6) is the usual weight of a bit against a sum of absolute differences.
	step := qpStep(qp)
	e.lambda = max(1, int(0.37*step))
	// A difference like this, spread over a block without a common sign, quantises to nothing or next to it.
	e.stillSAD = [2]int{int(64 * 0.32 * step), int(64 * 0.22 * step)}
	e.stillSum = int(64 * 0.14 * step)
}
