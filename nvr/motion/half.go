package motion

// The half picture: every place stands for 2x2 pixels and is the mean of the 6x6 pixels around them. Averaging 36
// pixels takes the sensor's noise to a sixth, and makes the picture smooth enough for its shift to be estimated to
// a fraction of a pixel; what is lost is smaller than anything a detector should report.
const (
	halfW = Width / 2
	halfH = Height / 2
	halfN = halfW * halfH
)

// halver makes half pictures.
type halver struct {
	luma [halfN]float32 // 0-255, halfW x halfH, row by row

	quads [halfN]uint16 // sums of 2x2 pixels
	wide  [halfN]uint16 // sums of three neighbouring quads in a row
}

// take makes the half picture of luma (Width x Height). What is masked counts as black, so that nothing of it can be
// seen in its neighbours.
func (h *halver) take(luma []byte, a *area) {
	for y := range halfH {
		upper := luma[2*y*Width:][:Width]
		lower := luma[(2*y+1)*Width:][:Width]
		quads := h.quads[y*halfW:][:halfW]
		if a.masked {
			upperMask := a.pixels[2*y*Width:][:Width]
			lowerMask := a.pixels[(2*y+1)*Width:][:Width]
			for x := range quads {
				quads[x] = uint16(upper[2*x]&upperMask[2*x]) + uint16(upper[2*x+1]&upperMask[2*x+1]) +
					uint16(lower[2*x]&lowerMask[2*x]) + uint16(lower[2*x+1]&lowerMask[2*x+1])
			}
		} else {
			for x := range quads {
				quads[x] = uint16(upper[2*x]) + uint16(upper[2*x+1]) + uint16(lower[2*x]) + uint16(lower[2*x+1])
			}
		}
		wide := h.wide[y*halfW:][:halfW]
		wide[0] = 2*quads[0] + quads[1]
		for x := 1; x < halfW-1; x++ {
			wide[x] = quads[x-1] + quads[x] + quads[x+1]
		}
		wide[halfW-1] = quads[halfW-2] + 2*quads[halfW-1]
	}
	for y := range halfH {
		above := h.wide[max(y-1, 0)*halfW:][:halfW]
		here := h.wide[y*halfW:][:halfW]
		below := h.wide[min(y+1, halfH-1)*halfW:][:halfW]
		out := h.luma[y*halfW:][:halfW]
		for x := range out {
			out[x] = float32(int32(above[x])+int32(here[x])+int32(below[x])) * (1.0 / 36)
		}
	}
}
