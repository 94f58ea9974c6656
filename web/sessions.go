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

// sessionView is one browser or program that somebody is logged in with.
type sessionView struct {
	ID      media.UUID `json:"id"`
	Device  string     `json:"device" doc:"What the browser said it is (User-Agent)"`
	From    string     `json:"from" doc:"The address that it was last used from"`
	Created time.Time  `json:"created"`
	Seen    time.Time  `json:"seen" doc:"Last used, to about ten minutes"`
	Expires time.Time  `json:"expires" doc:"When it ends if it is not used before"`
	Current bool       `json:"current" doc:"The one that asks"`
	Way     string     `json:"way,omitempty" enum:"password,code,recovery-code,passkey" doc:"How it was begun; not known of old ones"`
}

type sessionInput struct {
	ID media.UUID `path:"id"`
}

func (s *Server) sessionRoutes(t *table) {
	own := door{kind: personal}
	route(t, own, http.MethodGet, "/sessions", "Where one is logged in, last used first", s.getSessions)
	route(t, own, http.MethodDelete, "/sessions", "Log out everywhere else", s.endOtherSessions, status(http.StatusNoContent))
	route(t, own, http.MethodDelete, "/sessions/{id}", "Log out in one place", s.endSession, status(http.StatusNoContent))
	route(t, door{kind: ownerOnly}, http.MethodDelete, "/users/{id}/sessions", "Log somebody out everywhere; oneself everywhere else",
		s.endSessionsOf, status(http.StatusNoContent))
}

func (s *Server) getSessions(ctx context.Context, _ *nothing) (*struct{ Body list[sessionView] }, error) {
	v := visitorOf(ctx)
	sessions, err := s.access().Sessions(v.session.Person)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(sessions, func(a, b access.Session) int { return b.Seen.Compare(a.Seen) })
	out := &struct{ Body list[sessionView] }{list[sessionView]{Items: []sessionView{}}}
	for _, x := range sessions {
		out.Body.Items = append(out.Body.Items, sessionView{
			ID: x.ID, Device: x.Device, From: x.From, Created: x.Created.UTC(), Seen: x.Seen.UTC(), Expires: x.Expires.UTC(),
			Current: x.ID == v.session.ID, Way: string(x.Way),
		})
	}
	return out, nil
}

func (s *Server) endSession(ctx context.Context, in *sessionInput) (*nothing, error) {
	v := visitorOf(ctx)
	ended, err := s.access().EndOf(v.session.Person, in.ID)
	if errors.Is(err, access.ErrNoSession) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	e := v.entry("session.end", media.CameraID{})
	e.Detail = ended.Device
	s.looks.did(e)
	return nil, nil
}

func (s *Server) endOtherSessions(ctx context.Context, _ *nothing) (*nothing, error) {
	v := visitorOf(ctx)
	if err := s.access().EndAll(v.session.Person.ID, v.session); err != nil {
		return nil, err
	}
	s.looks.did(v.entry("session.end-others", media.CameraID{}))
	return nil, nil
}

func (s *Server) endSessionsOf(ctx context.Context, in *personInput) (*nothing, error) {
	p, err := s.access().Person(in.ID)
	if err != nil {
		return nil, err
	}
	// The session that asks is kept, which matters to who asks about oneself only.
	if err := s.access().EndAll(p.ID, visitorOf(ctx).session); err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.sessions", p)
	return nil, nil
}
