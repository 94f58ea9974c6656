package retention

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"math"
	"slices"
	"time"

	"hearth/storage/index"
	"hearth/storage/segment"
)

// step says what of a file goes.
type step int

const (
	pare step = iota // what is not around an event
	drop             // what is not around a held event
)

// phase is a step for all files that ended before a time in microseconds.
type phase struct {
	step   step
	before int64
	aging  bool // it is about days: a clock that was wrong must not make files old
}

const (
	// recent is the footage that stays before older footage around events: one who looks for what happened an hour ago
	// must not find that a year of events took its place.
	recent = 24 * time.Hour
	// fresh is how long a file may wait for an event that began at its end to be noticed.
	fresh = 30 * time.Second
	// batch is how many files go in one transaction: a day of a camera, so that its ledger is written once.
	batch = 512
)

// decision is what goes of one file.
type decision struct {
	row   index.Row
	whole bool
	cuts  []cut
	table []segment.Entry // with cuts
	bytes int64           // that this frees
	note  bool            // the row is to say that the file is pared
	held  []span          // all that is left, in the step drop
	hold  []span          // what was held when this was decided
}

// relieve frees bytes of what the parties have on some volumes.
func (k *Keeper) relieve(ctx context.Context, list []*party, on func(uint8) bool, over int64, freed *Freed) (err error) {
	if over <= 0 {
		return nil
	}
	now := time.Now()
	for _, ph := range []phase{
		{step: pare, before: now.Add(-recent).UnixMicro()},
		{step: drop, before: now.Add(-recent).UnixMicro()},
		{step: pare, before: now.Add(-fresh).UnixMicro()},
		{step: drop, before: math.MaxInt64},
	} {
		if over, err = k.run(ctx, list, on, ph, over, freed); err != nil || over <= 0 {
			return err
		}
	}
	freed.Short = true
	return nil
}

// expire does a phase for all of a party's files on this volume.
func (k *Keeper) expire(ctx context.Context, p *party, ph phase, freed *Freed) error {
	_, err := k.run(ctx, []*party{p}, k.own, ph, math.MaxInt64, freed)
	return err
}

// run does a phase until bytes are free, and gives how many are still missing. What the oldest files on other volumes
// would free counts, because their own keepers free it.
func (k *Keeper) run(ctx context.Context, list []*party, on func(uint8) bool, ph phase, over int64, freed *Freed) (int64, error) {
	if err := k.queues(list, on, ph); err != nil {
		return over, err
	}
	var decisions []decision
	reached := make(map[segment.Line]int64)
	act := func() error {
		lost, err := k.act(decisions, freed)
		if over += lost; err == nil && lost == 0 && ph.step == pare {
			maps.Copy(k.frontier, reached)
		}
		decisions = decisions[:0]
		return err
	}
	for over > 0 && ctx.Err() == nil {
		p := fullest(list)
		if p == nil {
			break
		}
		r, err := p.take()
		if err != nil {
			return over, errors.Join(err, act())
		}
		d, err := k.decide(r, ph.step)
		if err != nil {
			return over, errors.Join(err, act())
		}
		over -= d.bytes
		p.bytes -= d.bytes
		reached[r.Line] = r.Start + 1
		if k.own(r.Volume) && (d.whole || len(d.cuts) > 0 || d.note) {
			decisions = append(decisions, d)
		}
		if len(decisions) == batch {
			if err := act(); err != nil {
				return over, err
			}
		}
	}
	err := act()
	return over, err
}

// queues begins the parties' lines for a phase.
func (k *Keeper) queues(list []*party, on func(uint8) bool, ph phase) error {
	lines, err := k.Index.Lines()
	if err != nil {
		return err
	}
	for _, p := range list {
		p.lines = nil
		for _, l := range lines {
			if l.Stream == segment.Pack || !p.has(l.Camera) || k.stuck[l.Camera] {
				continue
			}
			from := int64(math.MinInt64)
			if ph.step == pare {
				if start, ok := k.frontier[l]; ok {
					from = start
				}
			}
			q, err := k.line(l, on, ph, from)
			if err != nil {
				return err
			}
			p.lines = append(p.lines, q)
		}
	}
	return nil
}

// decide says what of a file goes in a step. What cannot be read stays until it goes whole.
func (k *Keeper) decide(r index.Row, s step) (decision, error) {
	d := decision{row: r}
	events, err := k.Index.EventSpans(r.Line.Camera, r.Start-reach.Microseconds(), r.End+reach.Microseconds())
	if err != nil {
		return d, err
	}
	d.hold = around(events, true)
	keep := around(events, s == drop)
	if !touches(keep, r.Start, r.End) {
		return k.entirely(d, events)
	}
	if s == drop {
		d.held = keep
	}
	switch {
	case s == pare && r.Pared, k.noHoles && k.own(r.Volume), s == drop && slices.Equal(k.held[fileOf(r)], keep):
		return d, nil
	case !k.own(r.Volume):
		d.bytes = max(int64(float64(r.Size)*(1-share(keep, r.Start, r.End)))-r.Freed, 0)
		return d, nil
	}
	table, err := k.Table(r)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			k.Log.Error("what is around events in a file cannot be found out; all of it stays for now", "file", r.Path(), "error", err)
		}
		return d, nil
	}
	d.note = true
	cuts := plan(table, keep)
	if !hasFragment(outside(table, cuts)) { // the event is in a gap of it
		return k.entirely(d, events)
	}
	if n := freed(extents(table, cuts)); n-r.Freed >= worth {
		d.table, d.cuts, d.bytes = table, cuts, n-r.Freed
	}
	return d, nil
}

// entirely decides that a file goes whole, unless the index says that it is held by an event that it cannot read.
func (k *Keeper) entirely(d decision, events []index.EventSpan) (decision, error) {
	held := false
	if len(around(events, true)) == 0 {
		var err error
		if held, err = k.Index.HeldWithin(d.row.Line.Camera, d.row.Start, d.row.End); err != nil {
			return d, err
		}
	}
	if !held {
		d.whole, d.bytes = true, d.row.Kept()
	}
	return d, nil
}

// outside gives the records of a table that are not in the cuts.
func outside(table []segment.Entry, cuts []cut) (rest []segment.Entry) {
	at := 0
	for _, c := range cuts {
		rest = append(rest, table[at:c.from]...)
		at = c.to
	}
	return append(rest, table[at:]...)
}
