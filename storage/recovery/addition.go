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

// restored is what the index is told of a record of a pack; ok is false when it is nothing that it keeps.
func restored(start int64, i int, e segment.Entry, payload []byte) (f index.Restored, ok bool) {
	switch {
	case e.Type == segment.EventRecord && len(payload) > 0:
		return index.Restored{Event: payload}, true
	case e.Type == segment.ThumbRecord && len(payload) >= ThumbHead:
		return index.Restored{ID: media.UUID(payload[:16]), Thumb: index.Thumb{
			File: start, Place: segment.Place{Seq: uint32(i), Offset: e.Offset, Length: e.Length},
		}}, true
	}
	return index.Restored{}, false
}
