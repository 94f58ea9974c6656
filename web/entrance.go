package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// meView is who is logged in.
type meView struct {
	ID      media.UUID  `json:"id"`
	Name    string      `json:"name"`
	Role    access.Role `json:"role" enum:"owner,adult,guest"`
	Expires time.Time   `json:"expires" doc:"When the session ends if it is not used before"`
	Away    bool        `json:"away,omitempty" doc:"By a device in the tunnel, from afar maybe"`
}

type meOutput struct {
	Cookie http.Cookie `header:"Set-Cookie"`
	Body   meView
}

type setupOutput struct {
	Body struct {
		Needed    bool `json:"needed" doc:"Nobody owns this box yet"`
		NeedsCode bool `json:"needs_code" doc:"Who asks from here needs what hearth setup-code prints"`
	}
}

type setupInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"200"`
		Password string `json:"password" maxLength:"1024"`
		Code     string `json:"code,omitempty" maxLength:"40"`
	}
}

type loginInput struct {
	Body struct {
		Name     string `json:"name" maxLength:"300"`
		Password string `json:"password" maxLength:"1024"`
		TOTP     string `json:"totp,omitempty" maxLength:"40" doc:"A code of the authenticator or a recovery code, from who has a second factor. Without it the right password is answered with a problem of the type urn:hearth:code-needed"`
	}
}

// nothing is the input or output of a route that needs none.
type nothing struct{}

func (s *Server) entranceRoutes(t *table) {
	route(t, door{kind: public}, http.MethodGet, "/setup", "Whether the box waits for its first owner", s.getSetup)
	route(t, door{kind: public}, http.MethodPost, "/setup", "Become the first owner", s.postSetup, status(http.StatusCreated))
	route(t, door{kind: public}, http.MethodPost, "/session", "Log in", s.postSession)
	route(t, door{kind: personal}, http.MethodGet, "/session", "Who is logged in", s.getSession)
	route(t, door{kind: personal}, http.MethodDelete, "/session", "Log out", s.deleteSession, status(http.StatusNoContent))
}

func (s *Server) getSetup(ctx context.Context, _ *nothing) (*setupOutput, error) {
	out := &setupOutput{}
	needed, code, err := s.access().SetupState(visitorOf(ctx).from)
	out.Body.Needed, out.Body.NeedsCode = needed, needed && code
	return out, err
}

func (s *Server) postSetup(ctx context.Context, in *setupInput) (*meOutput, error) {
	v := visitorOf(ctx)
	if !v.via.IsZero() { // who comes by a device is somebody already
		return nil, notFound()
	}
	p, err := s.access().Setup(ctx, access.First{Name: in.Body.Name, Password: in.Body.Password, Code: in.Body.Code, From: v.from})
	if err != nil {
		return nil, err
	}
	s.looks.did(access.Entry{Act: "setup", User: p.ID, Name: p.Name, Addr: v.from.String()})
	return s.login(ctx, v, access.Try{Name: in.Body.Name, Password: in.Body.Password})
}

func (s *Server) postSession(ctx context.Context, in *loginInput) (*meOutput, error) {
	return s.login(ctx, visitorOf(ctx), access.Try{Name: in.Body.Name, Password: in.Body.Password, Code: in.Body.TOTP})
}

func (s *Server) login(ctx context.Context, v *visitor, try access.Try) (*meOutput, error) {
	try.From, try.Device, try.Via = v.from, v.device, v.via
	token, session, err := s.access().Login(ctx, try)
	wrongCode := errors.Is(err, access.ErrWrongCode)
	if wrongCode || errors.Is(err, access.ErrWrongLogin) {
		s.meter.wrongLogins.Inc()
		// The rate limit bounds how many such lines there can be. A name nobody has may be a password in the wrong field.
		p := s.known(try.Name)
		e := access.Entry{Act: "login", Denied: true, Name: p.Name, About: p.ID, Addr: v.from.String()}
		if wrongCode {
			e.Detail = "the password was right, the code was not"
		}
		s.looks.did(e)
	}
	switch {
	case wrongCode:
		return nil, codeProblem(codeWrong, "This code is wrong, or was used before.")
	case errors.Is(err, access.ErrCodeNeeded):
		return nil, codeProblem(codeNeeded, "A code of your authenticator app is needed as well.")
	case err != nil:
		return nil, err
	}
	return s.enter(v, token, session)
}

// enter answers somebody who has just logged in with their new session.
func (s *Server) enter(v *visitor, token string, session access.Session) (*meOutput, error) {
	if v.session.ID != (media.UUID{}) { // the browser forgets the session before
		if err := s.access().End(v.session); err != nil {
			return nil, err
		}
	}
	e := access.Entry{Act: "login", User: session.Person.ID, Name: session.Person.Name, Addr: v.from.String()}
	if session.Way == access.ByRecovery || session.Way == access.ByPasskey {
		e.Detail = "with a " + strings.ReplaceAll(string(session.Way), "-", " ")
	}
	s.looks.did(e)
	return &meOutput{Cookie: cookie(token, session.Expires), Body: me(session)}, nil
}

// known is who has a name; nobody if nobody has it.
func (s *Server) known(name string) access.Person {
	people, err := s.access().People()
	if err != nil {
		return access.Person{}
	}
	for _, p := range people {
		if strings.EqualFold(p.Name, strings.TrimSpace(name)) {
			return p
		}
	}
	return access.Person{}
}

func (s *Server) getSession(ctx context.Context, _ *nothing) (*struct{ Body meView }, error) {
	return &struct{ Body meView }{me(visitorOf(ctx).session)}, nil
}

func (s *Server) deleteSession(ctx context.Context, _ *nothing) (*struct {
	Cookie http.Cookie `header:"Set-Cookie"`
}, error,
) {
	v := visitorOf(ctx)
	if err := s.access().End(v.session); err != nil {
		return nil, err
	}
	s.looks.did(v.entry("logout", media.CameraID{}))
	gone := cookie("", time.Time{})
	gone.MaxAge = -1
	return &struct {
		Cookie http.Cookie `header:"Set-Cookie"`
	}{gone}, nil
}

func me(s access.Session) meView {
	return meView{ID: s.Person.ID, Name: s.Person.Name, Role: s.Person.Role, Expires: s.Expires.UTC(), Away: !s.Via.IsZero()}
}

func cookie(token string, until time.Time) http.Cookie {
	return http.Cookie{
		Name: cookieName, Value: token, Path: "/", Expires: until,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}
