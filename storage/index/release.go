package index

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// Written gives up to n of a line's files that begin at a time in microseconds or later, by their starts. Files that were
// not checkpointed yet are not among them: they cannot be let go of.
func (x *Index) Written(l segment.Line, from int64, n int) (rows []Row, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		w := walkRows(tx, l)
		for r, ok := w.from(from); ok && len(rows) < n; r, ok = w.next(r) {
			rows = append(rows, r)
		}
		return nil
	})
	return rows, err
}

// HeldWithin says whether a held event of the camera touches from..to, in microseconds.
func (x *Index) HeldWithin(camera media.CameraID, from, to int64) (held bool, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(flat(heldKind))
		for k, v := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]); k, v = c.Next() {
			if len(k) != 40 || len(v) != 8 {
				continue
			}
			if parseTime(k[16:24]) >= to {
				break
			}
			if parseTime(v) > from {
				held = true
				break
			}
		}
		return nil
	})
	return held, err
}

// letGo is the reason of the gap that a file leaves which was let go of.
const letGo = "let go of"

// Condemn moves files from what is kept to what is let go of, in one transaction. Until Bury they are garbage. The
// timeline has a gap in their place.
func (x *Index) Condemn(rows []Row) error {
	rows = slices.Clone(rows)
	// The last first: else a row that is about to go would first be written anew when the one before it goes.
	slices.SortFunc(rows, func(a, b Row) int { return compare(b.Start, a.Start) })
	return x.db.Update(func(tx *layer.Tx) error {
		var gone []Row
		for _, r := range rows {
			// What is kept beside it is kept by what the row says, which may have changed.
			if old, ok := getRow(tx, r.Line, r.Start); ok {
				setRow(tx, r.Line, r.Start, nil)
				forget(tx, old)
				gone = append(gone, old)
			}
		}
		for _, r := range slices.Backward(gone) {
			tx.Put(flat(garbageKind), r.key(), r.marshal(false))
			putLetGo(tx, r)
			clearCovered(tx, r.Line.Camera, [][2]int64{{r.Start, r.End}})
		}
		return nil
	})
}

// putLetGo notes the gap that a file leaves, unless there is other footage of that time: a clock may have been set back.
func putLetGo(tx *layer.Tx, r Row) {
	if r.Line.Stream == segment.Pack || slices.ContainsFunc(rowsWithin(tx, r.Line, r.Start, r.End), func(o Row) bool {
		return o.Start < r.End && o.End > r.Start
	}) {
		return
	}
	g := Gap{From: r.Start, To: r.End, Reason: letGo}
	// Files that were let go of one behind the other leave one gap.
	line := lineKey(r.Line)
	if k, v := tx.Cursor(flat(gapsKind)).Before(join(line, timeKey(r.Start))); bytes.HasPrefix(k, line) {
		if before, ok := parseGap(k, v); ok && before.Reason == letGo && before.To >= r.Start-microsPerMinute/60 && before.To <= r.End {
			g.From = before.From
		}
	}
	putGap(tx, r.Line, g)
}

// Garbage gives the files that are let go of and perhaps not removed yet.
func (x *Index) Garbage() (rows []Row, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(flat(garbageKind))
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if len(k) != lineSize+8 {
				continue
			}
			if r, _, err := parseRow(parseLine(k), parseTime(k[lineSize:]), v); err == nil {
				rows = append(rows, r)
			}
		}
		return nil
	})
	return rows, err
}

// Bury forgets garbage whose files are removed.
func (x *Index) Bury(rows []Row) error {
	return x.db.Update(func(tx *layer.Tx) error {
		for _, r := range rows {
			tx.Delete(flat(garbageKind), r.key())
		}
		return nil
	})
}

// Trim forgets what the index says of a camera before a time in microseconds: events with their thumbnails unless
// held, gaps, minutes of motion and days. At most n things of a kind go at once; more says that there are others.
func (x *Index) Trim(camera media.CameraID, before int64, n int) (more bool, err error) {
	err = x.db.Update(func(tx *layer.Tx) error {
		more = trimEvents(tx, camera, before, n) || trimThumbs(tx, camera, before, n)
		hour, day := floorDiv(before, microsPerHour), floorDiv(before, microsPerDay)
		deleteRange(tx, minutesKind, counted(camera, 0), counted(camera, max(hour, 0)), n, &more)
		deleteRange(tx, minutesKind, marksKey(hourOf{camera, 0}), marksKey(hourOf{camera, max(hour, 0)}), n, &more)
		deleteRange(tx, daysKind, counted(camera, 0), counted(camera, max(day, 0)), n, &more)
		for _, s := range streams() {
			line := lineKey(segment.Line{Camera: camera, Stream: s})
			deleteRange(tx, gapsKind, line, join(line, timeKey(before)), n, &more)
		}
		return nil
	})
	return more, err
}

func streams() []media.Stream { return []media.Stream{media.Main, media.Sub, segment.Pack} }

