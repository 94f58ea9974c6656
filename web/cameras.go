package web

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"hearth/nvr"
	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage/access"
)

func (s *Server) cameraRoutes(t *table) {
	owners, manage := door{kind: ownerOnly}, door{oneCamera, access.Manage}
	route(t, door{kind: allSeen}, http.MethodGet, "/cameras", "The cameras that one may know of", s.getCameras)
	route(t, owners, http.MethodPost, "/cameras", "Add a camera", s.addCamera, status(http.StatusCreated))
	route(t, owners, http.MethodPost, "/cameras/probe", "Try a camera before adding it: what it offers, and a picture", s.probeCamera)
	route(t, door{kind: anyVerb}, http.MethodGet, "/cameras/{id}", "One camera", s.getCamera)
	route(t, manage, http.MethodPatch, "/cameras/{id}", "Change a camera", s.changeCamera)
	route(t, manage, http.MethodDelete, "/cameras/{id}", "Remove a camera, with all that was recorded of it", s.removeCamera,
		status(http.StatusNoContent))
	route(t, manage, http.MethodPost, "/cameras/{id}/identity", "Decide about what answers in a camera's place", s.decideIdentity)
	route(t, door{oneCamera, access.Live}, http.MethodGet, "/cameras/{id}/snapshot.jpg", "The newest picture", s.getSnapshot,
		answers(http.StatusOK, "A picture; Hearth-Time says when it was taken", "image/jpeg"))
}

// addedCamera is what an owner says about a new camera.
type addedCamera struct {
	Name      string                `json:"name" maxLength:"200"`
	URL       string                `json:"url" maxLength:"2000" doc:"May carry name and password; they are taken out and sealed"`
	Username  string                `json:"username,omitempty" maxLength:"500"`
	Password  *string               `json:"password,omitempty" maxLength:"500"`
	DetectURL string                `json:"detect_url,omitempty" maxLength:"2000" doc:"The sub stream"`
	Transport string                `json:"transport,omitempty" enum:"tcp,udp,auto" default:"tcp"`
	Record    string                `json:"record,omitempty" enum:"continuous,motion,off" default:"continuous"`
	Audio     *bool                 `json:"audio,omitempty" default:"true"`
	Limits    *limitsView           `json:"limits,omitempty"`
	Volume    *media.UUID           `json:"volume,omitempty" doc:"The disk to record to; the zero UUID for the data folder's"`
	Motion    *media.MotionSettings `json:"motion,omitempty"`
	Decoder   string                `json:"decoder,omitempty" enum:"auto,software,vaapi,cuda,v4l2m2m" default:"auto" doc:"What decodes its pictures to look for motion"`
}

// changedCamera says what to change; what is absent stays.
type changedCamera struct {
	Name      *string               `json:"name,omitempty" maxLength:"200"`
	URL       *string               `json:"url,omitempty" maxLength:"2000"`
	Username  *string               `json:"username,omitempty" maxLength:"500"`
	Password  *string               `json:"password,omitempty" maxLength:"500"`
	DetectURL *string               `json:"detect_url,omitempty" maxLength:"2000"`
	Transport *string               `json:"transport,omitempty" enum:"tcp,udp,auto"`
	Record    *string               `json:"record,omitempty" enum:"continuous,motion,off"`
	Audio     *bool                 `json:"audio,omitempty"`
	Limits    *limitsView           `json:"limits,omitempty"`
	Volume    *media.UUID           `json:"volume,omitempty" doc:"The disk to record to; the zero UUID for the data folder's"`
	Motion    *media.MotionSettings `json:"motion,omitempty"`
	Decoder   *string               `json:"decoder,omitempty" enum:"auto,software,vaapi,cuda,v4l2m2m"`
	Privacy   *changedPrivacy       `json:"privacy,omitempty"`
}

type (
	cameraInput struct {
		ID media.CameraID `path:"id"`
	}
	cameraOutput  struct{ Body cameraView }
	camerasOutput struct{ Body list[cameraView] }
)

func (s *Server) getCameras(ctx context.Context, _ *nothing) (*camerasOutput, error) {
	v := visitorOf(ctx)
	granted := make(map[media.CameraID]access.Grant)
	for _, g := range v.grants {
		granted[g.Camera()] = g
	}
	known, err := s.Store.Box().Cameras()
	if err != nil {
		return nil, err
	}
	usage := s.Store.Usage()
	out := &camerasOutput{Body: list[cameraView]{Items: []cameraView{}}}
	for _, c := range known {
		g, ok := granted[c.ID]
		if !ok {
			continue
		}
		view, err := s.cameraView(v, g, c, usage)
		if err != nil {
			return nil, err
		}
		out.Body.Items = append(out.Body.Items, view)
	}
	return out, nil
}

