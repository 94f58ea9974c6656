package index

import (
	"time"

	"hearth/nvr/media"
)

// Event is something that happened before a camera.
type Event struct {
	ID         media.UUID     `json:"id"`
	Camera     media.CameraID `json:"camera"`
	Kind       string         `json:"kind"`
	Start, End time.Time      // End is zero while the event is going on
	Score      float64        `json:"score"` // 0 to 1
	Regions    []media.Region `json:"regions,omitempty"`
	Zones      []string       `json:"zones,omitempty"`
	HasThumb   bool           `json:"has_thumb"`
	// ThumbRegion is where in the thumbnail something moves; Regions are from the whole event.
	ThumbRegion media.Region `json:"thumb_region,omitzero"`
	Reviewed    bool         `json:"reviewed"`
	Held        bool         `json:"held"` // its footage is never let go of
}

// EventFilter says which events to list; zero values do not filter.
type EventFilter struct {
	From, To time.Time // events that overlap this span
	Kind     string
	Reviewed *bool
	Held     *bool
	Limit    int    // 0: 100; at most 1000
	Cursor   string // as the last answer gave it
}
