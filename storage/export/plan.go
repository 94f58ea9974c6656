package export

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// What callers decide by.
var (
	// ErrNoFootage says that there is nothing in the span.
	ErrNoFootage = errors.New("there is no footage in this span")
	// ErrMixed says that pieces of two cameras came for one file. It is a storage.ErrForged.
	ErrMixed = fmt.Errorf("footage of two cameras for one file: %w", storage.ErrForged)
	// ErrChanged says that footage was let go of between the two readings.
	ErrChanged = errors.New("the footage changed while it was exported")
)

// SplitError says that a span does not go in one file. From its start to At it does.
type SplitError struct {
	At  time.Time
	Why string

	between bool // it lies between two runs: all that was read before it goes in the file
}

func (e *SplitError) Error() string {
	return fmt.Sprintf("%s at %s: export what is before and after it as two files", e.Why, e.At.UTC().Format("2006-01-02 15:04:05 MST"))
}

// Pieces is footage as it comes from storage; *storage.Footage is it.
type Pieces interface {
	Next() (storage.Piece, error)
	Close() error
}

var _ Pieces = (*storage.Footage)(nil)

// Report says what is in an exported file.
type Report struct {
	Start, End time.Time // of what is shown
	Pictures   int       // in the file; those from before Start included
	Sound      bool
	Gaps       []storage.Span // in which the last picture stands
	Bytes      int64          // of the whole file
}

// gap is from how long a picture stands longer than it was meant to on that it counts as a gap.
const gap = media.VideoClockRate / 2

// Plan is a file that can be written: all of it is known but the pictures.
type Plan struct {
	report Report
	open   func() (Pieces, error)
	span   span
	camera media.CameraID // whose footage the first reading was
	tracks [2]*table      // video, sound; nil: none
	left   int            // samples
	data   int64          // bytes of all samples
	head   []byte         // ftyp, moov and the head of mdat
	trace  *trace         // nil: not asked for
}

// MP4 writes the footage between from and to as one plain MP4 file. It opens the footage twice.
func MP4(ctx context.Context, w io.Writer, open func() (Pieces, error), from, to time.Time) (Report, error) {
	p, err := Prepare(ctx, open, from, to)
	if err != nil {
		return Report{}, err
	}
	return p.Report(), p.Write(ctx, w)
}

// Prepare reads the footage between from and to for the first time. open must give all of it from the key frame at
// or before from, each time anew. The error is ErrNoFootage, a *SplitError, or one of storage.
func Prepare(ctx context.Context, open func() (Pieces, error), from, to time.Time) (*Plan, error) {
	p, err := prepare(ctx, open, span{from: from, to: to}, false)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// prepare is Prepare. With a *SplitError between two runs it also gives the plan of all that comes before.
func prepare(ctx context.Context, open func() (Pieces, error), s span, traced bool) (*Plan, error) {
	for {
		p := &Plan{open: open, span: s}
		l := layout{span: s}
		if traced {
			p.trace = &trace{}
			l.took = p.took
		}
		err := l.read(ctx, open, func(t *lane, samples []placed) (bool, error) { return true, p.add(&l, t, samples) })
		var later *laterError
		var split *SplitError
		switch {
		case errors.As(err, &later):
			s.first = later.at
			continue
		case errors.As(err, &split) && split.between:
		case err != nil:
			return nil, err
		}
		if v := p.tracks[0]; v == nil || v.end <= l.start || l.stop <= l.start {
			if err != nil {
				return nil, err
			}
			return nil, ErrNoFootage
		}
		p.camera = l.camera
		p.index(&l)
		if traced {
			p.trace.settle(int64(len(p.head)))
		}
		return p, err
	}
}

// add takes note of samples that go in the file.
func (p *Plan) add(l *layout, t *lane, samples []placed) error {
	k := p.tracks[t.index()]
	if k == nil {
		k = &table{lane: t}
		p.tracks[t.index()] = k
	}
	k.chunk(p.data, len(samples))
	for _, s := range samples {
		if over := k.add(s); over {
			return &SplitError{At: l.wall(k.last+k.length, t), Why: "recording paused for too long for one file"}
		}
		if p.trace != nil {
			p.trace.crc = crc32.Update(p.trace.crc, crc32.IEEETable, s.Data)
		}
		p.data += int64(len(s.Data))
		p.left++
		if t.Video && k.paused > gap {
			p.report.Gaps = append(p.report.Gaps, storage.Span{From: l.wall(s.dts-k.paused, t), To: l.wall(s.dts, t)})
		}
	}
	return nil
}

// Report says what the file will be.
func (p *Plan) Report() Report { return p.report }

// Size is the length of the file in bytes.
func (p *Plan) Size() int64 { return p.report.Bytes }

// Write reads the footage for the second time and writes the file. An error after the first byte leaves a file that
// is cut off.
func (p *Plan) Write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 256<<10)
	if _, err := out.Write(p.head); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	var next [2]int // sample of each track
	left := p.left
	l := layout{span: p.span, camera: p.camera, known: true}
	err := l.read(ctx, p.open, func(t *lane, samples []placed) (bool, error) {
		i := t.index()
		for _, s := range samples {
			if left == 0 {
				return false, nil // what was recorded meanwhile
			}
			if k := p.tracks[i]; k == nil || next[i] >= len(k.sizes) || int(k.sizes[next[i]]) != len(s.Data) {
				return false, ErrChanged
			}
			if _, err := out.Write(s.Data); err != nil {
				return false, fmt.Errorf("write the export: %w", err)
			}
			next[i]++
			left--
		}
		return left > 0, nil
	})
	var later *laterError
	var split *SplitError
	if left == 0 && errors.As(err, &split) {
		err = nil // the plan ends there
	}
	if errors.As(err, &later) || err == nil && left > 0 {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	return nil
}

// wall is the wall clock at a lane's tick of the file's time.
func (l *layout) wall(ticks int64, t *lane) time.Time {
	return l.zero.Add(fmp4.Duration(fmp4.Rescale(ticks, t.Rate, media.VideoClockRate), media.VideoClockRate))
}
