package index

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Oldest gives footage in the order in which it ended, oldest first: of one camera, or, with the zero ID, of all, from
// what ended at a time in microseconds on. It goes on until each returns false. Files that were not checkpointed yet are not among it. each runs outside of any
// transaction and may write.
func (x *Index) Oldest(camera media.CameraID, since int64, each func(Row) bool) error {
	after := timeKey(since)
	for {
		rows, last, err := x.oldest(camera, after, 64)
		if err != nil || last == nil {
			return err
		}
		for _, r := range rows {
			if !each(r) {
				return nil
			}
		}
		after = last
	}
}

func (x *Index) oldest(camera media.CameraID, after []byte, n int) (rows []Row, last []byte, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(ageBucket)).Cursor()
		k, _ := c.Seek(after)
		if bytes.Equal(k, after) {
			k, _ = c.Next()
		}
		for ; k != nil && len(rows) < n; k, _ = c.Next() {
			last = bytes.Clone(k)
			if len(k) != 8+lineSize+8 {
				continue
			}
			l, start := parseLine(k[8:]), parseTime(k[8+lineSize:])
			if !camera.IsZero() && l.Camera != camera {
				continue
			}
			if b := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(l)); b != nil {
				if r, err := parseRow(l, start, b.Get(timeKey(start))); err == nil {
					rows = append(rows, r)
				}
			}
		}
		return nil
	})
	return rows, last, err
}

// Written gives up to n of a line's files that begin at a time in microseconds or later, by their starts. Files that were
// not checkpointed yet are not among them: they cannot be let go of.
func (x *Index) Written(l segment.Line, from int64, n int) (rows []Row, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(l))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		for k, v := c.Seek(timeKey(from)); k != nil && len(rows) < n; k, v = c.Next() {
			if r, err := parseRow(l, parseKey(k), v); err == nil {
				rows = append(rows, r)
			}
		}
		return nil
	})
	return rows, err
}

// HeldWithin says whether a held event of the camera touches from..to, in microseconds.
func (x *Index) HeldWithin(camera media.CameraID, from, to int64) (held bool, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(heldBucket)).Cursor()
		for k, v := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]); k, v = c.Next() {
			if len(k) != 40 || len(v) != 8 {
				continue
			}
			if parseTime(k[16:24]) >= to {
				break
			}
			if parseTime(v) > from {
				held = true
				return nil
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
	return x.db.Update(func(tx *bbolt.Tx) error {
		for _, r := range rows {
			b := tx.Bucket([]byte(segmentsBucket)).Bucket(lineKey(r.Line))
			if b == nil {
				continue
			}
			// What is kept beside it is kept by what the row says, which may have changed.
			old, err := parseRow(r.Line, r.Start, b.Get(timeKey(r.Start)))
			if err != nil {
				continue
			}
			if err := b.Delete(timeKey(r.Start)); err != nil {
				return err
			}
			if err := forget(tx, old); err != nil {
				return err
			}
			if err := tx.Bucket([]byte(garbageBucket)).Put(old.key(), old.marshal()); err != nil {
				return err
			}
			if err := putLetGo(tx, old); err != nil {
				return err
			}
			if err := clearCovered(tx, old.Line.Camera, [][2]int64{{old.Start, old.End}}); err != nil {
				return err
			}
			tomb := join(old.Segment[:], old.Prev[:], old.Head[:])
			if err := tx.Bucket([]byte(tombsBucket)).Put(old.key(), tomb); err != nil {
				return err
			}
		}
		return nil
	})
}

// putLetGo notes the gap that a file leaves, unless there is other footage of that time: a clock may have been set back.
func putLetGo(tx *bbolt.Tx, r Row) error {
	if r.Line.Stream == segment.Pack || slices.ContainsFunc(rowsWithin(tx, r.Line, r.Start, r.End), func(o Row) bool {
		return o.Start < r.End && o.End > r.Start
	}) {
		return nil
	}
	g := Gap{From: r.Start, To: r.End, Reason: letGo}
	// Files that were let go of one behind the other leave one gap.
	c := tx.Bucket([]byte(gapsBucket)).Cursor()
	line := lineKey(r.Line)
	c.Seek(join(line, timeKey(r.Start)))
	if k, v := c.Prev(); len(k) == lineSize+8 && bytes.HasPrefix(k, line) && len(v) >= 8 && string(v[8:]) == letGo {
		if to := parseTime(v); to >= r.Start-microsPerMinute/60 && to <= r.End {
			g.From = parseTime(k[lineSize:])
		}
	}
	return putGap(tx, r.Line, g)
}

// Unread says whether the index knows a file on one of the volumes by its name only: events in it may still come to light.
func (x *Index) Unread(on func(volume uint8) bool) (unread bool, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(todoBucket)).Cursor()
		for k, _ := c.First(); k != nil && !unread; k, _ = c.Next() {
			if len(k) != lineSize+8 {
				continue
			}
			if b := tx.Bucket([]byte(segmentsBucket)).Bucket(k[:lineSize]); b != nil {
				r, err := parseRow(parseLine(k), parseTime(k[lineSize:]), b.Get(k[lineSize:]))
				unread = err == nil && on(r.Volume)
			}
		}
		return nil
	})
	return unread, err
}

