package index

import (
	"bytes"
	"encoding/base64"
	"errors"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
)

// ErrCursor says that a cursor is none that Events gave.
var ErrCursor = errors.New("not a cursor of this list")

// Limits of a list of events.
const (
	defaultEvents = 100
	maxEvents     = 1000
	// eventsAtOnce is how many events one transaction looks at, and maxLooks how many a list does: one with a rare filter
	// ends there with a cursor, and may be empty.
	eventsAtOnce = 512
	maxLooks     = 256 * eventsAtOnce
	// longestEvent bounds how far before a span a list looks for events that reach into it.
	longestEvent = 24 * time.Hour
)

// Events lists the cameras' events, newest first; rows that cannot be read, or that lie under another camera, are left
// out and told of. next is the cursor of what follows; "" means that this was all. Of a filter that hardly anything
// matches a page may be short, or empty, and still be followed by others.
func (x *Index) Events(cameras []media.CameraID, f EventFilter) (items []Event, next string, err error) {
	return x.list(cameras, f, eventsAtOnce, maxLooks)
}

// list makes a list in transactions of atOnce looks each, and of about that many looks in all.
func (x *Index) list(cameras []media.CameraID, f EventFilter, atOnce, looks int) (items []Event, next string, err error) {
	l := list{index: x, cameras: cameras, filter: f, limit: f.Limit, atOnce: atOnce, before: bytes.Repeat([]byte{0xff}, 24)}
	if l.limit <= 0 {
		l.limit = defaultEvents
	}
	l.limit = min(l.limit, maxEvents)
	if f.Cursor != "" {
		if l.before, err = base64.RawURLEncoding.DecodeString(f.Cursor); err != nil || len(l.before) != 24 {
			return nil, "", ErrCursor
		}
	}
	if !f.To.IsZero() {
		if to := join(timeKey(f.To.UnixMicro()), make([]byte, 16)); bytes.Compare(to, l.before) < 0 {
			l.before = to
		}
	}
	for ; !l.done; looks -= atOnce {
		if looks <= 0 {
			l.next = l.before
			break
		}
		if err := x.db.View(l.look); err != nil {
			return nil, "", err
		}
	}
	if l.next != nil {
		next = base64.RawURLEncoding.EncodeToString(l.next)
	}
	return l.items, next, nil
}

// list is one list of events on its way.
type list struct {
	index   *Index
	cameras []media.CameraID
	filter  EventFilter
	limit   int
	atOnce  int
	before  []byte // start ‖ id of the event that was looked at last
	items   []Event
	next    []byte
	done    bool
}

// look looks at the next events.
func (l *list) look(tx *layer.Tx) error {
	walks := make([]*eventWalk, 0, len(l.cameras))
	for _, c := range l.cameras {
		w := &eventWalk{camera: c, cursor: tx.Cursor(eventsOf(c))}
		if w.at(w.cursor.Before(l.before)); w.tail != nil {
			walks = append(walks, w)
		}
	}
	for range l.atOnce {
		w := newest(walks)
		if w == nil {
			l.done = true
			return nil
		}
		l.before = bytes.Clone(w.tail)
		// An event lasts no longer than this; what began earlier cannot reach into the span.
		if f := l.filter.From; !f.IsZero() && parseTime(w.tail[:8]) < f.Add(-longestEvent).UnixMicro() {
			l.done = true
			return nil
		}
		if l.take(w); l.done {
			return nil
		}
		w.at(w.cursor.Prev())
	}
	return nil
}

// take lists an event if it is asked for.
func (l *list) take(w *eventWalk) {
	if !l.filter.may(w.value) {
		return
	}
	s, err := parseEvent(w.camera, w.tail, w.value)
	switch {
	case err != nil:
		if l.index.OnBad != nil {
			l.index.OnBad(w.camera, err)
		}
	case !l.filter.matches(s.Event):
	case len(l.items) == l.limit:
		l.next, l.done = eventTail(l.items[l.limit-1]), true
	default:
		l.items = append(l.items, s.Event)
	}
}

// may says whether an event may match, by the first byte of its row.
func (f EventFilter) may(v []byte) bool {
	return len(v) == 0 || (f.Reviewed == nil || *f.Reviewed == (v[0]&eventReviewed != 0)) && (f.Held == nil || *f.Held == (v[0]&eventHeld != 0))
}

func (f EventFilter) matches(e Event) bool {
	return (f.From.IsZero() || e.End.IsZero() || e.End.After(f.From)) && (f.To.IsZero() || e.Start.Before(f.To)) &&
		(f.Kind == "" || f.Kind == e.Kind) &&
		(f.Reviewed == nil || *f.Reviewed == e.Reviewed) &&
		(f.Held == nil || *f.Held == e.Held)
}

// eventWalk goes through one camera's events, newest first.
type eventWalk struct {
	camera media.CameraID
	cursor *layer.Cursor
	tail   []byte // start ‖ id; nil: at the end
	value  []byte
}

func (w *eventWalk) at(k, v []byte) {
	if w.tail, w.value = nil, nil; len(k) == 24 {
		w.tail, w.value = k, v
	}
}

func newest(walks []*eventWalk) (best *eventWalk) {
	for _, w := range walks {
		if w.tail != nil && (best == nil || bytes.Compare(w.tail, best.tail) > 0) {
			best = w
		}
	}
	return best
}

// OpenEvents gives the events that have no end yet.
func (x *Index) OpenEvents(cameras []media.CameraID, since time.Time) (open []Event, err error) {
	for _, c := range cameras {
		err := x.db.View(func(tx *layer.Tx) error {
			from := join(timeKey(since.Add(-longestEvent).UnixMicro()), make([]byte, 16))
			cursor := tx.Cursor(eventsOf(c))
			for k, v := cursor.Seek(from); k != nil; k, v = cursor.Next() {
				if len(v) == 0 || v[0]&eventEnded != 0 {
					continue
				}
				if s, err := parseEvent(c, k, v); err == nil {
					open = append(open, s.Event)
				} else if x.OnBad != nil {
					x.OnBad(c, err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return open, nil
}
