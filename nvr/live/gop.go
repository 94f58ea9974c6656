package live

import "hearth/nvr/media"

// Bounds of the units that are kept for a new viewer. A GOP beyond them is let go of: new viewers then wait for the
// next key frame.
const (
	maxGOPBytes = 16 << 20
	maxGOPUnits = 4096
)

// gop is what came since the last key frame, sound included.
type gop struct {
	key   *media.AccessUnit // also there when units was let go of
	units []*media.AccessUnit
	bytes int
}

// add takes the next unit.
func (g *gop) add(au *media.AccessUnit, video bool) {
	switch {
	case video && au.Key:
		// A new slice each time: a viewer that has just come may still be reading the old one.
		g.key, g.units, g.bytes = au, make([]*media.AccessUnit, 0, max(16, len(g.units)+8)), 0
	case len(g.units) == 0:
		return
	case g.bytes+len(au.Data) > maxGOPBytes || len(g.units) >= maxGOPUnits:
		g.units, g.bytes = nil, 0
		return
	}
	g.units = append(g.units, au)
	g.bytes += len(au.Data)
}

// reset lets go of everything.
func (g *gop) reset() { *g = gop{} }
