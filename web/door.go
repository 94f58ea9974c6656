package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
)

// door says who may come in by a route. The zero door lets nobody in.
type door struct {
	kind doorKind
	verb access.Verb
}

type doorKind uint8

const (
	closed      doorKind = iota
	public               // anybody, also who is not logged in
	personal             // whoever is logged in; the handler shows only what is theirs
	ownerOnly            // owners
	selfOrOwn            // the person of the path, and owners
	oneCamera            // who has the verb on the camera of the path
	anyVerb              // who has some verb on the camera of the path
	managedLive          // who may manage the camera of the path and watch it live
	allVerbed            // whoever is logged in, with a grant for each camera on which they have the verb
	allSeen              // whoever is logged in, with a grant for each camera on which they have some verb
	figures              // owners, and their tokens that were made for the metrics
)

func (d door) String() string {
	switch d.kind {
	case public:
		return "everybody"
	case personal:
		return "who is logged in"
	case ownerOnly:
		return "owners"
	case selfOrOwn:
		return "the person, and owners"
	case oneCamera:
		return "who has `" + string(d.verb) + "` on the camera"
	case anyVerb:
		return "who has any verb on the camera"
	case managedLive:
		return "who has `manage` and `live` on the camera"
	case allVerbed:
		return "who is logged in: of cameras with `" + string(d.verb) + "`"
	case allSeen:
		return "who is logged in: of cameras with any verb"
	case figures:
		return "owners, and tokens for the metrics"
	}
	return "nobody"
}

// token says whether API tokens are let in, by their grants. What belongs to a person or to the box is not for them.
func (d door) token() bool {
	switch d.kind {
	case oneCamera, anyVerb, managedLive, allVerbed, allSeen, figures:
		return true
	}
	return false
}

// cookieName has the prefix that makes browsers insist on Secure, no Domain and the path "/".
const cookieName = "__Host-hearth"

// admit is the one place where a request is let in. It gives the visitor with their grants, or a problem.
func (s *Server) admit(r *http.Request, d door, id string) (*visitor, error) {
	v := &visitor{from: remoteAddr(r), via: viaOf(r.Context()), host: r.Host, device: r.UserAgent()}
	if d.kind == closed {
		return nil, notFound()
	}
	err := s.identify(r, v)
	if d.kind == public {
		var busy *access.BusyError
		if err != nil && !errors.Is(err, access.ErrNoSession) && !errors.As(err, &busy) {
			return nil, err
		}
		if v.session.IsToken() {
			v.session = access.Session{} // nobody is logged in
		}
		return v, nil
	}
	if errors.Is(err, access.ErrNoSession) {
		return nil, notLoggedIn()
	} else if err != nil {
		return nil, err
	}
	if err := s.decide(v, d, id); err != nil {
		if errors.Is(err, access.ErrDenied) {
			s.looks.denied(v, d, id)
			return nil, notFound()
		}
		return nil, err
	}
	if d.kind == oneCamera || d.kind == anyVerb || d.kind == managedLive {
		asked, err := media.ParseCameraID(id)
		if err != nil || !s.Store.Bell().Same(alarm.Door, asked, v.grant.Camera(), "a request was given the grant of another camera") {
			return nil, notFound()
		}
	}
	return v, nil
}

// identify finds the session of a request: of its cookie, or of the same secret or an API token as a bearer token.
func (s *Server) identify(r *http.Request, v *visitor) (err error) {
	bearer := false
	v.session, bearer, err = s.sessionOf(r, v.from)
	if bearer && errors.Is(err, access.ErrNoSession) {
		s.looks.stranger(v, "token")
	}
	if err == nil {
		welcomed(r.Context())
	}
	return err
}

func (s *Server) sessionOf(r *http.Request, from netip.Addr) (session access.Session, bearer bool, err error) {
	if scheme, secret, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		session, err = s.access().Bearer(secret, from)
		session, err = s.theirs(session, secret, err)
		session, err = s.cameBy(r, session, err)
		return session, true, err
	}
	c, err := r.Cookie(cookieName)
	if err != nil || c.Value == "" {
		return session, false, access.ErrNoSession
	}
	session, err = s.access().Session(c.Value, from)
	session, err = s.theirs(session, c.Value, err)
	session, err = s.cameBy(r, session, err)
	return session, false, err
}

