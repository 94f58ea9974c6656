package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// watching is somebody who watches a camera live right now.
type watching struct {
	p      *person
	camera string
}

// viewer is one who looks, from one device.
type viewer struct {
	*storm
	name    string
	number  int
	person  *person
	browser *browser
	random  *rand.Rand

	mu      sync.Mutex
	session *session // nil: logged out
}

// run looks at one thing after the other until ctx ends.
func (v *viewer) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !v.box.wait(ctx) {
			return
		}
		s := v.current()
		if s == nil {
			if !v.login(ctx) {
				v.rest(ctx, time.Second)
			}
			continue
		}
		lost := v.tally.broken.Load()
		v.look(ctx, s)
		if v.tally.broken.Load() != lost {
			v.rest(ctx, 100*time.Millisecond)
		}
		if may, _ := v.loggedIn(s, v.now(), v.now()); !may {
			v.mu.Lock()
			if v.session == s {
				v.session = nil
			}
			v.mu.Unlock()
		}
	}
}

func (v *viewer) current() *session {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.session
}

func (v *viewer) rest(ctx context.Context, most time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(v.random.Int64N(int64(most)))):
	}
}

// login begins a session. While the password changes it may fail.
func (v *viewer) login(ctx context.Context) bool {
	var password string
	v.change(func() { password = v.person.password })
	at := v.now()
	cookie, status, err := v.browser.login(ctx, "/session", v.person.name, password)
	if err != nil || cookie == "" {
		if status == http.StatusUnauthorized || status == http.StatusTooManyRequests {
			v.rest(ctx, 3*time.Second)
		}
		return false
	}
	s := &session{person: v.person, secret: cookie}
	s.open.send(true, at)
	s.open.ack(v.now())
	v.change(func() {
		if v.person.password != password {
			s.open.send(false, at) // it was changed meanwhile, which may have ended this session
		}
		v.person.sessions = append(v.person.sessions, s)
	})
	if v.number%4 == 0 {
		if t := v.token(ctx, s); t != nil {
			s = t
		}
	}
	v.mu.Lock()
	v.session = s
	v.mu.Unlock()
	return true
}

// token makes an API token for some of what the person may now; nil if that cannot be had, as while it changes.
func (v *viewer) token(ctx context.Context, s *session) *session {
	t := &session{person: s.person, narrow: make(map[string]rights)}
	list := []grantJSON{}
	v.change(func() {
		st := s.person.standing.newest()
		for _, c := range v.slots {
			if r := st.on(c.id) & adults & rights(1+v.random.IntN(int(adults))); r != 0 && len(list) < 5 && v.random.IntN(2) == 0 {
				t.narrow[c.id] = r
				list = append(list, grantJSON{c.id, r.names()})
			}
		}
	})
	if len(list) == 0 {
		return nil
	}
	at := v.now()
	status, body, _, cut, err := v.browser.do(ctx, s.secret, http.MethodPost, "/tokens", map[string]any{"name": v.name, "grants": list})
	var made struct {
		ID    string `json:"id"`
		Token string `json:"token"`
	}
	if err != nil || cut || status/100 != 2 || json.Unmarshal(body, &made) != nil || made.Token == "" {
		return nil
	}
	t.secret, t.revoke = "Bearer "+made.Token, "/tokens/"+made.ID
	t.open.send(true, at)
	t.open.ack(v.now())
	t.by = s
	v.changes.tokens.Add(1)
	return t
}

