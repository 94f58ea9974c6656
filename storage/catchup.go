package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// detailsAtOnce is how many rows get their details before Open returns; more get them while the box already serves.
const detailsAtOnce = 256

// catchUp finishes what a power cut left open, and indexes by name what is not indexed.
func (s *Store) catchUp(ctx context.Context) error {
	if err := s.keeper.Sweep(); err != nil { // what was let go of must not be found again
		return fmt.Errorf("finish letting go: %w", err)
	}
	fromDay, known := "", s.index.Scanned()
	if known > 0 && known < time.Now().Add(24*time.Hour).UnixMicro() { // a clock that was ahead for a while says nothing
		fromDay = segment.Day(known - (24 * time.Hour).Microseconds())
	}
	files, strange, err := scan(s.o.Dir, fromDay)
	if err != nil {
		return fmt.Errorf("look through the footage: %w", err)
	}
	for _, path := range strange {
		s.log.Warn("a file of unknown origin lies among the footage; it is left alone", "file", path)
	}
	rows, err := s.indexNames(files)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		s.log.Info("indexed files that the index did not know", "files", len(rows))
	}
	if err := s.putHeads(rows); err != nil {
		return err
	}
	if _, all, err := s.index.Todo(0); err != nil {
		return err
	} else if all <= detailsAtOnce {
		return s.readDetails(ctx)
	}
	return nil
}

// indexNames recovers the unfinished files and writes rows of those that the index does not know.
func (s *Store) indexNames(files []found) ([]index.Row, error) {
	var rows []index.Row
	var open []found
	for _, f := range files {
		if f.name.Open {
			open = append(open, f)
			continue
		}
		has, err := s.index.Has(f.line(), f.name.Start)
		if err != nil {
			return nil, err
		}
		if !has {
			rows = append(rows, nameRow(f))
		}
	}
	rows = append(rows, s.recover(open)...)
	for at := 0; at < len(rows); at += 4096 {
		if err := s.index.PutNames(rows[at:min(at+4096, len(rows))]); err != nil {
			return nil, fmt.Errorf("index the footage: %w", err)
		}
	}
	return rows, nil
}

func nameRow(f found) index.Row {
	return index.Row{Line: f.line(), Start: f.name.Start, End: f.name.Start + f.name.Duration*1000, Size: f.size, NameOnly: true}
}

// recover finishes unfinished files, several at once, and gives the rows of those that could be.
func (s *Store) recover(open []found) []index.Row {
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		rows  []index.Row
		slots = make(chan struct{}, min(runtime.GOMAXPROCS(0), 4))
	)
	for _, f := range open {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if sum, ok := s.recoverOne(f); ok {
				mu.Lock()
				defer mu.Unlock()
				rows = append(rows, index.RowOf(sum))
			}
		})
	}
	wait.Wait()
	return rows
}

func (s *Store) recoverOne(f found) (segment.Summary, bool) {
	log := s.log.With("file", f.path())
	key, err := s.keys.ForRecording(f.camera)
	if errors.Is(err, keyring.ErrNoKey) {
		log.Warn("an unfinished file of a camera without a key is left alone")
		return segment.Summary{}, false
	} else if err != nil {
		log.Error("cannot finish a file", "error", err)
		return segment.Summary{}, false
	}
	sum, err := commit.Finish(s.disk, f.camera, f.name, 0, key)
	switch {
	case err == nil:
		log.Info("finished a file that was left open", "records", sum.Records, "until", time.UnixMicro(sum.End).UTC())
		return sum, true
	case errors.Is(err, segment.ErrEmpty), errors.Is(err, segment.ErrDamaged) && f.size < segment.HeaderSize:
		// Its header, or its first record, never was durable: there is nothing in it that anybody could read.
		if err := s.disk.Remove(f.path()); err != nil {
			log.Warn("cannot remove an empty file", "error", err)
		}
	case errors.Is(err, segment.ErrForged):
		log.Error("ALARM: an unfinished file is not what this camera sealed; it is left alone", "error", err)
	case errors.Is(err, segment.ErrDamaged):
		log.Error("an unfinished file has no readable beginning; it is set aside", "error", err)
		if err := s.disk.Rename(f.path(), f.path()+".damaged"); err != nil {
			log.Warn("cannot set it aside", "error", err)
		}
	default:
		log.Error("cannot finish a file", "error", err)
	}
	return segment.Summary{}, false
}

