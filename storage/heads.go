package storage

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"hearth/storage/commit"
	"hearth/storage/segment"
	"hearth/storage/signet"
)

// signEvery is how often the box signs how far its cameras' chains have come.
const signEvery = time.Hour

// Signet gives the box's signature.
func (s *Store) Signet() *signet.Signet { return s.signet }

// signing is when the box last signed, or tried to.
type signing struct {
	mu   sync.Mutex
	last time.Time
}

// signHeads signs the heads of the chains, if the last time was an hour ago or more.
func (s *Store) signHeads() error {
	s.signing.mu.Lock()
	defer s.signing.mu.Unlock()
	if last := s.signing.last; !last.IsZero() && time.Since(last) < signEvery {
		return nil
	}
	s.signing.last = time.Now() // a disk that fails is not asked again at once
	return s.signHeadsNow()
}

func (s *Store) signHeadsNow() error {
	var errs []error
	for _, d := range s.all() {
		if d.trouble.Load() != nil {
			continue
		}
		heads, oldest, err := s.heads(d.Number, d.commit.AllOpen())
		if err != nil {
			return err
		}
		now := time.Now()
		errs = append(errs,
			s.signet.Append(d.Path, signet.Statement{Time: now, Volume: d.ID, Heads: heads}),
			signet.Trim(d.Path, fromMicros(min(oldest, micros(now)))))
	}
	return errors.Join(errs...)
}

// heads gives how far the lines have come whose newest file is on a volume, as far as it is durable, and when the
// oldest file of all begins. open are the files there that are not finished.
func (s *Store) heads(volume uint8, open []commit.View) (list []signet.Head, oldest int64, err error) {
	newest := make(map[segment.Line]signet.Head)
	oldest = math.MaxInt64
	// Those being written first: one that finishes meanwhile is in the index before it is not among them any more.
	for _, v := range open {
		if len(v.Table) == 0 {
			continue // there is nothing to sign, and the file may never be
		}
		if h, ok := newest[v.Line]; !ok || v.Name.Start > h.Start {
			newest[v.Line] = signet.Head{
				Line: v.Line, Start: v.Name.Start, Segment: v.Header.Segment, Records: len(v.Table),
				Hash: segment.Chain(v.Header, v.Table),
			}
		}
		oldest = min(oldest, v.Name.Start)
	}
	lines, err := s.index.Lines()
	if err != nil {
		return nil, 0, err
	}
	for _, l := range lines {
		if r, ok, err := s.index.Next(l, math.MinInt64); err != nil {
			return nil, 0, err
		} else if ok {
			oldest = min(oldest, r.Start)
		}
		r, ok, err := s.index.Last(l, math.MaxInt64)
		if err != nil {
			return nil, 0, err
		}
		if h, has := newest[l]; !ok || r.NameOnly || r.Volume != volume || has && h.Start >= r.Start {
			continue
		}
		newest[l] = signet.Head{Line: l, Start: r.Start, Segment: r.Segment, Records: int(r.Records), Hash: r.Head}
	}
	for _, h := range newest {
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b signet.Head) int {
		return cmp.Or(slices.Compare(a.Line.Camera[:], b.Line.Camera[:]), cmp.Compare(a.Line.Stream, b.Line.Stream))
	})
	return list, oldest, nil
}
