package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"sync"
	"testing"
	"time"

	"hearth/nvr"
	"hearth/nvr/media"
	"hearth/nvr/sim"
	"hearth/storage"
	"hearth/storage/access"
)

// house is a whole box without its worker: simulated cameras, the real store, a real server over HTTPS.
type house struct {
	t     testing.TB
	dir   string
	store *storage.Store
	srv   *Server
	logs  *logBook
	sim   *sim.Server
	owner *client
	yard  media.CameraID
	other media.CameraID // the nursery
}

// logBook keeps what is logged.
type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const (
	password = "correct horse battery"
	camUser  = "viewer"
	camPass  = "p:ss w/rd@%&?"
)

// build makes a house. Without cameras it has no simulated ones, and two that cannot be reached.
func build(t testing.TB, ui fs.FS) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir(), logs: &logBook{}}
	log := slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	store, err := storage.Open(storage.Options{Dir: h.dir, Log: log, Tick: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	h.store = store
	cameras := nvr.NewCameras(store, "/no/worker/in/these/tests", log)
	h.srv = &Server{
		Store: store, Cameras: cameras, Listen: "127.0.0.1:0", ListenHTTP: "127.0.0.1:0", Dir: h.dir, UI: ui, Log: log, Version: "test",
	}
	if err := h.srv.Open(); err != nil {
		t.Fatal(err)
	}
	h.run("store", store.Run)
	h.run("cameras", cameras.Run)
	h.run("page", h.srv.Run)
	h.owner = h.client()
	h.owner.ok("POST", "/setup", map[string]string{"name": "Ada", "password": password}, nil)
	return h
}

// run runs a part until the test ends; parts end in the opposite order.
func (h *house) run(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("%s: %v", name, err)
		}
		if name == "store" {
			if err := h.store.Close(); err != nil {
				h.t.Error(err)
			}
		}
		if h.t.Failed() && name == "store" {
			h.t.Logf("log:\n%s", h.logs)
		}
	})
}

// withCameras adds two simulated cameras, and waits until both are online.
func (h *house) withCameras() {
	h.t.Helper()
	video := func() *sim.Camera {
		return &sim.Camera{
			FPS: 10, GOP: 10, User: camUser, Password: camPass,
			Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
		}
	}
	yard, nursery := video(), video()
	yard.Name, nursery.Name = "yard", "nursery"
	h.sim = &sim.Server{Cameras: []*sim.Camera{yard, nursery}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.sim.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-done })
	select {
	case <-h.sim.Ready():
	case err := <-done:
		h.t.Fatal(err)
	}
	add := func(name string, c *sim.Camera) media.CameraID {
		var view cameraView
		h.owner.ok("POST", "/cameras", map[string]any{
			"name": name, "url": plainURL(h.sim.URL(c, media.Main)), "detect_url": plainURL(h.sim.URL(c, media.Sub)),
			"username": camUser, "password": camPass,
		}, &view)
		return view.ID
	}
	h.yard, h.other = add("Yard", yard), add("Nursery", nursery)
	for _, id := range []media.CameraID{h.yard, h.other} {
		h.until("camera online", 15*time.Second, func() bool {
			var view cameraView
			h.owner.ok("GET", "/cameras/"+id.String(), nil, &view)
			return view.State == "online"
		})
	}
}

// plainURL takes the credentials out.
func plainURL(u string) string {
	scheme, rest, _ := strings.Cut(u, "://")
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

// unreachable adds a camera at an address where nothing is.
func (h *house) unreachable(name string) media.CameraID {
	h.t.Helper()
	var view cameraView
	h.owner.ok("POST", "/cameras", map[string]any{"name": name, "url": "rtsp://127.0.0.1:9/" + strings.ToLower(strings.Fields(name)[0]), "record": "off"}, &view)
	return view.ID
}

// until waits for a condition.
func (h *house) until(what string, within time.Duration, holds func() bool) {
	h.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s: not within %v\n%s", what, within, h.logs)
		}
	}
}

// client is a browser, more or less.
type client struct {
	t    testing.TB
	base string // https://127.0.0.1:port
	http *http.Client
	tls  *tls.Config
}

// client makes one that trusts the box's authority and nothing else.
func (h *house) client() *client {
	h.t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(h.srv.authority.ca)
	config := &tls.Config{RootCAs: pool}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	h.t.Cleanup(transport.CloseIdleConnections)
	return &client{
		t: h.t, base: h.srv.URL(), tls: config,
		http: &http.Client{Jar: jar, Transport: transport, Timeout: time.Minute},
	}
}

// as adds somebody and logs them in.
func (h *house) as(name string, role access.Role) (*client, media.UUID) {
	h.t.Helper()
	var p personView
	h.owner.ok("POST", "/users", map[string]any{"name": name, "password": password, "role": role}, &p)
	c := h.client()
	c.ok("POST", "/session", map[string]string{"name": name, "password": password}, nil)
	return c, p.ID
}

// permit replaces what somebody may do beyond their role.
func (h *house) permit(user media.UUID, camera media.CameraID, verbs ...access.Verb) {
	h.t.Helper()
	list := []map[string]any{}
	if len(verbs) > 0 {
		list = append(list, map[string]any{"camera": camera, "verbs": verbs})
	}
	h.owner.ok("PUT", "/users/"+user.String()+"/grants", list, nil)
}

// send sends a request under /api/v1, or anywhere with an address that does not begin with "/".
func (c *client) send(method, path string, body any, change ...func(*http.Request)) (*http.Response, []byte) {
	c.t.Helper()
	resp := c.open(method, path, body, change...)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp, raw
}

// open is send for an answer that streams.
func (c *client) open(method, path string, body any, change ...func(*http.Request)) *http.Response {
	c.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			c.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	address := c.base + prefix + path
	if rest, ok := strings.CutPrefix(path, "root:"); ok {
		address = c.base + rest
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, address, reader)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// ok sends a request that has to succeed, and reads its answer into out unless that is nil.
func (c *client) ok(method, path string, body, out any) {
	c.t.Helper()
	resp, raw := c.send(method, path, body)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		c.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
}

// refused sends a request that has to be answered with a problem of that status.
func (c *client) refused(want int, method, path string, body any, change ...func(*http.Request)) problemView {
	c.t.Helper()
	resp, raw := c.send(method, path, body, change...)
	var p problemView
	if resp.StatusCode != want || resp.Header.Get("Content-Type") != "application/problem+json" {
		c.t.Errorf("%s %s: %d %s %s, want %d", method, path, resp.StatusCode, resp.Header.Get("Content-Type"), raw, want)
		return p
	}
	if err := json.Unmarshal(raw, &p); err != nil || p.Status != want || p.Detail == "" {
		c.t.Errorf("%s %s: no problem of RFC 9457: %s", method, path, raw)
	}
	p.header = resp.Header
	return p
}

type problemView struct {
	Type   string
	Status int
	Detail string
	Errors []struct{ Location, Message string }
	header http.Header
}

func (p problemView) field() string {
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Location
}

func fromTo(from, to time.Time) string { return fmt.Sprintf("from=%s&to=%s", stamp(from), stamp(to)) }