func (s *Server) getCamera(ctx context.Context, _ *cameraInput) (*cameraOutput, error) {
	v := visitorOf(ctx)
	return s.viewOf(v, v.grant)
}

func (s *Server) viewOf(v *visitor, g access.Grant) (*cameraOutput, error) {
	c, err := s.Store.Box().Camera(g.Camera())
	if err != nil {
		return nil, err
	}
	view, err := s.cameraView(v, g, c, s.Store.Usage())
	return &cameraOutput{view}, err
}

func (s *Server) addCamera(ctx context.Context, in *struct{ Body addedCamera }) (*cameraOutput, error) {
	v := visitorOf(ctx)
	id, err := s.Cameras.Add(ctx, in.Body.settings())
	if err != nil {
		return nil, err
	}
	e := v.entry("camera.add", id)
	e.Detail = in.Body.Name
	s.looks.did(e)
	g, err := s.access().AuthorizeIn(v.session, id, access.Manage)
	if err != nil {
		return nil, err
	}
	return s.viewOf(v, g)
}

func (a addedCamera) settings() nvr.CameraSettings {
	set := nvr.CameraSettings{
		Name: a.Name, URL: a.URL, Username: a.Username, Password: a.Password, DetectURL: a.DetectURL,
		Transport: a.Transport, Record: a.Record, Audio: a.Audio == nil || *a.Audio,
		Motion: media.MotionSettings{Sensitivity: 0.5}, Decoder: a.Decoder,
	}
	if a.Limits != nil {
		set.LimitBytes, set.LimitDays, set.LimitEventDays = a.Limits.Bytes, a.Limits.Days, a.Limits.EventDays
	}
	change(&set.Volume, a.Volume)
	if a.Motion != nil {
		set.Motion = *a.Motion
	}
	return set
}

func (s *Server) changeCamera(ctx context.Context, in *struct {
	ID   media.CameraID `path:"id"`
	Body changedCamera
},
) (*cameraOutput, error) {
	v := visitorOf(ctx)
	c, err := s.Store.Box().Camera(v.grant.Camera())
	if err != nil {
		return nil, err
	}
	set := nvr.CameraSettings{
		Name: c.Name, URL: c.URL, Username: c.Username, DetectURL: c.DetectURL, Transport: c.Transport, Record: c.Record,
		Audio: c.Audio, LimitBytes: c.LimitBytes, LimitDays: c.LimitDays, LimitEventDays: c.LimitEventDays, Volume: c.Volume, Motion: c.Motion,
		Decoder: c.Decoder,
	}
	b := in.Body
	if b.Name != nil && strings.TrimSpace(*b.Name) != c.Name {
		// That a name is taken would tell of another camera.
		if err := s.access().RequireOwner(v.session); errors.Is(err, access.ErrDenied) {
			return nil, invalid("body.name", "only an owner can give a camera another name")
		} else if err != nil {
			return nil, err
		}
	}
	if moved(c.URL, b.URL) || moved(c.DetectURL, b.DetectURL) {
		// Behind one address there may be many cameras, with one password: whoever may watch what an address shows sees
		// whatever they have it lead to.
		if err := s.access().RequireOwner(v.session); errors.Is(err, access.ErrDenied) {
			return nil, invalid("body.url", "only an owner can say where a camera is")
		} else if err != nil {
			return nil, err
		}
	}
	change(&set.Name, b.Name)
	change(&set.URL, b.URL)
	change(&set.Username, b.Username)
	change(&set.DetectURL, b.DetectURL)
	change(&set.Transport, b.Transport)
	change(&set.Record, b.Record)
	change(&set.Audio, b.Audio)
	change(&set.Volume, b.Volume)
	change(&set.Motion, b.Motion)
	change(&set.Decoder, b.Decoder)
	set.Password = b.Password
	if b.Limits != nil {
		set.LimitBytes, set.LimitDays, set.LimitEventDays = b.Limits.Bytes, b.Limits.Days, b.Limits.EventDays
	}
	if b.URL != nil && b.Username == nil {
		// A new address that carries a name brings its own; nvr keeps the one there is only if it does not.
		if _, user, _, err := camera.SplitURL(*b.URL); err == nil && user != "" {
			set.Username = ""
		}
	}
	if b.Privacy != nil {
		if err := s.Cameras.CheckPrivacy(v.grant, b.Privacy.change()); err != nil {
			return nil, err
		}
	}
	// A switch alone is not held up by what a change waits for.
	if b.Privacy == nil || b != (changedCamera{Privacy: b.Privacy}) {
		if err := s.Cameras.Update(ctx, v.grant, set); err != nil {
			return nil, err
		}
		s.looks.did(v.entry("camera.change", v.grant.Camera()))
	}
	if b.Privacy != nil {
		if err := s.switchPrivacy(ctx, v, v.grant.Camera(), b.Privacy); err != nil {
			return nil, err
		}
	}
	return s.viewOf(v, v.grant)
}

