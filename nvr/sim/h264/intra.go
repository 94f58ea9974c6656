package h264

// Intra 16x16 and chroma prediction (8.3.3, 8.3.4) from reconstructed pixels around the macroblock.

// Modes of Intra 16x16; those of chroma are numbered otherwise, see chromaMode.
const (
	predVertical = iota
	predHorizontal
	predDC
	predPlane
)

// chromaMode maps the modes above to intra_chroma_pred_mode.
var chromaMode = [4]uint32{predVertical: 2, predHorizontal: 1, predDC: 0, predPlane: 3}

// predictLuma fills pred (16x16) for a mode whose neighbours exist; at is the block's place in plane.
func predictLuma(pred *[256]byte, plane []byte, at, stride, mode int, left, top bool) {
	switch mode {
	case predVertical:
		for y := range 16 {
			copy(pred[16*y:16*y+16], plane[at-stride:at-stride+16])
		}
	case predHorizontal:
		for y := range 16 {
			fill(pred[16*y:16*y+16], plane[at+y*stride-1])
		}
	case predDC:
		sum, n := 0, 0
		if top {
			for _, v := range plane[at-stride : at-stride+16] {
				sum += int(v)
			}
			n += 16
		}
		if left {
			for y := range 16 {
				sum += int(plane[at+y*stride-1])
			}
			n += 16
		}
		v := byte(128)
		if n > 0 {
			v = byte((sum + n/2) / n)
		}
		fill(pred[:], v)
	case predPlane:
		predictPlane(pred[:], 16, plane, at, stride, 5, 32, 6)
	}
}

// predictChroma does the same for an 8x8 block.
func predictChroma(pred *[64]byte, plane []byte, at, stride, mode int, left, top bool) {
	switch mode {
	case predVertical:
		for y := range 8 {
			copy(pred[8*y:8*y+8], plane[at-stride:at-stride+8])
		}
	case predHorizontal:
		for y := range 8 {
			fill(pred[8*y:8*y+8], plane[at+y*stride-1])
		}
	case predDC:
		for b := range 4 {
			bx, by := b%2*4, b/2*4
			v := chromaBlockDC(plane, at, stride, bx, by, left, top)
			for y := by; y < by+4; y++ {
				fill(pred[8*y+bx:8*y+bx+4], v)
			}
		}
	case predPlane:
		predictPlane(pred[:], 8, plane, at, stride, 34, 32, 6)
	}
}

// chromaBlockDC averages the neighbours that a 4x4 block of chroma prefers (8.3.4.1–3).
func chromaBlockDC(plane []byte, at, stride, bx, by int, left, top bool) byte {
	useTop, useLeft := top, left
	if bx != by && top && left { // upper right takes the top, lower left the left
		useTop, useLeft = bx > by, bx < by
	}
	sum, n := 0, 0
	if useTop {
		for _, v := range plane[at-stride+bx : at-stride+bx+4] {
			sum += int(v)
		}
		n += 4
	}
	if useLeft {
		for y := by; y < by+4; y++ {
			sum += int(plane[at+y*stride-1])
		}
		n += 4
	}
	if n == 0 {
		return 128
	}
	return byte((sum + n/2) / n)
}

// predictPlane fits a slope to the neighbours; size is 16 (luma) or 8 (chroma).
func predictPlane(pred []byte, size int, plane []byte, at, stride int, factor, round int32, shift uint) {
	half := size / 2
	var h, v int32
	for i := range half {
		k := int32(i + 1)
		h += k * (int32(plane[at-stride+half+i]) - int32(plane[at-stride+half-2-i]))
		v += k * (int32(plane[at+(half+i)*stride-1]) - int32(plane[at+(half-2-i)*stride-1]))
	}
	b, c := (factor*h+round)>>shift, (factor*v+round)>>shift
	a := 16 * (int32(plane[at+(size-1)*stride-1]) + int32(plane[at-stride+size-1]))
	for y := range size {
		acc := a + c*int32(y-half+1) - b*int32(half-1) + 16
		row := pred[size*y : size*y+size]
		for x := range row {
			row[x] = clip(acc >> 5)
			acc += b
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
