package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// tokenView is an API token without its secret.
type tokenView struct {
	ID      media.UUID      `json:"id"`
	Name    string          `json:"name"`
	User    media.UUID      `json:"user"`
	Person  string          `json:"user_name" doc:"Whose it is: it may never do more than they may at that moment"`
	Grants  []permissionDTO `json:"grants" nullable:"false"`
	Metrics bool            `json:"metrics" doc:"It opens GET /metrics"`
	Created time.Time       `json:"created"`
	Until   *time.Time      `json:"until,omitempty" doc:"Without it the token does not end by itself"`
	Seen    *time.Time      `json:"last_used,omitempty" doc:"To about ten minutes; absent: never"`
	From    string          `json:"last_from,omitempty" doc:"The address that it was last used from"`
}

type addTokenInput struct {
	Body struct {
		Name    string          `json:"name" maxLength:"200" doc:"What it is for"`
		Grants  []permissionDTO `json:"grants,omitempty" maxItems:"256" nullable:"false" doc:"Nothing that one may not do oneself"`
		Metrics bool            `json:"metrics,omitempty" doc:"It opens GET /metrics; for owners"`
		Until   *time.Time      `json:"until,omitempty"`
	}
}

type newTokenOutput struct {
	Body struct {
		tokenView
		Token string `json:"token" doc:"Shown this once; for Authorization: Bearer"`
	}
}

type tokenInput struct {
	ID media.UUID `path:"id"`
}

func (s *Server) tokenRoutes(t *table) {
	own := door{kind: personal}
	route(t, own, http.MethodGet, "/tokens", "One's own API tokens; everybody's for owners", s.getTokens)
	route(t, own, http.MethodPost, "/tokens", "Make an API token that acts for oneself: see tokens.md", s.addToken, status(http.StatusCreated))
	route(t, own, http.MethodDelete, "/tokens/{id}", "Revoke an API token of one's own; anybody's for owners", s.revokeToken, status(http.StatusNoContent))
}

// whose gives the person that a visitor may ask about: oneself, and as an owner (the zero UUID) everybody.
func (s *Server) whose(v *visitor) (media.UUID, error) {
	err := s.access().RequireOwner(v.session)
	switch {
	case err == nil:
		return media.UUID{}, nil
	case errors.Is(err, access.ErrDenied):
		return v.session.Person.ID, nil
	}
	return media.UUID{}, err
}

func (s *Server) getTokens(ctx context.Context, _ *nothing) (*struct{ Body list[tokenView] }, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	tokens, err := s.access().Tokens(whose)
	if err != nil {
		return nil, err
	}
	grants, err := s.seen(v.session)
	if err != nil {
		return nil, err
	}
	known := set(grants)
	out := &struct{ Body list[tokenView] }{list[tokenView]{Items: []tokenView{}}}
	for _, t := range tokens {
		// A camera that was taken from somebody is none that they are told of.
		t.Grants = slices.DeleteFunc(t.Grants, func(m access.Permission) bool { return !known[m.Camera] })
		out.Body.Items = append(out.Body.Items, viewOfToken(t))
	}
	return out, nil
}

func viewOfToken(t access.Token) tokenView {
	v := tokenView{
		ID: t.ID, Name: t.Name, User: t.Person.ID, Person: t.Person.Name, Grants: viewOfPermissions(t.Grants), Metrics: t.Metrics,
		Created: t.Created, From: t.From,
	}
	if !t.Until.IsZero() {
		v.Until = &t.Until
	}
	if !t.Seen.IsZero() {
		v.Seen = &t.Seen
	}
	return v
}

func (s *Server) addToken(ctx context.Context, in *addTokenInput) (*newTokenOutput, error) {
	v := visitorOf(ctx)
	n := access.NewToken{Name: in.Body.Name, Grants: permissionsOf(in.Body.Grants), Metrics: in.Body.Metrics}
	if in.Body.Until != nil {
		n.Until = *in.Body.Until
	}
	secret, t, err := s.access().MakeToken(v.session, n)
	if err != nil {
		return nil, err
	}
	e := v.entry("token.add", media.CameraID{})
	e.Detail = t.Name
	s.looks.did(e)
	out := &newTokenOutput{}
	out.Body.tokenView, out.Body.Token = viewOfToken(t), secret
	return out, nil
}

func (s *Server) revokeToken(ctx context.Context, in *tokenInput) (*nothing, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	t, err := s.access().RevokeToken(whose, in.ID)
	if errors.Is(err, access.ErrNoSession) {
		return nil, notFound()
	} else if err != nil {
		return nil, err
	}
	e := v.entry("token.revoke", media.CameraID{})
	e.Detail = t.Name
	if t.Person.ID != v.session.Person.ID {
		e.Detail += " (" + t.Person.Name + ")"
	}
	s.looks.did(e)
	return nil, nil
}
