package retention

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// act carries decisions out. A camera whose ledger cannot be written keeps its files in this pass; lost is what they
// would have freed.
func (k *Keeper) act(list []decision, freed *Freed) (lost int64, err error) {
	if len(list) == 0 {
		return 0, nil
	}
	if list, lost, err = k.standing(list); err != nil {
		return lost, err
	}
	books := make(map[media.CameraID][]decision)
	for _, d := range list {
		books[d.row.Line.Camera] = append(books[d.row.Line.Camera], d)
	}
	var whole []index.Row
	var parts []decision
	for camera, ds := range books {
		keyless, err := k.book(camera, ds)
		if err != nil {
			k.stuck[camera] = true
			k.failed = append(k.failed, fmt.Errorf("note what is let go of: %w", err))
		}
		for _, d := range ds {
			switch {
			case err != nil:
				lost += d.bytes
			case d.whole:
				whole = append(whole, d.row)
			case keyless:
				lost += d.bytes
			default:
				parts = append(parts, d)
			}
		}
	}
	if err := k.letGo(whole, freed); err != nil {
		return lost, err
	}
	n, err := k.punch(parts, freed)
	return lost + n, err
}

// standing leaves out decisions that an event has overtaken which somebody holds, or holds no more, since they were made:
// that may be seconds ago, for a batch. The next pass decides anew. lost is what they would have freed.
func (k *Keeper) standing(list []decision) (left []decision, lost int64, err error) {
	for _, d := range list {
		slack := reach
		if d.row.Line.Stream == segment.Pack {
			slack = packSlack
		}
		events, err := k.Index.EventSpans(d.row.Line.Camera, d.row.Start-slack.Microseconds(), d.row.End+slack.Microseconds())
		if err != nil {
			return nil, 0, err
		}
		if (d.whole || len(d.cuts) > 0) && !slices.Equal(around(events, true), d.hold) {
			lost += d.bytes
			continue
		}
		left = append(left, d)
	}
	return left, lost, nil
}

// unbook takes back what was noted of parts that cannot go.
func (k *Keeper) unbook(list []decision) error {
	for _, d := range list {
		l, err := k.ledger(d.row.Line.Camera)
		if err != nil {
			return err
		}
		if err := errors.Join(l.Kept(d.row.Line, d.row.Start), l.Write()); err != nil {
			return fmt.Errorf("note what is not let go of: %w", err)
		}
	}
	return nil
}

// book notes in a camera's ledger what is about to go. keyless: there is none, and no part of a file may go.
func (k *Keeper) book(camera media.CameraID, list []decision) (keyless bool, err error) {
	l, err := k.ledger(camera)
	if err != nil || l == nil {
		return true, err
	}
	note := func() error {
		for _, d := range list {
			if d.whole {
				err = l.Bury(d.row.Line, tombOf(d.row))
			}
			for _, c := range d.cuts {
				err = errors.Join(err, l.Punched(d.row.Line, d.row.Start, d.row.Segment, uint32(c.from), uint32(c.to)))
			}
			if err != nil {
				return err
			}
		}
		return l.Write()
	}
	return false, k.mend(l, note)
}

// ledger opens a camera's ledger; nil when the camera has no key.
func (k *Keeper) ledger(camera media.CameraID) (l *ledger.Ledger, err error) {
	files, key, err := k.Pages(camera)
	if err != nil || key == nil {
		return nil, err
	}
	l, err = ledger.New(files, key)
	var page *ledger.PageError
	if err = k.setAside(err, &page, func() error { return ledger.SetAside(files, page) }); err != nil {
		return nil, err
	}
	if l == nil {
		l, err = ledger.New(files, key)
	}
	return l, err
}

// mend does something with a ledger, again without those of its pages that cannot be read.
func (k *Keeper) mend(l *ledger.Ledger, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		var page *ledger.PageError
		if err = k.setAside(err, &page, func() error { return l.SetAside(page) }); err != nil {
			return err
		}
	}
}

