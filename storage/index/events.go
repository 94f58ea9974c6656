package index

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// PutEvent keeps an event or its new version, and gives it as it is kept; it is durable when this returns. What people
// said of an event that is there already, that it was seen to or is held, stays as they said it: see ChangeEvent.
func (x *Index) PutEvent(e Event, changed time.Time) (Event, error) {
	if e.ID.IsZero() || e.Camera.IsZero() || e.Start.IsZero() {
		return Event{}, fmt.Errorf("put event: it has no identity, camera or start")
	}
	err := x.db.Update(func(tx *layer.Tx) error {
		if owner := tx.Get(flat(idsKind), e.ID[:]); owner != nil && !bytes.HasPrefix(owner, e.Camera[:]) {
			return fmt.Errorf("put event %s: it is another camera's", e.ID)
		}
		s := stored{Changed: changed.UnixMicro()}
		if old, err := getEvent(tx, e.Camera, e.ID); err == nil {
			e.Reviewed, e.Held = old.Reviewed, old.Held
			s.Changed = max(s.Changed, old.Changed+1) // also when the clock was set back: a later version is the later one
		}
		s.Event = e
		putEvent(tx, s)
		return nil
	})
	return e, err
}

// Restored is what was found in a pack: an event, or where the thumbnail of one lies.
type Restored struct {
	Event []byte     // payload of an EVENT record; nil: it is a thumbnail
	ID    media.UUID // whose thumbnail it is
	Thumb Thumb
}

// Restore keeps what was found in a camera's pack, given in the order of its records, in one transaction, unless later
// versions are known. What cannot be read is left out; bad says why, by its place in found.
func (x *Index) Restore(camera media.CameraID, found []Restored) (bad map[int]error, err error) {
	bad = make(map[int]error)
	events, thumbs := make(map[media.UUID]stored), make(map[media.UUID]Thumb)
	for i, f := range found {
		if f.Event == nil {
			thumbs[f.ID] = f.Thumb
			continue
		}
		var s stored
		if err := json.Unmarshal(f.Event, &s); err != nil {
			bad[i] = fmt.Errorf("read event: %w", err)
		} else if s.Camera != camera || s.ID.IsZero() {
			bad[i] = fmt.Errorf("event %s: it is another camera's", s.ID)
		} else if old, ok := events[s.ID]; !ok || old.Changed <= s.Changed {
			events[s.ID] = s
		}
	}
	err = x.db.Update(func(tx *layer.Tx) error {
		for _, s := range events {
			old, err := getEvent(tx, camera, s.ID)
			if err == nil && old.Changed > s.Changed {
				continue
			}
			putEvent(tx, s) // also in place of a row that cannot be read: the pack says what was in it
		}
		for id, t := range thumbs {
			if old := findThumb(tx, camera, id); old == nil || old.File <= t.File {
				putThumb(tx, camera, id, t)
			}
		}
		return nil
	})
	return bad, err
}

// putEvent writes an event in place of the version that there may be. Its thumbnail stays the one that there is.
func putEvent(tx *layer.Tx, s stored) {
	s.thumb = waitingThumb(tx, s.Camera, s.ID)
	if old, err := getEvent(tx, s.Camera, s.ID); err == nil {
		if s.thumb == nil {
			s.thumb = old.thumb
		}
		if old.Start.UnixMicro() != s.Start.UnixMicro() {
			deleteEvent(tx, old.Event)
		}
		deleteChapters(tx, s.Camera, old.Chapters, s.Chapters)
	}
	tx.Put(eventsOf(s.Camera), eventTail(s.Event), s.marshal())
	tx.Put(flat(idsKind), s.ID[:], join(s.Camera[:], timeKey(s.Start.UnixMicro())))
	tx.Delete(flat(thumbsKind), join(s.Camera[:], s.ID[:]))
	if key := join(s.Camera[:], eventTail(s.Event)); s.Held {
		tx.Put(flat(heldKind), key, timeKey(endOf(s.Event)))
	} else {
		tx.Delete(flat(heldKind), key)
	}
}

// endOf is an event's end in microseconds; an event that is going on has none yet.
func endOf(e Event) int64 {
	if e.End.IsZero() {
		return 1<<62 - 1
	}
	return e.End.UnixMicro()
}

