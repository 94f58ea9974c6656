package storage

import (
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/index"
	"hearth/storage/segment"
)

const (
	// joined is how far apart two fragments may be without a gap between them on the timeline.
	joined = 500 * time.Millisecond
	// trailing is how far behind now the newest footage of a running camera may be.
	trailing = 5 * time.Second
)

// stretch is a stretch of footage, in microseconds.
type stretch struct {
	from, to  int64
	recovered bool // it ends where a power cut or a failed write cut it
}

// Timeline gives what there is of a camera's main stream between two times. The grant is for footage or export.
func (s *Store) Timeline(g access.Grant, from, to time.Time) (Timeline, error) {
	if _, err := s.unlock(g, access.Footage, access.Export); err != nil {
		return Timeline{}, err
	}
	l := segment.Line{Camera: g.Camera(), Stream: media.Main}
	t := Timeline{Spans: []Span{}, Motion: []Motion{}, Gaps: []Gap{}}
	a, b := micros(from), micros(to)
	if b <= a {
		return t, nil
	}
	list, away, err := s.files(l, a, b)
	if err != nil {
		return Timeline{}, err
	}
	// Nothing is missing of what is still to come; but a clock that was ahead for a while has left footage there.
	b = min(b, max(micros(time.Now()), lastEnd(list)))
	if b <= a {
		return t, nil
	}
	stretches, notes, err := s.noted(l, list, away, a, b)
	if err != nil {
		return Timeline{}, err
	}
	folds := twice(list)
	spans := cover(stretches, slices.DeleteFunc(slices.Clone(notes), func(n index.Gap) bool {
		return slices.ContainsFunc(folds, func(f fold) bool { return n.From < f.to && n.To > f.from }) // the other may have it
	}))
	for _, x := range spans {
		if from, to := max(x.from, a), min(x.to, b); from < to {
			t.Spans = append(t.Spans, spanOf(from, to))
		}
	}
	private, err := s.private(l.Camera, spans, a, b)
	if err != nil {
		return Timeline{}, err
	}
	for _, h := range holes(spans, a, b) {
		for _, rest := range without(stretch{from: max(h.from, a), to: min(h.to, b)}, private) {
			of := h
			if rest.from != max(h.from, a) { // behind a private stretch, whose note says nothing about it
				of.from, of.recovered = rest.from, false
			}
			of.to = min(h.to, rest.to)
			t.Gaps = append(t.Gaps, Gap{From: fromMicros(rest.from), To: fromMicros(rest.to), Reason: why(of, notes)})
		}
	}
	for _, p := range private {
		t.Gaps = append(t.Gaps, Gap{From: fromMicros(p.from), To: fromMicros(p.to), Reason: Private})
	}
	slices.SortFunc(t.Gaps, func(x, y Gap) int { return x.From.Compare(y.From) })
	for _, f := range folds {
		if from, to := max(f.from, a), min(f.to, b); from < to {
			t.Twice = append(t.Twice, Twice{Span: spanOf(from, to), Times: f.takes})
		}
	}
	t.Unsure = unsure(list, a, b)
	err = s.index.Motion(l.Camera, a, b, func(minute int64, score float64) {
		t.Motion = append(t.Motion, Motion{From: fromMicros(minute), To: fromMicros(minute + time.Minute.Microseconds()), Score: score})
	})
	return t, err
}

// Private is the reason of gaps in which a camera was not to look.
const Private = "privacy"

// private gives the stretches between a and b in which a camera was private and of which there is nothing.
func (s *Store) private(camera media.CameraID, spans []stretch, a, b int64) (list []stretch, err error) {
	known, err := s.box.PrivateStretches(camera)
	if err != nil {
		return nil, err
	}
	b = min(b, micros(time.Now()))
	for _, p := range known {
		x := stretch{from: max(micros(p.From), a), to: b}
		if !p.To.IsZero() {
			x.to = min(micros(p.To), b)
		}
		if x.from < x.to {
			list = append(list, without(x, spans)...)
		}
	}
	return list, nil
}

// without gives what of a stretch lies in none of the others. A remnant too short to see is left out.
func without(x stretch, others []stretch) []stretch {
	rest := []stretch{x}
	for _, o := range others {
		var next []stretch
		for _, r := range rest {
			for _, part := range []stretch{{from: r.from, to: min(r.to, o.from)}, {from: max(r.from, o.to), to: r.to}} {
				if o.to <= r.from || o.from >= r.to {
					part = r
				}
				if part.to-part.from > joined.Microseconds() && !slices.Contains(next, part) {
					next = append(next, part)
				}
			}
		}
		rest = next
	}
	return rest
}

