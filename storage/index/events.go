package index

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// ErrCursor says that a cursor is none that Events gave.
var ErrCursor = errors.New("not a cursor of this list")

// Limits of a list of events.
const (
	defaultEvents = 100
	maxEvents     = 1000
)

// stored is an event as it is kept, in the index and in packs.
type stored struct {
	Event
	Changed int64 `json:"changed"` // microseconds; of two versions of an event the later one holds
}

// MarshalEvent gives the payload of an EVENT record.
func MarshalEvent(e Event, changed time.Time) ([]byte, error) {
	e.HasThumb = false // the thumbnail says so itself
	return json.Marshal(stored{Event: e, Changed: changed.UnixMicro()})
}

func eventTail(e Event) []byte { return join(timeKey(e.Start.UnixMicro()), e.ID[:]) }

// PutEvent keeps an event or its new version, and gives it as it is kept; it is durable when this returns. What people
// said of an event that is there already, that it was seen to or is held, stays as they said it: see ChangeEvent.
func (x *Index) PutEvent(e Event, changed time.Time) (Event, error) {
	if e.ID.IsZero() || e.Camera.IsZero() || e.Start.IsZero() {
		return Event{}, fmt.Errorf("put event: it has no identity, camera or start")
	}
	err := x.db.Update(func(tx *bbolt.Tx) error {
		if owner := tx.Bucket([]byte(eventIDsBucket)).Get(e.ID[:]); owner != nil && !bytes.HasPrefix(owner, e.Camera[:]) {
			return fmt.Errorf("put event %s: it is another camera's", e.ID)
		}
		if old, err := getEvent(tx, e.Camera, e.ID); err == nil {
			e.Reviewed, e.Held = old.Reviewed, old.Held
		}
		return putEvent(tx, stored{e, changed.UnixMicro()})
	})
	return e, err
}

// RestoreEvent keeps an event that was found in a pack, unless a later version is known.
func (x *Index) RestoreEvent(camera media.CameraID, payload []byte) error {
	var s stored
	if err := json.Unmarshal(payload, &s); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	if s.Camera != camera || s.ID.IsZero() {
		return fmt.Errorf("event %s: it is another camera's", s.ID)
	}
	return x.db.Update(func(tx *bbolt.Tx) error {
		old, err := getEvent(tx, camera, s.ID)
		if err == nil && old.Changed > s.Changed {
			return nil
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		return putEvent(tx, s)
	})
}

func putEvent(tx *bbolt.Tx, s stored) error {
	if old, err := getEvent(tx, s.Camera, s.ID); err == nil && !old.Start.Equal(s.Start) {
		if err := deleteEvent(tx, old.Event, false); err != nil {
			return err
		}
	}
	s.Start, s.End = s.Start.UTC(), s.End.UTC()
	v, err := json.Marshal(s)
	if err != nil {
		return err
	}
	key := join(s.Camera[:], eventTail(s.Event))
	if err := tx.Bucket([]byte(eventsBucket)).Put(key, v); err != nil {
		return err
	}
	held := tx.Bucket([]byte(heldBucket))
	if s.Held {
		err = held.Put(key, timeKey(endOf(s.Event)))
	} else {
		err = held.Delete(key)
	}
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(eventIDsBucket)).Put(s.ID[:], join(s.Camera[:], timeKey(s.Start.UnixMicro())))
}

// endOf is an event's end in microseconds; an event that is going on has none yet.
func endOf(e Event) int64 {
	if e.End.IsZero() {
		return 1<<62 - 1
	}
	return e.End.UnixMicro()
}

func deleteEvent(tx *bbolt.Tx, e Event, thumb bool) error {
	key := join(e.Camera[:], eventTail(e))
	err := errors.Join(
		tx.Bucket([]byte(eventsBucket)).Delete(key),
		tx.Bucket([]byte(heldBucket)).Delete(key),
		tx.Bucket([]byte(eventIDsBucket)).Delete(e.ID[:]),
	)
	if thumb {
		err = errors.Join(err, tx.Bucket([]byte(thumbsBucket)).Delete(join(e.Camera[:], e.ID[:])))
	}
	return err
}

// getEvent reads a camera's event. An event of another camera is ErrNotFound.
func getEvent(tx *bbolt.Tx, camera media.CameraID, id media.UUID) (s stored, err error) {
	at := tx.Bucket([]byte(eventIDsBucket)).Get(id[:])
	if len(at) != 24 || media.CameraID(at[:16]) != camera {
		return stored{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	return parseEvent(tx, camera, tx.Bucket([]byte(eventsBucket)).Get(join(at, id[:])))
}

func parseEvent(tx *bbolt.Tx, camera media.CameraID, v []byte) (s stored, err error) {
	if v == nil {
		return stored{}, ErrNotFound
	}
	if err := json.Unmarshal(v, &s); err != nil {
		return stored{}, fmt.Errorf("read event: %w", err)
	}
	// The key says whose it is, and a grant opened that key; a row in the wrong place is not shown.
	if s.Camera != camera {
		return stored{}, fmt.Errorf("event %s lies under another camera: %w", s.ID, segment.ErrForged)
	}
	s.HasThumb = tx.Bucket([]byte(thumbsBucket)).Get(join(camera[:], s.ID[:])) != nil
	return s, nil
}

// Event gives a camera's event, or ErrNotFound.
func (x *Index) Event(camera media.CameraID, id media.UUID) (e Event, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		s, err := getEvent(tx, camera, id)
		e = s.Event
		return err
	})
	return e, err
}

