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
	thumbWidth  = 640        // pixels
	thumbHeight = 360        // of the luma that sharpness is measured in; a picture of another aspect is squeezed into it
	thumbEvery  = 1 * second // of the video: no more often than this
	thumbGain   = 1.1        // how much better the next one must be
)

// thumbs picks the pictures that show best what moves. The first of a spell goes out at once, so that there is
// something to see; better ones follow.
type thumbs struct {
	sent   float64 // score of the best one sent, 0 before the first
	sentAt int64
	better *protocol.Thumb // waits for its time
	fine   []byte          // luma of a candidate, thumbWidth x thumbHeight
}

func (t *thumbs) begin() { *t = thumbs{fine: t.fine} }

// consider codes the picture if it is the best of its spell so far. Only one that would be if it were sharp is measured.
func (t *thumbs) consider(w *watch, f *hwaccel.Frame, r motion.Result) error {
	best := t.sent * thumbGain
	if t.better != nil {
		best = max(best, t.better.Score)
	}
	if _, most := appeal(nil, w.luma, r); most > best {
		if t.fine == nil {
			t.fine = make([]byte, thumbWidth*thumbHeight)
		}
		if err := f.Luma(t.fine, thumbWidth, thumbHeight); err != nil {
			return err
		}
		if region, score := appeal(t.fine, w.luma, r); score > best {
			jpeg, err := f.JPEG(thumbWidth)
			if err != nil {
				return err
			}
			t.better = &protocol.Thumb{Of: w.w.task, At: f.At, Score: score, Region: region, Spell: w.spell, JPEG: jpeg}
		}
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
// sharp, wholly inside, and surely moving. fine is its luma as the thumbnail will have it; nil: as if it were sharp. seen is
// the luma that was looked at, in which what is masked is black.
func appeal(fine, seen []byte, r motion.Result) (media.Region, float64) {
	var best media.Region
	most := 0.0
	for _, g := range r.Regions {
		sharp := 1.0
		if fine != nil {
			sharp = sharpness(fine, seen, g)
		}
		if v := weight(g, sharp); v > most {
			best, most = g, v
		}
	}
	return best, bound(0.01 + 0.7*most + 0.29*bound(r.Score))
}

// weight takes as much off for a blurred picture as for one of half the size.
func weight(g media.Region, sharp float64) float64 {
	large := math.Sqrt(bound(g.W*g.H) / 0.25) // a quarter of the picture is as large as one wishes
	v := 0.8*min(large, 1)*(0.5+0.5*sharp) + 0.2*bound(g.Score)
	const edge = 0.008
	if g.X < edge || g.X+g.W > 1-edge || g.Y < edge {
		v *= 0.6 // cut off at a side
	} else if g.Y+g.H > 1-edge {
		v *= 0.8 // at the bottom: often someone who stands close
	}
	return v
}
