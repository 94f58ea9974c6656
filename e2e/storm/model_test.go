package storm

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// moment is a time since the storm began, by the monotonic clock.
type moment = time.Duration

// never is after everything.
const never = moment(1<<63 - 1)

// version is a value that somebody asked for: it may hold from when the request was sent, and nothing older can hold
// any more once the answer is here.
type version[T any] struct {
	value       T
	sent, acked moment // acked is never while there is no answer
}

// history is all values that something had, the oldest first.
type history[T any] struct{ versions []version[T] }

// send notes that a new value is asked for; ack that the answer came.
func (h *history[T]) send(v T, at moment) { h.versions = append(h.versions, version[T]{v, at, never}) }

func (h *history[T]) ack(at moment) {
	last := &h.versions[len(h.versions)-1]
	last.acked = min(last.acked, at)
}

func (h *history[T]) newest() T { return h.versions[len(h.versions)-1].value }

// during calls f with each value that may have held at some moment of [from, to], and when that was.
func (h *history[T]) during(from, to moment, f func(v T, from, to moment) bool) bool {
	for i, v := range h.versions {
		end := never
		if i+1 < len(h.versions) {
			end = h.versions[i+1].acked
		}
		if a, b := max(from, v.sent), min(to, end); a <= b && !f(v.value, a, b) {
			return false
		}
	}
	return true
}

// rights is a set of verbs.
type rights uint8

// The verbs, as in access.md.
const (
	live rights = 1 << iota
	events
	footage
	export
	manage

	adults = live | events | footage | export
	all    = adults | manage
)

var verbNames = map[rights]string{live: "live", events: "events", footage: "footage", export: "export", manage: "manage"}

func (r rights) names() []string {
	names := []string{}
	for v := live; v <= manage; v <<= 1 {
		if r&v != 0 {
			names = append(names, verbNames[v])
		}
	}
	return names
}

func (r rights) String() string { return "[" + strings.Join(r.names(), " ") + "]" }

// standing is what a person is and was given.
type standing struct {
	role   string
	extras map[string]rights // by the camera's id
}

func (s standing) on(camera string) rights {
	switch s.role {
	case "owner":
		return all
	case "adult":
		return adults | s.extras[camera]
	}
	return s.extras[camera]
}

// person is somebody with an account. The model's lock guards the history; changing one at a time is the caller's.
type person struct {
	name     string
	id       string
	password string
	standing history[standing]
	sessions []*session
}

// session is one login.
type session struct {
	person *person
	secret string            // a cookie, or "Bearer " and a token
	narrow map[string]rights // of a token: all that it opens, by the camera's id; nil: as much as the person may
	open   history[bool]
	// Of a token: the session that made it, and the path by which it is revoked.
	by     *session
	revoke string
}

// on is what the session opens of a camera to somebody of this standing.
func (s *session) on(st standing, camera string) rights {
	if s.narrow == nil {
		return st.on(camera)
	}
	return st.on(camera) & s.narrow[camera]
}

// camera is what hearth knows as one. A simulated camera that is removed and added again is another.
type camera struct {
	id      string
	number  uint16 // in the marks of its pictures
	exists  history[bool]
	private history[bool]
	name    history[string]
}

// cameraNames are what cameras are called here, to be found in any text.
var cameraNames = regexp.MustCompile(`Storm \d+-\d+`)

// model is what hearth has to go by: who may what, when.
type model struct {
	began time.Time

	mu        sync.RWMutex
	cameras   map[string]*camera // by id
	byName    map[string]string  // each name that a camera ever had → its id
	events    map[string]string  // event → camera, as first told
	thumbs    []string           // events with a picture
	withThumb map[string]bool    // the same
	adding    string             // the name of a camera that is just being added: its id is not known yet
}

func newModel() *model {
	return &model{
		began: time.Now(), cameras: make(map[string]*camera), byName: make(map[string]string), events: make(map[string]string),
		withThumb: make(map[string]bool),
	}
}

func (m *model) now() moment { return time.Since(m.began) }

func (m *model) at(t time.Time) moment { return t.Sub(m.began) }

// change runs do under the lock.
func (m *model) change(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do()
}

// may says whether somebody with this session may have had one of the verbs on the camera at some moment of [from, to].
func (m *model) may(s *session, id string, verbs rights, from, to moment) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mayLocked(s, id, verbs, from, to)
}

func (m *model) mayLocked(s *session, id string, verbs rights, from, to moment) bool {
	c := m.cameras[id]
	if c == nil {
		return false
	}
	return !s.open.during(from, to, func(open bool, from, to moment) bool {
		return !open || c.exists.during(from, to, func(exists bool, from, to moment) bool {
			return !exists || s.person.standing.during(from, to, func(st standing, _, _ moment) bool { return s.on(st, id)&verbs == 0 })
		})
	})
}