// look does one thing.
func (v *viewer) look(ctx context.Context, s *session) {
	c := v.choose(s)
	if c == nil {
		v.rest(ctx, time.Second)
		return
	}
	base := "/cameras/" + c.id
	now := time.Now()
	switch n := v.random.IntN(1000); {
	case n < 60:
		v.watch(ctx, s, c, time.Duration(1+v.random.IntN(12))*time.Second)
	case n < 75:
		v.listen(ctx, s, time.Duration(1+v.random.IntN(10))*time.Second)
	case n < 78:
		if a := v.get(ctx, s, snapshotFile, c.id, live, base+"/snapshot.jpg"); a != nil && v.answered(a) && !a.cut {
			one, err := still(a.body)
			v.pictured(a, []seen{one}, err)
		}
	case n < 330:
		from := now.Add(-time.Duration(v.random.Int64N(int64(90 * time.Second))))
		q := span(from, from.Add(time.Duration(1+v.random.IntN(8))*time.Second))
		if a := v.get(ctx, s, footageFile, c.id, footage, base+"/footage?"+q); a != nil && v.answered(a) {
			var f film
			all, err := f.take(a.body, a.cut)
			v.pictured(a, all, err)
		}
	case n < 600:
		at := now.Add(-3*time.Second - time.Duration(v.random.Int64N(int64(time.Minute))))
		q := url.Values{"at": {stamp(at)}, "stream": {"main"}}.Encode()
		if a := v.get(ctx, s, frameFile, c.id, footage, base+"/frame?"+q); a != nil && v.answered(a) {
			var f film
			all, err := f.take(a.body, a.cut)
			v.pictured(a, all, err)
		}
	case n < 740:
		v.thumbnail(ctx, s)
	case n < 790:
		if a := v.get(ctx, s, cameraList, "", all, "/cameras"); a != nil && !a.cut && v.answered(a) {
			v.mentions(a)
			v.listed(a)
		}
	case n < 850:
		if a := v.get(ctx, s, oneCamera, c.id, all, base); a != nil && !a.cut && v.answered(a) {
			var got cameraJSON
			if err := json.Unmarshal(a.body, &got); err != nil || got.ID != c.id {
				v.wrong(a, fmt.Sprintf("camera %q: %v", got.ID, err))
				return
			}
			v.mentions(a)
			v.described(a, got)
		}
	case n < 920:
		v.eventsOf(ctx, s, c)
	case n < 998:
		q := span(now.Add(-5*time.Minute), now)
		if a := v.get(ctx, s, timelineJSON, c.id, footage, base+"/timeline?"+q); a != nil && !a.cut && v.answered(a) {
			v.mentions(a)
		}
	default:
		v.logout(ctx, s)
	}
}

// choose is a camera to ask for: one of theirs mostly, but any at times, also one that was removed.
func (v *viewer) choose(s *session) *camera {
	v.model.mu.RLock()
	defer v.model.mu.RUnlock()
	if len(v.everAdded) == 0 {
		return nil
	}
	if st := s.person.standing.newest(); st.role == "guest" && len(st.extras) > 0 && v.random.IntN(4) > 0 {
		n := v.random.IntN(len(st.extras))
		for id := range st.extras {
			if n == 0 {
				return v.cameras[id]
			}
			n--
		}
	}
	if v.random.IntN(10) > 0 {
		return v.slots[v.random.IntN(len(v.slots))]
	}
	return v.everAdded[v.random.IntN(len(v.everAdded))]
}

// get asks for something; nil is no answer at all.
func (v *viewer) get(ctx context.Context, s *session, k kind, camera string, verb rights, path string) *answer {
	if !v.enter(ctx) {
		return nil
	}
	defer v.leave()
	a := &answer{viewer: v.name, sess: s, asked: "GET " + path, kind: k, camera: camera, verb: verb, sent: v.now()}
	status, body, _, cut, err := v.browser.do(ctx, s.secret, http.MethodGet, path, nil)
	a.done = v.now()
	if err != nil {
		v.tally.broken.Add(1)
		return nil
	}
	a.status, a.body, a.cut = status, body, cut
	if cut {
		v.tally.broken.Add(1)
	}
	return a
}

