// Package format says of what lies in a data folder which form it is in, and which version of Hearth gave it that form.
package format

import (
	"fmt"
	"path/filepath"
	"time"
)

// Program is the version of this Hearth. The Makefile sets it.
var Program = "dev"

// NewerError says that a later version of Hearth wrote what was to be read. It was not changed.
type NewerError struct {
	Path   string // of the file; empty: who asked knows
	Format int    // of what is there
	Reads  int    // the newest that this version reads
	By     string // the version that wrote it; empty: it does not say
	// Before is what the file was before it got this format, kept beside it, that this version can read; empty: there is none.
	Before string
	Since  time.Time // when it got this format
}

func (e *NewerError) Error() string {
	what, by := "it", "a later version of Hearth"
	if e.Path != "" {
		what = e.Path
	}
	if e.By != "" {
		by = "Hearth " + e.By
	}
	s := fmt.Sprintf("%s was written by %s in format %d, and this is Hearth %s, which reads format %d: install the later version again",
		what, by, e.Format, Program, e.Reads)
	if e.Before == "" {
		return s
	}
	return fmt.Sprintf("%s, or go back to %s, how it was on %s: hearth go-back --data %s",
		s, filepath.Base(e.Before), e.Since.Local().Format("2006-01-02 15:04"), filepath.Dir(e.Path))
}
