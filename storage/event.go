package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
	"hearth/storage/index"
	"hearth/storage/recovery"
	"hearth/storage/segment"
)

// thumbTimeout is how long a thumbnail may take to become durable.
const thumbTimeout = 10 * time.Second

// PutEvent keeps an event or its new version. It is durable when this returns; a copy goes to the camera's pack with
// the next tick, from which a lost index is made again. A new version leaves Reviewed and Held as people set them.
func (s *Store) PutEvent(e Event) error {
	now := time.Now()
	e, err := s.index.PutEvent(e, now)
	if err != nil {
		return err
	}
	s.packEvent(e, now)
	return nil
}

func (s *Store) packEvent(e Event, now time.Time) {
	payload, err := s.index.EventRecord(e.Camera, e.ID)
	var d *disk
	if err == nil {
		d, err = s.diskOf(e.Camera)
	}
	if err == nil {
		err = d.commit.PutLater(e.Camera, segment.Record{Type: segment.EventRecord, Time: micros(now)}, payload)
	}
	if err != nil {
		s.log.Warn("an event is in the index but not in its pack", "camera", e.Camera, "event", e.ID, "error", err)
	}
}

// PutThumbnail seals an event's picture with its camera's key, in place of an earlier one. It is durable, and can be
// read, when this returns; that takes a write and a sync. Run must be running. ErrFull, ErrDropped, ErrClosed.
func (s *Store) PutThumbnail(cam media.CameraID, event media.UUID, at time.Time, jpeg []byte) error {
	if len(jpeg) == 0 || event.IsZero() {
		return errors.New("keep a thumbnail: it has no picture or no event")
	}
	ctx, cancel := context.WithTimeout(context.Background(), thumbTimeout)
	defer cancel()
	head := binary.BigEndian.AppendUint64(append(make([]byte, 0, recovery.ThumbHead), event[:]...), uint64(micros(at)))
	d, err := s.diskOf(cam)
	if err != nil {
		return err
	}
	p, err := d.commit.Put(ctx, cam, segment.Record{Type: segment.ThumbRecord, Time: micros(time.Now())}, head, jpeg)
	if err != nil {
		return fmt.Errorf("keep the thumbnail of event %s: %w", event, err)
	}
	return s.index.PutThumb(cam, event, index.Thumb{File: p.File, Place: p.Place})
}

// AddMotion notes that something moved, for the timeline: the highest score, 0 to 1, of each minute. It costs no write.
func (s *Store) AddMotion(cam media.CameraID, at time.Time, score float64) {
	s.index.AddMotion(cam, micros(at), score)
}

// Mark is a stretch of ten seconds in which something would have moved, at how many sensitivities, and where.
type Mark struct {
	At    time.Time
	Reach int // at how many of media.Levels, 1 at least
	Where media.Region
}

// AddMark notes a look: at how many of media.Levels it would have moved (0: at none), and where. It costs no write.
func (s *Store) AddMark(cam media.CameraID, at time.Time, reach int, where media.Region) {
	s.index.AddMark(cam, micros(at), reach, where)
}

// Marks gives the marks of the grant's camera that begin between two times, in order, and since when, in whole hours, it
// was looked; the zero time: not at all. The grant is for managing the camera.
func (s *Store) Marks(g access.Grant, from, to time.Time) (marks []Mark, since time.Time, err error) {
	if !g.Allows(access.Manage) {
		return nil, time.Time{}, ErrDenied
	}
	if err := s.access.Renew(g); err != nil {
		return nil, time.Time{}, err
	}
	list, first, err := s.index.Marks(g.Camera(), micros(from), micros(to))
	if err != nil || first == 0 {
		return nil, time.Time{}, err
	}
	for _, m := range list {
		marks = append(marks, Mark{fromMicros(m.At), m.Reach, m.Where})
	}
	return marks, fromMicros(first), nil
}

// Events lists the events of the cameras that the grants are for, newest first; grants that are not for events are an
// error. next is the cursor of what follows, "" at the end.
func (s *Store) Events(gs []access.Grant, f EventFilter) (items []Event, next string, err error) {
	cameras := make([]media.CameraID, 0, len(gs))
	for _, g := range gs {
		if !g.Allows(access.Events) {
			return nil, "", ErrDenied
		}
		if err := s.access.Renew(g); err != nil {
			return nil, "", err
		}
		cameras = append(cameras, mixed(sabotage.EventRow, g.Camera()))
	}
	if items, next, err = s.index.Events(cameras, f); err != nil {
		return nil, "", err
	}
	for _, e := range items {
		asked := slices.ContainsFunc(gs, func(g access.Grant) bool { return g.Camera() == e.Camera })
		if !asked && !s.bell.Same(alarm.Events, gs[0].Camera(), e.Camera, "a list of events has one of another camera") {
			return nil, "", fmt.Errorf("event %s: %w", e.ID, ErrForged)
		}
	}
	return items, next, nil
}

// badEvent logs an event row that is left out of a list.
func (s *Store) badEvent(camera media.CameraID, err error) {
	if errors.Is(err, ErrForged) {
		s.bell.Ring(alarm.Events, camera, "an event lies under another camera", "error", err)
		return
	}
	s.log.Error("an event cannot be read; it is left out", "camera", camera, "error", err)
}

