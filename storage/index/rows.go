package index

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"

	"hearth/storage/segment"
)

// Rows gives a line's files that touch the span from..to, in microseconds, oldest first. The first may begin before
// from. Rows that cannot be read are left out; Check finds them.
func (x *Index) Rows(l segment.Line, from, to int64) (rows []Row, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		rows = rowsWithin(tx, l, from, to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, a := range x.fresh[l] {
		if a.Start < to && a.End >= from {
			rows = merge(rows, a.Row)
		}
	}
	return rows, nil
}

func rowsWithin(tx *bbolt.Tx, l segment.Line, from, to int64) (rows []Row) {
	b := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(l))
	if b == nil {
		return nil
	}
	c := b.Cursor()
	// The last file that begins at or before from may reach over it.
	k, v := c.Seek(timeKey(from))
	if k == nil || parseKey(k) > from {
		if before, w := c.Prev(); before != nil {
			k, v = before, w
		} else {
			k, v = c.First()
		}
	}
	for ; k != nil && parseKey(k) < to; k, v = c.Next() {
		if r, err := parseRow(l, parseKey(k), v); err == nil && r.End >= from {
			rows = append(rows, r)
		}
	}
	return rows
}

func parseKey(k []byte) int64 {
	if len(k) != 8 {
		return 0
	}
	return parseTime(k)
}

// merge puts a row into a list by start; it takes the place of one with the same start.
func merge(rows []Row, r Row) []Row {
	at, there := slices.BinarySearchFunc(rows, r.Start, func(o Row, start int64) int { return compare(o.Start, start) })
	if there {
		rows[at] = r
		return rows
	}
	return slices.Insert(rows, at, r)
}

// Last gives the file of a line that begins last at or before t.
func (x *Index) Last(l segment.Line, t int64) (row Row, ok bool, err error) {
	return x.one(l, func(c *bbolt.Cursor) (k, v []byte) {
		k, v = c.Seek(timeKey(t))
		if k == nil || parseKey(k) > t {
			return c.Prev()
		}
		return k, v
	}, (*bbolt.Cursor).Prev, func(a Row, best Row, ok bool) bool { return a.Start <= t && (!ok || a.Start >= best.Start) })
}

// Next gives the file of a line that begins first after t.
func (x *Index) Next(l segment.Line, t int64) (row Row, ok bool, err error) {
	return x.one(l, func(c *bbolt.Cursor) (k, v []byte) { return c.Seek(timeKey(t + 1)) },
		(*bbolt.Cursor).Next, func(a Row, best Row, ok bool) bool { return a.Start > t && (!ok || a.Start <= best.Start) })
}

// one finds a row from where first leads, passing over unreadable ones, and lets a fresh one be better.
func (x *Index) one(l segment.Line, first func(*bbolt.Cursor) ([]byte, []byte), step func(*bbolt.Cursor) ([]byte, []byte),
	better func(a, best Row, ok bool) bool,
) (row Row, ok bool, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(l))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, v := first(c); k != nil; k, v = step(c) {
			if r, err := parseRow(l, parseKey(k), v); err == nil {
				row, ok = r, true
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return Row{}, false, err
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, a := range x.fresh[l] {
		if better(a.Row, row, ok) {
			row, ok = a.Row, true
		}
	}
	return row, ok, nil
}

// Has says whether a line has a file with this start.
func (x *Index) Has(l segment.Line, start int64) (bool, error) {
	r, ok, err := x.Last(l, start)
	return ok && r.Start == start, err
}

// Head gives the last chain hash of a line: of the file that was added last.
func (x *Index) Head(l segment.Line) (head [32]byte, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		copy(head[:], tx.Bucket([]byte(headsBucket)).Get(lineKey(l)))
		return nil
	})
	x.mu.RLock()
	defer x.mu.RUnlock()
	if list := x.fresh[l]; len(list) > 0 {
		head = list[len(list)-1].Head
	}
	return head, err
}

// Lines lists the lines that have files.
func (x *Index) Lines() (lines []segment.Line, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(segmentsBucket)).ForEachBucket(func(k []byte) error {
			if len(k) == lineSize {
				lines = append(lines, parseLine(k))
			}
			return nil
		})
	})
	x.mu.RLock()
	defer x.mu.RUnlock()
	for l := range x.fresh {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b segment.Line) int { return bytes.Compare(lineKey(a), lineKey(b)) })
	return lines, err
}

// Todo gives up to n rows of a volume whose details are still to be read, and how many there are.
func (x *Index) Todo(volume uint8, n int) (rows []Row, all int, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(todoBucket)).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if len(k) != lineSize+8 {
				continue
			}
			l, start := parseLine(k), parseTime(k[lineSize:])
			if s := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(l)); s != nil {
				if r, err := parseRow(l, start, s.Get(k[lineSize:])); err == nil && r.Volume == volume {
					if all++; len(rows) < n {
						rows = append(rows, r)
					}
				}
			}
		}
		return nil
	})
	return rows, all, err
}

// PutNames writes rows that were made from names, in one transaction.
func (x *Index) PutNames(rows []Row) error {
	return x.db.Update(func(tx *bbolt.Tx) error {
		for _, r := range rows {
			r.NameOnly = true
			if err := putRow(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutDetails writes rows with what their files say, in one transaction, at once.
func (x *Index) PutDetails(adds []Addition) error {
	return x.db.Update(func(tx *bbolt.Tx) error {
		for _, a := range adds {
			if err := add(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
}
