package motion

import "math"

// The outline of a view is where its edges are, whatever light it stands in: by day, through infra-red and in fog the
// same edges lie in the same places, brighter on this side or on that. A camera that was turned has other ones, a
// covered one has none.
const (
	outlineW = halfW / 2
	outlineH = halfH / 2

	blocksX = 8
	blocksY = 5
	blocks  = blocksX * blocksY
	blockW  = outlineW / blocksX // of the outline
	blockH  = outlineH / blocksY

	outlineShift = 3    // of the outline by which a view may have moved and be the same: 12 pixels
	blockEdges   = 0.45 // deviation of the outline within a block from which on it has edges to be known by
	blockAlike   = 0.5  // correlation from which on two blocks have the same edges
	viewTell     = 4    // blocks with edges that it takes to tell one view from another
	viewAlike    = 0.35 // part of the known blocks that have to be there for a view to be the same
)

// outline is the strength of the edges of a half picture, over 2x2 places each.
type outline struct {
	edges [outlineW * outlineH]float32
	clear [blocks]float32 // deviation of the edges within each block: how much there is to know it by
}

// take makes the outline of a half picture. Where it is masked there are no edges.
func (o *outline) take(luma *[halfN]float32, a *area) {
	clear(o.edges[:])
	for y := 1; y < halfH-1; y++ {
		row := o.edges[y/2*outlineW:][:outlineW]
		for x := 1; x < halfW-1; x++ {
			if j := y*halfW + x; a.use[j] {
				row[x/2] += 0.125 * (abs(luma[j+1]-luma[j-1]) + abs(luma[j+halfW]-luma[j-halfW]))
			}
		}
	}
	for b := range o.clear {
		var sum, square float32
		for y := range blockH {
			for _, e := range o.edges[o.row(b, y):][:blockW] {
				sum += e
				square += e * e
			}
		}
		const n = blockW * blockH
		o.clear[b] = float32(math.Sqrt(float64(max(square-sum*sum/n, 0) / n)))
	}
}

// row is where line y of a block begins.
func (*outline) row(b, y int) int {
	return (b/blocksX*blockH+y)*outlineW + b%blocksX*blockW
}

// known is the number of blocks with edges.
func (o *outline) known() int {
	n := 0
	for _, c := range o.clear {
		if c >= blockEdges {
			n++
		}
	}
	return n
}

// strength is how much there is to see in all.
func (o *outline) strength() float32 {
	var sum float32
	for _, c := range o.clear {
		sum += max(c-blockEdges/2, 0)
	}
	return sum
}

// shows says whether now shows the view of o, moved by a few pixels at most. A view that has too little to be known
// by is taken for the same.
func (o *outline) shows(now *outline) bool {
	known := o.known()
	if known < viewTell {
		return true
	}
	need := int(viewAlike*float32(known)) + 1
	for d := range 2*outlineShift + 1 { // the likeliest first: not moved, then farther and farther
		dy := zigzag(d)
		for e := range 2*outlineShift + 1 {
			if o.alike(now, zigzag(e), dy, need) {
				return true
			}
		}
	}
	return false
}

// zigzag is 0, 1, -1, 2, -2 and so on.
func zigzag(n int) int {
	if n%2 == 1 {
		return (n + 1) / 2
	}
	return -n / 2
}

// alike says whether at least so many blocks of o are found in now, moved right by dx and down by dy.
func (o *outline) alike(now *outline, dx, dy, need int) bool {
	for b, c := range o.clear {
		if c < blockEdges {
			continue
		}
		if o.same(now, b, dx, dy) {
			if need--; need == 0 {
				return true
			}
		}
	}
	return false
}

// same says whether a block of o has the edges that now has there, moved by dx and dy.
func (o *outline) same(now *outline, b, dx, dy int) bool {
	x0, y0 := b%blocksX*blockW, b/blocksX*blockH
	fromX, toX := max(x0, -dx), min(x0+blockW, outlineW-dx)
	fromY, toY := max(y0, -dy), min(y0+blockH, outlineH-dy)
	var n, s, t, ss, tt, st float32
	for y := fromY; y < toY; y++ {
		was := o.edges[y*outlineW+fromX : y*outlineW+toX]
		is := now.edges[(y+dy)*outlineW+fromX+dx:][:len(was)]
		for i, e := range was {
			f := is[i]
			s += e
			t += f
			ss += e * e
			tt += f * f
			st += e * f
		}
		n += float32(len(was))
	}
	if n < blockW*blockH/2 {
		return false
	}
	ss, tt, st = ss-s*s/n, tt-t*t/n, st-s*t/n
	return st > 0 && st*st > blockAlike*blockAlike*ss*tt
}

// sharpness is, block by block, how much of what is to see lies in what is fine: the squared gradients over the squared
// contrast. Light, fog and infra-red change both alike; a lens out of focus keeps the contrast and loses the gradients.
// 0 where there is too little to see.
type sharpness [blocks]float32

// leastContrast is the variance of luma from which on a block can be sharp or not.
const leastContrast = 4

func (s *sharpness) take(luma *[halfN]float32, a *area) {
	const w, h = halfW / blocksX, halfH / blocksY
	for b := range s {
		x0, y0 := max(b%blocksX*w, 1), max(b/blocksX*h, 1)
		x1, y1 := min((b%blocksX+1)*w, halfW-1), min((b/blocksX+1)*h, halfH-1)
		var n, sum, square, fine float32
		middle := luma[(y0+y1)/2*halfW+(x0+x1)/2]
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				j := y*halfW + x
				if !a.use[j] {
					continue
				}
				v := luma[j] - middle
				gx, gy := luma[j+1]-luma[j-1], luma[j+halfW]-luma[j-halfW]
				n++
				sum += v
				square += v * v
				fine += gx*gx + gy*gy
			}
		}
		s[b] = 0
		if n < w*h/2 {
			continue
		}
		if spread := square - sum*sum/n; spread > leastContrast*n {
			s[b] = fine / spread
		}
	}
}

// over is the median of s over what was usual, over the blocks in which both can be told; 0 when those are too few.
func (s *sharpness) over(usual *sharpness) float32 {
	var part [blocks]float32
	n := 0
	for b, v := range s {
		if v == 0 || usual[b] == 0 {
			continue
		}
		v /= usual[b]
		at := n
		for at > 0 && part[at-1] > v {
			part[at] = part[at-1]
			at--
		}
		part[at] = v
		n++
	}
	if n < viewTell {
		return 0
	}
	return part[n/2]
}

// learn goes a part of the way to what is now.
func (s *sharpness) learn(now *sharpness, part float32) {
	for b, v := range now {
		switch {
		case v == 0:
		case s[b] == 0:
			s[b] = v
		default:
			s[b] += part * (v - s[b])
		}
	}
}
