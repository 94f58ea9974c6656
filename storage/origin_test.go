package storage

import (
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// TestOrigin: a piece says where it lies, so that its chain can be followed, and what was noted before it.
func TestOrigin(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		id := r.camera()
		w := r.writer(id, media.Main)
		first := r.begin(w, id, media.Main)
		r.record(w, first, 0, 4, 2)
		w.End("the camera went away")
		time.Sleep(5 * time.Second)
		second := r.begin(w, id, media.Main)
		r.record(w, second, 0, 4, 2)
		r.settle()

		list := r.pieces(r.grant(id, access.Export), media.Main, first.Start, time.Now())
		if len(list) != 8 {
			t.Fatalf("%d pieces", len(list))
		}
		for i, p := range list {
			o := p.Origin
			e := o.Table[o.Record]
			if e.Type != segment.FragRecord || e.DTS != p.DTS || !e.At().Equal(p.Start) || o.Header.Run != p.Run || o.Header.Camera != id {
				t.Errorf("piece %d: record %d is %+v of run %s", i, o.Record, e.Record, o.Header.Run)
			}
			if (len(o.Notes) > 0) != (i == 4) {
				t.Errorf("piece %d: notes %+v", i, o.Notes)
			}
		}
		if list[4].Origin.Header.Prev != segment.Chain(list[3].Origin.Header, list[3].Origin.Table) {
			t.Error("the second file does not go on where the first ended")
		}
		if !slices.ContainsFunc(list[4].Origin.Notes, func(n segment.Note) bool {
			return n.Kind == segment.NoteEnd && n.Reason == "the camera went away"
		}) {
			t.Errorf("notes %+v", list[4].Origin.Notes)
		}
	})
}
