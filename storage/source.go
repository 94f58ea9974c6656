package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// source is one file of a line, open for reading: finished, or still being written.
type source struct {
	file   *os.File
	reader *segment.Reader
	start  int64 // microseconds, by which it is found
	live   bool
	next   int // record
}

func (c *source) close() {
	if c != nil {
		c.file.Close()
	}
}

// place is where a file is found at a moment: among those being written or in the index, and on which volume.
type place struct {
	disk *disk // nil: none that is in use
	view *commit.View
	row  index.Row
}

func (p place) start() int64 {
	if p.view != nil {
		return p.view.Name.Start
	}
	return p.row.Start
}

func (p place) end() int64 {
	if p.view != nil {
		return p.view.End
	}
	return p.row.End
}

// path is where it lies below its volume's folder.
func (p place) path() string {
	if p.view != nil {
		return p.view.Path()
	}
	return p.row.Path()
}

// file opens it. fs.ErrNotExist: it is not there (any more); commit.ErrMissing: its whole volume is not.
func (p place) file() (*os.File, error) {
	if p.disk == nil || p.disk.away() {
		return nil, fmt.Errorf("open %s: %w", p.path(), commit.ErrMissing)
	}
	f, err := os.Open(p.disk.file(p.path()))
	if p.view != nil && errors.Is(err, fs.ErrNotExist) {
		// It is finished and has its last name. It stays among the open ones until that name is durable, which can take long.
		done := segment.FinishedName(p.view.Line.Stream, p.view.Name.Start, max(p.view.End, p.view.Name.Start))
		return os.Open(p.disk.file(done.Path(p.view.Line.Camera)))
	}
	return f, err
}

// lastPlace gives the file of a line that begins last at or before t. Files being written are asked first: a file
// that finishes meanwhile is in the index before it is not among them any more.
func (s *Store) lastPlace(l segment.Line, t int64) (best place, ok bool, err error) {
	views := s.openViews(l)
	row, ok, err := s.index.Last(mixedLine(l), t)
	best = place{row: row, disk: s.diskNumbered(row.Volume)}
	for i := range views {
		if v := &views[i]; v.Name.Start <= t && (!ok || v.Name.Start > best.start()) {
			best, ok = place{view: &v.View, disk: v.disk}, true
		}
	}
	return best, ok, err
}

// nextPlace gives the file of a line that begins first after t.
func (s *Store) nextPlace(l segment.Line, t int64) (best place, ok bool, err error) {
	views := s.openViews(l)
	row, ok, err := s.index.Next(mixedLine(l), t)
	best = place{row: row, disk: s.diskNumbered(row.Volume)}
	for i := range views {
		if v := &views[i]; v.Name.Start > t && (!ok || v.Name.Start < best.start()) {
			best, ok = place{view: &v.View, disk: v.disk}, true
		}
	}
	return best, ok, err
}

// open opens a line's file that begins at start, wherever it is now. fs.ErrNotExist: it was let go of.
func (s *Store) open(l segment.Line, start int64, key segment.Key) (*source, error) {
	for range 3 { // it may be renamed between the look and the opening, once
		p, ok, err := s.lastPlace(l, start)
		if err != nil {
			return nil, err
		}
		if !ok || p.start() != start {
			return nil, fs.ErrNotExist
		}
		f, err := p.file()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if errors.Is(err, commit.ErrMissing) {
			return nil, fs.ErrNotExist
		} else if err != nil {
			return nil, err
		}
		l, key, f := s.mixedFile(l, key, p, f)
		c := &source{file: f, start: start, live: p.view != nil}
		if c.reader, err = p.reader(f, l, key); err != nil {
			f.Close()
			return nil, fmt.Errorf("open %s: %w", p.path(), err)
		}
		return c, nil
	}
	return nil, fs.ErrNotExist
}

func (p place) reader(f *os.File, l segment.Line, key segment.Key) (*segment.Reader, error) {
	if p.view != nil {
		r, err := segment.OpenLive(f, key, p.view.Table)
		if err == nil && r.Header() != p.view.Header {
			err = fmt.Errorf("%w: it is another file than the one being written", segment.ErrForged)
		}
		return r, err
	}
	r, err := volume.Finished(f, l, p.row.Start, key)
	if err == nil && !p.row.NameOnly && r.Header().Segment != p.row.Segment && !sabotage.Blind(string(alarm.Disk)) {
		err = fmt.Errorf("%w: it is another file than the index says", segment.ErrForged)
	}
	return r, err
}

// alarm logs what must never happen; the caller shows nothing.
func (s *Store) alarm(what string, l segment.Line, err error) {
	s.bell.Ring(alarm.Disk, l.Camera, what, "stream", l.Stream, "error", err)
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(t int64) time.Time { return time.UnixMicro(t).UTC() }
