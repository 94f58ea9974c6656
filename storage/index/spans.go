package index

import (
	"time"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
)

// EventSpan is when an event was, in microseconds, and whether it is held.
type EventSpan struct {
	Start, End int64 // End is now while the event is going on
	Held       bool
}

// EventSpans gives when a camera's events were that touch from..to, in microseconds, in the order of their starts.
func (x *Index) EventSpans(camera media.CameraID, from, to int64) (spans []EventSpan, err error) {
	now := time.Now().UnixMicro()
	err = x.db.View(func(tx *layer.Tx) error {
		c := tx.Cursor(eventsOf(camera))
		for k, v := c.Seek(timeKey(max(from, -1<<62) - longestEvent.Microseconds())); k != nil; k, v = c.Next() {
			if len(k) != 24 {
				continue
			}
			start := parseTime(k[:8])
			if start >= to {
				break
			}
			p := parser{b: v}
			flags, owner, _, end := p.span(start)
			if p.bad || owner != camera {
				continue
			}
			if flags&eventEnded == 0 {
				end = max(now, start)
			}
			if end >= from {
				spans = append(spans, EventSpan{Start: start, End: end, Held: flags&eventHeld != 0})
			}
		}
		return nil
	})
	return spans, err
}
