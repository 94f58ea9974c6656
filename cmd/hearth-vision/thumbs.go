//go:build cgo

package main

import (
	"math"

	"hearth/hwaccel"
	"hearth/nvr/media"
	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

const (
	thumbWidth = 640        // pixels
	thumbEvery = 1 * second // of the video: no more often than this
	thumbGain  = 1.1        // how much better the next one must be
)

// thumbs picks the pictures that show best what moves. The first of a spell goes out at once, so that there is
// something to see; better ones follow.
type thumbs struct {
	sent   float64 // score of the best one sent, 0 before the first
	sentAt int64
	better *protocol.Thumb // waits for its time
}

func (t *thumbs) begin() { *t = thumbs{} }

// consider codes the picture if it is the best of its spell so far.
func (t *thumbs) consider(w *watch, f *hwaccel.Frame, r motion.Result) error {
	region, score := appeal(w.luma, r)
	best := t.sent * thumbGain
	if t.better != nil {
		best = max(best, t.better.Score)
	}
	if score > best {
		jpeg, err := f.JPEG(thumbWidth)
		if err != nil {
			return err
		}
		t.better = &protocol.Thumb{Of: w.w.task, At: f.At, Score: score, Region: region, Spell: w.spell, JPEG: jpeg}
	}
	if t.sent == 0 || f.At-t.sentAt >= thumbEvery {
		return t.flush(w)
	}
	return nil
}

// flush sends the picture that waits.
func (t *thumbs) flush(w *watch) error {
	b := t.better
	if b == nil {
		return nil
	}
	t.better, t.sent, t.sentAt = nil, b.Score, b.At
	return w.w.say(*b)
}

// appeal says where the most interesting thing of a picture is, and how well the picture shows it, over 0 to 1: large,
// sharp, wholly inside, and surely moving.
func appeal(luma []byte, r motion.Result) (media.Region, float64) {
	var best media.Region
	most := 0.0
	for _, g := range r.Regions {
		if v := weight(luma, g); v > most {
			best, most = g, v
		}
	}
	return best, bound(0.01 + 0.7*most + 0.29*bound(r.Score))
}

func weight(luma []byte, g media.Region) float64 {
	large := math.Sqrt(bound(g.W*g.H) / 0.25) // a quarter of the picture is as large as one wishes
	v := 0.55*min(large, 1) + 0.25*sharpness(luma, g) + 0.2*bound(g.Score)
	const edge = 0.008
	if g.X < edge || g.X+g.W > 1-edge || g.Y < edge {
		v *= 0.6 // cut off at a side
	} else if g.Y+g.H > 1-edge {
		v *= 0.8 // at the bottom: often someone who stands close
	}
	return v
}

// sharpness is the mean step between neighbouring pixels within a region; steps of 16 levels are as sharp as pictures
// of this size get.
func sharpness(luma []byte, g media.Region) float64 {
	x0, y0 := int(bound(g.X)*motion.Width), int(bound(g.Y)*motion.Height)
	x1, y1 := int(bound(g.X+g.W)*motion.Width)-1, int(bound(g.Y+g.H)*motion.Height)-1
	sum, n := 0, 0
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			i := y*motion.Width + x
			sum += step(luma[i], luma[i+1]) + step(luma[i], luma[i+motion.Width])
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return min(float64(sum)/float64(2*n)/16, 1)
}

func step(a, b byte) int { return max(int(a)-int(b), int(b)-int(a)) }
