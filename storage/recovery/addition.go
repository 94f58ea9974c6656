package recovery

import (
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/segment"
)

// Addition is what the index keeps of a finished file.
func Addition(sum segment.Summary, table []segment.Entry, notes []segment.Note) index.Addition {
	a := index.Addition{Row: index.RowOf(sum)}
	for _, n := range notes {
		if n.Kind == segment.NoteGap || n.Kind == segment.NoteEnd {
			a.Gaps = append(a.Gaps, index.Gap{From: n.From, To: n.To, Reason: n.Reason})
		}
	}
	if a.Line.Stream == segment.Pack {
		return a
	}
	for _, e := range table {
		if e.Type != segment.FragRecord {
			continue
		}
		if n := len(a.Covered); n > 0 && e.Time-a.Covered[n-1][1] < int64(time.Second/time.Microsecond) {
			a.Covered[n-1][1] = max(a.Covered[n-1][1], e.End())
		} else {
			a.Covered = append(a.Covered, [2]int64{e.Time, e.End()})
		}
	}
	return a
}

// ThumbHead is how many bytes come before the JPEG in a THUMB record: the event's UUID and the picture's time.
const ThumbHead = 16 + 8

// restore gives the index an event or a thumbnail that was found in a pack.
func (rec *Recovery) restore(row index.Row, i int, e segment.Entry, payload []byte) error {
	camera := row.Line.Camera
	switch e.Type {
	case segment.EventRecord:
		return rec.Index.RestoreEvent(camera, payload)
	case segment.ThumbRecord:
		if len(payload) < ThumbHead {
			return segment.ErrDamaged
		}
		id := media.UUID(payload[:16])
		// A later one of the same event, here or in a later pack, takes its place.
		if old, err := rec.Index.Thumb(camera, id); err == nil && old.File > row.Start {
			return nil
		}
		return rec.Index.PutThumb(camera, id, index.Thumb{
			File: row.Start, Place: segment.Place{Seq: uint32(i), Offset: e.Offset, Length: e.Length},
		})
	}
	return nil
}