// must says whether somebody with this session had one of the verbs on the camera all the time.
func (m *model) must(s *session, id string, verbs rights, from, to moment) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.mustLocked(s, id, verbs, from, to)
}

func (m *model) mustLocked(s *session, id string, verbs rights, from, to moment) bool {
	c := m.cameras[id]
	if c == nil || !c.exists.certain(from, to) || !s.open.certain(from, to) {
		return false
	}
	// The same verb all the time, where several would do.
	return s.person.standing.during(from, to, func(st standing, _, _ moment) bool {
		verbs &= s.on(st, id)
		return verbs != 0
	})
}

// certain is a history of truths that was true all the time.
func (h *history[T]) certain(from, to moment) bool {
	known := len(h.versions) > 0 && h.versions[0].acked <= from
	return known && h.during(from, to, func(v T, _, _ moment) bool { return any(v) == true })
}

// loggedIn says the same of the session alone.
func (m *model) loggedIn(s *session, from, to moment) (may, must bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	may = !s.open.during(from, to, func(open bool, _, _ moment) bool { return !open })
	return may, s.open.certain(from, to)
}

// lastHeld is the last moment before at when one of the verbs may have been held, −1 if there was none.
func (m *model) lastHeld(s *session, id string, verbs rights, at moment) moment {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c, last := m.cameras[id], moment(-1)
	if c == nil {
		return last
	}
	s.open.during(0, at, func(open bool, from, to moment) bool {
		return !open || c.exists.during(from, to, func(exists bool, from, to moment) bool {
			return !exists || s.person.standing.during(from, to, func(st standing, _, to moment) bool {
				if s.on(st, id)&verbs != 0 {
					last = max(last, to)
				}
				return true
			})
		})
	})
	return last
}

// number is the mark of a camera's pictures.
func (m *model) number(id string) (uint16, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if c := m.cameras[id]; c != nil {
		return c.number, true
	}
	return 0, false
}

// calledSo says whether the camera may have had the name.
func (m *model) calledSo(id, name string, from, to moment) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.cameras[id]
	return c != nil && !c.name.during(from, to, func(n string, _, _ moment) bool { return n != name })
}

// wasPrivate says whether the camera was private at a moment, and had been so for the time that a switch may take.
func (m *model) wasPrivate(id string, at moment) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.cameras[id]
	return c != nil && c.private.certain(at-afterlife, at)
}

// mayBePrivate says whether the camera may have been private at some moment of [from, to].
func (m *model) mayBePrivate(id string, from, to moment) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := m.cameras[id]
	return c != nil && !c.private.during(from, to, func(private bool, _, _ moment) bool { return !private })
}

// present lists the cameras there may be now.
func (m *model) present() []*camera {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var list []*camera
	for _, c := range m.cameras {
		if c.exists.newest() {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *camera) int { return int(a.number) - int(b.number) })
	return list
}

// tell writes down all that is known of a person's right to a camera.
func (m *model) tell(s *session, id string) string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var b strings.Builder
	when := func(sent, acked moment) string {
		if acked == never {
			return fmt.Sprintf("sent %.3f s, no answer yet", sent.Seconds())
		}
		return fmt.Sprintf("sent %.3f s, answered %.3f s", sent.Seconds(), acked.Seconds())
	}
	if s != nil {
		for _, v := range s.open.versions {
			fmt.Fprintf(&b, "  session open=%v (a token for %v): %s\n", v.value, s.narrow, when(v.sent, v.acked))
		}
		for _, v := range s.person.standing.versions {
			fmt.Fprintf(&b, "  %s is %s with %v here, %v: %s\n", s.person.name, v.value.role, v.value.on(id),
				slices.Sorted(maps.Keys(v.value.extras)), when(v.sent, v.acked))
		}
	}
	if c := m.cameras[id]; c != nil {
		for _, v := range c.exists.versions {
			fmt.Fprintf(&b, "  camera %s (number %d) exists=%v: %s\n", id, c.number, v.value, when(v.sent, v.acked))
		}
		for _, v := range c.private.versions {
			fmt.Fprintf(&b, "  it is private=%v: %s\n", v.value, when(v.sent, v.acked))
		}
		for _, v := range c.name.versions {
			fmt.Fprintf(&b, "  it is called %q: %s\n", v.value, when(v.sent, v.acked))
		}
	} else {
		fmt.Fprintf(&b, "  camera %s was never added\n", id)
	}
	return b.String()
}
