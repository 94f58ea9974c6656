package vision

import (
	"bytes"
	"log/slog"
	"strings"
	"unicode"
)

// lines logs what a process writes to its standard error, as long as that is little.
type lines struct {
	log   *slog.Logger
	said  *sayings
	ended <-chan struct{} // closed when the process is gone: what it still said is taken at once
	pace  pace
	part  []byte
}

const maxLine = 400

// Write implements io.Writer. It never fails. A process that writes very much waits for it.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(len(line), room)]...)
		}
		if whole {
			l.said.log(l.log, slog.LevelWarn, "hearth-vision wrote", "line", clean(string(l.part)))
			l.part = l.part[:0]
		}
		b = rest
	}
	l.pace.rate, l.pace.most = complaints, mostComplaints
	pause(l.pace.take(float64(n)), l.ended)
	return n, nil
}

// clean makes foreign text fit for one line of a log or a page.
func clean(s string) string {
	if len(s) > maxLine {
		s = s[:maxLine]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