func spanOf(from, to int64) Span { return Span{From: fromMicros(from), To: fromMicros(to)} }

// Newest is the end of the newest footage that is finished; zero: there is none.
func (s *Store) Newest() (newest time.Time, err error) {
	lines, err := s.index.Lines()
	if err != nil {
		return time.Time{}, err
	}
	for _, l := range lines {
		if l.Stream == segment.Pack {
			continue
		}
		r, ok, err := s.index.Last(l, never)
		if err != nil {
			return time.Time{}, err
		}
		if end := fromMicros(r.End); ok && end.After(newest) {
			newest = end
		}
	}
	return newest, nil
}

// unsure gives the stretches in which the box did not know the time, of what is seen.
func unsure(list []file, a, b int64) (spans []Span) {
	var from, to int64
	add := func() {
		if from = max(from, a); from < min(to, b) {
			spans = append(spans, spanOf(from, min(to, b)))
		}
	}
	for _, p := range layer(list, 0) {
		f := list[p.file]
		if !f.untrusted {
			continue
		}
		if p.from-to > joined.Microseconds() {
			add()
			from = p.from
		}
		to = min(p.to, f.end)
	}
	add()
	return spans
}

// noted gives the stretches of files that touch a..b, with the one before them, and what is noted about them, in order.
func (s *Store) noted(l segment.Line, list, away []file, a, b int64) (stretches []stretch, notes []index.Gap, err error) {
	earliest := a
	if r, ok, err := s.index.Last(l, a); err != nil {
		return nil, nil, err
	} else if d := s.diskNumbered(r.Volume); ok && r.End <= a && d != nil && !d.away() {
		stretches = append(stretches, stretch{r.Start, r.End, r.Recovered})
		earliest = r.Start
	}
	for _, f := range list {
		stretches = append(stretches, stretch{f.start, f.end, f.recovered})
		earliest = min(earliest, f.start)
	}
	for _, f := range away {
		notes = append(notes, index.Gap{From: f.start, To: f.end, Reason: "the disk with it is not there"})
	}
	for _, v := range s.openViews(l) { // before the index: see lastPlace
		for _, n := range v.Notes {
			if n.Kind == segment.NoteGap || n.Kind == segment.NoteEnd {
				notes = append(notes, index.Gap{From: n.From, To: n.To, Reason: n.Reason})
			}
		}
	}
	more, err := s.index.Gaps(l, earliest, b)
	if err != nil {
		return nil, nil, err
	}
	notes = append(notes, more...)
	slices.SortStableFunc(notes, func(x, y index.Gap) int { return compare(x.From, y.From) })
	return stretches, notes, nil
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// cover joins stretches that follow each other, and takes the recorded gaps out of them.
func cover(list []stretch, notes []index.Gap) (spans []stretch) {
	for _, x := range list {
		if n := len(spans); n > 0 && x.from-spans[n-1].to <= joined.Microseconds() {
			if x.to > spans[n-1].to {
				spans[n-1].to, spans[n-1].recovered = x.to, x.recovered
			}
			continue
		}
		spans = append(spans, x)
	}
	for _, g := range notes {
		if g.To-g.From <= joined.Microseconds() { // an end of a run, or too short to see
			continue
		}
		var cut []stretch
		for _, x := range spans {
			if g.To <= x.from || g.From >= x.to {
				cut = append(cut, x)
				continue
			}
			if g.From > x.from {
				cut = append(cut, stretch{from: x.from, to: g.From})
			}
			if g.To < x.to {
				cut = append(cut, stretch{g.To, x.to, x.recovered})
			}
		}
		spans = cut
	}
	return spans
}

// hole is what lies between two spans, or behind the last.
type hole struct {
	from, to  int64
	recovered bool // the span before it was cut
	last      bool // nothing comes behind it
}

func holes(spans []stretch, a, b int64) (list []hole) {
	for i, x := range spans {
		h := hole{from: x.to, to: b, recovered: x.recovered, last: true}
		if i+1 < len(spans) {
			h.to, h.last = spans[i+1].from, false
		}
		if h.to <= a || h.from >= b || h.to <= h.from {
			continue
		}
		if h.last && time.Since(fromMicros(h.from)) <= trailing {
			continue
		}
		list = append(list, h)
	}
	return list
}

// why finds the reason of a hole: the note at its beginning, or the first within it.
func why(h hole, notes []index.Gap) string {
	slack := time.Second.Microseconds()
	for _, n := range notes {
		if n.From >= h.from-slack && n.From < max(h.to, h.from+slack) && n.Reason != "" {
			return n.Reason
		}
	}
	if h.recovered {
		return "Hearth stopped without warning"
	}
	return "nothing was recorded"
}
