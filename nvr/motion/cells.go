package motion

import "encoding/binary"

// A cell is 5x5 places: small enough for a clock's digits, large enough to gather them.
const (
	cellSize   = 5
	cellsW     = halfW / cellSize
	cellsH     = halfH / cellSize
	cellLine   = 12   // cells left and right that are in line with a restless one
	cellMin    = 2    // stirring places that make a cell stir
	cellWild   = 5    // luma, and twice what is usual: so much strays what does not come to rest
	unrestTime = 180  // seconds over which unrest is counted
	unrestMuch = 0.32 // part of the time for which a cell has to stir to be restless
)

// cellOf is the cell that a place lies in.
func cellOf(x, y int) int { return y/cellSize*cellsW + x/cellSize }

// cells know which parts of the picture change all day: a clock burned into it, a mark, a tree. What stirs there, and
// right beside it, is no news.
type cells struct {
	looks    int                    // learned from, up to wildLooks
	habit    [cellsW * cellsH]uint8 // places whose habit it is to stray far, when last counted
	stirred  [cellsW * cellsH]uint8
	unrest   [cellsW * cellsH]float32 // part of the time for which a cell stirs, 0-1
	restless [cellsW * cellsH]bool    // a cell with much unrest, or a neighbour of one
	line     [cellsW * cellsH]bool    // a cell in line with one with much unrest, as the hours are with the seconds
}

// learn counts the last pass.
func (c *cells) learn(g *background, dt float32) {
	clear(c.stirred[:])
	for y := range halfH {
		row := g.state[y*halfW:][:halfW]
		if empty(row) {
			continue
		}
		out := c.stirred[y/cellSize*cellsW:][:cellsW]
		for x, s := range row {
			if s&(stirs|turned) != 0 {
				out[x/cellSize]++
			}
		}
	}
	alpha := rate(dt, unrestTime)
	if c.looks <= wildLooks {
		c.looks++
		alpha = 1 / float32(c.looks+2)
	}
	clear(c.restless[:])
	clear(c.line[:])
	for i := range c.unrest {
		switch {
		case c.flat(i):
			c.unrest[i] += alpha * (1 - c.unrest[i])
		case c.habit[i] < cellMin: // else it goes on, but is known so well by now that it is not astray any more
			c.unrest[i] -= alpha * c.unrest[i]
		}
		if c.unrest[i] > unrestMuch {
			c.spread(i)
		}
	}
}

// flat says that a cell stirs and what lies two cells above and below it does not, as it is with writing. What stands
// upright is no writing, however often it comes by.
func (c *cells) flat(i int) bool {
	return c.stirred[i] >= cellMin && (i < 2*cellsW || c.stirred[i-2*cellsW] < cellMin) &&
		(i+2*cellsW >= len(c.stirred) || c.stirred[i+2*cellsW] < cellMin)
}

// habits counts the places that stray far so often that they are not astray any more when they do: a cell of such
// places does not come to rest.
func (c *cells) habits(g *background) {
	clear(c.habit[:])
	var all float32
	for _, v := range g.dev {
		all += v
	}
	much := cellWild + 2*all/halfN
	for y := range halfH {
		out := c.habit[y/cellSize*cellsW:][:cellsW]
		dev := g.dev[y*halfW:][:halfW]
		for x, w := range g.wild[y*halfW:][:halfW] {
			if w+dev[x] > much {
				out[x/cellSize]++
			}
		}
	}
}

// spread makes a cell and its neighbours restless: farther along a line than across, as writing goes.
func (c *cells) spread(i int) {
	cx, cy := i%cellsW, i/cellsW
	for y := max(cy-1, 0); y <= min(cy+1, cellsH-1); y++ {
		for x := max(cx-cellLine, 0); x <= min(cx+cellLine, cellsW-1); x++ {
			c.line[y*cellsW+x] = true
			if x >= cx-2 && x <= cx+2 {
				c.restless[y*cellsW+x] = true
			}
		}
	}
}

// empty says that nothing is noted in a row of states. Its length is a multiple of 8.
func empty(row []uint8) bool {
	for i := 0; i < len(row); i += 8 {
		if binary.LittleEndian.Uint64(row[i:]) != 0 {
			return false
		}
	}
	return true
}
