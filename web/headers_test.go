package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

// headersAreRight checks what every answer has to have, and must not have.
func (c *client) headersAreRight(what string, h http.Header, stays bool) {
	c.t.Helper()
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
		"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Cache-Control": "no-store",
	} {
		if name == "Cache-Control" && stays {
			want = "public, max-age=31536000, immutable"
		}
		if got := h.Values(name); len(got) != 1 || got[0] != want {
			c.t.Errorf("%s: %s is %q, want %q", what, name, got, want)
		}
	}
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "worker-src 'none'"} {
		if !strings.Contains(csp+";", want) {
			c.t.Errorf("%s: the policy %q lacks %q", what, csp, want)
		}
	}
	for _, never := range []string{
		"ETag", "Last-Modified", "Age", "Expires", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Server", "X-Powered-By",
		"Service-Worker-Allowed", "Strict-Transport-Security",
	} {
		if h.Get(never) != "" {
			c.t.Errorf("%s: has %s %q", what, never, h.Get(never))
		}
	}
	for _, cookie := range h.Values("Set-Cookie") {
		for _, want := range []string{cookieName + "=", "Path=/", "HttpOnly", "Secure", "SameSite=Strict"} {
			if !strings.Contains(cookie, want) {
				c.t.Errorf("%s: the cookie %q lacks %s", what, cookie, want)
			}
		}
	}
}

func pageFiles() fstest.MapFS {
	return fstest.MapFS{
		"index.html": {Data: []byte("<!doctype html><title>Hearth</title>")}, "assets/page-1f2e3d.js": {Data: []byte("void 0")},
		"logo.svg": {Data: []byte("<svg/>")},
	}
}

// Every route of the table, for who may and who may not, with bad input and by other methods; and what comes before any
// route. Only the page's files with a hash in their names may be kept by a browser.
func TestHeadersOfEveryAnswer(t *testing.T) {
	h := build(t, pageFiles())
	h.yard, h.other = h.unreachable("Yard"), h.unreachable("Nursery")
	event, start := media.NewUUID(), time.Now().Add(-time.Minute)
	must(t, h.store.PutEvent(storage.Event{
		ID: event, Camera: h.yard, Kind: "motion", Start: start, End: start.Add(10 * time.Second), HasThumb: true,
		Chapters: []storage.Chapter{{ID: event, From: start, To: start.Add(time.Second), Best: start}},
	}))
	must(t, h.store.PutThumbnail(h.yard, event, start, []byte("jpeg of the yard")))
	f := h.film(h.yard, media.Main, 160)
	f.run(media.Main, start, 4)
	guest, _ := h.as("Guest", access.Guest)
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)
	table := h.srv.routes()
	requests := h.requests(table, event, ada.ID)
	look := func(c *client, name string, r asked, change ...func(*http.Request)) {
		resp := c.open(r.method, r.path, r.body, change...)
		c.headersAreRight(name, resp.Header, strings.Contains(r.path, "/assets/") && resp.StatusCode == 200)
		must(t, resp.Body.Close())
	}
	for _, name := range inOrder(requests, "DELETE /cameras/{id}", "DELETE /users/{id}", "DELETE /sessions", "DELETE /session") {
		r := requests[name]
		look(h.client(), "nobody: "+name, r)
		look(guest, "guest: "+name, r)
		if !strings.HasPrefix(name, "DELETE /session") {
			look(h.owner, "owner: "+name, r)
		}
		look(h.client(), "another method: "+name, asked{"PURGE", r.path, nil})
		look(h.owner, "junk: "+name, asked{r.method, strings.ReplaceAll(r.path, h.yard.String(), "x"), "{"})
		look(h.owner, "too large: "+name, asked{r.method, r.path, strings.Repeat("x", maxBody+1)})
		look(h.owner, "another site: "+name, r, func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") })
		look(h.owner, "another name: "+name, r, func(r *http.Request) { r.Host = "elsewhere.example" })
	}
	for _, path := range []string{
		"root:/nowhere", "root:/assets/page-1f2e3d.js", "root:/assets/gone.js", "root:/logo.svg", "root:/api", "root:/api/v2/x", "/nowhere",
		"root:/../etc/passwd", "root:/%00",
	} {
		look(h.client(), path, asked{"GET", path, nil})
	}
	for _, path := range []string{"root:/", "root:/trust", "root:/trust/hearth.crt", "root:/trust/none", "root:/healthz", "root:/api/v1/session"} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			look(h.plain(), "HTTP "+method+" "+path, asked{method, path, nil})
		}
	}
	if resp, _ := h.client().send("GET", "root:/", nil, func(r *http.Request) { r.Header.Set("Service-Worker", "script") }); resp.StatusCode != 404 {
		t.Errorf("a service worker: %d", resp.StatusCode)
	}
}

