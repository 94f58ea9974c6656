package index

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// stored is an event as it is kept: as JSON in packs, where files speak for themselves, and in the index in an eighth of that.
type stored struct {
	Event
	Changed int64 `json:"changed"` // microseconds; of two versions of an event the later one holds
	thumb   *Thumb
}

// MarshalEvent gives the payload of an EVENT record.
func MarshalEvent(e Event, changed time.Time) ([]byte, error) {
	e.HasThumb = false // the thumbnail says so itself
	return json.Marshal(stored{Event: e, Changed: changed.UnixMicro()})
}

const (
	eventHeld     = 0x01
	eventReviewed = 0x02
	eventEnded    = 0x04
	eventThumb    = 0x08
	eventRegion   = 0x10 // there is a ThumbRegion
	eventMore     = 0x20 // there are a detail, visits and chapters

	// unit is in what part of 1 scores and places in pictures are kept, in two bytes: a part that hits the places on which
	// motion is looked for (1/160, 1/90), percents and thousandths.
	unit = 36000
)

func eventTail(e Event) []byte { return join(timeKey(e.Start.UnixMicro()), e.ID[:]) }

// marshal makes the value of an event, whose key is start ‖ id: flags ‖ camera ‖ changed-start, end-start if it has
// ended ‖ score ‖ kind ‖ zones ‖ regions ‖ thumbnail and its region if there are ‖ detail, visits and chapters if there are.
// Times are varints.
func (s stored) marshal() []byte {
	start := s.Start.UnixMicro()
	b := make([]byte, 1, 256)
	if s.Held {
		b[0] |= eventHeld
	}
	if s.Reviewed {
		b[0] |= eventReviewed
	}
	b = append(b, s.Camera[:]...)
	b = binary.AppendVarint(b, s.Changed-start)
	if !s.End.IsZero() {
		b[0] |= eventEnded
		b = binary.AppendVarint(b, s.End.UnixMicro()-start)
	}
	b = appendPart(b, s.Score)
	b = appendText(b, s.Kind)
	b = binary.AppendUvarint(b, uint64(len(s.Zones)))
	for _, z := range s.Zones {
		b = appendText(b, z)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Regions)))
	for _, r := range s.Regions {
		b = appendRegion(b, r)
	}
	if s.thumb != nil {
		b[0] |= eventThumb
		b = appendPlace(binary.AppendVarint(b, s.thumb.File-start), s.thumb.Place)
	}
	if s.ThumbRegion != (media.Region{}) {
		b[0] |= eventRegion
		b = appendRegion(b, s.ThumbRegion)
	}
	if s.Detail != "" || s.Visits != 0 || len(s.Chapters) > 0 {
		b[0] |= eventMore
		b = binary.AppendUvarint(appendText(b, s.Detail), uint64(max(s.Visits, 0)))
		b = binary.AppendUvarint(b, uint64(len(s.Chapters)))
		for _, c := range s.Chapters {
			b = appendChapter(b, c, start)
		}
	}
	return b
}

// appendChapter appends id ‖ from-start ‖ to-from ‖ score ‖ 1 ‖ best-from, or 0 without a picture.
func appendChapter(b []byte, c Chapter, start int64) []byte {
	from := c.From.UnixMicro()
	b = append(b, c.ID[:]...)
	b = binary.AppendVarint(binary.AppendVarint(b, from-start), c.To.UnixMicro()-from)
	b = appendPart(b, c.Score)
	if c.Best.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(append(b, 1), c.Best.UnixMicro()-from)
}

func (p *parser) chapter(start int64) (c Chapter) {
	copy(c.ID[:], p.take(16))
	from := start + p.varint()
	c.From, c.To = time.UnixMicro(from).UTC(), time.UnixMicro(from+p.varint()).UTC()
	c.Score = p.part()
	if p.byte() != 0 {
		c.Best = time.UnixMicro(from + p.varint()).UTC()
	}
	return c
}

func appendPart(b []byte, v float64) []byte {
	if !(v > 0) { // also what is no number
		v = 0
	}
	return binary.BigEndian.AppendUint16(b, uint16(min(math.Round(v*unit), math.MaxUint16)))
}

func appendRegion(b []byte, r media.Region) []byte {
	for _, v := range []float64{r.X, r.Y, r.W, r.H, r.Score} {
		b = appendPart(b, v)
	}
	return b
}

func (p *parser) part() float64 { return float64(p.uint16()) / unit }

func (p *parser) region() media.Region {
	return media.Region{X: p.part(), Y: p.part(), W: p.part(), H: p.part(), Score: p.part()}
}

// span takes what comes first in an event's value: what a list or a retention needs to know of most.
func (p *parser) span(start int64) (flags byte, camera media.CameraID, changed, end int64) {
	flags = p.byte()
	copy(camera[:], p.take(16))
	changed = start + p.varint()
	if flags&eventEnded != 0 {
		end = start + p.varint()
	}
	return flags, camera, changed, end
}

// parseEvent reads an event of a camera's space. The key says whose it is, and a grant opened that key; what is in the wrong
// place is segment.ErrForged.
func parseEvent(camera media.CameraID, k, v []byte) (s stored, err error) {
	if len(k) != 24 {
		return stored{}, fmt.Errorf("read event: a key of %d bytes", len(k))
	}
	start := parseTime(k[:8])
	p := parser{b: v}
	flags, owner, changed, end := p.span(start)
	s = stored{Changed: changed, Event: Event{
		ID: media.UUID(k[8:]), Camera: owner, Start: time.UnixMicro(start).UTC(), Held: flags&eventHeld != 0, Reviewed: flags&eventReviewed != 0,
	}}
	if flags&eventEnded != 0 {
		s.End = time.UnixMicro(end).UTC()
	}
	s.Score, s.Kind = p.part(), p.text()
	for n := p.uvarint(); n > 0 && !p.bad; n-- {
		s.Zones = append(s.Zones, p.text())
	}
	for n := p.uvarint(); n > 0 && !p.bad; n-- {
		s.Regions = append(s.Regions, p.region())
	}
	if flags&eventThumb != 0 {
		s.thumb = &Thumb{File: start + p.varint(), Place: p.place()}
		s.HasThumb = true
	}
	if flags&eventRegion != 0 {
		s.ThumbRegion = p.region()
	}
	if flags&eventMore != 0 {
		s.Detail, s.Visits = p.text(), int(min(p.uvarint(), math.MaxInt32))
		for n := p.uvarint(); n > 0 && !p.bad; n-- {
			s.Chapters = append(s.Chapters, p.chapter(start))
		}
	}
	switch {
	case p.bad || len(p.b) > 0:
		return stored{}, fmt.Errorf("read event %s: its row is damaged", s.ID)
	case owner != camera:
		return stored{}, fmt.Errorf("event %s lies under another camera: %w", s.ID, segment.ErrForged)
	}
	return s, nil
}
