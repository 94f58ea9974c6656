package motion

import "math"

// limits are what a sensitivity comes to.
type limits struct {
	sigmas float32 // how many deviations a place has to stray by
	area   int     // how many places (of 2x2 pixels) have to stir together
}

// within takes what is outside of 0 to 1 for the nearest, and what is not a number for 0.5.
func within(sensitivity float64) float64 {
	if math.IsNaN(sensitivity) {
		return 0.5
	}
	return min(max(sensitivity, 0), 1)
}

// limitsFor is the limits for a sensitivity, taken so.
func limitsFor(sensitivity float64) limits {
	s := 1 - 2*within(sensitivity) // 1 for the least sensitive, -1 for the most
	return limits{
		sigmas: float32(5 * math.Exp2(s)),
		area:   int(16 * math.Exp2(1.3*s)),
	}
}
