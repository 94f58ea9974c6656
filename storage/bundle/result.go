package bundle

import (
	"fmt"
	"time"
)

// Result is what Verify says of a bundle.
type Result struct {
	// Manifest is what the bundle says of itself; nil when that cannot be read. It is to be believed when there are no
	// findings, and as far as whoever has the key is.
	Manifest    *Manifest
	Fingerprint string // of the key that the bundle names
	// Findings are what is wrong, in sentences. None: the bundle is as the box signed it.
	Findings []Finding
	// Notes are what a careful reader should know although nothing is wrong.
	Notes []string
}

// Finding is something wrong.
type Finding struct {
	Span        // of the footage that is concerned; zero: all of it
	Text string // a sentence
}

func (f Finding) String() string {
	if f.From.IsZero() {
		return f.Text
	}
	return fmt.Sprintf("%s to %s: %s", stamp(f.From), stamp(f.To), f.Text)
}

// found adds a finding about all.
func (r *Result) found(format string, a ...any) {
	r.Findings = append(r.Findings, Finding{Text: fmt.Sprintf(format, a...)})
}

// foundAt adds a finding about a span; one that goes on where the last one of the same text ended becomes one with it.
func (r *Result) foundAt(from, to time.Time, text string) {
	if n := len(r.Findings); n > 0 {
		if f := &r.Findings[n-1]; f.Text == text && !f.From.IsZero() && from.Sub(f.To) <= gapFrom && !from.Before(f.From) {
			f.To = later(f.To, to)
			return
		}
	}
	r.Findings = append(r.Findings, Finding{Span{from, to}, text})
}

// note adds something that a careful reader should know.
func (r *Result) note(format string, a ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, a...)) }