// theirs makes sure that the session found is that of the secret that the request brought, and of no other request.
func (s *Server) theirs(session access.Session, secret string, err error) (access.Session, error) {
	if err != nil {
		return access.Session{}, err
	}
	session = mixedSession(session)
	if !session.Of(secret) && !sabotage.Blind(string(alarm.Door)) {
		s.Store.Bell().Ring(alarm.Door, media.CameraID{}, "a request was given the session of another one")
		return access.Session{}, access.ErrNoSession
	}
	return session, nil
}

func (s *Server) decide(v *visitor, d door, id string) (err error) {
	a := s.access()
	if v.session.IsToken() && !d.token() {
		return access.ErrDenied
	}
	switch d.kind {
	case personal:
		return nil
	case ownerOnly:
		v.owner = true
		return a.RequireOwner(v.session)
	case selfOrOwn:
		err := a.RequireOwner(v.session)
		v.owner = err == nil
		if errors.Is(err, access.ErrDenied) && id == v.session.Person.ID.String() {
			return nil
		}
		return err
	case oneCamera, anyVerb, managedLive:
		camera, err := media.ParseCameraID(id)
		if err != nil {
			return access.ErrDenied
		}
		verbs := access.Verbs()
		if d.kind == oneCamera {
			verbs = []access.Verb{d.verb}
		}
		if d.kind == managedLive {
			if _, err := a.AuthorizeIn(v.session, camera, access.Live); err != nil {
				return err
			}
			verbs = []access.Verb{access.Manage}
		}
		v.grant, err = s.anyOf(v.session, mixed(sabotage.DoorCamera, camera), verbs)
		return err
	case allVerbed:
		v.grants, err = a.AuthorizeAllIn(v.session, d.verb)
		return err
	case allSeen:
		v.grants, err = s.seen(v.session)
		return err
	case figures:
		if err := a.RequireMetrics(v.session); err != nil {
			return err
		}
		v.grants, err = a.AuthorizeAllIn(v.session, access.Metrics)
		return err
	}
	return access.ErrDenied
}

// anyOf gives the grant for the first of the verbs that the person has on the camera.
func (s *Server) anyOf(session access.Session, camera media.CameraID, verbs []access.Verb) (access.Grant, error) {
	for _, verb := range verbs {
		g, err := s.access().AuthorizeIn(session, camera, verb)
		if !errors.Is(err, access.ErrDenied) {
			return g, err
		}
	}
	return access.Grant{}, access.ErrDenied
}

// seen gives one grant for each camera that the person may know of.
func (s *Server) seen(session access.Session) ([]access.Grant, error) {
	var grants []access.Grant
	has := make(map[media.CameraID]bool)
	for _, verb := range access.Verbs() {
		gs, err := s.access().AuthorizeAllIn(session, verb)
		if err != nil {
			return nil, err
		}
		for _, g := range gs {
			if !has[g.Camera()] {
				has[g.Camera()] = true
				grants = append(grants, g)
			}
		}
	}
	return grants, nil
}

// verbsOn lists what the person may do with a camera.
func (s *Server) verbsOn(session access.Session, camera media.CameraID) ([]access.Verb, error) {
	verbs := []access.Verb{}
	for _, verb := range access.Verbs() {
		_, err := s.access().AuthorizeIn(session, camera, verb)
		if err == nil {
			verbs = append(verbs, verb)
		} else if !errors.Is(err, access.ErrDenied) {
			return nil, err
		}
	}
	return verbs, nil
}

// remoteAddr is the address that the connection comes from. No header can say otherwise.
func remoteAddr(r *http.Request) netip.Addr {
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return a.Addr().Unmap()
	}
	return netip.Addr{}
}

// doorkeeper lets each request in by the door of its route.
func (s *Server) doorkeeper(t *table) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			v, err := s.admit(r, t.doors[r.Method+" "+c.Path()], c.Param("id"))
			if err != nil {
				return problemOf(s.Log, err)
			}
			c.SetRequest(r.WithContext(withVisitor(r.Context(), v)))
			return next(c)
		}
	}
}

// whileGranted gives a context that ends with ctx or, within half a second, when the grant would not be given any
// more or the session is over; then its cause is access.ErrDenied, and onEnd is called.
func (s *Server) whileGranted(ctx context.Context, g access.Grant, onEnd func()) (context.Context, context.CancelFunc) {
	return s.whileTrue(ctx, func() error { return s.access().Renew(g) }, onEnd)
}
