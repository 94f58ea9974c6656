package web

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"hearth/nvr/media"
	"hearth/storage/access"
)

func TestEntrance(t *testing.T) {
	h := build(t, nil)
	c := h.client()
	resp, raw := c.send("POST", "/session", map[string]string{"name": "ADA", "password": password})
	if resp.StatusCode != 200 || !bytes.Contains(raw, []byte(`"role":"owner"`)) {
		t.Fatalf("%d %s", resp.StatusCode, raw)
	}
	set := resp.Header.Get("Set-Cookie")
	for _, part := range []string{"__Host-hearth=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
		if !strings.Contains(set, part) {
			t.Errorf("cookie %q has no %s", set, part)
		}
	}
	if strings.Contains(set, "Domain") {
		t.Errorf("cookie %q has a domain", set)
	}
	c.ok("GET", "/session", nil, nil)
	token := strings.TrimPrefix(c.cookies(), cookieName+"=")
	h.client().ok("GET", "/setup", nil, nil)
	resp, _ = h.client().send("GET", "/session", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
	if resp.StatusCode != 200 {
		t.Errorf("the same secret as a bearer: %d", resp.StatusCode)
	}
	resp, _ = c.send("DELETE", "/session", nil)
	if resp.StatusCode != 204 || !strings.Contains(resp.Header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("%d, %q", resp.StatusCode, resp.Header.Get("Set-Cookie"))
	}
	c.refused(401, "GET", "/session", nil)
	c.refused(409, "POST", "/setup", map[string]string{"name": "Eve", "password": password})

	var state struct{ Needed bool }
	c.ok("GET", "/setup", nil, &state)
	if state.Needed {
		t.Error("an owner is there, and another is asked for")
	}
}

func TestBadInput(t *testing.T) {
	h := build(t, nil)
	for name, c := range map[string]struct {
		method, path string
		body         any
		status       int
		field        string
	}{
		"no JSON":             {"POST", "/session", "{", 400, "body"},
		"another JSON":        {"POST", "/session", "[]", 422, "body"},
		"no name":             {"POST", "/session", map[string]any{"password": "x"}, 422, "body"},
		"a number as name":    {"POST", "/session", map[string]any{"name": 7, "password": "planted secret"}, 422, "body.name"},
		"an unknown field":    {"POST", "/session", map[string]any{"name": "a", "password": "planted secret", "x": 1}, 422, "body.x"},
		"a short password":    {"POST", "/users", map[string]any{"name": "Bo", "password": "seven77", "role": "adult"}, 422, "body.password"},
		"a taken name":        {"POST", "/users", map[string]any{"name": "ADA", "password": password, "role": "adult"}, 422, "body.name"},
		"no role":             {"POST", "/users", map[string]any{"name": "Bo", "password": password, "role": "king"}, 422, "body.role"},
		"a camera at no URL":  {"POST", "/cameras", map[string]any{"name": "x", "url": "http://planted secret"}, 422, "body.url"},
		"a nameless camera":   {"POST", "/cameras", map[string]any{"name": " ", "url": "rtsp://127.0.0.1/x"}, 422, "body.name"},
		"an unknown mode":     {"POST", "/cameras", map[string]any{"name": "x", "url": "rtsp://127.0.0.1/x", "record": "never"}, 422, "body.record"},
		"nothing to probe":    {"POST", "/cameras/probe", map[string]any{"url": "rtsp://127.0.0.1:9/x"}, 422, "body.url"},
		"a bad identity":      {"GET", "/cameras/no-camera", nil, 404, ""},
		"a bad event":         {"GET", "/events/no-event", nil, 422, "path.id"},
		"a bad cursor":        {"GET", "/audit?cursor=x", nil, 422, "body.cursor"},
		"a bad time":          {"GET", "/events?from=yesterday", nil, 422, "query.from"},
		"too many at once":    {"GET", "/events?limit=100000", nil, 422, "query.limit"},
		"much too long":       {"POST", "/session", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
		"no such route":       {"GET", "/nothing/here", nil, 404, ""},
		"no such method":      {"PUT", "/session", nil, 404, ""},
		"outside of the API":  {"GET", "/../../api/v2/cameras", nil, 404, ""},
		"an empty grant":      {"PUT", "/users/" + media.NewUUID().String() + "/grants", []any{map[string]any{"camera": media.NewUUID(), "verbs": []string{}}}, 422, "body[0].verbs"},
		"grants for somebody": {"PUT", "/users/" + media.NewUUID().String() + "/grants", []any{}, 404, ""},
	} {
		p := h.owner.refused(c.status, c.method, c.path, c.body)
		if p.field() != c.field {
			t.Errorf("%s: field %q, want %q (%+v)", name, p.field(), c.field, p)
		}
		for _, e := range append(p.Errors, struct{ Location, Message string }{Message: p.Detail}) {
			if strings.Contains(e.Message, "planted secret") {
				t.Errorf("%s: %q sends back what was sent", name, e.Message)
			}
		}
	}
	var cameras struct{ Items []cameraView }
	h.owner.ok("GET", "/cameras", nil, &cameras)
	if len(cameras.Items) != 0 {
		t.Errorf("something partial was stored: %+v", cameras.Items)
	}
}

func TestRateLimit(t *testing.T) {
	h := build(t, nil)
	c := h.client()
	var got problemView
	for range 12 {
		resp, _ := c.send("POST", "/session", map[string]string{"name": "Ada", "password": "guess"})
		if resp.StatusCode == 429 {
			got = c.refused(429, "POST", "/session", map[string]string{"name": "Ada", "password": password})
			break
		}
	}
	if n, err := strconv.Atoi(got.header.Get("Retry-After")); err != nil || n < 1 || n > 30 {
		t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
	}
	h.owner.ok("GET", "/session", nil, nil) // who is in stays in
}

func TestOtherSitesAreRefused(t *testing.T) {
	h := build(t, nil)
	from := func(origin string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Origin", origin) }
	}
	site := func(s string) func(*http.Request) { return func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", s) } }
	body := map[string]string{"name": "Home"}
	for name, c := range map[string]struct {
		method, path string
		body         any
		change       func(*http.Request)
		want         int
	}{
		"a change from here":                  {"PATCH", "/settings", body, from(h.owner.base), 200},
		"a change without an origin":          {"PATCH", "/settings", body, func(*http.Request) {}, 200},
		"a change from elsewhere":             {"PATCH", "/settings", body, from("https://evil.example"), 403},
		"a change from nowhere":               {"PATCH", "/settings", body, from("null"), 403},
		"a change from the same in the clear": {"PATCH", "/settings", body, from(strings.Replace(h.owner.base, "https", "http", 1)), 403},
		"a change, as the browser says":       {"PATCH", "/settings", body, site("cross-site"), 403},
		"a change from another port":          {"PATCH", "/settings", body, site("same-site"), 403},
		"a look from elsewhere":               {"GET", "/session", nil, from("https://evil.example"), 403},
		"a look from here":                    {"GET", "/session", nil, from(h.owner.base), 200},
	} {
		resp, raw := h.owner.send(c.method, c.path, c.body, c.change)
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d %s", name, resp.StatusCode, raw)
		}
	}
}

func TestHeaders(t *testing.T) {
	h := build(t, fstest.MapFS{
		"index.html":         {Data: []byte("<!doctype html><title>Hearth</title>")},
		"assets/app-1234.js": {Data: []byte("export {}")},
		".keep":              {Data: []byte("hidden")},
	})
	c := h.client()
	for path, want := range map[string]struct{ cache, kind string }{
		"root:/":                   {"no-store", "text/html; charset=utf-8"},
		"root:/camera/x?at=1":      {"no-store", "text/html; charset=utf-8"},
		"root:/.keep":              {"no-store", "text/html; charset=utf-8"},
		"root:/assets/app-1234.js": {"public, max-age=31536000, immutable", "text/javascript; charset=utf-8"},
		"root:/assets/none.js":     {"no-store", "application/problem+json"},
		"root:/api/v1":             {"no-store", "application/problem+json"},
		"root:/healthz":            {"no-store", "application/json"},
		"/healthz":                 {"no-store", "application/json"},
		"/session":                 {"no-store", "application/problem+json"},
	} {
		resp, raw := c.send("GET", path, nil)
		if got := resp.Header.Get("Cache-Control"); got != want.cache {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
		if got := resp.Header.Get("Content-Type"); got != want.kind {
			t.Errorf("%s: Content-Type %q: %s", path, got, raw)
		}
		for name, value := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Content-Security-Policy": policy,
			"X-Frame-Options": "DENY", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if resp.Header.Get(name) != value {
				t.Errorf("%s: %s %q", path, name, resp.Header.Get(name))
			}
		}
		if resp.Header.Get("ETag") != "" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("policy %s", policy)
	}
}

func TestNoPage(t *testing.T) {
	h := build(t, fstest.MapFS{".keep": {}})
	if resp, raw := h.client().send("GET", "root:/", nil); resp.StatusCode != 200 || string(raw) != notBuilt {
		t.Errorf("%d %s", resp.StatusCode, raw)
	}
}

func TestUndeclaredRoute(t *testing.T) {
	h := build(t, nil)
	answer := func(c echo.Context) error { return c.String(200, "pixels") }
	for name, add := range map[string]func(tb *table){
		"no door":        func(tb *table) { tb.echo.GET("/api/v1/secret", answer) },
		"a closed door":  func(tb *table) { tb.plain(door{}, "GET", "/api/v1/secret", "", answer) },
		"another method": func(tb *table) { tb.echo.POST("/api/v1/cameras/:id/live", answer) },
		"another name": func(tb *table) {
			tb.plain(door{oneCamera, access.Live}, "GET", "/api/v1/cameras/{camera}/x", "", answer)
		},
		"no verb":         func(tb *table) { tb.plain(door{kind: oneCamera}, "GET", "/api/v1/cameras/{id}/x", "", answer) },
		"not a camera's":  func(tb *table) { tb.plain(door{kind: personal}, "GET", "/api/v1/cameras/{id}/x", "", answer) },
		"a whole subtree": func(tb *table) { tb.echo.Any("/debug/*", answer) },
	} {
		tb := h.srv.routes()
		add(tb)
		if _, err := tb.handler(); err == nil || !strings.Contains(err.Error(), "route ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// And one that is there all the same does not answer.
	tb := h.srv.routes()
	tb.echo.GET("/api/v1/secret", answer)
	rec := newRecorder()
	tb.echo.ServeHTTP(rec, mustRequest(t, "GET", "/api/v1/secret", h.owner.cookies()))
	if rec.Code != 404 || strings.Contains(rec.Body.String(), "pixels") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestPortInUse(t *testing.T) {
	h := build(t, nil)
	s := &Server{Store: h.store, Cameras: h.srv.Cameras, Listen: h.srv.Addr().String(), Dir: t.TempDir()}
	err := s.Open()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

// Nobody's password, neither of people nor of cameras, is in a log, an answer or a file of the box.
func TestNoSecrets(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	h.owner.refused(422, "POST", "/cameras", map[string]any{"name": "Yard", "url": "rtsp://u:planted1@127.0.0.1:9/x"})
	h.owner.refused(422, "POST", "/cameras/probe", map[string]any{"url": "rtsp://u:planted2@127.0.0.1:9/x"})
	h.client().refused(401, "POST", "/session", map[string]string{"name": "planted3", "password": "planted4"})
	var view cameraView
	h.owner.ok("POST", "/cameras", map[string]any{"name": "Shed", "url": "rtsp://u%40x:planted5@127.0.0.1:9/x", "record": "off"}, &view)
	if view.URL != "rtsp://127.0.0.1:9/x" || view.Username != "u@x" || !view.HasPassword {
		t.Errorf("%+v", view)
	}
	h.owner.ok("PATCH", "/cameras/"+view.ID.String(), map[string]any{"password": "planted6"}, nil)
	secrets := []string{camPass, password, "planted"}
	for _, path := range []string{"/cameras", "/cameras/" + view.ID.String(), "/audit", "/users", "/metrics", "/system", "/settings"} {
		_, raw := h.owner.send("GET", path, nil)
		for _, s := range secrets {
			if bytes.Contains(raw, []byte(s)) {
				t.Errorf("%s holds %q", path, s)
			}
		}
	}
	for _, s := range secrets {
		if strings.Contains(h.logs.String(), s) {
			t.Errorf("the log holds %q", s)
		}
	}
	token := strings.TrimPrefix(h.owner.cookies(), cookieName+"=")
	must(t, filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, s := range append(secrets, token) {
			if bytes.Contains(raw, []byte(s)) {
				t.Errorf("%s holds %q", path, s)
			}
		}
		return err
	}))
}

func TestPeople(t *testing.T) {
	h := build(t, nil)
	yard := h.unreachable("Yard")
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, yard, access.Live)
	var view cameraView
	guest.ok("GET", "/cameras/"+yard.String(), nil, &view)
	if view.URL != "" || view.Motion != nil || view.Problem != "" || len(view.Verbs) != 1 {
		t.Errorf("a guest is told %+v", view)
	}
	// One's own password, with the one before.
	self := "/users/" + id.String()
	guest.refused(403, "PATCH", self, map[string]any{"role": "owner"})
	guest.refused(422, "PATCH", self, map[string]any{"password": "another password"})
	guest.refused(422, "PATCH", self, map[string]any{"password": "another password", "current_password": "guess"})
	before := guest.cookies()
	guest.ok("PATCH", self, map[string]any{"password": "another password", "current_password": password}, nil)
	guest.ok("GET", "/session", nil, nil) // with the new session
	h.client().refused(401, "GET", "/session", nil, func(r *http.Request) { r.Header.Set("Cookie", before) })
	var people struct{ Items []personView }
	h.owner.ok("GET", "/users", nil, &people)
	if len(people.Items) != 2 || len(people.Items[1].Grants) != 1 || people.Items[1].LastSeen == nil {
		t.Errorf("%+v", people)
	}
	h.owner.ok("DELETE", self, nil, nil)
	guest.refused(401, "GET", "/session", nil)

	var log struct {
		Items []auditLine
		Next  string
	}
	h.owner.ok("GET", "/audit?limit=3", nil, &log)
	// Reading the log is a line too.
	if len(log.Items) != 3 || log.Next == "" || log.Items[0].Action != "audit" || log.Items[1].Action != "user.remove" || log.Items[1].Name != "Ada" {
		t.Errorf("%+v", log)
	}
	acts := make(map[string]bool)
	for path := "/audit?limit=3"; ; path = "/audit?limit=3&cursor=" + log.Next {
		log.Next, log.Items = "", nil
		h.owner.ok("GET", path, nil, &log)
		for _, l := range log.Items {
			acts[l.Action] = true
		}
		if log.Next == "" {
			break
		}
	}
	for _, act := range []string{"setup", "login", "camera.add", "user.add", "user.grants", "user.change", "user.remove"} {
		if !acts[act] {
			t.Errorf("no line of %s in %v", act, acts)
		}
	}
	if n, err := h.store.Access().VerifyAudit(); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
}

// A request with a body may take its time, as trying a camera does: nothing ends it while its asker waits.
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	h := build(t, nil)
	tb := h.srv.routes()
	route(tb, door{kind: public}, http.MethodPost, "/slow", "", func(ctx context.Context, _ *struct{ Body struct{ X int } }) (*nothing, error) {
		const longer = 6 * time.Second // than the five that the library gives a body
		wait, cancel := context.WithTimeout(ctx, longer)
		defer cancel()
		<-wait.Done()
		return nil, ctx.Err()
	})
	handler, err := tb.handler()
	must(t, err)
	server := httptest.NewServer(handler)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+prefix+"/slow", strings.NewReader(`{"X":1}`))
	must(t, err)
	resp, err := server.Client().Do(r)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Errorf("%d", resp.StatusCode)
	}
}
