package web

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// A sitting is one person looking at one camera in one way without a longer break. It is one line in the audit log
// when it begins, and another with all that was seen when that has grown.
const (
	sittingBreak = 5 * time.Minute  // after which looking is a new sitting
	spanBreak    = time.Minute      // of recorded time, between what still is one span
	spanFar      = 15 * time.Minute // of recorded time, from what is in the log already: that is written soon
	maxSpans     = 32               // in a line; those that lie nearest become one
	spanWritten  = 10 * time.Minute // a span that grows is written at least so often
	deniedEvery  = time.Minute
	maxSittings  = 2048
)

// looks makes lines of who looked at what, so that dragging over a day is not a thousand of them.
type looks struct {
	audit func(access.Entry) error // access.Access.Audit
	log   *slog.Logger
	known func(media.CameraID) bool // whether there is such a camera; nil: there is none

	mu       sync.Mutex
	sittings map[sittingKey]*sitting
}

type sittingKey struct {
	session media.UUID
	camera  media.CameraID
	act     string
}

type sitting struct {
	line      access.Entry
	spans     []access.Span // seen so far
	last      time.Time     // looked
	written   time.Time
	unwritten bool // something was added since
}

func newLooks(audit func(access.Entry) error, log *slog.Logger) *looks {
	return &looks{audit: audit, log: log, sittings: make(map[sittingKey]*sitting)}
}

// saw notes that a person got pictures, sound or a file of what a camera saw from one time to another.
func (l *looks) saw(v *visitor, camera media.CameraID, act string, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	t := l.sitting(v, camera, act, now)
	span := access.Span{From: from.UTC(), To: to.UTC()}
	first, isFar := len(t.spans) == 0, far(t.spans, span)
	var grown bool
	if t.spans, grown = with(t.spans, span); grown {
		t.unwritten = true
	}
	if first || isFar && now.Sub(t.written) > 5*time.Second {
		l.write(t)
	}
}

// read notes that a person read something that is no camera's; once in a sitting.
func (l *looks) read(v *visitor, act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.sitting(v, media.CameraID{}, act, time.Now()); t.written.IsZero() {
		t.unwritten = true
		l.write(t)
	}
}

// sitting gives the sitting under way, or begins one.
func (l *looks) sitting(v *visitor, camera media.CameraID, act string, now time.Time) *sitting {
	k := sittingKey{v.session.ID, camera, act}
	t := l.sittings[k]
	if t != nil && now.Sub(t.last) > sittingBreak {
		l.write(t)
		t = nil
	}
	if t == nil {
		l.makeRoom()
		t = &sitting{line: v.entry(act, camera)}
		l.sittings[k] = t
	}
	t.last = now
	return t
}

// far says whether a span lies far from all that was seen before.
func far(spans []access.Span, s access.Span) bool {
	return !slices.ContainsFunc(spans, func(x access.Span) bool {
		return !s.From.After(x.To.Add(spanFar)) && !s.To.Before(x.From.Add(-spanFar))
	})
}

// with adds a span to others, which lie in order and apart from each other, and says whether that made a difference.
func with(spans []access.Span, s access.Span) (_ []access.Span, grown bool) {
	i := 0
	for i < len(spans) && spans[i].To.Add(spanBreak).Before(s.From) {
		i++
	}
	j := i
	for j < len(spans) && !spans[j].From.After(s.To.Add(spanBreak)) {
		j++
	}
	if j == i+1 && !s.From.Before(spans[i].From) && !s.To.After(spans[i].To) {
		return spans, false
	}
	for _, x := range spans[i:j] {
		s = union(s, x)
	}
	spans = slices.Replace(slices.Clone(spans), i, j, s)
	for len(spans) > maxSpans {
		near := 1
		for k := range spans[1:] {
			if spans[k+1].From.Sub(spans[k].To) < spans[near].From.Sub(spans[near-1].To) {
				near = k + 1
			}
		}
		spans = slices.Replace(spans, near-1, near+1, union(spans[near-1], spans[near]))
	}
	return spans, true
}

func union(a, b access.Span) access.Span {
	if b.From.Before(a.From) {
		a.From = b.From
	}
	if b.To.After(a.To) {
		a.To = b.To
	}
	return a
}

// denied notes that a logged-in person asked for what is not theirs, once a minute for the same. All that is not there
// is the same: whoever makes up identities must not fill the disk with lines.
func (l *looks) denied(v *visitor, d door, id string) {
	camera, _ := media.ParseCameraID(id) // zero for what is no camera's
	if !d.token() || d.kind == figures { // the identity is no camera's
		camera = media.CameraID{}
	}
	act := string(d.verb)
	if act == "" {
		act = "look"
	}
	if d.kind == ownerOnly || d.kind == selfOrOwn || d.kind == figures {
		act = "owner"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	k := sittingKey{v.session.ID, media.CameraID{}, "denied " + act}
	if l.known != nil && !camera.IsZero() && l.known(camera) {
		k.camera = camera
	}
	now := time.Now()
	if t := l.sittings[k]; t != nil && now.Sub(t.last) < deniedEvery {
		return
	}
	l.makeRoom()
	t := &sitting{line: v.entry(act, camera), last: now, unwritten: true}
	t.line.Denied = true
	l.sittings[k] = t
	l.write(t)
}

// stranger notes that somebody came with a secret that is none, a line a minute at most.
func (l *looks) stranger(v *visitor, act string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := sittingKey{media.UUID{}, media.CameraID{}, "denied " + act}
	now := time.Now()
	if t := l.sittings[k]; t != nil && now.Sub(t.last) < deniedEvery {
		return
	}
	l.makeRoom()
	t := &sitting{line: v.entry(act, media.CameraID{}), last: now, unwritten: true}
	t.line.Denied = true
	l.sittings[k] = t
	l.write(t)
}

// did notes an act that is a line of its own.
func (l *looks) did(e access.Entry) {
	if err := l.audit(e); err != nil {
		l.log.Error("a line of the audit log is lost", "act", e.Act, "error", err)
	}
}

// write writes a sitting that has something new.
func (l *looks) write(t *sitting) {
	if !t.unwritten {
		return
	}
	t.unwritten, t.written = false, time.Now()
	t.line.Time = t.written
	if n := len(t.spans); n > 0 {
		t.line.From, t.line.To = t.spans[0].From, t.spans[n-1].To
		t.line.Spans = nil
		if n > 1 {
			t.line.Spans = t.spans
		}
	}
	l.did(t.line)
}

// flush writes what has rested or grown for long, and forgets what is over; everything at the end.
func (l *looks) flush(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for k, t := range l.sittings {
		idle := now.Sub(t.last)
		if all || idle > time.Minute || now.Sub(t.written) > spanWritten {
			l.write(t)
		}
		if all || idle > sittingBreak {
			delete(l.sittings, k)
		}
	}
}

// makeRoom writes and forgets the oldest sitting when there are too many.
func (l *looks) makeRoom() {
	if len(l.sittings) < maxSittings {
		return
	}
	var oldest sittingKey
	var last time.Time
	for k, t := range l.sittings {
		if last.IsZero() || t.last.Before(last) {
			oldest, last = k, t.last
		}
	}
	l.write(l.sittings[oldest])
	delete(l.sittings, oldest)
}

// entry begins a line about what a visitor does.
func (v *visitor) entry(act string, camera media.CameraID) access.Entry {
	return access.Entry{
		Act: act, User: v.session.Person.ID, Name: v.session.Person.Name, Camera: camera, Addr: v.from.String(), Token: v.session.Token,
	}
}