// What another site can make a browser send, by every method and for every route: it is refused before anything
// happens, also to who is logged in.
func TestOtherSites(t *testing.T) {
	h := build(t, pageFiles())
	h.yard = h.unreachable("Yard")
	var ada meView
	h.owner.ok("GET", "/session", nil, &ada)
	table := h.srv.routes()
	sites := map[string]func(*http.Request){
		"Origin":         func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") },
		"Origin null":    func(r *http.Request) { r.Header.Set("Origin", "null") },
		"plain HTTP":     func(r *http.Request) { r.Header.Set("Origin", "http://"+r.URL.Host) },
		"another port":   func(r *http.Request) { r.Header.Set("Origin", "https://"+r.URL.Hostname()+":9") },
		"a foreign Host": func(r *http.Request) { r.Host = "rebound.example"; r.Header.Set("Origin", "https://rebound.example") },
		"a form": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Content-Type", "text/plain")
		},
		"a picture": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		},
		"a neighbour": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-site")
			r.Header.Set("Sec-Fetch-Mode", "no-cors")
		},
		"an old browser":  func(r *http.Request) { r.Header.Set("Origin", "http://192.168.1.66") },
		"a file (WebKit)": func(r *http.Request) { r.Header.Set("Origin", "file://") },
	}
	lines := func() int {
		var log struct{ Items []auditLine }
		h.owner.ok("GET", "/audit?limit=500", nil, &log)
		return len(slices.DeleteFunc(log.Items, func(l auditLine) bool { return strings.HasPrefix(l.Action, "audit") })) // our own reading
	}
	requests := h.requests(table, media.NewUUID(), ada.ID)
	before := lines()
	for name, r := range requests {
		for site, from := range sites {
			fetchOnly := site == "a form" || site == "a picture" || site == "a neighbour"
			if fetchOnly && strings.HasPrefix(r.path, "root:") && !strings.HasPrefix(r.path, "root:/metrics") {
				continue // the page itself, to which a link may lead
			}
			resp, raw := h.owner.send(r.method, r.path, r.body, from)
			if resp.StatusCode != 403 && resp.StatusCode != 421 || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s from %s: %d %s", name, site, resp.StatusCode, raw)
			}
		}
	}
	if after := lines(); after != before {
		t.Errorf("%d lines in the log became %d: something happened", before, after)
	}
	// The family's own browser says where it comes from, too.
	own := func(r *http.Request) {
		r.Header.Set("Origin", "https://"+r.URL.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if resp, raw := h.owner.send("PATCH", "/settings", map[string]any{"name": "Home"}, own); resp.StatusCode != 200 {
		t.Errorf("the page's own change: %d %s", resp.StatusCode, raw)
	}
	for _, origin := range []string{"https://elsewhere.example", "null", "http://" + h.srv.Addr().String()} {
		conn, resp, err := websocket.Dial(t.Context(), strings.Replace(h.srv.URL(), "https", "wss", 1)+prefix+"/cameras/"+h.yard.String()+"/live",
			&websocket.DialOptions{
				HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: h.owner.tls}},
				HTTPHeader: http.Header{"Origin": {origin}, "Cookie": {h.owner.cookies()}},
			})
		if err == nil {
			t.Errorf("a WebSocket from %s is taken", origin)
			cut(conn)
			continue
		}
		if resp == nil || resp.StatusCode != 403 {
			t.Errorf("a WebSocket from %s: %v", origin, err)
			continue
		}
		h.owner.headersAreRight("WebSocket from "+origin, resp.Header, false)
		_ = resp.Body.Close()
	}
}
