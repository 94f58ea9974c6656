package retention

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// mendAll ends what was cut short between the ledger and the index: holes that are noted are punched, and the index is
// told of them; files that are noted as gone and were not condemned are noted as kept. It looks at what the ledgers said
// last.
func (k *Keeper) mendAll() error {
	cameras, err := k.bytes(k.own, false)
	if err != nil {
		return err
	}
	for camera := range cameras {
		if err := k.mendCamera(camera); err != nil {
			k.stuck[camera] = true
			k.failed = append(k.failed, fmt.Errorf("end what was begun of camera %s's files: %w", camera, err))
		}
	}
	return nil
}

func (k *Keeper) mendCamera(camera media.CameraID) error {
	l, err := k.ledger(camera)
	if err != nil || l == nil {
		return err
	}
	var recent []ledger.Started
	if err := k.mend(l, func() error { recent, err = l.Recent(); return err }); err != nil {
		return err
	}
	var list []decision
	for _, p := range recent {
		rows, err := k.Index.Written(p.Line, p.Start, 1)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Start != p.Start || rows[0].Segment != p.Segment || !k.own(rows[0].Volume) {
			continue
		}
		if p.Buried {
			if err := l.Unbury(p.Line, p.Start); err != nil {
				return err
			}
			continue
		}
		d, err := k.mendFile(l, rows[0], p.Holes)
		if err != nil {
			return err
		}
		if len(d.cuts) > 0 {
			list = append(list, d)
		}
	}
	if err := l.Write(); err != nil {
		return err
	}
	_, err = k.punch(list, &Freed{})
	return err
}

// mendFile says what is still to be punched into a file, or to be told of it; no cuts: nothing. If an event of that time
// was held since, what is still there stays.
func (k *Keeper) mendFile(l *ledger.Ledger, r index.Row, holes []ledger.Hole) (d decision, err error) {
	table, err := k.Table(r)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	} else if err != nil {
		k.Log.Error("what is left of a file cannot be found out", "file", r.Path(), "error", err)
		return d, nil
	}
	cuts := cutsOf(holes, table)
	if freed(extents(table, cuts)) == r.Freed {
		return d, nil
	}
	events, err := k.Index.EventSpans(r.Line.Camera, r.Start-reach.Microseconds(), r.End+reach.Microseconds())
	if err != nil {
		return d, err
	}
	if keep := around(events, true); !within(cuts, plan(table, keep)) {
		if cuts, err = k.gone(r, table, cuts); err != nil {
			return d, err
		}
		err = l.Kept(r.Line, r.Start)
		for _, c := range cuts {
			err = errors.Join(err, l.Punched(r.Line, r.Start, r.Segment, uint32(c.from), uint32(c.to)))
		}
		if err := errors.Join(err, l.Write()); err != nil {
			return d, err
		}
	}
	return decision{row: r, table: table, cuts: cuts, bytes: max(freed(extents(table, cuts))-r.Freed, 0)}, nil
}

// within says whether all cuts lie in others.
func within(cuts, others []cut) bool {
	for _, c := range cuts {
		if !slices.ContainsFunc(others, func(o cut) bool { return o.from <= c.from && c.to <= o.to }) {
			return false
		}
	}
	return true
}

// gone gives those of the cuts' records that are gone already.
func (k *Keeper) gone(r index.Row, table []segment.Entry, cuts []cut) (list []cut, err error) {
	f, err := k.Disk.Open(r.Path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for _, c := range cuts {
		for i := c.from; i < c.to; i++ {
			if table[i].Type != segment.FragRecord {
				continue
			}
			var head [segment.RecordHeaderSize]byte
			if _, err := f.ReadAt(head[:], table[i].Offset); err != nil {
				return nil, fmt.Errorf("look what is left of %s: %w", r.Path(), err)
			}
			if head == [segment.RecordHeaderSize]byte{} { // a record has a length
				list = join(list, cut{i, i + 1})
			}
		}
	}
	return settle(table, list), nil
}
