package recovery

import (
	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/retention"
	"hearth/storage/segment"
)

// gone is what the ledgers of a volume say was let go of, as far as it was asked for.
type gone struct {
	rec     *Recovery
	ledgers map[media.CameraID]*ledger.Ledger            // nil: it cannot be read
	tombs   map[segment.Line]map[ledger.Hash]ledger.Tomb // by their heads
}

func (rec *Recovery) newGone() *gone {
	return &gone{
		rec: rec, ledgers: make(map[media.CameraID]*ledger.Ledger), tombs: make(map[segment.Line]map[ledger.Hash]ledger.Tomb),
	}
}

// apply corrects what the index is told of a file: parts of it may be gone, and whole files before it. A ledger that
// cannot be read is told of; retention sets it aside when it next writes there.
func (g *gone) apply(a *index.Addition, table []segment.Entry, key segment.Key) {
	l := a.Line
	led, known := g.ledgers[l.Camera]
	if !known {
		var err error
		if led, err = ledger.Read(g.rec.Dir, l.Camera, key); err != nil {
			g.rec.Log.Error("what was let go of a camera's footage is not known", "error", err)
		}
		g.ledgers[l.Camera] = led
	}
	if led == nil || l.Stream == segment.Pack {
		return
	}
	holes, err := led.Holes(l, a.Start, a.Segment)
	if err != nil {
		g.rec.Log.Error("what was let go of a file is not known", "file", a.Path(), "error", err)
	}
	retention.Apply(a, table, holes)
	if g.tombs[l] == nil {
		g.tombs[l] = make(map[ledger.Hash]ledger.Tomb)
		tombs, err := led.Tombs(l)
		if err != nil {
			g.rec.Log.Error("which files were let go of is not known", "line", l, "error", err)
		}
		for _, t := range tombs {
			g.tombs[l][t.Head] = t
		}
	}
	if t, ok := g.tombs[l][ledger.Hash(a.Prev)]; ok && t.End <= a.Start {
		a.Gaps = append(a.Gaps, index.Gap{From: t.Start, To: t.End, Reason: ledger.LetGo})
	}
}
