package motion

import "math"

// limits are what a sensitivity comes to.
type limits struct {
	sigmas float32 // how many deviations a place has to stray by
	area   int     // how many places (of 2x2 pixels) have to stir together
}

// limitsFor is the limits for a sensitivity of 0 to 1; what is outside, or not a number, counts as the nearest, or 0.5.
func limitsFor(sensitivity float64) limits {
	if math.IsNaN(sensitivity) {
		sensitivity = 0.5
	}
	s := 1 - 2*min(max(sensitivity, 0), 1) // 1 for the least sensitive, -1 for the most
	return limits{
		sigmas: float32(5 * math.Exp2(s)),
		area:   int(16 * math.Exp2(1.3*s)),
	}
}
