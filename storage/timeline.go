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
	a, b := micros(from), min(micros(to), micros(time.Now()))
	if b <= a {
		return t, nil
	}
	stretches, notes, err := s.stretches(l, a, b)
	if err != nil {
		return Timeline{}, err
	}
	spans := cover(stretches, notes)
	for _, x := range spans {
		if from, to := max(x.from, a), min(x.to, b); from < to {
			t.Spans = append(t.Spans, Span{From: fromMicros(from), To: fromMicros(to)})
		}
	}
	for _, h := range holes(spans, a, b) {
		t.Gaps = append(t.Gaps, Gap{From: fromMicros(max(h.from, a)), To: fromMicros(min(h.to, b)), Reason: why(h, notes)})
	}
	err = s.index.Motion(l.Camera, a, b, func(minute int64, score float64) {
		t.Motion = append(t.Motion, Motion{From: fromMicros(minute), To: fromMicros(minute + time.Minute.Microseconds()), Score: score})
	})
	return t, err
}

// stretches gives the files that touch a..b, with the one before, in order, and the notes about them.
func (s *Store) stretches(l segment.Line, a, b int64) (list []stretch, notes []index.Gap, err error) {
	views := s.openViews(l) // before the index: see lastPlace
	rows, err := s.index.Rows(l, a, b)
	if err != nil {
		return nil, nil, err
	}
	starts := make(map[int64]bool)
	if before, ok, err := s.index.Last(l, a); err != nil {
		return nil, nil, err
	} else if ok && (len(rows) == 0 || rows[0].Start > before.Start) {
		rows = slices.Insert(rows, 0, before)
	}
	earliest := a
	for _, r := range rows {
		list = append(list, stretch{r.Start, r.End, r.Recovered})
		starts[r.Start] = true
		earliest = min(earliest, r.Start)
		if d := s.diskNumbered(r.Volume); d == nil || d.away() {
			notes = append(notes, index.Gap{From: r.Start, To: r.End, Reason: "the disk with it is not there"})
		}
	}
	for _, v := range views {
		if starts[v.Name.Start] || v.Name.Start >= b {
			continue
		}
		list = append(list, stretch{from: v.Name.Start, to: v.End})
		for _, n := range v.Notes {
			notes = append(notes, index.Gap{From: n.From, To: n.To, Reason: n.Reason})
		}
		earliest = min(earliest, v.Name.Start)
	}
	slices.SortFunc(list, func(x, y stretch) int { return compare(x.from, y.from) })
	more, err := s.index.Gaps(l, earliest, b)
	if err != nil {
		return nil, nil, err
	}
	notes = append(notes, more...)
	slices.SortStableFunc(notes, func(x, y index.Gap) int { return compare(x.From, y.From) })
	return list, notes, nil
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
