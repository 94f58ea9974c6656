package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// Footage gives the pieces of a stream between two times, one after the other. It belongs to one goroutine.
type Footage struct {
	store    *Store
	grant    access.Grant
	renewed  time.Time
	key      segment.Key
	line     segment.Line
	from, to int64 // microseconds

	beneath int // of footage with the same times, leave out so many that were recorded later

	source *source
	begun  bool  // a file was open
	file   int64 // the start of the one that was last open
	pos    int64 // up to here nothing is left to give
	until  int64 // from here on another file than the one that is open has the picture
	sharp  bool  // that file is of another recording of the same time: no piece may reach over until
	run    media.UUID
	tracks []media.Track
	init   []byte // as last given out
	fresh  []byte // of the source, not given out yet
	damage bool   // a record could not be read; the next piece is a key frame
	notes  []segment.Note
	err    error
}

// unlock asks again whether the grant holds, and gives the key of its camera.
func (s *Store) unlock(g access.Grant, verbs ...access.Verb) (segment.Key, error) {
	if !g.Allows(verbs...) {
		return nil, ErrDenied
	}
	if err := s.access.Renew(g); err != nil {
		return nil, err
	}
	key, err := s.keys.Unlock(g)
	if err != nil {
		return nil, err
	}
	if key, err = s.mixedKey(key); err != nil {
		return nil, err
	}
	if !s.bell.Same(alarm.Key, g.Camera(), key.Camera(), "the key of another camera was given") {
		return nil, fmt.Errorf("the key of camera %s: %w", g.Camera(), ErrForged)
	}
	return key, nil
}

// Footage opens a camera's stream from the key frame at or before from, up to to. The grant is for footage or export.
// What is not durable yet, of about the last second, is not in it.
func (s *Store) Footage(g access.Grant, stream media.Stream, from, to time.Time) (*Footage, error) {
	key, err := s.unlock(g, access.Footage, access.Export)
	if err != nil {
		return nil, err
	}
	if stream != media.Main && stream != media.Sub {
		return nil, fmt.Errorf("footage: no stream %d", stream)
	}
	return &Footage{
		store: s, grant: g, renewed: time.Now(), key: key,
		line: segment.Line{Camera: mixed(sabotage.StoreCamera, g.Camera()), Stream: stream}, from: micros(from), to: micros(to), pos: micros(from),
	}, nil
}

// Beneath is Footage without the n recordings that were made last wherever the same time was recorded more often than
// once, because the clock was set back. Of all else it gives the same.
func (s *Store) Beneath(n int, g access.Grant, stream media.Stream, from, to time.Time) (*Footage, error) {
	f, err := s.Footage(g, stream, from, to)
	if err == nil {
		f.beneath = max(n, 0)
	}
	return f, err
}

// Next gives the next piece; io.EOF after the last. It skips over gaps, and over what is damaged to the next key
// frame. ErrForged: what lies there is not this camera's. ErrDenied: the grant was taken back.
func (f *Footage) Next() (Piece, error) {
	if f.err != nil {
		return Piece{}, f.err
	}
	p, err := f.next()
	p = f.mixedPiece(p)
	if err == nil && !f.store.bell.Same(alarm.Footage, f.grant.Camera(), p.Origin.Header.Camera, "footage of another camera was read") {
		p, err = Piece{}, fmt.Errorf("footage of camera %s: %w", f.grant.Camera(), ErrForged)
	}
	if err != nil {
		f.err = err
		f.source.close()
		f.source = nil
		if errors.Is(err, ErrForged) {
			f.store.alarm("footage does not open with its camera's key", f.line, err)
		}
	}
	return p, err
}

// Close gives the open file free. Next gives io.EOF afterwards.
func (f *Footage) Close() error {
	f.source.close()
	f.source, f.err = nil, io.EOF
	return nil
}

func (f *Footage) next() (Piece, error) {
	if time.Since(f.renewed) >= time.Second {
		if err := f.store.access.Renew(f.grant); err != nil {
			return Piece{}, err
		}
		f.renewed = time.Now()
	}
	for {
		if f.source == nil {
			if err := f.open(); err != nil {
				return Piece{}, err
			}
		}
		c, cut := f.source, false
		table := c.reader.Table()
		for ; c.next < len(table); c.next++ {
			e := table[c.next]
			if e.Type == segment.NoteRecord {
				f.noteIn(c, c.next, c.next+1)
			}
			if e.Type != segment.FragRecord || f.damage && !e.Key {
				continue
			}
			if e.Time >= f.to {
				return Piece{}, io.EOF
			}
			if e.Time >= f.until || f.sharp && e.End() > f.until {
				cut = true
				break
			}
			data, err := c.reader.Payload(c.next, nil)
			if errors.Is(err, segment.ErrGone) { // let go of; what comes after it may be kept
				f.damage = true
				continue
			} else if errors.Is(err, segment.ErrDamaged) || errors.Is(err, syscall.EIO) {
				f.store.log.Error("a piece of footage is damaged and left out", "line", f.line, "at", e.At(), "error", err)
				f.damage = true
				continue
			} else if err != nil {
				return Piece{}, err
			}
			f.damage = false
			c.next++
			return f.piece(e, data), nil
		}
		if !cut {
			more, err := f.grown()
			if err != nil {
				return Piece{}, err
			}
			if more {
				continue
			}
		}
		f.leave()
	}
}

