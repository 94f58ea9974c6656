//go:build cgo

package main

import (
	"bytes"
	"image/color"
	"image/jpeg"
	"testing"

	"hearth/nvr/motion"
	"hearth/nvr/vision/protocol"
)

// shown says how well the last thumb of each spell shows it: how sharp its region is, how much of the picture it takes, and
// how many of them are wholly inside.
func shown(b *testing.B, h *heard) {
	last := make(map[uint64]protocol.Thumb)
	for _, t := range h.thumbs {
		last[t.Spell] = t
	}
	sharp, large, whole := 0.0, 0.0, 0.0
	seen := bytes.Repeat([]byte{1}, motion.Width*motion.Height)
	for _, t := range last {
		img, err := jpeg.Decode(bytes.NewReader(t.JPEG))
		if err != nil {
			b.Fatal(err)
		}
		fine := make([]byte, thumbWidth*thumbHeight)
		for i := range fine {
			fine[i] = color.GrayModel.Convert(img.At(i%thumbWidth, i/thumbWidth)).(color.Gray).Y
		}
		g := t.Region
		sharp += sharpness(fine, seen, g)
		large += g.W * g.H
		if g.X > 0.008 && g.Y > 0.008 && g.X+g.W < 0.992 && g.Y+g.H < 0.992 {
			whole++
		}
	}
	n := float64(max(len(last), 1))
	b.ReportMetric(sharp/n, "sharp")
	b.ReportMetric(100*large/n, "large-%")
	b.ReportMetric(100*whole/n, "whole-%")
}
