package event

import (
	"errors"
	"fmt"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
)

// Event is what is stored of an event.
type Event = storage.Event

// Store is where events go. *storage.Store is one.
type Store interface {
	PutEvent(e Event) error // durable when it returns; an event with the same ID is replaced
	PutThumbnail(cam media.CameraID, event media.UUID, at time.Time, jpeg []byte) error
	AddMotion(cam media.CameraID, at time.Time, score float64)
}

// OpenLister is a Store that knows which of its events have no End, of all cameras.
type OpenLister interface {
	OpenEvents() ([]Event, error)
}

var _ Store = (*storage.Store)(nil)

// CloseLeftOpen closes the events that were going on when the process was killed, in a Store that lists them. When
// their last motion was is not known any more; they end PostRoll after their start, and not in the future. It is to be
// called before any Book runs. A *storage.Store needs none of this: it ends them itself when it is opened, by how far
// the footage goes.
func CloseLeftOpen(s Store) error {
	l, ok := s.(OpenLister)
	if !ok {
		return nil
	}
	left, err := l.OpenEvents()
	if err != nil {
		return fmt.Errorf("list events left open: %w", err)
	}
	now := time.Now()
	var failed error
	for _, e := range left {
		e.End = e.Start.Add(PostRoll)
		if e.End.After(now) {
			e.End = now
		}
		if e.End.Before(e.Start) {
			e.End = e.Start
		}
		if err := s.PutEvent(e); err != nil {
			failed = errors.Join(failed, fmt.Errorf("close event %s: %w", e.ID, err))
		}
	}
	return failed
}
