package index

import (
	"bytes"

	"go.etcd.io/bbolt"

	"hearth/storage/segment"
)

// putGap keeps a gap. Of two that begin at the same moment the longer one says more.
func putGap(tx *bbolt.Tx, l segment.Line, g Gap) error {
	b := tx.Bucket([]byte(gapsBucket))
	key := join(lineKey(l), timeKey(g.From))
	if old := b.Get(key); len(old) >= 8 && parseTime(old[:8]) > g.To {
		return nil
	}
	return b.Put(key, append(timeKey(g.To), g.Reason...))
}

// Gaps gives the recorded gaps and ends of runs of a line that begin within from..to, in microseconds, in order.
func (x *Index) Gaps(l segment.Line, from, to int64) (gaps []Gap, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		gaps = gapsWithin(tx, l, from, to)
		return nil
	})
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, a := range x.fresh[l] {
		for _, g := range a.Gaps {
			if g.From >= from && g.From < to {
				gaps = append(gaps, g)
			}
		}
	}
	return gaps, err
}

func gapsWithin(tx *bbolt.Tx, l segment.Line, from, to int64) (gaps []Gap) {
	c := tx.Bucket([]byte(gapsBucket)).Cursor()
	line := lineKey(l)
	for k, v := c.Seek(join(line, timeKey(from))); k != nil && bytes.HasPrefix(k, line); k, v = c.Next() {
		if len(k) != lineSize+8 || len(v) < 8 {
			continue
		}
		g := Gap{From: parseTime(k[lineSize:]), To: parseTime(v[:8]), Reason: string(v[8:])}
		if g.From >= to {
			break
		}
		gaps = append(gaps, g)
	}
	return gaps
}