// watch watches a camera live.
func (v *viewer) watch(ctx context.Context, s *session, c *camera, long time.Duration) {
	path := "/cameras/" + c.id + "/live"
	a := &answer{viewer: v.name, sess: s, asked: "GET " + path, kind: liveStream, camera: c.id, verb: live, sent: v.now()}
	if !v.enter(ctx) {
		return
	}
	conn, status, body, err := v.browser.socket(ctx, s.secret, path)
	v.leave()
	a.done, a.status, a.body = v.now(), status, body
	if err != nil {
		v.tally.broken.Add(1)
		return
	}
	if !v.answered(a) || conn == nil {
		return
	}
	defer conn.CloseNow()
	this := &watching{v.person, c.id}
	v.change(func() { v.storm.watching[this] = true })
	defer v.change(func() { delete(v.storm.watching, this) })
	var f film
	limit, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	for {
		kind, message, err := conn.Read(limit)
		part := *a
		part.kind, part.done = liveFragment, v.now()
		if err != nil {
			switch {
			case limit.Err() != nil:
			case closed(err) == websocket.StatusPolicyViolation:
				v.ended(&part)
			case closed(err) == 4409:
				if !v.mayBePrivate(c.id, part.sent, part.done) {
					v.wrong(&part, "the stream was ended as private, and the camera never was")
				}
			default:
				v.tally.broken.Add(1)
			}
			return
		}
		part.body = message[:min(len(message), 32)]
		if kind == websocket.MessageText {
			part.body = message
			v.mentions(&part)
			continue
		}
		if len(message) < 16 || message[0] != 1 {
			v.wrong(&part, "a message without its header")
			return
		}
		if message[1]&2 != 0 {
			if _, err := f.take(message[16:], false); err != nil {
				v.wrong(&part, err.Error())
			}
			continue
		}
		all, err := f.take(message[16:], false)
		v.streamed(&part, all, err)
	}
}

// listen hears the news for a while.
func (v *viewer) listen(ctx context.Context, s *session, long time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	a := &answer{viewer: v.name, sess: s, asked: "GET /stream", kind: newsItem, verb: all, sent: v.now()}
	status, body, err := v.browser.news(ctx, s.secret, func(name, data string) bool {
		item := *a
		item.done, item.body, item.status = v.now(), []byte(data), http.StatusOK
		// The door is asked for each item before it is sent; reading it may take as long as a stream may live on.
		item.sent = max(a.sent, item.done-afterlife-v.lag.worst())
		v.answers[newsItem].Add(1)
		v.mentions(&item)
		if name == "event" {
			var e eventJSON
			if err := json.Unmarshal(item.body, &e); err != nil {
				v.wrong(&item, err.Error())
				return false
			}
			v.event(&item, e)
		}
		return true
	})
	a.done, a.status, a.body = v.now(), status, body
	if err != nil {
		if ctx.Err() == nil {
			v.tally.broken.Add(1)
		}
		return
	}
	if status != http.StatusOK {
		v.answered(a)
	}
}

func (v *viewer) eventsOf(ctx context.Context, s *session, c *camera) {
	path, wanted := "/events?limit=30", ""
	if v.random.IntN(2) == 0 {
		path, wanted = path+"&camera="+c.id, c.id
	}
	if a := v.get(ctx, s, eventList, wanted, events, path); a != nil && !a.cut && v.answered(a) {
		v.mentions(a)
		v.happened(a, wanted)
	}
}

// thumbnail asks for the picture of any event that anybody was told of.
func (v *viewer) thumbnail(ctx context.Context, s *session) {
	var id, of string
	v.model.mu.RLock()
	if n := len(v.thumbs); n > 0 {
		id = v.thumbs[max(0, n-1-v.random.IntN(200))]
		of = v.events[id]
	}
	v.model.mu.RUnlock()
	if id == "" {
		return
	}
	if a := v.get(ctx, s, thumbnailFile, of, events, "/events/"+id+"/thumbnail.jpg"); a != nil && v.answered(a) && !a.cut {
		one, err := still(a.body)
		v.pictured(a, []seen{one}, err)
	}
}

// logout ends the session, and then tries it once more.
func (v *viewer) logout(ctx context.Context, s *session) {
	v.change(func() { s.open.send(false, v.now()) })
	secret, path := s.secret, "/session"
	if s.by != nil {
		secret, path = s.by.secret, s.revoke // a password that changed ended the session that made it: then it is not revoked
	}
	if status, _, _, _, err := v.browser.do(ctx, secret, http.MethodDelete, path, nil); err == nil && (status/100 == 2 || status == http.StatusUnauthorized && s.by == nil) {
		v.change(func() { s.open.ack(v.now()) })
		v.changes.logouts.Add(1)
	}
	if a := v.get(ctx, s, cameraList, "", all, "/cameras"); a != nil && v.answered(a) {
		v.mentions(a)
	}
}

func span(from, to time.Time) string {
	return url.Values{"from": {stamp(from)}, "to": {stamp(to)}}.Encode()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
