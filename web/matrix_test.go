package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// asked is a request that fits a route.
type asked struct {
	method, path string // with its query
	body         any
}

// key names a route in this file: "GET /cameras/{id}", and "GET root:/healthz" what is not under /api/v1.
func (l listed) key() string {
	if p, ok := strings.CutPrefix(l.path, prefix); ok {
		return l.method + " " + p
	}
	return l.method + " root:" + l.path
}

// requests gives one request for each route of the table, about the yard, its event and the owner.
func (h *house) requests(t *table, event, owner media.UUID) map[string]asked {
	now := time.Now()
	span := "?" + fromTo(now.Add(-time.Hour), now)
	bodies := map[string]any{
		"POST /setup":              map[string]string{"name": "Eve", "password": password},
		"POST /session":            map[string]string{"name": "Ada", "password": password},
		"POST /cameras":            map[string]any{"name": "Third", "url": "rtsp://127.0.0.1:9/third", "record": "off"},
		"POST /cameras/probe":      map[string]any{"url": "rtsp://127.0.0.1:9/x"},
		"PATCH /cameras/{id}":      map[string]any{"name": "Yard"},
		"POST /users":              map[string]any{"name": "Zoe", "password": password, "role": "guest"},
		"PATCH /users/{id}":        map[string]any{"name": "Ada"},
		"PUT /users/{id}/grants":   []any{},
		"POST /invitations":        map[string]any{"name": "Flo", "role": "guest", "grants": []any{map[string]any{"camera": h.other, "verbs": []string{"live"}}}},
		"POST /tokens":             map[string]any{"name": "Prometheus", "metrics": true},
		"PATCH /settings":          map[string]any{"name": "Home"},
		"POST /volumes":            map[string]any{"path": "/nonexistent"},
		"POST /session/passkey":    map[string]any{"ticket": "none", "credential": map[string]any{}},
		"POST /me/passkeys/begin":  map[string]any{"password": password},
		"POST /me/passkeys":        map[string]any{"ticket": "none", "name": "Phone", "credential": map[string]any{}},
		"PATCH /me/passkeys/{id}":  map[string]any{"name": "Phone"},
		"POST /me/totp":            map[string]any{"password": password},
		"POST /me/totp/confirm":    map[string]any{"code": "none"},
		"POST /me/totp/remove":     map[string]any{"password": password, "code": "none"},
		"POST /me/recovery-codes":  map[string]any{"password": password, "code": "none"},
		"POST /recovery-key":       map[string]any{"password": password},
		"POST /events/{id}/review": map[string]any{"reviewed": true},
		"POST /exports":            map[string]any{"camera": h.yard, "from": stamp(now.Add(-time.Hour)), "to": stamp(now)},

		"POST /cameras/{id}/motion/forecast": map[string]any{"motion": media.MotionSettings{Sensitivity: 0.5}},
		"POST /cameras/{id}/identity":        map[string]any{"decision": "accept", "found": map[string]any{"mac": "02:00:00:00:00:01"}},
	}
	bodies["POST /remote/peers"] = map[string]any{"name": "Phone"}
	bodies["PATCH /remote/peers/{id}"] = map[string]any{"name": "Telephone"}
	bodies["POST /remote/peers/{id}/code"] = map[string]any{}
	var device struct{ ID media.UUID }
	h.owner.ok("POST", "/remote/peers", map[string]any{"name": media.NewUUID().String()}, &device)
	h.client().ok("POST", "/session", bodies["POST /session"], nil) // to be ended by its identity
	var sessions struct{ Items []sessionView }
	h.owner.ok("GET", "/sessions", nil, &sessions)
	sessions.Items = slices.DeleteFunc(sessions.Items, func(v sessionView) bool { return v.Current })
	var invitation struct {
		ID   media.UUID
		Link string
	}
	h.owner.ok("POST", "/invitations", map[string]any{"name": media.NewUUID().String(), "role": "adult"}, &invitation)
	_, secret, _ := strings.Cut(invitation.Link, "#")
	bodies["POST /join/look"] = map[string]any{"secret": secret}
	bodies["POST /join"] = map[string]any{"secret": secret, "password": "short"} // so that it is not used up
	var token struct{ ID media.UUID }
	h.owner.ok("POST", "/tokens", bodies["POST /tokens"], &token)
	var shown struct{ ID media.UUID }
	h.owner.ok("GET", "/diagnostics", nil, &shown)
	all := make(map[string]asked)
	for _, r := range t.list {
		path, api := strings.CutPrefix(r.path, prefix)
		id := h.yard.String()
		switch {
		case strings.HasPrefix(path, "/events"):
			id = event.String()
		case strings.HasPrefix(path, "/users"):
			id = owner.String()
		case strings.HasPrefix(path, "/sessions"):
			id = sessions.Items[0].ID.String()
		case strings.HasPrefix(path, "/remote/peers"):
			id = device.ID.String()
		case strings.HasPrefix(path, "/tokens"):
			id = token.ID.String()
		case strings.HasPrefix(path, "/invitations"):
			id = invitation.ID.String()
		case strings.HasPrefix(path, "/diagnostics"):
			id = shown.ID.String()
		}
		path = strings.NewReplacer("{id}", id, "{chapter}", id, "*", "somewhere").Replace(path)
		switch {
		case strings.HasSuffix(r.path, "/timeline"), strings.HasSuffix(r.path, "/footage"), strings.Contains(r.path, "/export."):
			path += span
		case strings.HasSuffix(r.path, "/frame"):
			path += "?at=" + stamp(now)
		}
		if !api {
			path = "root:" + path
		}
		all[r.key()] = asked{r.method, path, bodies[r.key()]}
	}
	return all
}

