package retention

import (
	"slices"
	"time"

	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

const (
	preRoll  = 10 * time.Second // footage that belongs to an event and comes before it
	postRoll = 10 * time.Second
	// reach is how far from a file an event may be and still keep some of it: the rolls, and a group of pictures.
	reach = 30 * time.Second
	// block is what a file system can give back of a file.
	block = 4096
	// worth is from how many bytes on it pays to punch holes into a file.
	worth = 64 << 10
)

// span is a stretch of time, in microseconds.
type span struct{ from, to int64 }

// around gives the stretches to keep around events, in order and apart from each other.
func around(events []index.EventSpan, heldOnly bool) (spans []span) {
	for _, e := range events {
		if heldOnly && !e.Held {
			continue
		}
		spans = append(spans, span{e.Start - preRoll.Microseconds(), e.End + postRoll.Microseconds()})
	}
	slices.SortFunc(spans, func(a, b span) int { return compare(a.from, b.from) })
	joined := spans[:0]
	for _, s := range spans {
		if n := len(joined); n > 0 && s.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, s.to)
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// share says how much of from..to spans cover, 0 to 1.
func share(spans []span, from, to int64) float64 {
	var sum int64
	for _, s := range spans {
		sum += max(min(s.to, to)-max(s.from, from), 0)
	}
	return float64(sum) / float64(max(to-from, 1))
}

// touches says whether from..to has anything of one of the spans.
func touches(spans []span, from, to int64) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return from < s.to && to > s.from })
}

// cut is a range of a file's records, from one up to another, of which the fragments go. The others among them stay:
// notes and checkpoints are small, and the file cannot be understood without them.
type cut struct{ from, to int }

// plan gives what of a file is not within the spans to keep: whole groups of pictures only.
func plan(table []segment.Entry, keep []span) (cuts []cut) {
	for at := 0; at < len(table); {
		if table[at].Type != segment.FragRecord {
			at++
			continue
		}
		// A group: from a key frame, or from the beginning of the file, to before the next one.
		from, begin, end := at, table[at].Time, table[at].End()
		for at++; at < len(table) && (table[at].Type != segment.FragRecord || !table[at].Key); at++ {
			if table[at].Type == segment.FragRecord {
				end = max(end, table[at].End())
			}
		}
		if touches(keep, begin, end) {
			continue
		}
		to := at
		for table[to-1].Type != segment.FragRecord {
			to--
		}
		cuts = join(cuts, cut{from, to})
	}
	return settle(table, cuts)
}

// join adds a cut to others.
func join(cuts []cut, c cut) []cut {
	for i := 0; i < len(cuts); i++ {
		if o := cuts[i]; o.from <= c.to && o.to >= c.from {
			c = cut{min(o.from, c.from), max(o.to, c.to)}
			cuts = slices.Delete(cuts, i, i+1)
			i--
		}
	}
	at, _ := slices.BinarySearchFunc(cuts, c, func(a, b cut) int { return a.from - b.from })
	return slices.Insert(cuts, at, c)
}

// settle joins cuts between which no fragment lies.
func settle(table []segment.Entry, cuts []cut) (settled []cut) {
	for _, c := range cuts {
		if n := len(settled); n > 0 && !hasFragment(table[settled[n-1].to:c.from]) {
			settled[n-1].to = c.to
			continue
		}
		settled = append(settled, c)
	}
	return settled
}

func hasFragment(table []segment.Entry) bool {
	return slices.ContainsFunc(table, func(e segment.Entry) bool { return e.Type == segment.FragRecord })
}

// cutsOf are the holes of a ledger that were let go of, as far as the file has such records.
func cutsOf(holes []ledger.Hole, table []segment.Entry) (cuts []cut) {
	for _, h := range holes {
		if from, to := int(h.From), min(int(h.To), len(table)); !h.Damaged && from < to {
			cuts = join(cuts, cut{from, to})
		}
	}
	return cuts
}

// extents are the bytes of a file to be punched: the fragments of the cuts, those that lie one behind the other together.
func extents(table []segment.Entry, cuts []cut) (list [][2]int64) {
	for _, c := range cuts {
		for at := c.from; at < c.to; {
			if table[at].Type != segment.FragRecord {
				at++
				continue
			}
			from := at
			for at < c.to && table[at].Type == segment.FragRecord {
				at++
			}
			begin, end := segment.Span(table, from, at)
			list = append(list, [2]int64{begin, end})
		}
	}
	return list
}

// freed is how many bytes a file system gives back for extents: of whole blocks.
func freed(extents [][2]int64) (n int64) {
	for _, e := range extents {
		n += max(e[1]/block*block-(e[0]+block-1)/block*block, 0)
	}
	return n
}

// gaps are the stretches without footage that cuts leave, for the timeline.
func gaps(table []segment.Entry, cuts []cut) (list []index.Gap) {
	for _, c := range cuts {
		g := index.Gap{From: -1, Reason: ledger.LetGo}
		for _, e := range table[c.from:c.to] {
			if e.Type != segment.FragRecord {
				continue
			}
			if g.From < 0 {
				g.From = e.Time
			}
			g.To = max(g.To, e.End())
		}
		if g.From >= 0 && g.From < g.To {
			list = append(list, g)
		}
	}
	return list
}

// Apply corrects what the index is told of a file that was just read, for an index that is made again: what the ledger
// says is gone of it does not count as footage.
func Apply(a *index.Addition, table []segment.Entry, holes []ledger.Hole) {
	cuts := cutsOf(holes, table)
	if len(cuts) == 0 {
		return
	}
	a.Freed = freed(extents(table, cuts))
	left := gaps(table, cuts)
	a.Gaps = append(a.Gaps, left...)
	for _, g := range left {
		var covered [][2]int64
		for _, c := range a.Covered {
			if g.From > c[0] {
				covered = append(covered, [2]int64{c[0], min(c[1], g.From)})
			}
			if g.To < c[1] {
				covered = append(covered, [2]int64{max(c[0], g.To), c[1]})
			}
		}
		a.Covered = slices.DeleteFunc(covered, func(c [2]int64) bool { return c[0] >= c[1] })
	}
}
