package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// needsName is the type of the problem that passkeys need a name and the browser came by an address.
const needsName = "urn:hearth:needs-name"

// passkeysView says whether passkeys can be had here, and which there are.
type passkeysView struct {
	Possible bool          `json:"possible" doc:"The browser came by a name; an address cannot have passkeys"`
	Instead  string        `json:"instead,omitempty" doc:"An address with a name, to come by for passkeys"`
	Items    []passkeyView `json:"items" nullable:"false"`
}

type passkeyView struct {
	ID      media.UUID `json:"id"`
	Name    string     `json:"name"`
	Host    string     `json:"host" doc:"The name of the box that it was made for, and opens under"`
	Created time.Time  `json:"created"`
	Used    *time.Time `json:"used,omitempty"`
}

type ceremonyOutput struct {
	Body struct {
		Ticket  string `json:"ticket" doc:"Goes back with the browser's answer, within five minutes"`
		Options any    `json:"options" doc:"For navigator.credentials, as JSON (Web Authentication)"`
	}
}

type passkeyOutput struct{ Body passkeyView }

type passkeyInput struct {
	ID media.UUID `path:"id"`
}

func (s *Server) passkeyRoutes(t *table) {
	own := door{kind: personal}
	route(t, door{kind: public}, http.MethodPost, "/session/passkey/begin", "Begin to log in with a passkey", s.beginPasskeyLogin)
	route(t, door{kind: public}, http.MethodPost, "/session/passkey", "Log in with a passkey", s.passkeyLogin)
	route(t, own, http.MethodPost, "/me/passkeys/begin", "Begin to add a passkey", s.beginPasskey)
	route(t, own, http.MethodPost, "/me/passkeys", "Add the passkey that the browser made", s.addPasskey, status(http.StatusCreated))
	route(t, own, http.MethodPatch, "/me/passkeys/{id}", "Give a passkey another name", s.renamePasskey)
	route(t, own, http.MethodDelete, "/me/passkeys/{id}", "Remove a passkey", s.removePasskey, status(http.StatusNoContent))
}

func viewOfPasskey(k access.Passkey) passkeyView {
	v := passkeyView{ID: k.ID, Name: k.Name, Host: k.Host, Created: k.Created.UTC()}
	if !k.Used.IsZero() {
		v.Used = &k.Used
	}
	return v
}

// siteOf is the address that the visitor's browser has the box under, as long as it is a name.
func siteOf(v *visitor) (access.Site, bool) {
	host := hostName(v.host)
	host = strings.ToLower(host)
	if _, err := netip.ParseAddr(host); err == nil || host == "" || strings.Contains(host, ":") {
		return access.Site{}, false
	}
	return access.Site{Host: host, Origin: "https://" + strings.ToLower(v.host)}, true
}

func hostPort(hostport string) (host, port string) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.Trim(hostport, "[]"), ""
	}
	return host, port
}

// byName is the same door under a name that can have passkeys.
func byName(v *visitor) string {
	_, port := hostPort(v.host)
	if port == "" {
		return "https://hearth.local"
	}
	return "https://" + net.JoinHostPort("hearth.local", port)
}

func noName(v *visitor) error {
	p := problem(http.StatusConflict, "A passkey belongs to a name, and you came by an address. Open "+byName(v)+" and try there.")
	p.Type = needsName
	return p
}

func (s *Server) passkeysOf(v *visitor, keys []access.Passkey) passkeysView {
	view := passkeysView{Items: []passkeyView{}}
	if _, view.Possible = siteOf(v); !view.Possible {
		view.Instead = byName(v)
	}
	for _, k := range keys {
		view.Items = append(view.Items, viewOfPasskey(k))
	}
	return view
}

