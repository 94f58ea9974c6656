package segment

import (
	"encoding/json"

	"hearth/nvr/media"
)

// NoteKind says what a Note is about.
type NoteKind string

// Kinds of notes. A reader passes over those that it does not know.
const (
	NoteTracks NoteKind = "tracks" // behind INIT: what the tracks of the run are
	NoteGap    NoteKind = "gap"    // fragments were dropped between From and To
	NoteEnd    NoteKind = "end"    // the run ended here, and why
	NoteClock  NoteKind = "clock"  // the box's clock was set from From to To as the run began
)

// Note is the payload of a NOTE record, as JSON.
type Note struct {
	Kind    NoteKind      `json:"kind"`
	From    int64         `json:"from,omitempty"` // microseconds since 1970, UTC
	To      int64         `json:"to,omitempty"`
	Reason  string        `json:"reason,omitempty"`
	Dropped int           `json:"dropped,omitempty"` // fragments
	Tracks  []media.Track `json:"tracks,omitempty"`
}

// Marshal gives the payload of the record.
func (n Note) Marshal() []byte {
	b, err := json.Marshal(n)
	if err != nil { // numbers, strings and byte slices only: it cannot be
		return []byte("{}")
	}
	return b
}

// ParseNote reads the payload of a NOTE record.
func ParseNote(b []byte) (Note, error) {
	var n Note
	err := json.Unmarshal(b, &n)
	return n, err
}