// persona is a kind of person who asks.
type persona struct {
	name   string
	c      *client
	change func(*http.Request)
	in     bool              // logged in
	token  bool              // by an API token: nothing personal
	may    func(d door) bool // comes in by a door that is not for everybody who is logged in
	verbs  []access.Verb     // on the yard
	nurse  bool              // may know of the nursery
	knows  bool              // the cameras' identities, from the metrics
	other  map[string]string // what they ask for in place of what the others do
}

func (p persona) has(v access.Verb) bool { return slices.Contains(p.verbs, v) }

// notTheirs are routes whose door opens for whoever is logged in, and whose subject in these requests is another's.
func (p persona) notTheirs(name string) bool {
	switch {
	case strings.Contains(name, "/events/{id}"):
		return !p.has(access.Events)
	case name == "POST /exports":
		return !p.has(access.Export)
	case name == "DELETE /sessions/{id}", name == "DELETE /tokens/{id}", // the owner's
		name == "DELETE /remote/peers/{id}", name == "PATCH /remote/peers/{id}", name == "POST /remote/peers/{id}/code",
		strings.HasSuffix(name, " /me/passkeys/{id}"): // nobody's: only a browser can make one
		return true
	}
	return false
}

// Every route as everybody. A guest without a grant for the yard gets the answer of something that does not exist,
// nobody is told to log in, and no answer to anybody holds a word of a camera that is not theirs. What was answered is
// docs/ref/access.md.
func TestMatrix(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard by the shed"), h.unreachable("Nursery upstairs")
	spare := h.unreachable("Spare")
	event, elsewhereEvent := media.NewUUID(), media.NewUUID()
	start := time.Now().Add(-time.Minute)
	for camera, e := range map[media.CameraID]storage.Event{
		h.yard:  {ID: event, Zones: []string{"Shed path"}},
		h.other: {ID: elsewhereEvent, Zones: []string{"Cot"}},
	} {
		e.Camera, e.Kind, e.Start, e.End, e.HasThumb = camera, "motion", start, start.Add(10*time.Second), true
		e.Chapters = []storage.Chapter{{ID: e.ID, From: e.Start, To: e.End, Best: e.Start}}
		must(t, h.store.PutEvent(e))
		must(t, h.store.PutThumbnail(camera, e.ID, start, []byte("jpeg of "+e.Zones[0])))
	}
	ofYard := []string{h.yard.String(), "Yard by the shed", event.String(), "Shed path", "127.0.0.1:9/yard"}
	ofNursery := []string{h.other.String(), "Nursery upstairs", elsewhereEvent.String(), "Cot", "127.0.0.1:9/nursery"}
	table := h.srv.routes()
	doors := make(map[string]door)
	for _, l := range table.list {
		doors[l.key()] = l.door
	}
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)
	personas := h.personas(ada.ID, spare)
	requests := h.requests(table, event, ada.ID)
	found := make(matrix)
	for _, p := range personas {
		t.Run(p.name, func(t *testing.T) {
			// What ends their session comes last.
			for _, name := range inOrder(requests, "POST /setup", "DELETE /sessions", "DELETE /session", "POST /session") {
				r := requests[name]
				if path, ok := p.other[name]; ok {
					r.path = path
				}
				status, header, body := p.ask(r)
				d := doors[name]
				want := "404"
				switch {
				case d.kind == public:
					want = "in"
				case !p.in:
					want = "401"
				case p.token && (d.kind == personal || d.kind == selfOrOwn || d.kind == ownerOnly):
				case d.kind == personal || d.kind == allSeen || d.kind == allVerbed:
					if !p.notTheirs(name) {
						want = "in"
					}
				case p.may(d):
					want = "in"
				}
				got := fmt.Sprint(status)
				if want == "in" && status != 401 && status != 403 && (status != 404 || bytes.Contains(body, []byte(nothingRecorded))) {
					got = "in"
				}
				if name == "POST /session" && (status != 200 || !strings.Contains(string(body), ada.ID.String())) {
					t.Errorf("%s: %d %s", name, status, body) // Ada's name and password are right, whoever sends them
				}
				if got != want {
					t.Errorf("%s, door for %s: %s (%d %s), want %s", name, d, got, status, body, want)
				}
				found.note(name, p.name, got)
				all := string(body) + fmt.Sprint(header)
				var secrets []string
				if len(p.verbs) == 0 {
					secrets = append(secrets, ofYard...)
				}
				if !p.nurse {
					secrets = append(secrets, ofNursery...)
				}
				for _, s := range secrets {
					if p.knows && d.kind == figures && (s == h.yard.String() || s == h.other.String()) {
						continue
					}
					if strings.Contains(all, s) {
						t.Errorf("%s: the answer holds %q", name, s)
					}
				}
				if strings.HasPrefix(r.path, "/") && header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: Cache-Control %q", name, header.Get("Cache-Control"))
				}
			}
		})
	}

	// The owner comes in everywhere; what removes comes last.
	t.Run("owner", func(t *testing.T) {
		owner := persona{name: "owner", c: h.owner}
		last := []string{
			"POST /setup", "DELETE /users/{id}", "DELETE /cameras/{id}", "DELETE /invitations/{id}", "DELETE /tokens/{id}", "DELETE /remote/peers/{id}", "DELETE /sessions/{id}",
			"DELETE /sessions",
			"DELETE /users/{id}/sessions",
			"DELETE /session", "POST /session",
		}
		for _, name := range inOrder(requests, last...) {
			status, _, body := owner.ask(requests[name])
			switch {
			case name == "DELETE /users/{id}", name == "DELETE /users/{id}/factors": // one's own take password and code
				if status != 409 { // the last owner
					t.Errorf("%s: %d", name, status)
				}
			case strings.HasSuffix(name, " /me/passkeys/{id}"): // only a browser can make one; TestSignin does
				if status != 404 {
					t.Errorf("%s: %d", name, status)
				}
			case strings.HasPrefix(name, "DELETE ") && status != 204,
				status == 401, status == 403, status == 404 && !bytes.Contains(body, []byte(nothingRecorded)):
				t.Errorf("%s: %d %s", name, status, body)
			}
			found.note(name, owner.name, "in")
			if name == "DELETE /cameras/{id}" {
				h.owner.refused(404, "GET", "/cameras/"+h.yard.String(), nil)
			}
		}
	})
	if !t.Failed() {
		reviewed(t, "access.md", found.page(table, personas), "TestMatrix")
	}
}

