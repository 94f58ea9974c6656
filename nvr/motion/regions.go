package motion

const (
	bridge   = 2   // places between two parts of one region, at most
	roomy    = 200 // places of a region in another light in front of which something may move
	maxParts = 256 // regions looked at in one picture; more are nothing but noise
)

// region is a connected set of astray places.
type region struct {
	x0, y0, x1, y1 int     // in places, x1 and y1 one beyond
	astray         int     // places
	stirring       int     // places that stir and do not lie in restless cells
	strong         int     // of those, the ones far beyond the threshold
	weight         float32 // sum over them of how many thresholds they are astray by, each at most 4
	sumX, sumY     int     // of the places that stir
	fresh          int     // of those, the ones that were not astray in the picture before
	beside         int     // of those, the ones in line with restless cells
	zones          uint32
	inside         int // of those, the ones in any zone
	least          int // sum over them of how many would have to stir there to count
	texture        texture
	lit            bool // nothing but the background in another light
	moving         bool // it counts as motion
}

// run is a stretch of astray places in one row.
type run struct {
	y, x0, x1 int16
	parent    int16
}

// finder finds regions: runs of astray places are joined where they lie close to each other.
type finder struct {
	runs  [halfW / 2 * halfH]run
	n     int
	index [halfW / 2 * halfH]int16 // region of a run that is its own parent, plus 1
	found [maxParts]region
	count int

	textures [cellsW * cellsH]texture // of one region, cell by cell
}

// scene is all that a region is seen in.
type scene struct {
	half   *halver
	fit    *fitter
	ground *background
	cells  *cells
	area   *area
	state  *[halfN]uint8 // of the places, at the sensitivity that is asked for
}

// regions finds all regions of the last pass.
func (r *finder) regions(v scene) []region {
	r.n, r.count = 0, 0
	before, above := 0, 0 // first run of the rows y-2 and y-1
	for y := 1; y < halfH-1; y++ {
		first := r.n
		r.row(v.state, y)
		for i := first; i < r.n; i++ {
			for k := before; k < first; k++ {
				if r.runs[k].x0 <= r.runs[i].x1+1 && r.runs[k].x1 >= r.runs[i].x0-1 {
					r.join(i, k)
				}
			}
		}
		before, above = above, first
	}
	clear(r.index[:r.n])
	for i := range r.n {
		root := r.root(i)
		if r.index[root] == 0 {
			if r.count == maxParts {
				continue
			}
			r.found[r.count] = region{x0: halfW, y0: halfH}
			r.count++
			r.index[root] = int16(r.count)
		}
		r.found[r.index[root]-1].add(r.runs[i], v)
	}
	noise := v.fit.noise * devFloor
	for i := range r.found[:r.count] {
		o := &r.found[i]
		switch {
		case o.stirring == 0:
		case o.astray >= roomy:
			r.unlight(i, v, noise)
		default:
			o.lit = o.texture.kept(o.astray, devFloor)
		}
	}
	return r.found[:r.count]
}

// unlight takes out of a region what is but the background in another light: where the texture, cell by cell, is still
// there, or there is none to tell by. What is left moves in front of it.
func (r *finder) unlight(n int, v scene, noise float32) {
	clear(r.textures[:])
	for i := range r.n {
		if int(r.index[r.root(i)])-1 != n {
			continue
		}
		k := &r.runs[i]
		for x := int(k.x0); x <= int(k.x1); x++ {
			if j := int(k.y)*halfW + x; v.state[j]&astray != 0 {
				r.textures[cellOf(x, int(k.y))].add(v, j)
			}
		}
	}
	o := &r.found[n]
	*o = region{x0: halfW, y0: halfH}
	for i := range r.n {
		if int(r.index[r.root(i)])-1 != n {
			continue
		}
		k := r.runs[i]
		for x := int(k.x0); x <= int(k.x1); x++ {
			if r.textures[cellOf(x, int(k.y))].gone(noise) {
				o.add(run{y: k.y, x0: int16(x), x1: int16(x)}, v)
			}
		}
	}
}

// habits has the background take what is astray for a habit of its places: less so where it moves.
func (r *finder) habits(g *background, alpha float32) {
	for i := range r.n {
		k := &r.runs[i]
		part := alpha
		if n := int(r.index[r.root(i)]) - 1; n >= 0 && r.found[n].moving {
			part *= wildVisit
		}
		for j := int(k.y)*halfW + int(k.x0); j <= int(k.y)*halfW+int(k.x1); j++ {
			if g.state[j]&astray != 0 {
				g.wild[j] += part * (g.off[j] - g.wild[j])
			}
		}
	}
}

// row collects the runs of one row.
func (r *finder) row(state *[halfN]uint8, y int) {
	row := state[y*halfW:][:halfW]
	if empty(row) {
		return
	}
	last := -bridge - 2
	for x, s := range row {
		if s&astray == 0 {
			continue
		}
		if x-last <= bridge+1 {
			r.runs[r.n-1].x1 = int16(x)
		} else {
			r.runs[r.n] = run{y: int16(y), x0: int16(x), x1: int16(x), parent: int16(r.n)}
			r.n++
		}
		last = x
	}
}

func (r *finder) root(i int) int {
	for int(r.runs[i].parent) != i {
		r.runs[i].parent = r.runs[r.runs[i].parent].parent
		i = int(r.runs[i].parent)
	}
	return i
}

func (r *finder) join(i, k int) {
	i, k = r.root(i), r.root(k)
	r.runs[max(i, k)].parent = int16(min(i, k))
}

// add takes one more run into the region.
func (o *region) add(n run, v scene) {
	y := int(n.y)
	o.x0, o.x1 = min(o.x0, int(n.x0)), max(o.x1, int(n.x1)+1)
	o.y0, o.y1 = min(o.y0, y), max(o.y1, y+1)
	for x := int(n.x0); x <= int(n.x1); x++ {
		j := y*halfW + x
		s := v.state[j]
		if s&astray == 0 {
			continue
		}
		o.astray++
		i := o.texture.add(v, j)
		cell := cellOf(x, y)
		if s&stirs == 0 || v.cells.restless[cell] {
			continue
		}
		o.stirring++
		o.sumX, o.sumY = o.sumX+x, o.sumY+y
		if s&fresh != 0 {
			o.fresh++
		}
		if v.cells.line[cell] {
			o.beside++
		}
		if s&strong != 0 {
			o.strong++
		}
		o.weight += min(v.ground.ratio[j], 4)
		o.least += int(v.area.least[i])
		if z := v.area.zones[i]; z != 0 {
			o.zones |= z
			o.inside++
		}
	}
}
