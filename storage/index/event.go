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

	// Detail says more of the Kind in a word, such as what was done to a camera that was tampered with.
	Detail string `json:"detail,omitempty"`
	// Chapters are the parts of a long event, or what a summary sums up, in order and apart; none: it has one part. Of
	// another kind than motion it is one at most, and nothing but a moment before: the last at which all was well.
	Chapters []Chapter `json:"chapters,omitempty"`
	// Visits is how many events a summary stands for; 0: it is an event of its own.
	Visits int `json:"visits,omitempty"`
}

// Chapter is a part of an event.
type Chapter struct {
	ID       media.UUID `json:"id"` // under which its picture is kept
	From, To time.Time  // the first and the last moment of motion in it
	Score    float64    `json:"score"`
	Best     time.Time  `json:"best,omitzero"` // when its picture was taken; zero: it has none
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