// personas makes one person of each kind: what they may do is about the yard, and the other camera is the nursery.
func (h *house) personas(ada media.UUID, spare media.CameraID) (all []persona) {
	t := h.t
	guest := func(name string, camera media.CameraID, verbs ...access.Verb) *client {
		c, id := h.as(name, access.Guest)
		if len(verbs) > 0 {
			h.permit(id, camera, verbs...)
		}
		return c
	}
	none := func(door) bool { return false }
	revoked, revokedID := h.as("Revoked", access.Guest)
	h.permit(revokedID, h.yard, access.Verbs()...)
	revoked.ok("GET", "/cameras/"+h.yard.String(), nil, nil)
	h.permit(revokedID, h.yard)
	late, lateID := h.as("Late", access.Guest)
	h.owner.ok("PUT", "/users/"+lateID.String()+"/grants", []map[string]any{
		{"camera": h.yard, "verbs": access.Verbs(), "until": time.Now().Add(-time.Second)},
	}, nil)
	with := func(cookie string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Cookie", cookie) }
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	gone := guest("Gone", h.yard, access.Verbs()...)
	goneCookies := gone.cookies()
	gone.ok("DELETE", "/session", nil, nil)
	full := map[string]any{"name": "All", "grants": []map[string]any{{"camera": h.yard, "verbs": access.Verbs()}}, "metrics": true}
	revokedToken := h.token(h.owner, full)
	h.owner.ok("DELETE", "/tokens/"+revokedToken.ID.String(), nil, nil)
	endedToken := h.token(h.owner, full)
	h.alter(box.TokensBucket, endedToken.Token, map[string]any{"until": time.Now().Add(-time.Second)})
	liveToken := h.token(h.owner, map[string]any{
		"name": "Live", "grants": []map[string]any{{"camera": h.yard, "verbs": []access.Verb{access.Live}}},
	})
	metricsToken := h.token(h.owner, map[string]any{"name": "Prometheus", "metrics": true})
	lost, lostID := h.as("Lost", access.Guest)
	h.permit(lostID, h.yard, access.Verbs()...)
	lostToken := h.token(lost, map[string]any{
		"name": "Lost", "grants": []map[string]any{{"camera": h.yard, "verbs": access.Verbs()}},
	})
	h.permit(lostID, h.yard)
	removed, removedID := h.as("Removed", access.Owner)
	orphan := h.token(removed, full)
	h.owner.ok("DELETE", "/users/"+removedID.String(), nil, nil)
	old, _ := h.as("Old", access.Adult)
	h.age(old.cookies(), 31*24*time.Hour)
	adult, _ := h.as("Adult", access.Adult)
	all = []persona{
		{name: "nobody", c: h.client(), may: none},
		{name: "logged out", c: h.client(), change: with(goneCookies), may: none},
		{name: "removed owner", c: removed, may: none},
		{name: "adult whose session has ended", c: old, may: none},
		{name: "forged cookie", c: h.client(), change: with(cookieName + "=" + strings.Repeat("A", 43)), may: none},
		{name: "forged bearer", c: h.scattered(), change: bearer(ada.String()), may: none},
		{name: "forged token", c: h.scattered(), change: bearer(access.TokenPrefix + strings.Repeat("A", 43)), may: none},
		{name: "token that was revoked", c: h.scattered(), change: bearer(revokedToken.Token), may: none},
		{name: "token that has ended", c: h.scattered(), change: bearer(endedToken.Token), may: none},
		{name: "token of somebody removed", c: h.scattered(), change: bearer(orphan.Token), may: none},
		{name: "token in a cookie", c: h.client(), change: with(cookieName + "=" + liveToken.Token), may: none},
		{name: "guest without grants", c: guest("Bare", h.yard), in: true, may: none},
		{name: "guest of another camera", c: guest("Elsewhere", h.other, access.Verbs()...), in: true, may: none, nurse: true},
		{name: "guest whose grants were taken", c: revoked, in: true, may: none},
		{name: "guest whose time is over", c: late, in: true, may: none},
	}
	all = append(all,
		persona{
			name: "owner's token for live", c: h.client(), change: bearer(liveToken.Token), in: true, token: true, verbs: []access.Verb{access.Live},
			may: func(d door) bool { return d.kind == anyVerb || d.kind == oneCamera && d.verb == access.Live },
		},
		persona{
			name: "owner's token for the metrics", c: h.client(), change: bearer(metricsToken.Token), in: true, token: true,
			may: func(d door) bool { return d.kind == figures }, knows: true,
		},
		persona{name: "token of a guest whose grants were taken", c: h.client(), change: bearer(lostToken.Token), in: true, token: true, may: none},
	)
	for _, v := range access.Verbs() {
		p := persona{name: "guest with " + string(v), in: true, verbs: []access.Verb{v}, may: func(d door) bool {
			return d.kind == anyVerb || d.kind == oneCamera && d.verb == v
		}}
		c, id := h.as("Only "+string(v), access.Guest)
		list := []map[string]any{{"camera": h.yard, "verbs": p.verbs}}
		if v == access.Manage {
			list = append(list, map[string]any{"camera": spare, "verbs": p.verbs}) // to remove
			p.other = map[string]string{"DELETE /cameras/{id}": "/cameras/" + spare.String()}
		}
		h.owner.ok("PUT", "/users/"+id.String()+"/grants", list, nil)
		p.c = c
		all = append(all, p)
	}
	if len(all) < 11 {
		t.Fatal("there are no verbs")
	}
	return append(all, persona{
		name: "adult", c: adult, in: true, nurse: true, verbs: []access.Verb{access.Live, access.Events, access.Footage, access.Export},
		may: func(d door) bool { return d.kind == anyVerb || d.kind == oneCamera && d.verb != access.Manage },
	})
}

// age makes a session as if it had been used last some time ago.
func (h *house) age(cookies string, by time.Duration) {
	h.t.Helper()
	_, token, _ := strings.Cut(cookies, cookieName+"=")
	token, _, _ = strings.Cut(token, ";")
	h.alter(box.SessionsBucket, token, map[string]any{"seen": time.Now().Add(-by), "created": time.Now().Add(-by)})
}

// alter changes fields of the record of a secret in hearth.db.
func (h *house) alter(bucket, secret string, fields map[string]any) {
	h.t.Helper()
	key := sha256.Sum256([]byte(secret))
	must(h.t, h.store.Box().Update(func(tx *bbolt.Tx) error {
		record := make(map[string]any)
		ok, err := box.Get(tx, bucket, key[:], &record)
		if err != nil || !ok {
			return fmt.Errorf("no such record: %w", err)
		}
		maps.Copy(record, fields)
		return box.Put(tx, bucket, key[:], record)
	}))
}

// madeToken is what one is told about a token when it is made.
type madeToken struct {
	ID    media.UUID
	Token string
}

func (h *house) token(c *client, body map[string]any) (t madeToken) {
	h.t.Helper()
	c.ok("POST", "/tokens", body, &t)
	return t
}

// scattered is a client that comes from another address each time, so that it is not told to wait.
func (h *house) scattered() *client {
	c := h.client()
	var n atomic.Uint32
	c.http.Transport = &http.Transport{
		TLSClientConfig: c.tls, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			i := n.Add(1)
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1+byte(i>>8), byte(i), 1)}}
			return d.DialContext(ctx, network, address)
		},
	}
	return c
}

// ask sends a request and reads its answer, of one that goes on its beginning.
func (p persona) ask(r asked) (status int, header http.Header, body []byte) {
	var change []func(*http.Request)
	if p.change != nil {
		change = append(change, p.change)
	}
	resp := p.c.open(r.method, r.path, r.body, change...)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" {
		body = make([]byte, 100)
		n, _ := resp.Body.Read(body) // the beginning is what counts
		return resp.StatusCode, resp.Header, body[:n]
	}
	body, err := io.ReadAll(resp.Body)
	must(p.c.t, err)
	return resp.StatusCode, resp.Header, body
}

// inOrder lists the requests' names, some of them last.
func inOrder(requests map[string]asked, last ...string) []string {
	names := slices.Sorted(maps.Keys(requests))
	names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(last, n) })
	for _, n := range last {
		if _, ok := requests[n]; ok {
			names = append(names, n)
		}
	}
	return names
}

func (c *client) cookies() string {
	r, err := http.NewRequestWithContext(c.t.Context(), "GET", c.base, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, k := range c.http.Jar.Cookies(r.URL) {
		r.AddCookie(k)
	}
	return r.Header.Get("Cookie")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
