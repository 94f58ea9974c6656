package web

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/web/tunnel"
)

// onlineFor is how long after a handshake a device counts as connected: WireGuard makes another after two minutes of use.
const onlineFor = 3 * time.Minute

// deviceView is a device that may come in from afar, without its keys.
type deviceView struct {
	ID        media.UUID `json:"id"`
	Name      string     `json:"name"`
	User      media.UUID `json:"user"`
	Person    string     `json:"user_name" doc:"Whose it is: nobody else can log in on it"`
	Created   time.Time  `json:"created"`
	Pending   bool       `json:"pending,omitempty" doc:"It waits for an owner who lets it in, at home"`
	NeedsCode bool       `json:"needs_code,omitempty" doc:"Its code is good no more: the box has another key"`
	Online    bool       `json:"online,omitempty"`
	Seen      *time.Time `json:"last_seen,omitempty" doc:"Its last handshake; absent: never"`
	From      string     `json:"last_from,omitempty" doc:"The address that it came from"`
	In        uint64     `json:"bytes_in" doc:"From it, since remote access was opened"`
	Out       uint64     `json:"bytes_out" doc:"To it"`
	Address   string     `json:"address,omitempty" doc:"Its address in the tunnel"`
	Trouble   string     `json:"trouble,omitempty" enum:"doubled,clock" doc:"doubled: two devices seem to use its code; clock: its clock went backwards, so that it is not let in"`
}

// newDeviceView is what is shown once.
type newDeviceView struct {
	deviceView
	Config   string `json:"config" doc:"For a WireGuard program; holds secrets, shown this once"`
	QR       string `json:"qr_svg" doc:"The same as a QR code"`
	URL      string `json:"url" doc:"Where the page is, once it is connected"`
	HomeOnly bool   `json:"home_only,omitempty" doc:"Nobody said under which address the box is reached: this code is good at home only"`
}

type newDeviceOutput struct{ Body newDeviceView }

type deviceInput struct {
	ID media.UUID `path:"id"`
}

type addDeviceInput struct {
	Body struct {
		Name   string `json:"name" maxLength:"200"`
		User   string `json:"user,omitempty" maxLength:"40" doc:"Whose it is, for owners; oneself if absent"`
		Public string `json:"public_key,omitempty" maxLength:"100" doc:"Where the device has made its key itself: then the box never knows the private one"`
	}
}

type recodeInput struct {
	ID   media.UUID `path:"id"`
	Body struct {
		Public string `json:"public_key,omitempty" maxLength:"100" doc:"As when it is added"`
	}
}

type renameDeviceInput struct {
	ID   media.UUID `path:"id"`
	Body struct {
		Name string `json:"name" maxLength:"200"`
	}
}

func (s *Server) deviceRoutes(t *table) {
	own, owners := door{kind: personal}, door{kind: ownerOnly}
	route(t, own, http.MethodGet, "/remote/peers", "One's own devices that may come in from afar; everybody's for owners", s.getDevices)
	route(t, own, http.MethodPost, "/remote/peers", "Add a device of one's own; anybody's for owners. Its code is shown this once",
		s.addDevice, status(http.StatusCreated))
	route(t, own, http.MethodPatch, "/remote/peers/{id}", "Give a device another name", s.renameDevice)
	route(t, own, http.MethodPost, "/remote/peers/{id}/code", "Give a device a new code; what used the one before is out", s.recodeDevice)
	route(t, owners, http.MethodPost, "/remote/peers/{id}/approve", "Let a device in that waits for it; at home only", s.approveDevice)
	route(t, own, http.MethodDelete, "/remote/peers/{id}", "Revoke a device: it is out at once, with its sessions", s.removeDevice,
		status(http.StatusNoContent))
}

// atHome says whether a visitor is in the home, and not there through the tunnel only.
func (v *visitor) atHome() bool { return v.via.IsZero() && access.IsHome(v.from) }

func (s *Server) viewOfDevice(d access.Device, states map[media.UUID]tunnel.Status) deviceView {
	v := deviceView{
		ID: d.ID, Name: d.Name, User: d.Person.ID, Person: d.Person.Name, Created: d.Created.UTC(), Pending: d.Pending,
		NeedsCode: !d.Coded, From: d.From,
	}
	s.remote.mu.Lock()
	if record := s.remote.record; record.V4.IsValid() {
		v.Address = tunnel.At(record.V4, record.V6, d.Number).V4.String()
	}
	s.remote.mu.Unlock()
	seen := d.Seen
	if state, ok := states[d.ID]; ok {
		v.In, v.Out = state.In, state.Out
		if state.Handshake.After(seen) {
			seen = state.Handshake
		}
		if state.From.IsValid() && !state.Handshake.IsZero() {
			v.From = state.From.Addr().Unmap().String()
		}
		v.Online = !state.Handshake.IsZero() && time.Since(state.Handshake) < onlineFor
		switch {
		case state.Doubled:
			v.Trouble = "doubled"
		case state.Backwards:
			v.Trouble = "clock"
		}
	}
	if !seen.IsZero() {
		seen = seen.UTC()
		v.Seen = &seen
	}
	return v
}

// states is how devices are doing in the tunnel; nil while it is closed.
func (r *remote) states() map[media.UUID]tunnel.Status {
	r.mu.Lock()
	t := r.tunnel
	r.mu.Unlock()
	if t == nil {
		return nil
	}
	states, err := t.Peers()
	if err != nil {
		r.s.Log.Error("the tunnel does not say how it is doing", "error", err)
	}
	return states
}