func trimEvents(tx *layer.Tx, camera media.CameraID, before int64, n int) (more bool) {
	var old []stored
	c := tx.Cursor(eventsOf(camera))
	for k, v := c.First(); k != nil; k, v = c.Next() {
		s, err := parseEvent(camera, k, v)
		if err != nil {
			continue
		}
		if s.Start.UnixMicro() >= before {
			break
		}
		if !s.Held && endOf(s.Event) < before {
			if old = append(old, s); len(old) == n {
				more = true
				break
			}
		}
	}
	for _, s := range old {
		deleteEvent(tx, s.Event)
		deleteChapters(tx, camera, s.Chapters, nil)
	}
	return more
}

// trimThumbs forgets pictures that nothing names any more, once the packs are gone in which they lay: those of chapters that became
// one, which are found in the packs again when the index is made anew.
func trimThumbs(tx *layer.Tx, camera media.CameraID, before int64, n int) (more bool) {
	packs := rowsOf(segment.Line{Camera: camera, Stream: segment.Pack})
	var old [][]byte
	c := tx.Cursor(flat(thumbsKind))
	for k, v := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]); k, v = c.Next() {
		if len(v) < 8 || parseTime(v) >= before {
			continue
		}
		// A pack that is being written is not known yet; it is the last.
		later, _ := tx.Cursor(packs).Seek(v[:8])
		if later == nil || bytes.Equal(later, v[:8]) {
			continue
		}
		if old = append(old, k); len(old) == n {
			more = true
			break
		}
	}
	for _, k := range old {
		tx.Delete(flat(thumbsKind), k)
	}
	return more
}

// deleteRange deletes up to n keys from from to before to.
func deleteRange(tx *layer.Tx, kind int, from, to []byte, n int, more *bool) {
	var keys [][]byte
	c := tx.Cursor(flat(kind))
	for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, _ = c.Next() {
		if keys = append(keys, k); len(keys) == n {
			*more = true
			break
		}
	}
	for _, k := range keys {
		tx.Delete(flat(kind), k)
	}
}

// RemoveCamera forgets a camera and notes that its folder is to be removed, in one transaction.
func (x *Index) RemoveCamera(camera media.CameraID) error {
	x.settling.Lock()
	defer x.settling.Unlock()
	err := x.db.Update(func(tx *layer.Tx) error {
		tx.Put(flat(removedKind), camera[:], nil)
		for _, s := range streams() {
			tx.Drop(rowsOf(segment.Line{Camera: camera, Stream: s}))
		}
		var ids [][]byte
		c := tx.Cursor(eventsOf(camera))
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if len(k) == 24 {
				ids = append(ids, k[8:])
			}
		}
		for _, id := range ids {
			tx.Delete(flat(idsKind), id)
		}
		tx.Drop(eventsOf(camera))
		for _, kind := range []int{
			todoKind, garbageKind, headsKind, tailsKind, totalsKind, gapsKind, daysKind, minutesKind, heldKind, thumbsKind,
		} {
			deletePrefix(tx, kind, camera[:])
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget camera %s: %w", camera, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for l := range x.fresh {
		if l.Camera == camera {
			delete(x.fresh, l)
			delete(x.heads, l)
		}
	}
	for l := range x.tails {
		if l.Camera == camera {
			delete(x.tails, l)
		}
	}
	for k := range x.motion {
		if k.camera == camera {
			delete(x.motion, k)
		}
	}
	for k := range x.marks {
		if k.camera == camera {
			delete(x.marks, k)
		}
	}
	delete(x.looked, camera)
	return nil
}

func deletePrefix(tx *layer.Tx, kind int, prefix []byte) {
	var keys [][]byte
	c := tx.Cursor(flat(kind))
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		keys = append(keys, k)
	}
	for _, k := range keys {
		tx.Delete(flat(kind), k)
	}
}

// Removed lists the cameras whose folders are to be removed.
func (x *Index) Removed() (cameras []media.CameraID, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(flat(removedKind))
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if len(k) == 16 {
				cameras = append(cameras, media.CameraID(k))
			}
		}
		return nil
	})
	return cameras, err
}

// Gone says that a removed camera's folder is removed.
func (x *Index) Gone(camera media.CameraID) error {
	return x.db.Update(func(tx *layer.Tx) error { tx.Delete(flat(removedKind), camera[:]); return nil })
}

// Since gives the start of a camera's oldest footage, kept or just finished; ok is false when there is none.
func (x *Index) Since(camera media.CameraID) (start time.Time, ok bool, err error) {
	var oldest int64
	for _, s := range []media.Stream{media.Main, media.Sub} {
		r, there, err := x.Next(segment.Line{Camera: camera, Stream: s}, -1<<62)
		if err != nil {
			return time.Time{}, false, err
		}
		if there && (!ok || r.Start < oldest) {
			oldest, ok = r.Start, true
		}
	}
	return time.UnixMicro(oldest).UTC(), ok, nil
}
