package bundle

import (
	"strings"
	"time"

	"hearth/storage"
	"hearth/storage/segment"
)

// gapFrom is from how long on a stretch without footage is a gap.
const gapFrom = 500 * time.Millisecond

// gapsOf works out from the records where of what was asked for there is nothing. The box and who verifies do the same.
func gapsOf(m *Manifest) (gaps []Span) {
	end, begun := m.Asked.From, false
	for _, s := range m.Segments {
		for _, r := range s.Records {
			if r.Media == nil {
				continue
			}
			if from := r.Time; from.Sub(end) > gapFrom && from.After(m.Asked.From) {
				gaps = append(gaps, Span{end, from})
			}
			end, begun = r.End(), true
		}
	}
	if m.Asked.To.Sub(end) > gapFrom && begun {
		gaps = append(gaps, Span{end, m.Asked.To})
	}
	return gaps
}

// reason finds why there is nothing: what the timeline says about it, or what the chain does.
func (m *Manifest) reason(gap Span, known []storage.Gap) string {
	var longest time.Duration
	reason := ""
	for _, g := range known {
		from, to := later(g.From, gap.From), earlier(g.To, gap.To)
		if d := to.Sub(from); d > longest {
			longest, reason = d, g.Reason
		}
	}
	if reason = strings.TrimSpace(reason); reason != "" {
		return reason
	}
	for _, s := range m.Segments {
		for _, r := range s.Records {
			if r.Media == nil && r.Type == typeName(segment.FragRecord) && !r.Time.Before(gap.From) && r.Time.Before(gap.To) {
				return "what was recorded was let go of, or is damaged"
			}
		}
	}
	if !gap.To.Before(m.Made.At) {
		return "the export was made before that"
	}
	return "nothing was recorded"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// runsOf gives the runs of what is listed, in their order.
func runsOf(segments []Segment) []Run {
	runs := []Run{}
	for _, s := range segments {
		h, err := segment.ParseHeader(s.Header)
		if err != nil || len(s.Records) == 0 {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].Run == h.Run {
			continue
		}
		from := s.Records[0].Time
		for _, r := range s.Records {
			if r.Media != nil {
				from = r.Time
				break
			}
		}
		runs = append(runs, Run{h.Run, from, h.Trusted})
	}
	return runs
}