// endEvents ends the events that were going on when the process stopped, with the footage that there is of them.
func (s *Store) endEvents() error {
	cameras, err := s.box.Cameras()
	if err != nil {
		return err
	}
	ids := make([]media.CameraID, 0, len(cameras))
	for _, c := range cameras {
		ids = append(ids, c.ID)
	}
	now := time.Now()
	open, err := s.index.OpenEvents(ids, now.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	for _, e := range open {
		end := e.Start
		if r, ok, err := s.index.Last(segment.Line{Camera: e.Camera, Stream: media.Main}, micros(now)); err != nil {
			return err
		} else if ok && r.End > micros(end) {
			end = fromMicros(r.End)
		}
		switch _, err := s.index.ChangeEvent(e.Camera, e.ID, now, func(e *Event) { e.End = end }); {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrForged): // a row in the wrong place must not keep the box from starting
			s.badEvent(e.Camera, err)
		case err != nil:
			return err
		}
	}
	return nil
}

// Event gives an event of the grant's camera. ErrNotFound, also when it is another camera's.
func (s *Store) Event(g access.Grant, id media.UUID) (Event, error) {
	if !g.Allows(access.Events) {
		return Event{}, ErrDenied
	}
	if err := s.access.Renew(g); err != nil {
		return Event{}, err
	}
	e, err := s.index.Event(mixed(sabotage.EventRow, g.Camera()), id)
	if errors.Is(err, ErrForged) {
		s.bell.Ring(alarm.Events, g.Camera(), "an event lies under another camera", "event", id, "error", err)
	}
	if err == nil && !s.bell.Same(alarm.Events, g.Camera(), e.Camera, "an event of another camera was found") {
		return Event{}, fmt.Errorf("event %s: %w", id, ErrForged)
	}
	return e, err
}

// SetReviewed says that somebody has seen to an event, or takes it back.
func (s *Store) SetReviewed(g access.Grant, id media.UUID, reviewed bool) error {
	return s.change(g, id, func(e *Event) { e.Reviewed = reviewed })
}

// SetHeld holds an event: its footage is not let go of. Or it releases it.
func (s *Store) SetHeld(g access.Grant, id media.UUID, held bool) error {
	return s.change(g, id, func(e *Event) { e.Held = held })
}

func (s *Store) change(g access.Grant, id media.UUID, change func(*Event)) error {
	if !g.Allows(access.Events) {
		return ErrDenied
	}
	if err := s.access.Renew(g); err != nil {
		return err
	}
	now := time.Now()
	e, err := s.index.ChangeEvent(g.Camera(), id, now, change)
	if err != nil {
		return err
	}
	s.packEvent(e, now)
	return nil
}

// ChapterThumbnail gives the picture of a chapter of an event of the grant's camera, as Thumbnail does.
func (s *Store) ChapterThumbnail(g access.Grant, id, chapter media.UUID) ([]byte, error) {
	e, err := s.Event(g, id)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(e.Chapters, func(c Chapter) bool { return c.ID == chapter && !c.Best.IsZero() }) {
		return nil, fmt.Errorf("chapter %s of event %s: %w", chapter, id, ErrNotFound)
	}
	return s.Thumbnail(g, chapter)
}

// Thumbnail gives the picture of an event of the grant's camera, a JPEG. ErrNotFound; ErrForged when what lies there
// is not this camera's or not this event's.
func (s *Store) Thumbnail(g access.Grant, id media.UUID) ([]byte, error) {
	key, err := s.unlock(g, access.Events)
	if err != nil {
		return nil, err
	}
	l := segment.Line{Camera: g.Camera(), Stream: segment.Pack}
	l, id, key = s.mixedThumb(l, id, key)
	t, err := s.index.Thumb(l.Camera, id)
	if err != nil {
		return nil, err
	}
	jpeg, err := s.readThumb(l, t, key, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("thumbnail of event %s: %w", id, ErrNotFound)
	case errors.Is(err, ErrForged):
		s.alarm("a thumbnail does not open with its camera's key", l, err)
	}
	if err == nil && !s.bell.Same(alarm.Disk, g.Camera(), l.Camera, "a thumbnail of another camera was read") {
		return nil, fmt.Errorf("thumbnail of event %s: %w", id, ErrForged)
	}
	return jpeg, err
}

func (s *Store) readThumb(l segment.Line, t index.Thumb, key segment.Key, id media.UUID) ([]byte, error) {
	f, err := s.openPack(l, t.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, payload, err := segment.One(f, key, t.Place)
	if err != nil {
		return nil, fmt.Errorf("thumbnail of event %s: %w", id, err)
	}
	if r.Type != segment.ThumbRecord || len(payload) < recovery.ThumbHead || !bytes.Equal(payload[:16], id[:]) {
		return nil, fmt.Errorf("thumbnail of event %s: %w: another record lies there", id, ErrForged)
	}
	return payload[recovery.ThumbHead:], nil
}

// openPack opens a pack under the name that it has now.
func (s *Store) openPack(l segment.Line, start int64) (*os.File, error) {
	for range 3 {
		p, ok, err := s.lastPlace(l, start)
		if err != nil {
			return nil, err
		}
		if !ok || p.start() != start {
			return nil, fs.ErrNotExist
		}
		f, err := p.file()
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, fs.ErrNotExist
}
