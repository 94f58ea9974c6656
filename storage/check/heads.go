package check

import (
	"errors"

	"hearth/storage/box"
	"hearth/storage/ledger"
	"hearth/storage/segment"
	"hearth/storage/signet"
	"hearth/storage/volume"
)

// statements reads what the box signed of a volume: how far every line had come, hour by hour.
func (v *onVolume) statements() error {
	v.heads = make(map[segment.Line]map[int64][]signet.Head)
	return signet.Examine(v.place.Path, v.signet.Public(), func(path string, n int, st signet.Statement, err error) error {
		if err != nil {
			v.found(path, setAside(v.place, path), "line %d: %v", n, err)
			return nil
		}
		for _, h := range st.Heads {
			if v.heads[h.Line] == nil {
				v.heads[h.Line] = make(map[int64][]signet.Head)
			}
			v.heads[h.Line][h.Start] = append(v.heads[h.Line][h.Start], h)
		}
		return nil
	})
}

// signed holds a file against what was signed of it.
func (v *onVolume) signed(f volume.Found, r *segment.Reader, holes []ledger.Hole) {
	for _, h := range v.heads[f.Line()][f.Name.Start] {
		err := h.Holds(r.Header(), r.Table())
		if err == nil || v.isGone(f.Line(), f.Name.Start) {
			continue
		}
		if n := len(r.Table()); h.Segment == r.Header().Segment && n < h.Records {
			if !known(holes, n) {
				v.missing(f.Path(), acknowledge(v.place, f, h.Segment, uint32(n), uint32(h.Records), err.Error()), "%v", err)
			}
			continue
		}
		v.found(f.Path(), nil, "%v", err)
	}
	delete(v.heads[f.Line()], f.Name.Start)
}

// missingHeads finds what was signed and is not there, although nobody let go of it.
func (v *onVolume) missingHeads() {
	for l, starts := range v.heads {
		if k := v.keys[l.Camera]; k == nil || k.err != nil {
			continue
		}
		if _, err := v.box.Camera(l.Camera); errors.Is(err, box.ErrNotFound) {
			continue // it was removed with all that it had
		}
		for start, list := range starts {
			if v.there[l][start] || v.isGone(l, start) {
				continue
			}
			name := segment.Name{Stream: l.Stream, Start: start, Open: true}
			v.missing(name.Path(l.Camera), lostHead(v.place, l, start, list[len(list)-1].Segment, list[len(list)-1].Hash), "it was signed with %d records, and is gone although nobody let go of it", list[len(list)-1].Records)
		}
	}
}
