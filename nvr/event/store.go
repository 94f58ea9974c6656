package event

import (
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
	AddMark(cam media.CameraID, at time.Time, reach int, where media.Region)
}

var _ Store = (*storage.Store)(nil)
