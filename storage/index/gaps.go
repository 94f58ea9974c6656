package index

import (
	"bytes"

	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// putGap keeps a gap. Of two that begin at the same moment the longer one says more.
func putGap(tx *layer.Tx, l segment.Line, g Gap) {
	key := join(lineKey(l), timeKey(g.From))
	if old := tx.Get(flat(gapsKind), key); len(old) >= 8 && parseTime(old[:8]) > g.To {
		return
	}
	tx.Put(flat(gapsKind), key, append(timeKey(g.To), g.Reason...))
}

// Gaps gives the recorded gaps and ends of runs of a line that begin within from..to, in microseconds, in order.
func (x *Index) Gaps(l segment.Line, from, to int64) (gaps []Gap, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.View(func(tx *layer.Tx) error {
		gaps = gapsWithin(tx, l, from, to)
		return nil
	})
	for _, a := range x.fresh[l] {
		for _, g := range a.Gaps {
			if g.From >= from && g.From < to {
				gaps = append(gaps, g)
			}
		}
	}
	return gaps, err
}

func gapsWithin(tx *layer.Tx, l segment.Line, from, to int64) (gaps []Gap) {
	c := tx.Cursor(flat(gapsKind))
	line := lineKey(l)
	for k, v := c.Seek(join(line, timeKey(from))); k != nil && bytes.HasPrefix(k, line); k, v = c.Next() {
		g, ok := parseGap(k, v)
		if !ok {
			continue
		}
		if g.From >= to {
			break
		}
		gaps = append(gaps, g)
	}
	return gaps
}

func parseGap(k, v []byte) (Gap, bool) {
	if len(k) != lineSize+8 || len(v) < 8 {
		return Gap{}, false
	}
	return Gap{From: parseTime(k[lineSize:]), To: parseTime(v[:8]), Reason: string(v[8:])}, true
}