// putHeads says what the next file of each line begins with, after the newest of the rows.
func (s *Store) putHeads(rows []index.Row) error {
	last := make(map[segment.Line]index.Row)
	for _, r := range rows {
		if o, ok := last[r.Line]; !ok || r.Start >= o.Start {
			last[r.Line] = r
		}
	}
	for l, r := range last {
		newest, ok, err := s.index.Last(l, 1<<62)
		if err != nil {
			return err
		}
		if ok && newest.Start > r.Start {
			continue
		}
		sum, err := readSummary(filepath.Join(s.o.Dir, r.Path()))
		if err != nil {
			s.log.Warn("the chain of hashes begins anew after a file that cannot be read", "file", r.Path(), "error", err)
			continue
		}
		if err := s.index.PutHead(l, sum.Chain); err != nil {
			return err
		}
	}
	return nil
}

func readSummary(path string) (segment.Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return segment.Summary{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return segment.Summary{}, err
	}
	return segment.ReadSummary(f, info.Size())
}

// readDetails reads what the files say whose rows were made from names, until all are read or ctx is done.
func (s *Store) readDetails(ctx context.Context) error {
	for ctx.Err() == nil {
		rows, _, err := s.index.Todo(64)
		if err != nil || len(rows) == 0 {
			return err
		}
		adds := make([]index.Addition, 0, len(rows))
		for _, r := range rows {
			a, err := s.detail(r)
			if err != nil {
				s.log.Error("a file cannot be read", "file", r.Path(), "error", err)
				r.NameOnly = false // its name is all that there is
				a = index.Addition{Row: r, Covered: [][2]int64{{r.Start, r.End}}}
			}
			adds = append(adds, a)
		}
		if err := s.index.PutDetails(adds); err != nil {
			return fmt.Errorf("index the footage: %w", err)
		}
	}
	return ctx.Err()
}

// detail reads a finished file's table and notes; of a pack it gives the index the events and thumbnails.
func (s *Store) detail(row index.Row) (index.Addition, error) {
	key, err := s.keys.ForRecording(row.Line.Camera)
	if err != nil {
		return index.Addition{}, err
	}
	f, err := os.Open(filepath.Join(s.o.Dir, row.Path()))
	if err != nil {
		return index.Addition{}, err
	}
	defer f.Close()
	r, err := openFinished(f, row.Line, row.Start, key)
	if err != nil {
		return index.Addition{}, err
	}
	var notes []segment.Note
	for i, e := range r.Table() {
		if e.Type != segment.NoteRecord && row.Line.Stream != segment.Pack {
			continue
		}
		payload, err := r.Payload(i, nil)
		if err != nil {
			s.log.Error("a record cannot be read", "file", row.Path(), "record", i, "error", err)
			continue
		}
		if e.Type == segment.NoteRecord {
			if n, err := segment.ParseNote(payload); err == nil {
				notes = append(notes, n)
			}
			continue
		}
		if err := s.restore(row, i, e, payload); err != nil {
			s.log.Error("an event cannot be restored", "file", row.Path(), "record", i, "error", err)
		}
	}
	return addition(r.Summary(), r.Table(), notes), nil
}

// openFinished opens a finished file and checks that it is the one that lies there by name.
func openFinished(f *os.File, l segment.Line, start int64, key segment.Key) (*segment.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := segment.Open(f, info.Size(), key)
	if err != nil {
		return nil, err
	}
	n := segment.Name{Stream: l.Stream, Start: start}
	return r, n.CheckHeader(l.Camera, r.Header())
}
