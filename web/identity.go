package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"hearth/nvr"
	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage/access"
)

// identityView is what a camera is known by, and what answered in its place.
type identityView struct {
	Pinned media.Pins `json:"pinned" doc:"What the camera is known by; empty: nothing was learned yet"`
	Found  *foundView `json:"found,omitempty" doc:"What answered last in its place; absent while the camera itself answers"`
}

type foundView struct {
	Pins    media.Pins   `json:"pins" doc:"As far as it was found out before the connection was ended"`
	Doubt   camera.Doubt `json:"doubt" enum:"device,make,unseen" doc:"device: its key or card is another; make: it calls itself otherwise, and there is nothing else to know it by; unseen: what the camera was known by cannot be seen any more"`
	Differs []string     `json:"differs" nullable:"false" doc:"Names of the pins that differ, or cannot be seen"`
	At      time.Time    `json:"at"`
	Like    []likeView   `json:"like" nullable:"false" doc:"Cameras that are known by what was found, of those that the asker may know of"`
}

type likeView struct {
	ID   media.CameraID `json:"id"`
	Name string         `json:"name"`
}

// identityView shows it to a visitor who manages the camera. Another camera is named only to who may know of it.
func (s *Server) identityView(v *visitor, state *nvr.IdentityState) (*identityView, error) {
	if state == nil {
		return nil, nil
	}
	view := &identityView{Pinned: state.Pins}
	if state.Found == nil {
		return view, nil
	}
	f := state.Found
	view.Found = &foundView{Pins: f.Pins, Doubt: f.Doubt, Differs: f.Differs, At: f.At.UTC(), Like: []likeView{}}
	for _, id := range state.Like {
		verbs, err := s.verbsOn(v.session, id)
		if err != nil {
			return nil, err
		}
		if len(verbs) == 0 {
			continue
		}
		other, err := s.Store.Box().Camera(id)
		if err != nil {
			return nil, err
		}
		view.Found.Like = append(view.Found.Like, likeView{other.ID, other.Name})
	}
	return view, nil
}

type identityInput struct {
	ID   media.CameraID `path:"id"`
	Body struct {
		Decision string     `json:"decision" enum:"accept" doc:"accept: this is the camera, with a new part or replaced; from now on it is known by what was found"`
		Stream   string     `json:"stream,omitempty" enum:"main,sub" default:"main" doc:"sub: of the sub stream, where that comes from another host"`
		Found    media.Pins `json:"found" doc:"What was found, as it was shown: nothing else is taken"`
	}
}

func (s *Server) decideIdentity(ctx context.Context, in *identityInput) (*cameraOutput, error) {
	v := visitorOf(ctx)
	// Who decides that another device is this camera decides what is seen under its name.
	if err := s.access().RequireOwner(v.session); errors.Is(err, access.ErrDenied) {
		return nil, invalid("body.decision", "only an owner can say that another device is this camera")
	} else if err != nil {
		return nil, err
	}
	stream := media.Main
	if in.Body.Stream == "sub" {
		stream = media.Sub
	}
	before, err := s.Cameras.AcceptIdentity(v.grant, stream, in.Body.Found)
	if err != nil {
		return nil, err
	}
	e := v.entry("camera.identity", v.grant.Camera())
	e.Detail = changeOfPins(before, in.Body.Found)
	s.looks.did(e)
	return s.viewOf(v, v.grant)
}

// changeOfPins lists what differs between two sets of pins: "mac aa:… → bb:…".
func changeOfPins(before, after media.Pins) string {
	var list []string
	for _, p := range []struct{ name, before, after string }{
		{"tls_key", before.TLSKey, after.TLSKey},
		{"mac", before.MAC, after.MAC},
		{"serial", before.Serial, after.Serial},
		{"server", before.Server, after.Server},
		{"realm", before.Realm, after.Realm},
		{"tool", before.Tool, after.Tool},
	} {
		if p.before != p.after {
			list = append(list, fmt.Sprintf("%s %s → %s", p.name, orNone(p.before), orNone(p.after)))
		}
	}
	return strings.Join(list, "; ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
