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
	part  []byte
	count int
}

const (
	maxLines = 40
	maxLine  = 400
)

// Write implements io.Writer. It never fails, so the process never waits for it.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if room := maxLine - len(l.part); room > 0 {
			l.part = append(l.part, line[:min(len(line), room)]...)
		}
		if whole {
			if l.count++; l.count <= maxLines {
				l.log.Warn("hearth-vision wrote", "line", clean(string(l.part)))
			}
			l.part = l.part[:0]
		}
		b = rest
	}
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
