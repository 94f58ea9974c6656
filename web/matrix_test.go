package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

// asked is a request that fits a route.
type asked struct {
	method, path string // with its query
	body         any
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
		"PATCH /settings":          map[string]any{"name": "Home"},
		"POST /volumes":            map[string]any{"path": "/nonexistent"},
		"POST /recovery-key":       map[string]any{"password": password},
		"POST /events/{id}/review": map[string]any{"reviewed": true},
		"POST /exports":            map[string]any{"camera": h.yard, "from": stamp(now.Add(-time.Hour)), "to": stamp(now)},
	}
	var sessions struct{ Items []sessionView }
	h.owner.ok("GET", "/sessions", nil, &sessions)
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
		}
		name := r.method + " " + path
		path = strings.NewReplacer("{id}", id, "*", "somewhere").Replace(path)
		switch {
		case strings.HasSuffix(r.path, "/timeline"), strings.HasSuffix(r.path, "/footage"), strings.Contains(r.path, "/export."):
			path += span
		case strings.HasSuffix(r.path, "/frame"):
			path += "?at=" + stamp(now)
		}
		if !api {
			name, path = r.method+" root:"+r.path, "root:"+path
		}
		all[name] = asked{r.method, path, bodies[name]}
	}
	return all
}

// Every route as everybody. A guest without a grant for the yard gets the answer of something that does not exist,
// nobody is told to log in, and no answer to either holds a word of the yard.
func TestMatrix(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard by the shed"), h.unreachable("Nursery")
	event := media.NewUUID()
	start := time.Now().Add(-time.Minute)
	must(t, h.store.PutEvent(storage.Event{
		ID: event, Camera: h.yard, Kind: "motion", Start: start, End: start.Add(10 * time.Second), HasThumb: true, Zones: []string{"Shed path"},
	}))
	must(t, h.store.PutThumbnail(h.yard, event, start, []byte("jpeg of the yard")))
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)

	nobody := h.client()
	bare, _ := h.as("Bare", access.Guest)
	elsewhere, elsewhereID := h.as("Elsewhere", access.Guest)
	h.permit(elsewhereID, h.other, access.Verbs()...)
	revoked, revokedID := h.as("Revoked", access.Guest)
	h.permit(revokedID, h.yard, access.Verbs()...)
	revoked.ok("GET", "/cameras/"+h.yard.String(), nil, nil)
	h.permit(revokedID, h.yard)
	late, lateID := h.as("Late", access.Guest)
	h.owner.ok("PUT", "/users/"+lateID.String()+"/grants", []map[string]any{
		{"camera": h.yard, "verbs": access.Verbs(), "until": time.Now().Add(-time.Second)},
	}, nil)
	loggedOut, loggedOutID := h.as("Gone", access.Guest)
	h.permit(loggedOutID, h.yard, access.Verbs()...)
	cookies := loggedOut.cookies()
	loggedOut.ok("DELETE", "/session", nil, nil)
	removed, removedID := h.as("Removed", access.Owner)
	h.owner.ok("DELETE", "/users/"+removedID.String(), nil, nil)
	forged := h.client()
	adult, _ := h.as("Adult", access.Adult)
	live, liveID := h.as("Live only", access.Guest)
	h.permit(liveID, h.yard, access.Live)

	secrets := []string{h.yard.String(), "Yard by the shed", event.String(), "Shed path", "jpeg of the yard", "127.0.0.1:9/yard"}
	table := h.srv.routes()
	doors := make(map[string]door)
	for _, l := range table.list {
		name := l.method + " root:" + l.path
		if p, ok := strings.CutPrefix(l.path, prefix); ok {
			name = l.method + " " + p
		}
		doors[name] = l.door
	}
	type persona struct {
		name   string
		c      *client
		change func(*http.Request)
		in     bool              // logged in
		may    func(d door) bool // comes in by a door that is not for everybody who is logged in
		sees   bool              // something of the yard
	}
	none := func(door) bool { return false }
	personas := []persona{
		{name: "nobody", c: nobody, may: none},
		{name: "guest without grants", c: bare, in: true, may: none},
		{name: "guest of another camera", c: elsewhere, in: true, may: none},
		{name: "revoked guest", c: revoked, in: true, may: none},
		{name: "guest whose time is over", c: late, in: true, may: none},
		{name: "logged out", c: loggedOut, change: func(r *http.Request) { r.Header.Set("Cookie", cookies) }, may: none},
		{name: "removed owner", c: removed, may: none},
		{name: "forged cookie", c: forged, change: func(r *http.Request) { r.Header.Set("Cookie", cookieName+"="+strings.Repeat("A", 43)) }, may: none},
		{name: "forged bearer", c: forged, change: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+ada.ID.String()) }, may: none},
		{name: "guest with live", c: live, in: true, sees: true, may: func(d door) bool {
			return d.kind == anyVerb || d.kind == oneCamera && d.verb == access.Live
		}},
		{name: "adult", c: adult, in: true, sees: true, may: func(d door) bool {
			return d.kind == anyVerb || d.kind == oneCamera && d.verb != access.Manage
		}},
	}
	requests := h.requests(table, event, ada.ID)
	for _, p := range personas {
		t.Run(p.name, func(t *testing.T) {
			for name, r := range requests {
				switch name {
				case "POST /session", "DELETE /session", "POST /setup":
					continue // these change who it is; TestEntrance has them
				}
				var change []func(*http.Request)
				if p.change != nil {
					change = append(change, p.change)
				}
				resp := p.c.open(r.method, r.path, r.body, change...)
				var body []byte
				if resp.Header.Get("Content-Type") == "text/event-stream" {
					body = make([]byte, 100)
					n, _ := resp.Body.Read(body)
					body = body[:n]
				} else {
					var buffer bytes.Buffer
					_, err := buffer.ReadFrom(resp.Body)
					must(t, err)
					body = buffer.Bytes()
				}
				resp.Body.Close()
				d := doors[name]
				var want string
				switch {
				case d.kind == public:
					want = "in"
				case !p.in:
					want = "401"
				case d.kind == personal || d.kind == allSeen || d.kind == allVerbed:
					want = "in"
					if (strings.Contains(name, "/events/{id}") || name == "POST /exports") && !(p.name == "adult") {
						want = "404"
					}
					if name == "DELETE /sessions/{id}" { // the owner's
						want = "404"
					}
				case p.may(d):
					want = "in"
				default:
					want = "404"
				}
				got := fmt.Sprint(resp.StatusCode)
				if want == "in" && resp.StatusCode != 401 && resp.StatusCode != 403 &&
					(resp.StatusCode != 404 || bytes.Contains(body, []byte(nothingRecorded))) {
					got = "in"
				}
				if got != want {
					t.Errorf("%s, door for %s: %s (%d %s), want %s", name, d, got, resp.StatusCode, body, want)
				}
				if !p.sees {
					all := string(body) + fmt.Sprint(resp.Header)
					for _, s := range secrets {
						if strings.Contains(all, s) {
							t.Errorf("%s: the answer holds %q", name, s)
						}
					}
				}
				if strings.HasPrefix(r.path, "/") && resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: Cache-Control %q", name, resp.Header.Get("Cache-Control"))
				}
			}
		})
	}

	// The owner comes in everywhere; what removes comes last.
	t.Run("owner", func(t *testing.T) {
		try := func(name string) {
			r := requests[name]
			resp := h.owner.open(r.method, r.path, r.body)
			if r.method == "DELETE" && resp.StatusCode != 204 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
			resp.Body.Close()
			if c := resp.StatusCode; c == 401 || c == 403 || c == 404 && !strings.Contains(name, "footage") &&
				!strings.Contains(name, "frame") && !strings.Contains(name, "export") {
				t.Errorf("%s: %d", name, c)
			}
		}
		for name, r := range requests {
			if r.method != "DELETE" && name != "POST /setup" && name != "POST /session" {
				try(name)
			}
		}
		try("DELETE /cameras/{id}")
		h.owner.refused(404, "GET", "/cameras/"+h.yard.String(), nil)
		h.owner.refused(409, "DELETE", "/users/"+ada.ID.String(), nil) // the last owner
		try("DELETE /session")
		h.owner.refused(401, "GET", "/session", nil)
	})
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
