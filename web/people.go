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

type personView struct {
	ID       media.UUID      `json:"id"`
	Name     string          `json:"name"`
	Role     access.Role     `json:"role" enum:"owner,adult,guest"`
	Created  time.Time       `json:"created"`
	Factor   bool            `json:"second_factor" doc:"A code is asked for after the password"`
	LastSeen *time.Time      `json:"last_seen,omitempty" doc:"To about ten minutes"`
	Grants   []permissionDTO `json:"grants" nullable:"false"`
}

// permissionDTO is a permission as it is sent and taken.
type permissionDTO struct {
	Camera media.CameraID `json:"camera"`
	Verbs  []access.Verb  `json:"verbs" minItems:"1" enum:"live,events,footage,export,manage" nullable:"false"`
	Until  *time.Time     `json:"until,omitempty" doc:"Without it the permission does not end"`
}

func viewOfPermissions(list []access.Permission) []permissionDTO {
	view := make([]permissionDTO, 0, len(list))
	for _, m := range list {
		d := permissionDTO{Camera: m.Camera, Verbs: m.Verbs}
		if !m.Until.IsZero() {
			d.Until = &m.Until
		}
		view = append(view, d)
	}
	return view
}

func permissionsOf(list []permissionDTO) []access.Permission {
	permissions := make([]access.Permission, 0, len(list))
	for _, d := range list {
		m := access.Permission{Camera: d.Camera, Verbs: d.Verbs}
		if d.Until != nil {
			m.Until = d.Until.UTC()
		}
		permissions = append(permissions, m)
	}
	return permissions
}

type personOutput struct{ Body personView }

type peopleOutput struct{ Body list[personView] }

// list is one part of a longer list.
type list[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"The cursor of the next part; absent on the last one"`
}

type addPersonInput struct {
	Body struct {
		Name     string      `json:"name" maxLength:"200"`
		Password string      `json:"password" maxLength:"1024"`
		Role     access.Role `json:"role" enum:"owner,adult,guest"`
	}
}

type changePersonInput struct {
	ID   media.UUID `path:"id"`
	Body struct {
		Name            *string      `json:"name,omitempty" maxLength:"200"`
		Password        *string      `json:"password,omitempty" maxLength:"1024" doc:"Ends all sessions of the person"`
		CurrentPassword string       `json:"current_password,omitempty" maxLength:"1024" doc:"Needed to change one's own password"`
		Role            *access.Role `json:"role,omitempty" enum:"owner,adult,guest"`
	}
}

type changePersonOutput struct {
	Cookie []http.Cookie `header:"Set-Cookie" doc:"A new session for who changed their own password"`
	Body   personView
}

type personInput struct {
	ID media.UUID `path:"id"`
}

type grantsInput struct {
	ID   media.UUID      `path:"id"`
	Body []permissionDTO `maxItems:"256"`
}

func (s *Server) peopleRoutes(t *table) {
	owners := door{kind: ownerOnly}
	route(t, owners, http.MethodGet, "/users", "Everybody who can log in", s.getPeople)
	route(t, owners, http.MethodPost, "/users", "Add somebody", s.addPerson, status(http.StatusCreated))
	route(t, door{kind: selfOrOwn}, http.MethodPatch, "/users/{id}", "Change somebody, or one's own password", s.changePerson)
	route(t, owners, http.MethodDelete, "/users/{id}", "Remove somebody", s.removePerson, status(http.StatusNoContent))
	route(t, owners, http.MethodPut, "/users/{id}/grants", "Say what somebody may do beyond their role", s.putGrants)
}

func (s *Server) getPeople(_ context.Context, _ *nothing) (*peopleOutput, error) {
	people, err := s.access().People()
	if err != nil {
		return nil, err
	}
	out := &peopleOutput{Body: list[personView]{Items: []personView{}}}
	for _, p := range people {
		view, err := s.personView(p)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, view)
	}
	return out, nil
}

func (s *Server) personView(p access.Person) (personView, error) {
	view := personView{ID: p.ID, Name: p.Name, Role: p.Role, Created: p.Created, Grants: []permissionDTO{}}
	permissions, err := s.access().Permissions(p.ID)
	if err != nil {
		return view, err
	}
	view.Grants = viewOfPermissions(permissions)
	factors, err := s.access().Factors(p.ID)
	if err != nil {
		return view, err
	}
	view.Factor = factors.TOTP
	sessions, err := s.access().Sessions(p)
	if err != nil {
		return view, err
	}
	for _, x := range sessions {
		if view.LastSeen == nil || x.Seen.After(*view.LastSeen) {
			view.LastSeen = &x.Seen
		}
	}
	return view, nil
}

func (s *Server) addPerson(ctx context.Context, in *addPersonInput) (*personOutput, error) {
	p, err := s.access().AddPerson(ctx, in.Body.Name, in.Body.Password, in.Body.Role)
	if err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.add", p)
	view, err := s.personView(p)
	return &personOutput{view}, err
}

// noteAbout writes a line about an act that concerns another person.
func (s *Server) noteAbout(ctx context.Context, act string, p access.Person) {
	e := visitorOf(ctx).entry(act, media.CameraID{})
	e.About = p.ID
	e.Detail = p.Name + " (" + string(p.Role) + ")"
	s.looks.did(e)
}

func (s *Server) changePerson(ctx context.Context, in *changePersonInput) (*changePersonOutput, error) {
	v := visitorOf(ctx)
	self := in.ID == v.session.Person.ID
	if !v.owner && (in.Body.Name != nil || in.Body.Role != nil) {
		return nil, problem(http.StatusForbidden, "Only an owner can change a name or a role.")
	}
	change := access.Change{Name: in.Body.Name, Password: in.Body.Password, Role: in.Body.Role}
	out := &changePersonOutput{}
	var p access.Person
	var err error
	if self && in.Body.Password != nil {
		var token string
		var again access.Session
		p, token, again, err = s.access().ChangeOwn(ctx, v.session, in.Body.CurrentPassword, change, v.from, v.device)
		if errors.Is(err, access.ErrWrongLogin) {
			s.wrongProof(v)
			return nil, invalid("body.current_password", "this is not your password")
		}
		out.Cookie = []http.Cookie{cookie(token, again.Expires)}
	} else {
		p, err = s.access().ChangePerson(ctx, in.ID, change)
	}
	if err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.change", p)
	if out.Body, err = s.personView(p); err != nil {
		return nil, err
	}
	if !v.owner { // what has ended is no camera of theirs any more
		out.Body.Grants = slices.DeleteFunc(out.Body.Grants, func(d permissionDTO) bool { return d.Until != nil && !time.Now().Before(*d.Until) })
	}
	return out, nil
}

func (s *Server) removePerson(ctx context.Context, in *personInput) (*nothing, error) {
	p, err := s.access().Person(in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.access().RemovePerson(in.ID); err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.remove", p)
	return nil, s.remote.sync() // their devices are gone
}

func (s *Server) putGrants(ctx context.Context, in *grantsInput) (*personOutput, error) {
	if err := s.access().SetPermissions(in.ID, permissionsOf(in.Body)); err != nil {
		return nil, err
	}
	p, err := s.access().Person(in.ID)
	if err != nil {
		return nil, err
	}
	s.noteAbout(ctx, "user.grants", p)
	view, err := s.personView(p)
	return &personOutput{view}, err
}
