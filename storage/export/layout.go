package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// layout puts the samples of footage on one line of time, that of the file. Both readings go through one, so they
// come to the same.
//
// The file's time is 0 at the decoding time of its first picture. Within a run the distance of two samples is that
// of their decoding times; between runs it is that of the wall clock, but a run never begins before the one before
// it has ended.
type layout struct {
	span

	took func(storage.Piece) // is told of every piece when it was read; nil: nobody is

	camera media.CameraID // whose footage it is
	known  bool

	begun bool
	zero  time.Time // wall clock at the file's time 0
	start int64     // where showing begins, in ticks of the video clock
	stop  int64     // where it ends at the latest

	run          media.UUID
	init         []byte  // of the newest piece
	fresh        bool    // init was not read yet
	lanes        []*lane // by track of the run under way
	video, sound *lane
}

// span is what is wanted.
type span struct {
	from, to time.Time
	first    time.Time // what begins before is passed over: nothing of it is shown
}

// laterError says that what was read so far ends before the span, and that the file begins at at.
type laterError struct{ at time.Time }

func (e *laterError) Error() string { return "the footage begins later" }

// lane is a track of the file.
type lane struct {
	fmp4.InitTrack
	offset int64 // what is added to the times of the run under way
	end    int64 // of the newest sample, in the file's time; nowhere: there was none
}

// nowhere is before all time.
const nowhere = math.MinInt64

// index is 0 for video, 1 for sound.
func (t *lane) index() int {
	if t.Video {
		return 0
	}
	return 1
}

// placed is a sample at its place in the file's time, in ticks of its lane's clock.
type placed struct {
	fmp4.Sample
	dts int64
}

// read reads footage and calls visit with what goes in the file, piece by piece and track by track, until visit says
// false or the end is reached.
func (l *layout) read(ctx context.Context, open func() (Pieces, error), visit func(*lane, []placed) (bool, error)) error {
	pieces, err := open()
	if err != nil {
		return fmt.Errorf("open the footage: %w", err)
	}
	defer pieces.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece, err := pieces.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the footage: %w", err)
		}
		more, err := l.piece(piece, visit)
		if err == nil && l.took != nil {
			l.took(piece)
		}
		if err != nil || !more || l.begun && l.video.end >= l.stop {
			return err
		}
	}
}

// piece takes the next piece.
func (l *layout) piece(p storage.Piece, visit func(*lane, []placed) (bool, error)) (more bool, err error) {
	if of := p.Origin.Header.Camera; !l.known {
		l.camera, l.known = of, true
	} else if of != l.camera {
		return false, fmt.Errorf("read the footage of %s: a piece of %s came: %w", l.camera, of, ErrMixed)
	}
	if p.Init != nil && !bytes.Equal(p.Init, l.init) {
		l.init, l.fresh = bytes.Clone(p.Init), true
	}
	switch {
	case !p.Start.Before(l.to):
		return false, nil
	case !l.begun && (!p.Key || p.Start.Before(l.first)):
		return true, nil
	case l.begun && p.Key && l.video.end <= l.start && p.Start.After(l.zero):
		return false, &laterError{p.Start}
	}
	runs, err := fmp4.Parse(p.Data)
	if err != nil {
		return false, unreadable(p, err)
	}
	if err := l.follow(p, runs); err != nil {
		return false, err
	}
	var scratch []placed
	for _, r := range runs {
		if r.Track >= len(l.lanes) {
			return false, unreadable(p, fmt.Errorf("track %d of %d", r.Track, len(l.lanes)))
		}
		t := l.lanes[r.Track]
		scratch = l.place(scratch[:0], t, r)
		if len(scratch) == 0 {
			continue
		}
		if more, err := visit(t, scratch); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// unreadable wraps what is wrong with a piece.
func unreadable(p storage.Piece, err error) error {
	return fmt.Errorf("read the footage of %s: %w", p.Start.UTC().Format(time.RFC3339), err)
}

// follow takes note of a piece's run and parameters.
func (l *layout) follow(p storage.Piece, runs []fmp4.TrackRun) error {
	switch {
	case l.fresh:
		if err := l.setTracks(p); err != nil {
			return err
		}
	case l.lanes == nil:
		return unreadable(p, errors.New("no initialization part"))
	case l.begun && p.Run == l.run:
		return nil
	}
	l.run = p.Run
	if !l.begun {
		l.begun, l.zero = true, p.Start
		l.start = fmp4.Ticks(l.from.Sub(p.Start), media.VideoClockRate)
		l.stop = fmp4.Ticks(l.to.Sub(p.Start), media.VideoClockRate)
		for _, r := range runs {
			if r.Track < len(l.lanes) && l.lanes[r.Track].Video && len(r.Samples) > 0 {
				l.start = max(l.start, int64(r.Samples[0].CTO))
			}
		}
	}
	l.anchor(fmp4.Ticks(p.Start.Sub(l.zero), media.VideoClockRate)-p.DTS, runs)
	return nil
}

// setTracks reads an initialization part. What the file has of a kind already must be the same.
func (l *layout) setTracks(p storage.Piece) error {
	tracks, err := fmp4.ParseInit(l.init)
	if err != nil {
		return unreadable(p, err)
	}
	l.lanes, l.fresh = make([]*lane, len(tracks)), false
	for i, t := range tracks {
		have := &l.sound
		if t.Video {
			have = &l.video
		}
		if t.Video && t.Rate != media.VideoClockRate {
			return unreadable(p, fmt.Errorf("video with %d ticks per second", t.Rate))
		}
		if *have == nil {
			*have = &lane{InitTrack: t, end: nowhere}
		}
		if (*have).Rate != t.Rate || !bytes.Equal((*have).Entry, t.Entry) {
			return &SplitError{At: p.Start, Why: "the camera's settings changed", between: true}
		}
		l.lanes[i] = *have
	}
	if l.video == nil {
		return unreadable(p, errors.New("no video track"))
	}
	return nil
}

// anchor says where in the file's time a run's time 0 is, in video ticks; later, where its pictures would overlap.
func (l *layout) anchor(offset int64, runs []fmp4.TrackRun) {
	for _, r := range runs {
		if r.Track < len(l.lanes) && l.lanes[r.Track].Video && l.video.end != nowhere {
			offset += max(l.video.end-int64(r.BaseDTS)-offset, 0)
		}
	}
	for _, t := range l.lanes {
		t.offset = fmp4.Rescale(offset, media.VideoClockRate, t.Rate)
	}
}

// place appends the samples of a track run that go in the file: all pictures from the first one on, sound from where
// showing begins, both up to where it ends. Sound that overlaps the run before is left out, or begins a little later.
func (l *layout) place(to []placed, t *lane, r fmp4.TrackRun) []placed {
	start := fmp4.Rescale(l.start, media.VideoClockRate, t.Rate)
	stop := fmp4.Rescale(l.stop, media.VideoClockRate, t.Rate)
	next := int64(r.BaseDTS) + t.offset
	for _, s := range r.Samples {
		dts := next
		next += int64(s.Duration)
		at := max(dts, t.end) // rounding can make it a tick
		if at >= stop {
			t.end = at
			break
		}
		if !t.Video && (next <= start || next <= t.end) {
			continue
		}
		t.end = max(t.end, next)
		to = append(to, placed{s, at})
	}
	return to
}
