package index

import (
	"slices"

	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// walk goes through the rows of a line, passing over those that cannot be read. It must not be used any more once the
// line was changed.
type walk struct {
	line   segment.Line
	tx     *layer.Tx
	cursor *layer.Cursor
}

func walkRows(tx *layer.Tx, l segment.Line) *walk {
	return &walk{line: l, tx: tx, cursor: tx.Cursor(rowsOf(l))}
}

// from goes to the first row that begins at or after t.
func (w *walk) from(t int64) (Row, bool) {
	k, v := w.cursor.Seek(timeKey(t))
	return w.readable(k, v, w.cursor.Next)
}

// upTo goes to the last row that begins at or before t.
func (w *walk) upTo(t int64) (Row, bool) {
	k, v := w.cursor.Seek(timeKey(t))
	if k == nil || parseKey(k) > t {
		k, v = w.cursor.Before(timeKey(t))
	}
	return w.readable(k, v, w.cursor.Prev)
}

// next goes to the row behind r, on which the walk is.
func (w *walk) next(r Row) (Row, bool) {
	k, v := w.cursor.Next()
	if len(k) == 8 {
		if n, linked, err := parseRow(w.line, parseKey(k), v); err == nil {
			if linked {
				n.Prev = r.Head
			}
			return n, true
		}
	}
	return w.readable(k, v, w.cursor.Next)
}

func (w *walk) readable(k, v []byte, step func() (k, v []byte)) (Row, bool) {
	for ; k != nil; k, v = step() {
		if len(k) != 8 {
			continue
		}
		if r, linked, err := parseRow(w.line, parseKey(k), v); err == nil {
			if linked {
				r.Prev = headBefore(w.tx, w.line, k)
			}
			return r, true
		}
	}
	return Row{}, false
}

// headBefore gives the Head of the row before a key: the Prev of a row that is linked. It is zero when that row cannot
// be read.
func headBefore(tx *layer.Tx, l segment.Line, key []byte) (head [32]byte) {
	if _, v := tx.Cursor(rowsOf(l)).Before(key); len(v) > 1+32 {
		head = [32]byte(v[1 : 1+32])
	}
	return head
}

// getRow gives a line's row of a start.
func getRow(tx *layer.Tx, l segment.Line, start int64) (Row, bool) {
	key := timeKey(start)
	r, linked, err := parseRow(l, start, tx.Get(rowsOf(l), key))
	if err != nil {
		return Row{}, false
	}
	if linked {
		r.Prev = headBefore(tx, l, key)
	}
	return r, true
}

// setRow writes a row, or takes one out of its line; nothing else changes. The row behind it, which may have been
// linked to it, keeps its Prev.
func setRow(tx *layer.Tx, l segment.Line, start int64, r *Row) {
	behind, ok := walkRows(tx, l).from(start + 1)
	key := timeKey(start)
	if r == nil {
		tx.Delete(rowsOf(l), key)
	} else {
		tx.Put(rowsOf(l), key, r.marshal(r.Prev != [32]byte{} && r.Prev == headBefore(tx, l, key)))
	}
	if ok {
		key := timeKey(behind.Start)
		tx.Put(rowsOf(l), key, behind.marshal(behind.Prev != [32]byte{} && behind.Prev == headBefore(tx, l, key)))
	}
}

// putRow writes a row in place of the one that may be there, with what is kept beside it.
func putRow(tx *layer.Tx, r Row) {
	if old, ok := getRow(tx, r.Line, r.Start); ok {
		forget(tx, old)
	}
	setRow(tx, r.Line, r.Start, &r)
	if r.NameOnly {
		tx.Put(flat(todoKind), r.key(), nil)
	}
	addTotal(tx, r, r.Kept())
}

// forget takes a row out of what is kept beside it.
func forget(tx *layer.Tx, r Row) {
	tx.Delete(flat(todoKind), r.key())
	addTotal(tx, r, -r.Kept())
}

func parseKey(k []byte) int64 {
	if len(k) != 8 {
		return 0
	}
	return parseTime(k)
}

// Rows gives a line's files that touch the span from..to, in microseconds, oldest first. The first may begin before
// from. Rows that cannot be read are left out; Check finds them.
func (x *Index) Rows(l segment.Line, from, to int64) (rows []Row, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.View(func(tx *layer.Tx) error {
		rows = rowsWithin(tx, l, from, to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, a := range x.fresh[l] {
		if a.Start < to && a.End >= from {
			rows = merge(rows, a.Row)
		}
	}
	return rows, nil
}

func rowsWithin(tx *layer.Tx, l segment.Line, from, to int64) (rows []Row) {
	w := walkRows(tx, l)
	// The last file that begins at or before from may reach over it.
	r, ok := w.upTo(from)
	if !ok {
		r, ok = w.from(from)
	}
	for ; ok && r.Start < to; r, ok = w.next(r) {
		if r.End >= from {
			rows = append(rows, r)
		}
	}
	return rows
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
	return x.one(l, func(w *walk) (Row, bool) { return w.upTo(t) },
		func(a, best Row, ok bool) bool { return a.Start <= t && (!ok || a.Start >= best.Start) })
}

// Next gives the file of a line that begins first after t.
func (x *Index) Next(l segment.Line, t int64) (row Row, ok bool, err error) {
	return x.one(l, func(w *walk) (Row, bool) { return w.from(t + 1) },
		func(a, best Row, ok bool) bool { return a.Start > t && (!ok || a.Start <= best.Start) })
}

// one finds a row, and lets a fresh one be better.
func (x *Index) one(l segment.Line, find func(*walk) (Row, bool), better func(a, best Row, ok bool) bool) (row Row, ok bool, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.View(func(tx *layer.Tx) error {
		row, ok = find(walkRows(tx, l))
		return nil
	})
	if err != nil {
		return Row{}, false, err
	}
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
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.View(func(tx *layer.Tx) error {
		copy(head[:], tx.Get(flat(headsKind), lineKey(l)))
		return nil
	})
	if h, ok := x.heads[l]; ok {
		head = h
	}
	return head, err
}

// Lines lists the lines that have, or had, files, in order.
func (x *Index) Lines() (lines []segment.Line, err error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	err = x.db.View(func(tx *layer.Tx) error {
		lines = linesOf(tx)
		return nil
	})
	for l := range x.fresh {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b segment.Line) int { return slices.Compare(lineKey(a), lineKey(b)) })
	return lines, err
}

func linesOf(tx *layer.Tx) (lines []segment.Line) {
	for _, owner := range slices.Concat(tx.Owners(rowsKind), tx.Owners(packsKind)) {
		if len(owner) == lineSize {
			lines = append(lines, parseLine([]byte(owner)))
		}
	}
	return lines
}

// Todo gives up to n rows of a volume whose details are still to be read, and how many there are.
func (x *Index) Todo(volume uint8, n int) (rows []Row, all int, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		eachTodo(tx, func(r Row) bool {
			if r.Volume == volume {
				if all++; len(rows) < n {
					rows = append(rows, r)
				}
			}
			return true
		})
		return nil
	})
	return rows, all, err
}

// Unread says whether the index knows a file on one of the volumes by its name only: events in it may still come to light.
func (x *Index) Unread(on func(volume uint8) bool) (unread bool, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		eachTodo(tx, func(r Row) bool {
			unread = on(r.Volume)
			return !unread
		})
		return nil
	})
	return unread, err
}

// eachTodo goes through the rows that were made from names, until each returns false.
func eachTodo(tx *layer.Tx, each func(Row) bool) {
	c := tx.Cursor(flat(todoKind))
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if len(k) != lineSize+8 {
			continue
		}
		if r, ok := getRow(tx, parseLine(k), parseTime(k[lineSize:])); ok && !each(r) {
			return
		}
	}
}

// PutNames writes rows that were made from names, in one transaction.
func (x *Index) PutNames(rows []Row) error {
	return x.db.Update(func(tx *layer.Tx) error {
		for _, r := range rows {
			r.NameOnly = true
			putRow(tx, r)
		}
		return nil
	})
}

// PutDetails writes rows with what their files say, in one transaction, at once.
func (x *Index) PutDetails(adds []Addition) error {
	return x.db.Update(func(tx *layer.Tx) error {
		for _, a := range adds {
			add(tx, a)
		}
		return nil
	})
}
