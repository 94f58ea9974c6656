package motion

import "hearth/nvr/media"

const (
	faintPart  = 0.7 // of what makes a place astray: by so much the mean of a cell has to differ
	faintClear = 1.2 // by so much if it is a cell alone
	faintNear  = 3   // cells from what was seen in the later picture
)

// faint is what a picture in which too little stirs to count still shows.
type faint struct {
	ever [cellsW * cellsH]float32 // what was there before, as part says it
}

// Before takes the picture, taken a moment before something was seen to move, that Faint compares others with: what it
// shows is no part of what moves. Luma is as for Look; nothing is learned.
func (d *Detector) Before(luma []byte) {
	if !d.refit(luma) {
		clear(d.faint.ever[:])
		return
	}
	for i := range d.faint.ever {
		d.faint.ever[i] = d.part(i%cellsW, i/cellsW)
	}
}

// Faint follows what moves back in time: into a picture that was taken shortly before the one in which it was seen at
// near, and in which too little stirred to count. It says whether something is there already, at near or right beside
// it, and its frame. What moves was seen for sure, so less will do: a cell whose mean is astray by a part of what a
// place has to be, and was not when Before was called. Nothing is learned.
func (d *Detector) Faint(luma []byte, near media.Region) (media.Region, bool) {
	if !d.refit(luma) {
		return media.Region{}, false
	}
	x0, y0, x1, y1 := cellsAround(near)
	frame := region{x0: halfW, y0: halfH}
	n := 0
	alone := false
	for cy := y0; cy < y1; cy++ {
		for cx := x0; cx < x1; cx++ {
			part := d.part(cx, cy)
			part = min(abs(part), abs(part-d.faint.ever[cy*cellsW+cx]))
			if part < faintPart {
				continue
			}
			n++
			alone = alone || part >= faintClear
			frame.x0, frame.x1 = min(frame.x0, cx*cellSize), max(frame.x1, (cx+1)*cellSize)
			frame.y0, frame.y1 = min(frame.y0, cy*cellSize), max(frame.y1, (cy+1)*cellSize)
			frame.weight += part * cellSize
		}
	}
	if n < 2 && !alone {
		return media.Region{}, false
	}
	return d.framed(&frame), true
}

// refit fits the background to a picture that is not looked at; false when it is not there.
func (d *Detector) refit(luma []byte) bool {
	if len(luma) != Width*Height || !d.begun {
		return false
	}
	d.half.take(luma, d.area)
	d.fit.run(&d.half, &d.now.ground, d.area)
	return !d.fit.gone
}

// cellsAround are the cells at a frame and around it; x1 and y1 are one beyond.
func cellsAround(r media.Region) (x0, y0, x1, y1 int) {
	x0 = max(int(r.X*cellsW)-faintNear, 0)
	y0 = max(int(r.Y*cellsH)-faintNear, 0)
	x1 = min(int((r.X+r.W)*cellsW)+1+faintNear, cellsW)
	y1 = min(int((r.Y+r.H)*cellsH)+1+faintNear, cellsH)
	return x0, y0, x1, y1
}

// part is by how much of what makes a place astray a cell's places are brighter than the fitted background on average, or
// darker. 0 where too few of them can be compared, or the cell does not come to rest.
func (d *Detector) part(cx, cy int) float32 {
	g, f, a := &d.now.ground, &d.fit, d.area
	if d.now.cells.restless[cy*cellsW+cx] {
		return 0
	}
	var sum, most float32
	n := 0
	for y := max(cy*cellSize, 1); y < min((cy+1)*cellSize, halfH-1); y++ {
		for x := max(cx*cellSize, 1); x < min((cx+1)*cellSize, halfW-1); x++ {
			tx, ty := x+f.wholeX, y+f.wholeY
			if tx < 1 || tx >= halfW-1 || ty < 1 || ty >= halfH-1 {
				continue
			}
			j, there := y*halfW+x, ty*halfW+tx
			if !a.use[there] || !a.use[j] || a.only && a.zones[there] == 0 {
				continue
			}
			gx, gy := (g.mean[j+1]-g.mean[j-1])*0.5, (g.mean[j+halfW]-g.mean[j-halfW])*0.5
			expect := f.gain*g.mean[j] + f.offset + f.slopeX*gx + f.slopeY*gy
			c := d.half.luma[there]
			if f.clipped(c, expect, g.mean[j]) {
				continue
			}
			sum += (c - expect) / f.gain
			most += a.sigmas[there]*f.noise*(g.dev[j]+devFloor) + wildSigmas*g.wild[j]
			n++
		}
	}
	if n < cellSize*cellSize/2 {
		return 0
	}
	return sum / most
}