// Garbage gives the files that are let go of and perhaps not removed yet.
func (x *Index) Garbage() (rows []Row, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(garbageBucket)).ForEach(func(k, v []byte) error {
			if len(k) != lineSize+8 {
				return nil
			}
			if r, err := parseRow(parseLine(k), parseTime(k[lineSize:]), v); err == nil {
				rows = append(rows, r)
			}
			return nil
		})
	})
	return rows, err
}

// Bury forgets garbage whose files are removed; a tombstone keeps the chain whole.
func (x *Index) Bury(rows []Row) error {
	return x.db.Update(func(tx *bbolt.Tx) error {
		for _, r := range rows {
			if err := tx.Bucket([]byte(garbageBucket)).Delete(r.key()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Tomb says what chain hashes a file had that was let go of.
func (x *Index) Tomb(l segment.Line, start int64) (prev, head [32]byte, ok bool, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(tombsBucket)).Get(join(lineKey(l), timeKey(start)))
		if ok = len(v) == 80; ok {
			prev, head = [32]byte(v[16:48]), [32]byte(v[48:80])
		}
		return nil
	})
	return prev, head, ok, err
}

// Tombs calls each for a line's files that were let go of, in the order of their starts.
func (x *Index) Tombs(l segment.Line, each func(start int64, prev, head [32]byte)) error {
	return x.db.View(func(tx *bbolt.Tx) error {
		line := lineKey(l)
		c := tx.Bucket([]byte(tombsBucket)).Cursor()
		for k, v := c.Seek(line); k != nil && bytes.HasPrefix(k, line); k, v = c.Next() {
			if len(k) == lineSize+8 && len(v) == 80 {
				each(parseTime(k[lineSize:]), [32]byte(v[16:48]), [32]byte(v[48:80]))
			}
		}
		return nil
	})
}

// Trim forgets what the index says of a camera before a time in microseconds: events with their thumbnails unless
// held, gaps, minutes of motion, days, and tombstones but the last. At most n things of a kind go at once; more says
// that there are others.
func (x *Index) Trim(camera media.CameraID, before int64, n int) (more bool, err error) {
	err = x.db.Update(func(tx *bbolt.Tx) error {
		var old []Event
		c := tx.Bucket([]byte(eventsBucket)).Cursor()
		for k, v := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]) && len(k) == 40; k, v = c.Next() {
			if parseTime(k[16:24]) >= before {
				break
			}
			if s, err := parseEvent(tx, camera, v); err == nil && !s.Held && endOf(s.Event) < before {
				if old = append(old, s.Event); len(old) == n {
					more = true
					break
				}
			}
		}
		for _, e := range old {
			if err := deleteEvent(tx, e, true); err != nil {
				return err
			}
		}
		hour, day := floorDiv(before, microsPerHour), floorDiv(before, microsPerDay)
		for _, t := range []struct {
			bucket   string
			from, to []byte
		}{
			{minutesBucket, counted(camera, 0), counted(camera, max(hour, 0))},
			{daysBucket, counted(camera, 0), counted(camera, max(day, 0))},
		} {
			if err := deleteRange(tx.Bucket([]byte(t.bucket)), t.from, t.to, n, &more); err != nil {
				return err
			}
		}
		for _, s := range []media.Stream{media.Main, media.Sub, segment.Pack} {
			line := lineKey(segment.Line{Camera: camera, Stream: s})
			to := join(line, timeKey(before))
			if err := deleteRange(tx.Bucket([]byte(gapsBucket)), line, to, n, &more); err != nil {
				return err
			}
			// The last tombstone before what is kept is where the chain goes on from.
			c := tx.Bucket([]byte(tombsBucket)).Cursor()
			k, _ := c.Seek(to)
			if k == nil {
				k, _ = c.Last()
			} else {
				k, _ = c.Prev()
			}
			if k != nil && bytes.HasPrefix(k, line) {
				if err := deleteRange(tx.Bucket([]byte(tombsBucket)), line, bytes.Clone(k), n, &more); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return more, err
}

// deleteRange deletes up to n keys from from to before to.
func deleteRange(b *bbolt.Bucket, from, to []byte, n int, more *bool) error {
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.Seek(from); k != nil && bytes.Compare(k, to) < 0; k, _ = c.Next() {
		if keys = append(keys, bytes.Clone(k)); len(keys) == n {
			*more = true
			break
		}
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// RemoveCamera forgets a camera and notes that its folder is to be removed, in one transaction.
func (x *Index) RemoveCamera(camera media.CameraID) error {
	err := x.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket([]byte(removedBucket)).Put(camera[:], nil); err != nil {
			return err
		}
		for _, s := range []media.Stream{media.Main, media.Sub, segment.Pack} {
			line := lineKey(segment.Line{Camera: camera, Stream: s})
			if tx.Bucket([]byte(segmentsBucket)).Bucket(line) != nil {
				if err := tx.Bucket([]byte(segmentsBucket)).DeleteBucket(line); err != nil {
					return err
				}
			}
		}
		var ids, ages [][]byte
		c := tx.Bucket([]byte(eventsBucket)).Cursor()
		for k, _ := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]); k, _ = c.Next() {
			if len(k) == 40 {
				ids = append(ids, bytes.Clone(k[24:]))
			}
		}
		c = tx.Bucket([]byte(ageBucket)).Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if len(k) == 8+lineSize+8 && bytes.HasPrefix(k[8:], camera[:]) {
				ages = append(ages, bytes.Clone(k))
			}
		}
		if err := deleteKeys(tx.Bucket([]byte(eventIDsBucket)), ids); err != nil {
			return err
		}
		if err := deleteKeys(tx.Bucket([]byte(ageBucket)), ages); err != nil {
			return err
		}
		for _, name := range []string{
			todoBucket, garbageBucket, tombsBucket, headsBucket, totalsBucket, gapsBucket, daysBucket, minutesBucket,
			eventsBucket, heldBucket, thumbsBucket, tailsBucket,
		} {
			var keys [][]byte
			c := tx.Bucket([]byte(name)).Cursor()
			for k, _ := c.Seek(camera[:]); k != nil && bytes.HasPrefix(k, camera[:]); k, _ = c.Next() {
				keys = append(keys, bytes.Clone(k))
			}
			if err := deleteKeys(tx.Bucket([]byte(name)), keys); err != nil {
				return err
			}
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
	return nil
}

func deleteKeys(b *bbolt.Bucket, keys [][]byte) error {
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Removed lists the cameras whose folders are to be removed.
func (x *Index) Removed() (cameras []media.CameraID, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(removedBucket)).ForEach(func(k, _ []byte) error {
			if len(k) == 16 {
				cameras = append(cameras, media.CameraID(k))
			}
			return nil
		})
	})
	return cameras, err
}

// Gone says that a removed camera's folder is removed.
func (x *Index) Gone(camera media.CameraID) error {
	return x.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(removedBucket)).Delete(camera[:]) })
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
