package retention

import (
	"math"
	"time"

	"hearth/storage/index"
	"hearth/storage/segment"
)

// jump is how far a clock that was behind is set forward, at least, for the files from before to count as younger than they
// say. Less makes no difference to a limit of days.
const jump = time.Hour

// successors are a line's files by the chain hash that they continue; they are read when they are first asked for.
type successors map[[32]byte]index.Row

func (s *successors) read(x Index, l segment.Line) error {
	*s = make(successors)
	for from := int64(math.MinInt64); ; {
		rows, err := x.Written(l, from, 1024)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			(*s)[r.Prev] = r
		}
		from = rows[len(rows)-1].Start + 1
	}
}

// young says whether a file from when the box did not know the time is younger than its own times say: a box without a
// clock begins in 1970, or where it was last switched off, and is set when the network answers. What was recorded behind
// it in the chain says when that was; where nothing was yet, it was just now.
func (s *successors) young(x Index, r index.Row, before int64) (bool, error) {
	if *s == nil {
		if err := s.read(x, r.Line); err != nil {
			return false, err
		}
	}
	for range len(*s) {
		next, ok := (*s)[r.Head]
		if !ok { // the newest there is: of just now, where the clock makes it old
			return r.End < before, nil
		}
		if set := next.Start-r.End >= jump.Microseconds(); set && next.Start >= before {
			return true, nil
		}
		if !next.Untrusted {
			return false, nil // it is as old as it says, or as what came when the box was told the time
		}
		r = next
	}
	return false, nil // a chain in a circle is none
}