func change[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) removeCamera(ctx context.Context, _ *cameraInput) (*nothing, error) {
	v := visitorOf(ctx)
	c, err := s.Store.Box().Camera(v.grant.Camera())
	if err != nil {
		return nil, err
	}
	if err := s.Cameras.Remove(v.grant); err != nil {
		return nil, err
	}
	e := v.entry("camera.remove", c.ID)
	e.Detail = c.Name
	s.looks.did(e)
	return nil, nil
}

type probeInput struct {
	Body struct {
		URL       string  `json:"url" maxLength:"2000" doc:"May carry name and password"`
		Username  string  `json:"username,omitempty" maxLength:"500"`
		Password  *string `json:"password,omitempty" maxLength:"500"`
		DetectURL string  `json:"detect_url,omitempty" maxLength:"2000"`
		Transport string  `json:"transport,omitempty" enum:"tcp,udp,auto"`
		// The page sends what it has of the camera to be.
		Name   string `json:"name,omitempty" maxLength:"200"`
		Record string `json:"record,omitempty" maxLength:"20"`
		Audio  *bool  `json:"audio,omitempty"`
	}
}

type probeOutput struct {
	Body struct {
		Main        streamView  `json:"main"`
		Sub         *streamView `json:"sub,omitempty"`
		SubProblem  string      `json:"sub_problem,omitempty" doc:"Why the given sub stream does not work"`
		Picture     string      `json:"picture,omitempty" doc:"A JPEG in base64; absent if none could be made"`
		Suggestions struct {
			DetectURL string `json:"detect_url,omitempty" doc:"Where a sub stream was found; without credentials"`
		} `json:"suggestions"`
	}
}

// moved says whether an address is another than the one that is kept; what it carries of name and password is no place.
func moved(kept string, said *string) bool {
	if said == nil || *said == kept {
		return false
	}
	plain, _, _, err := camera.SplitURL(*said)
	return err != nil || plain != kept
}

func (s *Server) probeCamera(ctx context.Context, in *probeInput) (*probeOutput, error) {
	offer, jpeg, err := s.Cameras.Probe(ctx, nvr.CameraSettings{
		URL: in.Body.URL, Username: in.Body.Username, Password: in.Body.Password,
		DetectURL: in.Body.DetectURL, Transport: in.Body.Transport,
	})
	if err != nil {
		return nil, err
	}
	s.looks.did(visitorOf(ctx).entry("camera.probe", media.CameraID{}))
	out := &probeOutput{}
	out.Body.Main = offered(offer.Main)
	if offer.Sub != nil {
		sub := offered(*offer.Sub)
		out.Body.Sub = &sub
	}
	out.Body.SubProblem = offer.SubProblem
	out.Body.Suggestions.DetectURL = offer.SuggestedURL
	out.Body.Picture = base64.StdEncoding.EncodeToString(jpeg)
	return out, nil
}

type pictureOutput struct {
	Type string `header:"Content-Type"`
	Time string `header:"Hearth-Time" doc:"When the picture was taken, RFC 3339"`
	Body []byte
}

func (s *Server) getSnapshot(ctx context.Context, _ *cameraInput) (*pictureOutput, error) {
	v := visitorOf(ctx)
	jpeg, at, err := s.Cameras.Snapshot(ctx, v.grant)
	if err != nil {
		return nil, err
	}
	if err := s.access().Renew(v.grant); err != nil { // it may have taken seconds
		return nil, err
	}
	s.looks.saw(v, v.grant.Camera(), "snapshot", at, at)
	return &pictureOutput{Type: "image/jpeg", Time: stamp(at), Body: jpeg}, nil
}

// stamp is RFC 3339 in UTC to the microsecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