// setAside sets a damaged page of a ledger aside, with an alarm; any other error it gives back.
func (k *Keeper) setAside(err error, page **ledger.PageError, aside func() error) error {
	if !errors.As(err, page) || !errors.Is(err, ledger.ErrDamaged) && !errors.Is(err, ledger.ErrForged) {
		return err
	}
	if err := aside(); err != nil {
		return err
	}
	k.Log.Error("ALARM: what says which footage was let go of is not as Hearth wrote it; it is set aside, and a check will tell what it knew as missing",
		"file", (*page).Path(), "error", (*page).Err)
	return nil
}

func tombOf(r index.Row) ledger.Tomb {
	return ledger.Tomb{
		Start: r.Start, End: r.End, Segment: r.Segment, Prev: r.Prev, Head: r.Head, Recovered: r.Recovered,
		Broken: r.NameOnly || r.Head == [32]byte{},
	}
}

// letGo lets go of whole files that are in the ledger.
func (k *Keeper) letGo(rows []index.Row, freed *Freed) error {
	if len(rows) == 0 {
		return nil
	}
	if err := k.Index.Condemn(rows); err != nil {
		return fmt.Errorf("let go of %d files: %w", len(rows), err)
	}
	if err := k.bury(rows); err != nil {
		return err
	}
	for _, r := range rows {
		freed.Files++
		freed.Bytes += r.Kept()
		delete(k.held, fileOf(r))
	}
	return nil
}

// bury removes the files of rows that are garbage, and when they cannot come back, the rows.
func (k *Keeper) bury(rows []index.Row) error {
	var folders []string
	for _, r := range rows {
		if err := k.Disk.Remove(r.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("let go of %s: %w", r.Path(), err)
		}
		if dir := filepath.Dir(r.Path()); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	for _, dir := range folders {
		if err := k.Disk.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("let go of files in %s: %w", dir, err)
		}
	}
	return k.Index.Bury(rows)
}

// Sweep goes on with files that were condemned and are perhaps still there.
func (k *Keeper) Sweep() error {
	rows, err := k.Index.Garbage()
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r index.Row) bool { return r.Volume != k.Volume })
	if len(rows) == 0 {
		return nil
	}
	return k.bury(rows)
}

// punch lets go of parts of files that are in the ledger; lost is what could not be freed because the file system punches
// no holes.
func (k *Keeper) punch(list []decision, freed *Freed) (lost int64, err error) {
	var done []index.Punched
	var whole []decision // after all
	for _, d := range list {
		err := commit.ErrNoHoles
		if !k.noHoles || len(d.cuts) == 0 {
			err = k.holes(d)
		}
		switch {
		case errors.Is(err, commit.ErrNoHoles):
			if !k.noHoles {
				k.noHoles = true
				k.Log.Info("the file system cannot give back parts of files: whole files stay for what is around events")
			}
			lost += d.bytes
			whole = append(whole, d)
		case err != nil:
			return lost, errors.Join(err, k.punched(done, list, freed))
		case len(d.cuts) > 0 || !d.row.Pared:
			done = append(done, index.Punched{Row: d.row, Freed: d.bytes, Gaps: gaps(d.table, d.cuts), Pared: d.note})
		}
	}
	return lost, errors.Join(k.unbook(whole), k.punched(done, list, freed))
}

// holes punches a file and makes that durable.
func (k *Keeper) holes(d decision) error {
	if len(d.cuts) == 0 {
		return nil
	}
	f, err := k.Disk.Open(d.row.Path())
	if err != nil {
		return fmt.Errorf("let go of parts of %s: %w", d.row.Path(), err)
	}
	defer f.Close()
	for _, e := range extents(d.table, d.cuts) {
		if err := k.Disk.Punch(d.row.Path(), e[0], e[1]); err != nil {
			return fmt.Errorf("let go of parts of %s: %w", d.row.Path(), err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("let go of parts of %s: %w", d.row.Path(), err)
	}
	return nil
}

// punched tells the index.
func (k *Keeper) punched(done []index.Punched, list []decision, freed *Freed) error {
	if len(done) > 0 {
		if err := k.Index.PunchAll(done); err != nil {
			return err
		}
	}
	for _, p := range done {
		if freed.Bytes += p.Freed; p.Freed > 0 {
			freed.Pared++
		}
	}
	for _, d := range list {
		if d.held != nil && !k.noHoles {
			k.held[fileOf(d.row)] = d.held
		}
	}
	return nil
}
