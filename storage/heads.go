package storage

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hearth/storage/commit"
	"hearth/storage/segment"
	"hearth/storage/signet"
	"hearth/storage/witness"
)

// signEvery is how often the box signs how far its cameras' chains have come.
const signEvery = time.Hour

// Signet gives the box's signature.
func (s *Store) Signet() *signet.Signet { return s.signet }

// signing is when the box last signed, or tried to.
type signing struct {
	mu   sync.Mutex
	last time.Time

	looked  time.Time // at the audit log; upkeep's alone
	trouble atomic.Pointer[[]string]
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
	errs = append(errs, s.witness().Sign(s.signet, time.Now()))
	return errors.Join(errs...)
}

// witness signs how far the audit log has come, on the volumes that are there.
func (s *Store) witness() witness.Witness {
	w := witness.Witness{Box: s.box}
	for _, d := range s.all() {
		if d.trouble.Load() == nil {
			w.Places = append(w.Places, witness.Place{ID: d.ID, Dir: d.Path})
		}
	}
	return w
}

// CheckAudit holds the audit log against itself and against what was signed of it.
func (s *Store) CheckAudit() (witness.Result, error) {
	s.signing.mu.Lock() // or a statement of this moment were ahead of the lines that were read
	defer s.signing.mu.Unlock()
	return s.witness().Check(s.signet.Public())
}

// ExportAudit makes an export of the log as it is now. name is what the box is called in it.
func (s *Store) ExportAudit(name string) (*witness.Export, error) {
	return s.witness().NewExport(s.signet, name, time.Now())
}

// AuditTrouble is what the last look at the audit log found wrong with it, in sentences; empty when it is whole.
func (s *Store) AuditTrouble() []string {
	if list := s.signing.trouble.Load(); list != nil {
		return *list
	}
	return nil
}

// auditEvery is how often the whole log is held against what was signed of it; it is also looked at after each start.
const auditEvery = 24 * time.Hour

// lookAtAudit checks the audit log if the last time was a day ago.
func (s *Store) lookAtAudit() {
	if last := s.signing.looked; !last.IsZero() && time.Since(last) < auditEvery {
		return
	}
	s.signing.looked = time.Now()
	r, err := s.CheckAudit()
	if err != nil {
		s.log.Error("the audit log cannot be checked", "error", err)
		return
	}
	list := []string{}
	for _, f := range r.Findings {
		s.log.Error("the audit log is not as it was written", "where", f.Path, "problem", f.Problem)
		list = append(list, f.Problem)
	}
	s.signing.trouble.Store(&list)
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
