package salvage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// line is one stream of one camera while it is read, file by file in the order of time.
type line struct {
	s      *Salvage
	cam    cam
	key    keyring.CameraKey
	stream media.Stream
	seen   map[media.UUID]bool // segments
	used   map[string]bool     // names of files made
	run    media.UUID          // of init
	init   []byte
	pieces []piece // of the file to be made next
	slot   string  // its hour
	gaps   []Gap   // that the box noted; of the end of a run only From
	clips  []Clip
}

// piece is one fragment, where it lies and what belongs to it.
type piece struct {
	src   *source
	i     int // record
	init  []byte
	after bool // records before it are lost
	segment.Entry
}

// camera reads all of one camera.
func (s *Salvage) camera(ctx context.Context, c cam) error {
	s.result.Cameras++
	key, err := s.Keys.Key(c.id)
	if err != nil {
		if len(c.files) > 0 {
			s.found(c.id.String(), "nothing of %q can be read: %w", c.name, err)
		}
		return nil
	}
	var main []Clip
	for _, stream := range []media.Stream{media.Main, media.Sub} {
		if !s.wants(stream) {
			continue
		}
		l := &line{s: s, cam: c, key: key, stream: stream, seen: make(map[media.UUID]bool), used: make(map[string]bool)}
		if err := l.read(ctx); err != nil {
			return err
		}
		if stream == media.Main {
			main = l.clips
			if err := l.writeGaps(); err != nil {
				return err
			}
		}
	}
	for _, m := range main {
		s.result.Footage += m.To.Sub(m.From)
		for _, g := range m.Gaps {
			s.result.Footage -= g.To.Sub(g.From)
		}
	}
	return s.events(ctx, c, key)
}

// read reads a line's files and writes an MP4 whenever an hour is full.
func (l *line) read(ctx context.Context) error {
	files := slices.DeleteFunc(slices.Clone(l.cam.files), func(f onDisk) bool { return f.name.Stream != l.stream })
	for i, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		src := l.s.load(f, l.key)
		if src == nil {
			continue
		}
		if l.seen[src.header.Segment] {
			l.s.found(f.path, "it is a copy of another file: left out")
			continue
		}
		l.seen[src.header.Segment] = true
		init := l.initOf(src, files[i+1:])
		if init == nil {
			l.s.found(f.path, "left out: what its tracks are is lost, and no other file of its run says it")
			continue
		}
		for _, n := range src.notes {
			g := Gap{From: l.time(n.From), Why: n.Reason}
			if n.Kind == segment.NoteGap {
				g.To = l.time(n.To)
			}
			l.gaps = append(l.gaps, g)
		}
		if err := l.take(ctx, src, init); err != nil {
			return err
		}
	}
	return l.flush(ctx)
}

// initOf gives what belongs before a file's fragments: its own, else that of the files of the same run around it.
func (l *line) initOf(src *source, next []onDisk) []byte {
	if src.init != nil {
		l.run, l.init = src.header.Run, src.init
		return src.init
	}
	if l.init != nil && l.run == src.header.Run {
		return l.init
	}
	if len(next) == 0 {
		return nil
	}
	before := len(l.s.result.Findings)
	after := l.s.load(next[0], l.key)
	l.s.result.Findings = l.s.result.Findings[:before] // its turn to be told of comes
	if after == nil || after.header.Run != src.header.Run {
		return nil
	}
	return after.init
}

// take appends a file's fragments, and makes the file of the hour before when another begins.
func (l *line) take(ctx context.Context, src *source, init []byte) error {
	lost := false
	for i, e := range src.table {
		lost = lost || e.Type == 0
		if e.Type != segment.FragRecord {
			continue
		}
		slot := l.time(e.Time).Format("2006-01-02 15 MST")
		if e.Key && slot != l.slot {
			if err := l.flush(ctx); err != nil {
				return err
			}
			l.slot = slot
		}
		l.pieces = append(l.pieces, piece{src, i, init, lost, e})
		lost = false
	}
	return nil
}

// time is a time as people there read it.
func (l *line) time(micros int64) time.Time { return time.UnixMicro(micros).In(l.s.Zone) }

// flush makes files of the pieces that were taken: one, or more where what the camera sends changed.
func (l *line) flush(ctx context.Context) error {
	for len(l.pieces) > 0 {
		// Nothing can be shown before the first key frame.
		if first := slices.IndexFunc(l.pieces, func(p piece) bool { return p.Key }); first != 0 {
			if first < 0 {
				first = len(l.pieces)
			}
			l.pieces = l.pieces[first:]
			continue
		}
		n, err := l.clip(ctx)
		if err != nil {
			return err
		}
		l.pieces = l.pieces[n:]
	}
	l.pieces = nil // let go of their sources
	return nil
}

// name is what the next file is called, below the output folder, without its ending.
func (l *line) name() string {
	at := l.time(l.pieces[0].Time)
	base := filepath.Join(l.cam.name, at.Format(time.DateOnly), at.Format("15-04-05_MST")+streamName(l.stream))
	name := base
	for n := 2; l.used[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	l.used[name] = true
	return name
}

// why finds the reason that the box noted for a gap.
func (l *line) why(from, to time.Time) string {
	best, most := "nothing was recorded", time.Duration(0)
	for _, g := range l.gaps {
		if g.To.IsZero() { // a run's end: when it went on, nobody knew yet
			if from.Sub(g.From).Abs() < time.Second {
				return g.Why
			}
			continue
		}
		if n := overlap(g.From, g.To, from, to); n > most && g.Why != "" {
			best, most = g.Why, n
		}
	}
	return best
}

func overlap(a, b, c, d time.Time) time.Duration {
	from, to := a, b
	if c.After(from) {
		from = c
	}
	if d.Before(to) {
		to = d
	}
	return to.Sub(from)
}

// unreadable says what is wrong with a record, and whether that is a finding: what was let go of is none.
func unreadable(err error) (why string, finding bool) {
	switch {
	case errors.Is(err, segment.ErrGone):
		return "let go of", false
	case errors.Is(err, segment.ErrForged):
		return "refused: not this camera's, or changed", true
	}
	return "damaged", true
}

func sameInit(a, b []byte) bool { return bytes.Equal(a, b) }
