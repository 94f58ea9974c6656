//go:build cgo

package main

import (
	"hearth/nvr/media"
	"hearth/nvr/motion"
)

const (
	edgeReach = 4  // pixels of the thumbnail within which an edge rises that is sharp enough to be looked at
	edgeStep  = 24 // levels from which on that is an edge and no noise
	edgeFew   = 12 // edges of one direction that say nothing yet
	blurred   = 0.3
	crisp     = 0.6
)

// sharpness says how sharp a region of a thumbnail is, 0 to 1, whatever there is to see in it: what part of an edge's rise
// over edgeReach pixels lies between two neighbours. All of it is a sharp edge, a quarter one that is smeared over all of
// them. What moves is smeared along its way only, so edges across and along are measured apart, and the worse counts.
func sharpness(fine, seen []byte, g media.Region) float64 {
	x0, y0 := int(bound(g.X)*thumbWidth), int(bound(g.Y)*thumbHeight)
	x1, y1 := int(bound(g.X+g.W)*thumbWidth), int(bound(g.Y+g.H)*thumbHeight)
	worst := 1.0
	for _, d := range [...]struct{ dx, dy, step int }{{1, 0, 1}, {0, 1, thumbWidth}} {
		rise, steepest, edges := 0, 0, 0
		for y := y0; y < y1-edgeReach*d.dy; y++ {
			for x := x0; x < x1-edgeReach*d.dx; x++ {
				i := y*thumbWidth + x
				whole := step(fine[i], fine[i+edgeReach*d.step])
				if whole < edgeStep || masked(seen, x, y) || masked(seen, x+edgeReach*d.dx, y+edgeReach*d.dy) {
					continue
				}
				most := 0
				for k := range edgeReach {
					most = max(most, step(fine[i+k*d.step], fine[i+(k+1)*d.step]))
				}
				rise, steepest, edges = rise+whole, steepest+min(most, whole), edges+1
			}
		}
		if edges >= edgeFew {
			worst = min(worst, bound((float64(steepest)/float64(rise)-blurred)/(crisp-blurred)))
		}
	}
	return worst
}

// masked says whether a pixel of the thumbnail is black in what was looked at.
func masked(seen []byte, x, y int) bool {
	return seen[y*motion.Height/thumbHeight*motion.Width+x*motion.Width/thumbWidth] == 0
}

func step(a, b byte) int { return max(int(a)-int(b), int(b)-int(a)) }
