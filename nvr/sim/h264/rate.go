package h264

import "math"

const (
	minQP = 10
	maxQP = 48
)

// qpStep is the quantiser's step size: 1 at QP 4, doubling every 6.
func qpStep(qp int) float64 { return 0.625 * math.Exp2(float64(qp)/6) }

// rate chooses the QP of each picture: fixed, or so that a second's pictures together come near the bit rate. A key
// frame may take many pictures' worth; what it took is paid back over the pictures after it.
type rate struct {
	fixed  int
	target float64 // bits per picture
	debt   float64 // bits spent above target so far
	qp     float64
	window float64 // bits: how much debt moves QP by how much
}

func newRate(c *Config) rate {
	r := rate{fixed: c.QP, qp: float64(c.QP)}
	if c.Bitrate > 0 {
		r.target = float64(c.Bitrate) / float64(c.FPS)
		r.window = float64(c.Bitrate) * max(1, float64(c.GOP)/float64(c.FPS))
	}
	return r
}

func (r *rate) next(k kind) int {
	if r.target == 0 {
		return r.fixed
	}
	qp := r.qp + 10*r.debt/r.window
	if k == kindB {
		qp += 2
	}
	return max(minQP, min(maxQP, int(math.Round(qp))))
}

func (r *rate) spent(k kind, bits int) {
	if r.target == 0 {
		return
	}
	r.debt += float64(bits) - r.target
	if k != kindI {
		// The lasting part: what every picture spends too much moves QP for good, slowly.
		r.qp += 0.05 * max(-2, min(2, math.Log2(max(1, float64(bits))/r.target)))
		r.qp += 0.2 * max(-1, min(1, r.debt/r.window))
	}
	r.qp = max(minQP, min(maxQP, r.qp))
	r.debt = max(-r.window, min(2*r.window, r.debt))
}
