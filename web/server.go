package web

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"hearth/nvr"
	"hearth/nvr/clock"
	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/web/diagnostics"
)

// How long the parts of a request may take, and how large they may be. What streams sets its own time limits.
const (
	headerTime = 10 * time.Second
	bodyTime   = 15 * time.Second
	answerTime = 60 * time.Second
	idleTime   = 2 * time.Minute
	lastWords  = 3 * time.Second // for requests under way when the server stops

	streamsAtOnce = 64 // requests of one connection over HTTP/2

	maxHeader = 32 << 10
	maxBody   = 256 << 10
)

// Server serves the box over HTTPS.
type Server struct {
	Store   *storage.Store
	Cameras *nvr.Cameras
	// Listen is where HTTPS is served, ":8443" for example; port 0 takes a free one. ListenHTTP, if not empty, is
	// where plain HTTP sends on to it.
	Listen, ListenHTTP string
	// Hosts are names of the owner's own under which the box is reached, in lower case, beside those that it has anyway.
	Hosts   []string
	Dir     string // the data folder: the certificate lies in its folder tls
	UI      fs.FS  // the built page, index.html at its root; may be empty
	Log     *slog.Logger
	Version string
	Clock   *clock.Clock      // whether the box knows the time; nil: nothing is said about it
	Recent  *diagnostics.Ring // the last lines of Log; nil: none are kept

	authority *authority
	looks     *looks
	alarms    alarms
	exports   turnstile
	previews  turnstile
	ownReads  turnstile
	cursors   sealer
	bodies    bodies
	shelf     diagnostics.Shelf
	looking   turnstile // at diagnostics
	reaching  turnstile // tests of the way in from afar
	remote    *remote
	meter     *meter
	started   time.Time
	handler   http.Handler
	live      sync.WaitGroup // WebSockets

	secure, plain net.Listener
	opened        bool
}

// Open makes the certificate if there is none, and listens; Run answers. It fails with one clear line when it cannot
// listen or a route has no door.
func (s *Server) Open() (err error) {
	if s.opened {
		return nil
	}
	s.prepare()
	s.remote.read()
	if s.handler, err = s.routes().handler(); err != nil {
		return err
	}
	names := func() []string { return append(slices.Clone(s.Hosts), s.remote.names()...) }
	if s.authority, err = openAuthority(filepath.Join(s.Dir, "tls"), clock.Built(), names()...); err != nil {
		return err
	}
	s.authority.names = func() []string { return localNames(names()...) }
	if names := s.authority.unvouched(s.Hosts); len(names) > 0 {
		s.Log.Warn("the box's certificate authority was made before it had these names, and cannot vouch for them: browsers warn there",
			"names", strings.Join(names, " "))
	}
	if s.secure, err = listen(s.Listen, "--listen"); err != nil {
		return err
	}
	if s.ListenHTTP != "" {
		if s.plain, err = listen(s.ListenHTTP, "--listen-http"); err != nil {
			s.secure.Close()
			return err
		}
	}
	s.opened = true
	return nil
}

// Run serves until ctx ends, gives what is under way a moment, and returns. It opens the server if that was not done.
func (s *Server) Run(ctx context.Context) (err error) {
	if err := s.Open(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.Log.Info("listening", "address", s.URL(), "certificate_sha256", s.authority.fingerprint())

	secure := s.secureServer(ctx)
	redirect := &http.Server{
		Handler: s.plainly(), ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: headerTime,
		IdleTimeout: headerTime, MaxHeaderBytes: maxHeader, ErrorLog: secure.ErrorLog,
	}
	failed := make(chan error, 2)
	var parts sync.WaitGroup
	parts.Go(func() { failed <- secure.ServeTLS(newPorch(s.secure, porchMost), "", "") })
	if s.plain != nil {
		parts.Go(func() { failed <- redirect.Serve(newPorch(s.plain, plainMost)) })
	}
	parts.Go(func() { s.tend(ctx) })
	parts.Go(func() { s.keepAlarms(ctx) })
	parts.Go(func() { s.remote.run(ctx) })

	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("serve the page: %w", err)
	}
	cancel()
	last, done := context.WithTimeout(context.Background(), lastWords)
	defer done()
	for _, server := range []*http.Server{secure, redirect} {
		if server.Shutdown(last) != nil {
			err = errors.Join(err, server.Close())
		}
	}
	parts.Wait()
	s.live.Wait() // WebSockets are no longer the HTTP server's to wait for
	s.looks.flush(true)
	return err
}

// secureServer answers over HTTPS, in the home as in the tunnel. What streams ends with ctx.
func (s *Server) secureServer(ctx context.Context) *http.Server {
	return &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog:    slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), // clients that do not know our authority, mostly
		TLSConfig:   s.tlsConfig(),
		ConnContext: withPorch,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: streamsAtOnce, MaxReceiveBufferPerConnection: maxBody, MaxReceiveBufferPerStream: 64 << 10,
			SendPingTimeout: idleTime, PingTimeout: headerTime, WriteByteTimeout: answerTime,
		},
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
}

