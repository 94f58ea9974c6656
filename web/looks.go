package web

import (
	"log/slog"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// A sitting is one person looking at one camera in one way without a longer break. It is one line in the audit log
// when it begins, and another with the whole span when it has grown.
const (
	sittingBreak = 5 * time.Minute  // after which looking is a new sitting
	spanBreak    = 15 * time.Minute // of recorded time, between what still is one span
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
	line      access.Entry // with the span so far
	last      time.Time    // looked
	written   time.Time
	unwritten bool // the span has grown since
}

func newLooks(audit func(access.Entry) error, log *slog.Logger) *looks {
	return &looks{audit: audit, log: log, sittings: make(map[sittingKey]*sitting)}
}

// saw notes that a person got pictures, sound or a file of what a camera saw from one time to another.
func (l *looks) saw(v *visitor, camera media.CameraID, act string, from, to time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	k := sittingKey{v.session.ID, camera, act}
	t := l.sittings[k]
	if t != nil && (now.Sub(t.last) > sittingBreak || far(t.line, from, to) && now.Sub(t.written) > 5*time.Second) {
		l.write(t)
		t = nil
	}
	if t == nil {
		l.makeRoom()
		t = &sitting{line: v.entry(act, camera)}
		t.line.From, t.line.To = from.UTC(), to.UTC()
		t.last = now
		l.sittings[k] = t
		t.unwritten = true
		l.write(t)
		return
	}
	t.last = now
	if from.Before(t.line.From) {
		t.line.From, t.unwritten = from.UTC(), true
	}
	if to.After(t.line.To) {
		t.line.To, t.unwritten = to.UTC(), true
	}
}

// far says whether a span lies far from what was seen before.
func far(e access.Entry, from, to time.Time) bool {
	return from.After(e.To.Add(spanBreak)) || to.Before(e.From.Add(-spanBreak))
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

// stranger notes a bearer secret that is none, a few a minute at most: access bounds what one address can try.
func (l *looks) stranger(v *visitor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := sittingKey{media.UUID{}, media.CameraID{}, "denied token"}
	now := time.Now()
	if t := l.sittings[k]; t != nil && now.Sub(t.last) < deniedEvery {
		return
	}
	l.makeRoom()
	t := &sitting{line: v.entry("token", media.CameraID{}), last: now, unwritten: true}
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