func (s *Server) getDevices(ctx context.Context, _ *nothing) (*struct{ Body list[deviceView] }, error) {
	whose, err := s.whose(visitorOf(ctx))
	if err != nil {
		return nil, err
	}
	devices, err := s.access().Devices(whose)
	if err != nil {
		return nil, err
	}
	states := s.remote.states()
	out := &struct{ Body list[deviceView] }{list[deviceView]{Items: []deviceView{}}}
	for _, d := range devices {
		out.Body.Items = append(out.Body.Items, s.viewOfDevice(d, states))
	}
	return out, nil
}

// keysFor makes the keys of a device, or takes the public one that it has made. private is nil then.
func (s *Server) keysFor(said string) (private *tunnel.Key, public, preshared tunnel.Key, err error) {
	preshared = tunnel.NewPreshared()
	if said != "" {
		if public, err = tunnel.ParsePublic(said); err != nil {
			return nil, public, preshared, invalid("body.public_key", "this is no public key of WireGuard's: it has 44 characters, the last of them =")
		}
		return nil, public, preshared, s.remote.notOwn(public)
	}
	made := tunnel.NewPrivate()
	public, err = made.Public()
	return &made, public, preshared, err
}

// notOwn refuses the box's own key.
func (r *remote) notOwn(public tunnel.Key) error {
	p, err := r.profile(1, nil, tunnel.Key{})
	if err == nil && p.Box == public {
		err = invalid("body.public_key", "this is the box's own key; give that of the device")
	}
	return err
}

func (s *Server) addDevice(ctx context.Context, in *addDeviceInput) (*newDeviceOutput, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	person := v.session.Person.ID
	if in.Body.User != "" {
		asked, err := media.ParseUUID(in.Body.User)
		if err != nil || asked != person && !whose.IsZero() {
			return nil, invalid("body.user", "there is no such person")
		}
		person = asked
	}
	private, public, preshared, err := s.keysFor(in.Body.Public)
	if err != nil {
		return nil, err
	}
	d, err := s.access().AddDevice(access.NewDevice{
		Name: in.Body.Name, Person: person, Public: public[:], Preshared: preshared[:], Pending: !whose.IsZero() || !v.atHome(),
	})
	if errors.Is(err, access.ErrNoPerson) {
		return nil, invalid("body.user", "there is no such person")
	}
	if err != nil {
		return nil, err
	}
	s.noteDevice(v, "device.add", d)
	return s.shownOnce(d, private, preshared)
}

// shownOnce answers with a code, which is kept nowhere.
func (s *Server) shownOnce(d access.Device, private *tunnel.Key, preshared tunnel.Key) (*newDeviceOutput, error) {
	if err := s.remote.sync(); err != nil {
		return nil, err
	}
	p, err := s.remote.profile(d.Number, private, preshared)
	if err != nil {
		return nil, err
	}
	out := &newDeviceOutput{}
	out.Body.deviceView = s.viewOfDevice(d, nil)
	out.Body.Config = p.Text()
	out.Body.URL = "https://" + p.BoxPlace.V4.String() + "/"
	if at, err := netip.ParseAddrPort(p.Endpoint); err == nil {
		out.Body.HomeOnly = at.Addr().IsPrivate() || at.Addr().IsLoopback()
	}
	out.Body.QR, err = qrSVG(out.Body.Config)
	return out, err
}

func (s *Server) recodeDevice(ctx context.Context, in *recodeInput) (*newDeviceOutput, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	if v.via == in.ID {
		return nil, problem(http.StatusConflict, "You are on this very device: its new code would not reach you. Do this on another one, or at home.")
	}
	private, public, preshared, err := s.keysFor(in.Body.Public)
	if err != nil {
		return nil, err
	}
	d, err := s.access().RecodeDevice(whose, in.ID, public[:], preshared[:], !whose.IsZero() || !v.atHome())
	if err != nil {
		return nil, err
	}
	s.noteDevice(v, "device.recode", d)
	return s.shownOnce(d, private, preshared)
}

func (s *Server) renameDevice(ctx context.Context, in *renameDeviceInput) (*struct{ Body deviceView }, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	d, err := s.access().RenameDevice(whose, in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	s.noteDevice(v, "device.rename", d)
	return &struct{ Body deviceView }{s.viewOfDevice(d, s.remote.states())}, nil
}

func (s *Server) approveDevice(ctx context.Context, in *deviceInput) (*struct{ Body deviceView }, error) {
	v := visitorOf(ctx)
	if !v.atHome() {
		return nil, problem(http.StatusForbidden, "This is done at home: who has stolen a phone must not let in another.")
	}
	d, err := s.access().ApproveDevice(in.ID)
	if err != nil {
		return nil, err
	}
	s.noteDevice(v, "device.approve", d)
	if err := s.remote.sync(); err != nil {
		return nil, err
	}
	return &struct{ Body deviceView }{s.viewOfDevice(d, s.remote.states())}, nil
}

func (s *Server) removeDevice(ctx context.Context, in *deviceInput) (*nothing, error) {
	v := visitorOf(ctx)
	whose, err := s.whose(v)
	if err != nil {
		return nil, err
	}
	d, err := s.access().RemoveDevice(whose, in.ID)
	if err != nil {
		return nil, err
	}
	s.noteDevice(v, "device.remove", d)
	return nil, s.remote.sync()
}

// noteDevice writes a line about an act that concerns a device.
func (s *Server) noteDevice(v *visitor, act string, d access.Device) {
	e := v.entry(act, media.CameraID{})
	e.Detail = d.Name
	if d.Person.ID != v.session.Person.ID {
		e.About = d.Person.ID
		e.Detail += " (" + d.Person.Name + ")"
	}
	s.looks.did(e)
}