func (s *Server) tlsConfig() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.authority.certificate}
}

// prepare sets what the zero Server lacks.
func (s *Server) prepare() {
	if s.Log == nil {
		s.Log = slog.Default()
	}
	s.started = time.Now()
	s.exports = make(turnstile, exportsAtOnce)
	s.previews = make(turnstile, previewsAtOnce)
	s.ownReads = make(turnstile, ownReaders)
	s.looking = make(turnstile, 1)
	s.reaching = make(turnstile, 1)
	s.remote = &remote{s: s}
	s.looks = newLooks(s.access().Audit, s.Log)
	s.looks.known = func(id media.CameraID) bool {
		_, err := s.Store.Box().Camera(id)
		return err == nil
	}
	s.meter = newMeter(s.Version)
	s.listen(s.Store.Bell())
}

func listen(address, flag string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; choose another address with %s", address, err, flag)
	}
	return l, nil
}

// Addr is where HTTPS is served; nil before Open.
func (s *Server) Addr() net.Addr {
	if s.secure == nil {
		return nil
	}
	return s.secure.Addr()
}

// AddrHTTP is where plain HTTP sends on; nil before Open and when nothing does.
func (s *Server) AddrHTTP() net.Addr {
	if s.plain == nil {
		return nil
	}
	return s.plain.Addr()
}

// URL is an address that a browser in the home can open; "" before Open.
func (s *Server) URL() string {
	if s.secure == nil {
		return ""
	}
	host, port, err := net.SplitHostPort(s.secure.Addr().String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = homeAddress()
	}
	return "https://" + net.JoinHostPort(host, port)
}

// homeAddress is the machine's own private IPv4 address, or "localhost".
func homeAddress() string {
	addresses, _ := net.InterfaceAddrs() // without them it is reached from here only
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsPrivate() {
			return n.IP.String()
		}
	}
	return "localhost"
}

func (s *Server) access() *access.Access { return s.Store.Access() }

// tend renews the certificate when it ends or the box's addresses change, and writes what was looked at.
func (s *Server) tend(ctx context.Context) {
	tick := time.NewTicker(30 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.looks.flush(false)
			s.shelf.Sweep()
			if err := s.authority.refresh(); err != nil {
				s.Log.Error("the certificate cannot be renewed", "error", err)
			}
		}
	}
}

func (s *Server) routes() *table {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = s.refuse
	e.Use(s.headers, s.metered, s.recovered, s.knownHost, s.sameOrigin, s.bounded)
	t := &table{
		api:   humaecho.New(e, s.document()),
		log:   s.Log,
		echo:  e,
		doors: make(map[string]door),
	}
	e.Use(s.doorkeeper(t))
	s.entranceRoutes(t)
	s.sessionRoutes(t)
	s.signinRoutes(t)
	s.passkeyRoutes(t)
	s.cameraRoutes(t)
	s.liveRoutes(t)
	s.motionRoutes(t)
	s.footageRoutes(t)
	s.bundleRoutes(t)
	s.eventRoutes(t)
	s.peopleRoutes(t)
	s.tokenRoutes(t)
	s.auditRoutes(t)
	s.invitationRoutes(t)
	s.boxRoutes(t)
	s.storageRoutes(t)
	s.remoteRoutes(t)
	s.diagnosticsRoutes(t)
	s.trustRoutes(t)
	s.pageRoutes(t)
	return t
}

// document is the beginning of the OpenAPI document. The library's own routes for it are left out: they would have
// no door.
func (s *Server) document() huma.Config {
	format := huma.Format{
		Marshal:   huma.DefaultJSONFormat.Marshal,
		Unmarshal: huma.DefaultJSONFormat.Unmarshal,
	}
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info:    &huma.Info{Title: "Hearth", Version: "1", License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"cookie": {Type: "apiKey", In: "cookie", Name: cookieName},
					"bearer": {Type: "http", Scheme: "bearer"},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{withoutValues},
	}
}

// refuse writes what middleware and router refuse, as problems.
func (s *Server) refuse(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	var model *huma.ErrorModel
	var fromEcho *echo.HTTPError
	var headers huma.HeadersError
	switch {
	case errors.As(err, &model):
	case errors.As(err, &fromEcho):
		model = notFound()
		if fromEcho.Code == http.StatusRequestEntityTooLarge {
			model = problem(fromEcho.Code, "That is too much at once.")
		}
	default:
		s.Log.Error("a request failed", "error", err)
		model = problem(http.StatusInternalServerError, "Something went wrong on the box. Its log says more.")
	}
	if errors.As(err, &headers) {
		for k, v := range headers.GetHeaders() {
			c.Response().Header()[k] = v
		}
	}
	c.Response().Header().Set("Content-Type", "application/problem+json")
	c.Response().WriteHeader(model.Status)
	if err := json.NewEncoder(c.Response()).Encode(model); err != nil {
		s.Log.Debug("an answer was not taken", "error", err)
	}
}

// schemaName gives a type its name in the document: a cameraView is a Camera.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	return strings.NewReplacer("View", "", "DTO", "").Replace(name)
}