func (f *Footage) piece(e segment.Entry, data []byte) Piece {
	p := Piece{
		Init: f.fresh, Run: f.run, Tracks: f.tracks, Start: e.At(), DTS: e.DTS, Duration: int64(e.Duration), Key: e.Key, Data: data,
		Origin: f.origin(f.source.next - 1),
	}
	f.fresh = nil
	return p
}

// leave closes a file of which all is given.
func (f *Footage) leave() {
	if f.until == never {
		if table := f.source.reader.Table(); len(table) > 0 {
			f.pos = max(f.pos, table[len(table)-1].End())
		}
	}
	f.source.close()
	f.source = nil
}

// open opens the next file that has something of the span.
func (f *Footage) open() error {
	for {
		p, until, ok, err := f.store.seen(f.line, f.pos, f.beneath)
		if err != nil {
			return err
		}
		if !ok || p.start >= f.to || f.begun && p.start == f.file && p.end <= f.pos {
			return io.EOF
		}
		from := f.pos
		if f.pos, f.until = max(f.pos, p.end, p.start+1), until; until != never {
			f.pos, f.sharp = until, p.reach()-until > seam.Microseconds()
		}
		first := !f.begun
		f.file, f.begun = p.start, true
		c, err := f.store.open(f.line, p.start, f.key)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f.store.log.Warn("a file of footage is gone", "line", f.line, "start", fromMicros(p.start))
			continue
		case errors.Is(err, segment.ErrDamaged), errors.Is(err, segment.ErrUnfinished):
			f.store.log.Error("a file of footage is damaged and left out", "line", f.line, "error", err)
			continue
		case err != nil:
			return err
		}
		if err := f.begin(c, from, first); err != nil {
			c.close()
			if errors.Is(err, segment.ErrDamaged) {
				f.store.log.Error("a file of footage is damaged and left out", "line", f.line, "error", err)
				continue
			}
			return err
		}
		f.source = c
		return nil
	}
}

// begin reads what comes before the fragments of a file, and goes to the key frame to begin with: the first one, or if
// the file began long before from, that at from (the first file of all) or behind it.
func (f *Footage) begin(c *source, from int64, before bool) error {
	h, table := c.reader.Header(), c.reader.Table()
	if len(table) == 0 || table[0].Type != segment.InitRecord {
		return fmt.Errorf("%w: it does not begin with what its tracks are", segment.ErrDamaged)
	}
	init, err := c.reader.Payload(0, nil)
	if err != nil {
		return err
	}
	var tracks []media.Track
	if len(table) > 1 && table[1].Type == segment.NoteRecord {
		raw, err := c.reader.Payload(1, nil)
		if err != nil {
			return err
		}
		if n, err := segment.ParseNote(raw); err == nil && n.Kind == segment.NoteTracks {
			tracks = n.Tracks
		}
	}
	if h.Run != f.run || !bytes.Equal(init, f.init) {
		f.run, f.tracks, f.init, f.fresh = h.Run, tracks, init, init
	}
	first := len(table) // nothing to begin with (yet)
	resumed := !before && from-c.start > seam.Microseconds()
	for i, e := range table {
		if e.Type != segment.FragRecord || !e.Key || resumed && e.Time < from {
			continue
		}
		if first < len(table) && (!before || e.Time > from) {
			break
		}
		first = i
	}
	if !resumed {
		f.noteIn(c, 0, first)
	}
	c.next, f.damage = first, false
	return nil
}

// grown looks whether a file that was being written when it was opened has more by now.
func (f *Footage) grown() (bool, error) {
	c := f.source
	if !c.live {
		return false, nil
	}
	known := len(c.reader.Table())
	again, err := f.store.open(f.line, c.start, f.key)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if len(again.reader.Table()) <= known {
		again.close()
		return false, nil
	}
	again.next = c.next
	c.close()
	f.source = again
	return true, nil
}
