package ledger

import (
	"cmp"
	"slices"
)

// LetGo is why footage that a limit took is gone.
const LetGo = "let go of"

// Hole stands for records of one file, From up to but not To. Of those that were let go of only fragments are gone: the
// others among them, notes and checkpoints, are still there.
type Hole struct {
	From uint32 `json:"from"`
	To   uint32 `json:"to"`
	Why  string `json:"why,omitempty"` // "" in a page: LetGo
	// Damaged says that the records were found damaged, not let go of: they need not be told of again.
	Damaged bool `json:"damaged,omitempty"`
}

// Holds says whether a record lies in one of the holes.
func Holds(holes []Hole, record int) bool {
	return slices.ContainsFunc(holes, func(h Hole) bool { return record >= int(h.From) && record < int(h.To) })
}

// dig adds a hole to others of its kind; those that touch become one. Where they differ in kind they stay apart.
func dig(holes []Hole, h Hole) []Hole {
	if h.From >= h.To {
		return holes
	}
	for i := 0; i < len(holes); i++ {
		o := holes[i]
		if o.Why != h.Why || o.Damaged != h.Damaged || o.From > h.To || o.To < h.From {
			continue
		}
		h.From, h.To = min(h.From, o.From), max(h.To, o.To)
		holes = slices.Delete(holes, i, i+1)
		i--
	}
	holes = append(holes, h)
	slices.SortFunc(holes, func(a, b Hole) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return holes
}
