package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/export"
)

// errOtherParameters says that what follows needs another initialization.
var errOtherParameters = errors.New("the parameters change")

const (
	// touching is how far from may lie behind the end of a GOP that it asks for anyway: a page reads times to the
	// millisecond and asks for one window after the other.
	touching = 5 * time.Millisecond
	// drift is from what difference between the clock of the pictures and the box's on the former is set anew.
	drift = 200 * time.Millisecond
)

// joint joins footage of several runs into one stream on the wall clock: media time 0 is the moment zero, runs follow
// each other with the holes there were between them.
type joint struct {
	grant   access.Grant
	footage pieces
	init    []byte
	tracks  []media.Track
	zero    time.Time

	run  media.UUID
	base time.Time // where DTS 0 of the run lies, as it is shown
	held []storage.Piece
}

type pieces interface {
	Next() (storage.Piece, error)
	io.Closer
}

// newJoint begins with a piece that has an initialization. Its earliest sample is at media time 0: sound may begin a
// little before the picture.
func newJoint(g access.Grant, f pieces, first storage.Piece) *joint {
	j := &joint{grant: g, footage: f, init: first.Init, tracks: first.Tracks, zero: first.Start}
	if runs, err := fmp4.Parse(first.Data); err == nil {
		for _, r := range runs {
			if r.Track >= len(j.tracks) || len(r.Samples) == 0 {
				continue
			}
			at := first.Start.Add(fmp4.Duration(int64(r.BaseDTS), j.tracks[r.Track].ClockRate) - fmp4.Duration(first.DTS, media.VideoClockRate))
			if at.Before(j.zero) {
				j.zero = at
			}
		}
	}
	j.zero = j.zero.Truncate(time.Microsecond) // as the header says it
	return j
}

// begun reads to where a stream has to begin: to the key frame at or before from whose GOP reaches beyond from, or
// with after to the first key frame from there on. It gives the joint and the first piece, placed.
func begun(g access.Grant, f pieces, from time.Time, after bool) (*joint, storage.Piece, error) {
	var held []storage.Piece
	var init storage.Piece // the last piece with an initialization
	for {
		p, err := f.Next()
		if err != nil {
			return nil, storage.Piece{}, err // io.EOF: what there is ends before from
		}
		if p.Init != nil {
			init = p
			held = held[:0]
		}
		if p.Key {
			held = held[:0]
		}
		if len(held) == 0 && !p.Key {
			continue // nothing can be decoded before a key frame
		}
		held = append(held, p)
		if after && held[0].Start.Before(from.Add(-touching)) {
			continue
		}
		if endOf(p).After(from.Add(touching)) {
			break
		}
	}
	held[0].Init, held[0].Tracks = init.Init, init.Tracks
	j := newJoint(g, f, held[0])
	j.held = held[1:]
	first := held[0]
	return j, first, j.place(&first)
}

// next gives the next piece, placed, or io.EOF. With errOtherParameters the piece is the one that does not fit.
func (j *joint) next() (storage.Piece, error) {
	var p storage.Piece
	if len(j.held) > 0 {
		p, j.held = j.held[0], j.held[1:]
	} else {
		var err error
		if p, err = j.footage.Next(); err != nil {
			return storage.Piece{}, err
		}
	}
	if of := p.Origin.Header.Camera; of != j.grant.Camera() && !of.IsZero() {
		return storage.Piece{}, fmt.Errorf("footage of %s for %s: %w", of, j.grant.Camera(), export.ErrMixed)
	}
	if p.Init != nil && !bytes.Equal(p.Init, j.init) {
		return p, errOtherParameters
	}
	if p.Run != j.run && !p.Key {
		return j.next() // the beginning of a run without its key frame
	}
	return p, j.place(&p)
}

// place moves a piece's times from its run's clock onto the joint's.
func (j *joint) place(p *storage.Piece) error {
	base := p.Start.Add(-fmp4.Duration(p.DTS, media.VideoClockRate))
	if off := base.Sub(j.base); p.Run != j.run || p.Key && (off > drift || off < -drift) {
		j.run, j.base = p.Run, base
	}
	by := make([]int64, len(j.tracks))
	for i, t := range j.tracks {
		by[i] = ticks(j.base.Sub(j.zero), t.ClockRate)
	}
	return fmp4.Shift(p.Data, by)
}

// ticks turns a time, also one below zero, into ticks of a clock, rounded to the nearest. Times of years fit.
func ticks(d time.Duration, rate int) int64 {
	if d < 0 {
		return -ticks(-d, rate)
	}
	whole, rest := int64(d/time.Second), int64(d%time.Second)
	return whole*int64(rate) + (rest*int64(rate)+int64(time.Second)/2)/int64(time.Second)
}

func (j *joint) mime() string { return fmp4.MIME(j.tracks) }

func endOf(p storage.Piece) time.Time {
	return p.Start.Add(fmp4.Duration(p.Duration, media.VideoClockRate))
}

// keyFrame makes a piece of the first picture of a piece alone.
func keyFrame(p storage.Piece) (storage.Piece, error) {
	runs, err := fmp4.Parse(p.Data)
	if err != nil {
		return p, err
	}
	for _, r := range runs {
		if r.Track == 0 && len(r.Samples) > 0 && r.Samples[0].Key {
			r.Samples = r.Samples[:1]
			p.Data = fmp4.AppendFragment(nil, 1, []fmp4.TrackRun{r})
			return p, nil
		}
	}
	return p, io.ErrUnexpectedEOF
}