// ChangeEvent changes a camera's event in one transaction and gives the new version.
func (x *Index) ChangeEvent(camera media.CameraID, id media.UUID, now time.Time, change func(*Event)) (e Event, err error) {
	err = x.db.Update(func(tx *bbolt.Tx) error {
		s, err := getEvent(tx, camera, id)
		if err != nil {
			return err
		}
		change(&s.Event)
		s.ID, s.Camera, s.Changed = id, camera, now.UnixMicro()
		e = s.Event
		return putEvent(tx, s)
	})
	return e, err
}

// OpenEvents gives the events that have no end yet.
func (x *Index) OpenEvents(cameras []media.CameraID, since time.Time) (open []Event, err error) {
	for _, c := range cameras {
		items, _, err := x.Events([]media.CameraID{c}, EventFilter{From: since, Limit: maxEvents})
		if err != nil {
			return nil, err
		}
		for _, e := range items {
			if e.End.IsZero() {
				open = append(open, e)
			}
		}
	}
	return open, nil
}

// Events lists the cameras' events, newest first; rows that cannot be read, or that lie under another camera, are left
// out and told of. next is the cursor of what follows; "" means that this was all.
func (x *Index) Events(cameras []media.CameraID, f EventFilter) (items []Event, next string, err error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultEvents
	}
	limit = min(limit, maxEvents)
	before := bytes.Repeat([]byte{0xff}, 24)
	if f.Cursor != "" {
		if before, err = base64.RawURLEncoding.DecodeString(f.Cursor); err != nil || len(before) != 24 {
			return nil, "", ErrCursor
		}
	}
	if !f.To.IsZero() {
		if to := join(timeKey(f.To.UnixMicro()), make([]byte, 16)); bytes.Compare(to, before) < 0 {
			before = to
		}
	}
	err = x.db.View(func(tx *bbolt.Tx) error {
		walks := make([]*eventWalk, 0, len(cameras))
		for _, c := range cameras {
			w := &eventWalk{camera: c, cursor: tx.Bucket([]byte(eventsBucket)).Cursor()}
			if w.begin(before); w.tail != nil {
				walks = append(walks, w)
			}
		}
		for len(items) <= limit {
			w := newest(walks)
			if w == nil {
				return nil
			}
			s, err := parseEvent(tx, w.camera, w.value)
			if err != nil {
				if x.OnBad != nil {
					x.OnBad(w.camera, err)
				}
				w.step()
				continue
			}
			if f.matches(s.Event) {
				if len(items) == limit {
					last := items[limit-1]
					next = base64.RawURLEncoding.EncodeToString(eventTail(last))
					return nil
				}
				items = append(items, s.Event)
			}
			// An event lasts no longer than this; what began earlier cannot reach into the span.
			if !f.From.IsZero() && s.Start.Before(f.From.Add(-longestEvent)) {
				w.tail = nil
				continue
			}
			w.step()
		}
		return nil
	})
	return items, next, err
}

// longestEvent bounds how far before a span a list looks for events that reach into it.
const longestEvent = 24 * time.Hour

func (f EventFilter) matches(e Event) bool {
	return (f.From.IsZero() || e.End.IsZero() || e.End.After(f.From)) && (f.To.IsZero() || e.Start.Before(f.To)) &&
		(f.Kind == "" || f.Kind == e.Kind) &&
		(f.Reviewed == nil || *f.Reviewed == e.Reviewed) &&
		(f.Held == nil || *f.Held == e.Held)
}

// eventWalk goes through one camera's events, newest first.
type eventWalk struct {
	camera media.CameraID
	cursor *bbolt.Cursor
	tail   []byte // start ‖ id; nil: at the end
	value  []byte
}

func (w *eventWalk) begin(before []byte) {
	k, _ := w.cursor.Seek(join(w.camera[:], before))
	if k == nil {
		k, w.value = w.cursor.Last()
	} else {
		k, w.value = w.cursor.Prev()
	}
	w.at(k)
}

func (w *eventWalk) step() {
	var k []byte
	k, w.value = w.cursor.Prev()
	w.at(k)
}

func (w *eventWalk) at(k []byte) {
	w.tail = nil
	if len(k) == 40 && media.CameraID(k[:16]) == w.camera {
		w.tail = k[16:]
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

// Thumb is where an event's thumbnail lies.
type Thumb struct {
	File  int64 // start of the pack, in microseconds
	Place segment.Place
}

// PutThumb says where an event's thumbnail lies; it is durable when this returns.
func (x *Index) PutThumb(camera media.CameraID, event media.UUID, t Thumb) error {
	return x.db.Update(func(tx *bbolt.Tx) error {
		v := binary.BigEndian.AppendUint64(timeKey(t.File), uint64(t.Place.Offset))
		v = binary.BigEndian.AppendUint32(v, t.Place.Seq)
		v = binary.BigEndian.AppendUint32(v, t.Place.Length)
		return tx.Bucket([]byte(thumbsBucket)).Put(join(camera[:], event[:]), v)
	})
}

// Thumb gives where an event's thumbnail lies, or ErrNotFound.
func (x *Index) Thumb(camera media.CameraID, event media.UUID) (t Thumb, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(thumbsBucket)).Get(join(camera[:], event[:]))
		if len(v) != 24 {
			return fmt.Errorf("thumbnail of event %s: %w", event, ErrNotFound)
		}
		t = Thumb{File: parseTime(v), Place: segment.Place{
			Offset: int64(binary.BigEndian.Uint64(v[8:])), Seq: binary.BigEndian.Uint32(v[16:]), Length: binary.BigEndian.Uint32(v[20:]),
		}}
		return nil
	})
	return t, err
}
