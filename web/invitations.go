package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
)

// invitationView is an open invitation, without its secret.
type invitationView struct {
	ID      media.UUID      `json:"id"`
	Name    string          `json:"name"`
	Role    access.Role     `json:"role" enum:"owner,adult,guest"`
	Grants  []permissionDTO `json:"grants" nullable:"false"`
	Created time.Time       `json:"created"`
	Until   time.Time       `json:"until" doc:"It lets nobody in from then on"`
	By      string          `json:"by" doc:"The owner who invites"`
}

type inviteInput struct {
	Body struct {
		Name   string          `json:"name" maxLength:"200" doc:"What they will be called here; they can choose another name"`
		Role   access.Role     `json:"role" enum:"owner,adult,guest"`
		Grants []permissionDTO `json:"grants,omitempty" maxItems:"256" nullable:"false" doc:"What they may do beyond their role"`
		Hours  int             `json:"hours,omitempty" minimum:"1" maximum:"168" default:"24" doc:"For how long it is open"`
	}
}

type invitedOutput struct {
	Body struct {
		invitationView
		Link string `json:"link" doc:"For whom is invited, shown this once; the secret stands behind #, which browsers send nowhere"`
		QR   string `json:"qr_svg" doc:"The same as a QR code"`
	}
}

type invitationInput struct {
	ID media.UUID `path:"id"`
}

type joinLookInput struct {
	Body struct {
		Secret string `json:"secret" maxLength:"100" doc:"What stands behind # in the link"`
	}
}

// joinLook is what one is told who holds an invitation.
type joinLook struct {
	House   string       `json:"house"`
	By      string       `json:"by"`
	Name    string       `json:"name"`
	Role    access.Role  `json:"role" enum:"owner,adult,guest"`
	Cameras []joinCamera `json:"cameras" nullable:"false" doc:"Those that a guest is given; other roles see all"`
	Until   time.Time    `json:"until"`
}

type joinCamera struct {
	Name  string        `json:"name"`
	Verbs []access.Verb `json:"verbs" nullable:"false"`
	Until *time.Time    `json:"until,omitempty"`
}

type joinInput struct {
	Body struct {
		Secret   string `json:"secret" maxLength:"100"`
		Name     string `json:"name,omitempty" maxLength:"200" doc:"In place of the one in the invitation"`
		Password string `json:"password" maxLength:"1024"`
	}
}

func (s *Server) invitationRoutes(t *table) {
	owners, everybody := door{kind: ownerOnly}, door{kind: public}
	route(t, owners, http.MethodGet, "/invitations", "The invitations that are open", s.getInvitations)
	route(t, owners, http.MethodPost, "/invitations", "Invite somebody: a link and a QR code, for one person, once", s.invite, status(http.StatusCreated))
	route(t, owners, http.MethodDelete, "/invitations/{id}", "Withdraw an invitation", s.withdraw, status(http.StatusNoContent))
	route(t, everybody, http.MethodPost, "/join/look", "What an invitation invites to", s.lookAtInvitation)
	route(t, everybody, http.MethodPost, "/join", "Take an invitation, with a password of one's own", s.join, status(http.StatusCreated))
}

func viewOfInvitation(v access.Invitation) invitationView {
	return invitationView{
		ID: v.ID, Name: v.Name, Role: v.Role, Grants: viewOfPermissions(v.Grants), Created: v.Created, Until: v.Until, By: v.By.Name,
	}
}

func (s *Server) getInvitations(context.Context, *nothing) (*struct{ Body list[invitationView] }, error) {
	open, err := s.access().Invitations()
	if err != nil {
		return nil, err
	}
	out := &struct{ Body list[invitationView] }{list[invitationView]{Items: []invitationView{}}}
	for _, v := range open {
		out.Body.Items = append(out.Body.Items, viewOfInvitation(v))
	}
	return out, nil
}

func (s *Server) invite(ctx context.Context, in *inviteInput) (*invitedOutput, error) {
	v := visitorOf(ctx)
	secret, made, err := s.access().Invite(v.session, access.NewInvitation{
		Name: in.Body.Name, Role: in.Body.Role, Grants: permissionsOf(in.Body.Grants), Term: time.Duration(in.Body.Hours) * time.Hour,
	})
	if err != nil {
		return nil, err
	}
	s.noteInvitation(ctx, "invite.add", made)
	out := &invitedOutput{}
	out.Body.invitationView = viewOfInvitation(made)
	out.Body.Link = s.addressFor(v.host) + "/join#" + secret
	out.Body.QR, err = qrSVG(out.Body.Link)
	return out, err
}

// noteInvitation writes a line about an act that concerns somebody who is invited.
func (s *Server) noteInvitation(ctx context.Context, act string, i access.Invitation) {
	e := visitorOf(ctx).entry(act, media.CameraID{})
	e.Detail = i.Name + " (" + string(i.Role) + ")"
	s.looks.did(e)
}

// addressFor is where somebody else reaches the box who is told so by a visitor who reaches it by that host.
func (s *Server) addressFor(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if ip := net.ParseIP(name); host == "" || name == "localhost" || ip != nil && ip.IsLoopback() {
		return s.URL() // only the box itself reaches it so
	}
	return "https://" + host
}

func (s *Server) withdraw(ctx context.Context, in *invitationInput) (*nothing, error) {
	gone, err := s.access().Withdraw(in.ID)
	if err != nil {
		return nil, err
	}
	s.noteInvitation(ctx, "invite.withdraw", gone)
	return nil, nil
}

func (s *Server) lookAtInvitation(ctx context.Context, in *joinLookInput) (*struct{ Body joinLook }, error) {
	v := visitorOf(ctx)
	if !v.via.IsZero() {
		return nil, notFound()
	}
	i, err := s.access().Invited(in.Body.Secret, v.from)
	if err != nil {
		return nil, s.notInvited(v, err)
	}
	house, err := s.boxName()
	if err != nil {
		return nil, err
	}
	out := &struct{ Body joinLook }{joinLook{
		House: house, By: i.By.Name, Name: i.Name, Role: i.Role, Cameras: []joinCamera{}, Until: i.Until,
	}}
	for n, m := range viewOfPermissions(i.Grants) {
		c, err := s.Store.Box().Camera(i.Grants[n].Camera)
		if errors.Is(err, box.ErrNotFound) {
			continue // just removed
		} else if err != nil {
			return nil, err
		}
		out.Body.Cameras = append(out.Body.Cameras, joinCamera{Name: c.Name, Verbs: m.Verbs, Until: m.Until})
	}
	return out, nil
}

// notInvited notes that somebody came with a secret that is none.
func (s *Server) notInvited(v *visitor, err error) error {
	if errors.Is(err, access.ErrNoInvitation) {
		s.looks.stranger(v, "invite")
	}
	return err
}

func (s *Server) join(ctx context.Context, in *joinInput) (*meOutput, error) {
	v := visitorOf(ctx)
	if !v.via.IsZero() { // who comes by a device is somebody already
		return nil, notFound()
	}
	p, err := s.access().Join(ctx, in.Body.Secret, in.Body.Name, in.Body.Password, v.from)
	if err != nil {
		return nil, s.notInvited(v, err)
	}
	s.looks.did(access.Entry{Act: "invite.join", User: p.ID, Name: p.Name, Detail: string(p.Role), Addr: v.from.String()})
	return s.login(ctx, v, access.Try{Name: p.Name, Password: in.Body.Password})
}
