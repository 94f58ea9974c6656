package ledger

import (
	"encoding/hex"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Hash is a chain hash; it is written as hexadecimal digits.
type Hash [32]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(h)) {
		return ErrDamaged
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// Tomb stands for files that are gone, one behind the other in the chain of their line.
type Tomb struct {
	Stream  media.Stream `json:"stream"`
	Start   int64        `json:"start"`   // microseconds: of the earliest of them
	End     int64        `json:"end"`     // microseconds: of the latest
	Segment media.UUID   `json:"segment"` // of the last
	Prev    Hash         `json:"prev"`    // the hash that the first names
	Head    Hash         `json:"head"`    // the hash behind the last
	Files   int          `json:"files"`
	// Recovered says that a power cut or a failed write ended the last: the next file may name a hash that lay behind
	// where it was cut.
	Recovered bool `json:"recovered,omitempty"`
	// Broken says that the file could not be read when it was let go of: Prev and Head are not known.
	Broken bool `json:"broken,omitempty"`
	// Fresh says that the file may still be there: what was noted last was perhaps cut short. It stays by itself until
	// something else is noted on its page.
	Fresh bool `json:"fresh,omitempty"`
	// Starts are those of the files, as long as their day has others: so none is buried twice.
	Starts []int64 `json:"starts,omitempty"`
}

// Line gives the line that the tomb is of.
func (t Tomb) Line(camera media.CameraID) segment.Line {
	return segment.Line{Camera: camera, Stream: t.Stream}
}

// follows says that b's first file came right behind a's last.
func (t Tomb) follows(a Tomb) bool {
	return t.Stream == a.Stream && !t.Broken && !a.Broken && !t.Fresh && !a.Fresh && t.Prev == a.Head && a.Head != Hash{}
}

// join makes one tomb of two that follow each other.
func join(a, b Tomb) Tomb {
	b.Start, b.End = min(a.Start, b.Start), max(a.End, b.End)
	b.Prev = a.Prev
	b.Files += a.Files
	b.Starts = slices.Concat(a.Starts, b.Starts)
	return b
}

// bury puts a tomb among others and joins it, unless it is fresh, with its neighbours in the chain, whatever their times: a
// clock may have been set back.
func bury(tombs []Tomb, t Tomb) []Tomb {
	for i := 0; i < len(tombs); i++ {
		switch {
		case t.follows(tombs[i]):
			t = join(tombs[i], t)
		case tombs[i].follows(t):
			t = join(t, tombs[i])
		default:
			continue
		}
		tombs = slices.Delete(tombs, i, i+1)
		i--
	}
	at, _ := slices.BinarySearchFunc(tombs, t, byStart)
	return slices.Insert(tombs, at, t)
}

// settle joins the fresh tombs with the others.
func settle(tombs []Tomb) (settled []Tomb) {
	for _, t := range tombs {
		t.Fresh = false
		settled = bury(settled, t)
	}
	return settled
}

func byStart(a, b Tomb) int {
	switch {
	case a.Stream != b.Stream:
		return int(a.Stream) - int(b.Stream)
	case a.Start < b.Start:
		return -1
	case a.Start > b.Start:
		return 1
	}
	return 0
}
