package h264

// Picture is a picture in 4:2:0 (8 bit, limited range, BT.709). Its planes are rounded up to whole macroblocks of 16x16
// luma pixels; only the upper left Width x Height are shown.
type Picture struct {
	Width, Height    int // pixels, even
	Y, Cb, Cr        []byte
	YStride, CStride int // bytes between rows of Y, and of Cb and Cr
}

// NewPicture makes a black picture. Width and height must be even.
func NewPicture(width, height int) *Picture {
	w, h := (width+15)&^15, (height+15)&^15
	p := &Picture{
		Width: width, Height: height,
		Y: make([]byte, w*h), Cb: make([]byte, w*h/4), Cr: make([]byte, w*h/4),
		YStride: w, CStride: w / 2,
	}
	for i := range p.Y {
		p.Y[i] = 16
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = 128, 128
	}
	return p
}

// Pad repeats the last shown column and row out to whole macroblocks, so that the edge costs no bits. Encode calls it.
func (p *Picture) Pad() {
	pad(p.Y, p.YStride, p.Width, p.Height)
	pad(p.Cb, p.CStride, p.Width/2, p.Height/2)
	pad(p.Cr, p.CStride, p.Width/2, p.Height/2)
}

func pad(plane []byte, stride, w, h int) {
	if w < stride {
		for y := range h {
			row := plane[y*stride : (y+1)*stride]
			for x := w; x < stride; x++ {
				row[x] = row[w-1]
			}
		}
	}
	last := plane[(h-1)*stride : h*stride]
	for at := h * stride; at < len(plane); at += stride {
		copy(plane[at:at+stride], last)
	}
}

func (p *Picture) copyFrom(q *Picture) {
	copy(p.Y, q.Y)
	copy(p.Cb, q.Cb)
	copy(p.Cr, q.Cr)
}