func deleteEvent(tx *layer.Tx, e Event) {
	tx.Delete(eventsOf(e.Camera), eventTail(e))
	tx.Delete(flat(heldKind), join(e.Camera[:], eventTail(e)))
	tx.Delete(flat(idsKind), e.ID[:])
	tx.Delete(flat(thumbsKind), join(e.Camera[:], e.ID[:]))
}

// deleteChapters forgets the pictures of chapters that are not among those to keep.
func deleteChapters(tx *layer.Tx, camera media.CameraID, chapters, keep []Chapter) {
	for _, c := range chapters {
		if !slices.ContainsFunc(keep, func(k Chapter) bool { return k.ID == c.ID }) {
			tx.Delete(flat(thumbsKind), join(camera[:], c.ID[:]))
		}
	}
}

// getEvent reads a camera's event. An event of another camera is ErrNotFound.
func getEvent(tx *layer.Tx, camera media.CameraID, id media.UUID) (stored, error) {
	if at := tx.Get(flat(idsKind), id[:]); len(at) == 24 && media.CameraID(at[:16]) == camera {
		key := join(at[16:], id[:])
		if v := tx.Get(eventsOf(camera), key); v != nil {
			return parseEvent(camera, key, v)
		}
	}
	return stored{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
}

// Event gives a camera's event, or ErrNotFound.
func (x *Index) Event(camera media.CameraID, id media.UUID) (e Event, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		s, err := getEvent(tx, camera, id)
		e = s.Event
		return err
	})
	return e, err
}

// ChangeEvent changes a camera's event in one transaction and gives the new version.
func (x *Index) ChangeEvent(camera media.CameraID, id media.UUID, now time.Time, change func(*Event)) (e Event, err error) {
	err = x.db.Update(func(tx *layer.Tx) error {
		s, err := getEvent(tx, camera, id)
		if err != nil {
			return err
		}
		change(&s.Event)
		s.ID, s.Camera, s.Changed = id, camera, max(now.UnixMicro(), s.Changed+1)
		e = s.Event
		putEvent(tx, s)
		return nil
	})
	return e, err
}

// EventRecord gives an event as it goes into its camera's pack: the version that is kept now, and since when.
func (x *Index) EventRecord(camera media.CameraID, id media.UUID) (payload []byte, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		s, err := getEvent(tx, camera, id)
		if err != nil {
			return err
		}
		payload, err = MarshalEvent(s.Event, time.UnixMicro(s.Changed))
		return err
	})
	return payload, err
}

// Thumb is where an event's thumbnail lies.
type Thumb struct {
	File  int64 // start of the pack, in microseconds
	Place segment.Place
}

// PutThumb says where an event's thumbnail lies; it is durable when this returns. The event may come later.
func (x *Index) PutThumb(camera media.CameraID, event media.UUID, t Thumb) error {
	return x.db.Update(func(tx *layer.Tx) error { putThumb(tx, camera, event, t); return nil })
}

func putThumb(tx *layer.Tx, camera media.CameraID, event media.UUID, t Thumb) {
	s, err := getEvent(tx, camera, event)
	if err != nil {
		tx.Put(flat(thumbsKind), join(camera[:], event[:]), appendPlace(timeKey(t.File), t.Place))
		return
	}
	s.thumb = &t
	tx.Put(eventsOf(camera), eventTail(s.Event), s.marshal())
}

// findThumb gives the thumbnail of an event, also of one that has not come yet; nil: there is none.
func findThumb(tx *layer.Tx, camera media.CameraID, event media.UUID) *Thumb {
	if s, err := getEvent(tx, camera, event); err == nil {
		return s.thumb
	}
	return waitingThumb(tx, camera, event)
}

// waitingThumb gives the thumbnail of an event that has not come yet; nil: there is none.
func waitingThumb(tx *layer.Tx, camera media.CameraID, event media.UUID) *Thumb {
	v := tx.Get(flat(thumbsKind), join(camera[:], event[:]))
	if len(v) < 8 {
		return nil
	}
	p := parser{b: v[8:]}
	t := &Thumb{File: parseTime(v[:8]), Place: p.place()}
	if p.bad {
		return nil
	}
	return t
}

// Thumb gives where an event's thumbnail lies, or ErrNotFound.
func (x *Index) Thumb(camera media.CameraID, event media.UUID) (t Thumb, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		found := findThumb(tx, camera, event)
		if found == nil {
			return fmt.Errorf("thumbnail of event %s: %w", event, ErrNotFound)
		}
		t = *found
		return nil
	})
	return t, err
}
