package index

import (
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// EventSpan is when an event was, in microseconds, and whether it is held.
type EventSpan struct {
	Start, End int64 // End is now while the event is going on
	Held       bool
}

// EventSpans gives when a camera's events were that touch from..to, in microseconds, in the order of their starts.
func (x *Index) EventSpans(camera media.CameraID, from, to int64) (spans []EventSpan, err error) {
	now := time.Now().UnixMicro()
	err = x.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(eventsBucket)).Cursor()
		first := from - longestEvent.Microseconds()
		for k, v := c.Seek(join(camera[:], timeKey(first))); len(k) == 40 && media.CameraID(k[:16]) == camera; k, v = c.Next() {
			start := parseTime(k[16:24])
			if start >= to {
				break
			}
			s, err := parseEvent(tx, camera, v)
			if err != nil {
				continue
			}
			end := endOf(s.Event)
			if s.End.IsZero() {
				end = max(now, start)
			}
			if end >= from {
				spans = append(spans, EventSpan{Start: start, End: end, Held: s.Held})
			}
		}
		return nil
	})
	return spans, err
}