func (s *Server) beginPasskey(ctx context.Context, in *struct {
	Body struct {
		Password string `json:"password" maxLength:"1024" doc:"One's own"`
		Code     string `json:"code,omitempty" maxLength:"40" doc:"Of the authenticator, from who has one"`
	}
},
) (*ceremonyOutput, error) {
	v := visitorOf(ctx)
	site, ok := siteOf(v)
	if !ok {
		return nil, noName(v)
	}
	out := &ceremonyOutput{}
	var err error
	out.Body.Ticket, out.Body.Options, err = s.access().BeginPasskey(ctx, v.session.Person, in.Body.Password, in.Body.Code, v.from, site)
	if err != nil {
		return nil, s.proofProblem(v, err)
	}
	return out, nil
}

func (s *Server) addPasskey(ctx context.Context, in *struct {
	Body struct {
		Ticket     string `json:"ticket" maxLength:"16384"`
		Name       string `json:"name" maxLength:"200"`
		Credential any    `json:"credential" doc:"The browser's answer, as JSON"`
	}
},
) (*passkeyOutput, error) {
	v := visitorOf(ctx)
	site, ok := siteOf(v)
	if !ok {
		return nil, noName(v)
	}
	k, err := s.access().AddPasskey(v.session.Person, in.Body.Ticket, in.Body.Name, access.AnswerOf(in.Body.Credential), site)
	if errors.Is(err, access.ErrWrongPasskey) {
		return nil, invalid("body.credential", "the passkey could not be added: begin once more")
	}
	if err != nil {
		return nil, err
	}
	s.notePasskey(v, "passkey.add", k)
	return &passkeyOutput{viewOfPasskey(k)}, nil
}

func (s *Server) renamePasskey(ctx context.Context, in *struct {
	ID   media.UUID `path:"id"`
	Body struct {
		Name string `json:"name" maxLength:"200"`
	}
},
) (*passkeyOutput, error) {
	k, err := s.access().RenamePasskey(visitorOf(ctx).session.Person, in.ID, in.Body.Name)
	if errors.Is(err, access.ErrNoPasskey) {
		return nil, notFound()
	}
	return &passkeyOutput{viewOfPasskey(k)}, err
}

func (s *Server) removePasskey(ctx context.Context, in *passkeyInput) (*nothing, error) {
	v := visitorOf(ctx)
	k, err := s.access().RemovePasskey(v.session.Person, in.ID)
	if errors.Is(err, access.ErrNoPasskey) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	s.notePasskey(v, "passkey.remove", k)
	return nil, nil
}

func (s *Server) notePasskey(v *visitor, act string, k access.Passkey) {
	e := v.entry(act, media.CameraID{})
	e.Detail = k.Name
	s.looks.did(e)
}

func (s *Server) beginPasskeyLogin(ctx context.Context, _ *nothing) (*ceremonyOutput, error) {
	v := visitorOf(ctx)
	site, ok := siteOf(v)
	if !ok {
		return nil, noName(v)
	}
	out := &ceremonyOutput{}
	var err error
	out.Body.Ticket, out.Body.Options, err = s.access().BeginLogin(site)
	return out, err
}

func (s *Server) passkeyLogin(ctx context.Context, in *struct {
	Body struct {
		Ticket     string `json:"ticket" maxLength:"16384"`
		Credential any    `json:"credential" doc:"The browser's answer, as JSON"`
	}
},
) (*meOutput, error) {
	v := visitorOf(ctx)
	site, ok := siteOf(v)
	if !ok {
		return nil, noName(v)
	}
	token, session, err := s.access().LoginByPasskey(in.Body.Ticket, access.AnswerOf(in.Body.Credential), site, v.from, v.device, v.via)
	if errors.Is(err, access.ErrWrongPasskey) {
		s.meter.wrongLogins.Inc()
		s.looks.did(access.Entry{Act: "login", Denied: true, Addr: v.from.String(), Detail: "with a passkey"})
		return nil, problem(http.StatusUnauthorized, "This passkey does not open here. Log in with your password.")
	}
	if err != nil {
		return nil, err
	}
	return s.enter(v, token, session)
}
