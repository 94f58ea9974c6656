package diagnostics

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// How much a Ring keeps.
const (
	maxLines = 2000
	maxBytes = 512 << 10
	maxValue = 2 << 10 // of one value
)

// Line is a line of the log as it was said, with everything in it.
type Line struct {
	Time    time.Time
	Level   slog.Level
	Message string
	Values  []Value
}

// Value is one attribute of a line; one in a group has the group's name and a dot before its own.
type Value struct{ Key, Text string }

func (l Line) size() int {
	n := len(l.Message) + 64
	for _, v := range l.Values {
		n += len(v.Key) + len(v.Text) + 32
	}
	return n
}

// Ring keeps the last lines of a log in memory. The zero Ring and nil are ready; nil keeps nothing.
type Ring struct {
	mu    sync.Mutex
	lines []Line // a ring: the oldest is at first
	first int
	bytes int
}

// Lines gives what is kept, oldest first.
func (r *Ring) Lines() []Line {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Line, 0, len(r.lines)-r.first)
	return append(list, r.lines[r.first:]...)
}

func (r *Ring) add(l Line) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, l)
	r.bytes += l.size()
	for len(r.lines)-r.first > maxLines || r.bytes > maxBytes && r.first < len(r.lines)-1 {
		r.bytes -= r.lines[r.first].size()
		r.lines[r.first] = Line{}
		r.first++
	}
	if r.first >= maxLines {
		r.lines = append([]Line(nil), r.lines[r.first:]...)
		r.first = 0
	}
}

// Beside gives a handler that does as next does, and keeps each line in the ring as well.
func (r *Ring) Beside(next slog.Handler) slog.Handler { return &handler{ring: r, next: next} }

type handler struct {
	ring   *Ring
	next   slog.Handler
	prefix string
	values []Value
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, rec slog.Record) error {
	l := Line{Time: rec.Time, Level: rec.Level, Message: cut(rec.Message), Values: append([]Value(nil), h.values...)}
	rec.Attrs(func(a slog.Attr) bool {
		l.Values = flat(l.Values, h.prefix, a)
		return true
	})
	h.ring.add(l)
	return h.next.Handle(ctx, rec)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	values := append([]Value(nil), h.values...)
	for _, a := range attrs {
		values = flat(values, h.prefix, a)
	}
	return &handler{h.ring, h.next.WithAttrs(attrs), h.prefix, values}
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &handler{h.ring, h.next.WithGroup(name), h.prefix + name + ".", h.values}
}

func flat(values []Value, prefix string, a slog.Attr) []Value {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, x := range v.Group() {
			values = flat(values, prefix, x)
		}
		return values
	}
	if a.Equal(slog.Attr{}) {
		return values
	}
	return append(values, Value{prefix + a.Key, cut(v.String())})
}

// cut bounds a text. What is cut off is cut at a space, so that half a name is not left over.
func cut(s string) string {
	if len(s) <= maxValue {
		return strings.Clone(s)
	}
	s = s[:maxValue]
	return strings.Clone(s[:max(strings.LastIndexAny(s, " \n"), 0)])
}
