package web

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"hearth/nvr"
	"hearth/nvr/camera"
	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/vision"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// cameraView is a camera as the asker may know it. It never holds a password.
type cameraView struct {
	ID       media.CameraID `json:"id"`
	Name     string         `json:"name"`
	State    string         `json:"state" enum:"online,connecting,offline,quarantined,private"`
	Since    *time.Time     `json:"since,omitempty" doc:"Of the state"`
	Problem  string         `json:"problem,omitempty" doc:"A sentence for the owner"`
	Main     *streamView    `json:"main,omitempty"`
	Sub      *streamView    `json:"sub,omitempty"`
	Verbs    []access.Verb  `json:"verbs" nullable:"false" doc:"What the asker may do"`
	Record   string         `json:"record" enum:"continuous,motion,off"`
	Recorded recordedView   `json:"recorded"`

	PrivateUntil *time.Time `json:"private_until,omitempty" doc:"While it is private: when it looks again by itself"`
	PrivateBy    string     `json:"private_by,omitempty" enum:"hand,schedule,house,clock" doc:"While it is private: why"`

	// The rest is for who may manage the camera.

	URL         string                `json:"url,omitempty"`
	Username    string                `json:"username,omitempty"`
	HasPassword bool                  `json:"has_password,omitempty"`
	DetectURL   string                `json:"detect_url,omitempty"`
	Transport   string                `json:"transport,omitempty"`
	Audio       *bool                 `json:"audio,omitempty"`
	Limits      *limitsView           `json:"limits,omitempty"`
	Volume      *media.UUID           `json:"volume,omitempty" doc:"The disk that it is recorded to; the zero UUID for the data folder's"`
	Motion      *media.MotionSettings `json:"motion,omitempty"`
	Decoder     string                `json:"decoder,omitempty" enum:"auto,software,vaapi,cuda,v4l2m2m" doc:"What is to decode its pictures to look for motion; vision says what does"`
	Decoders    []string              `json:"decoders,omitempty" doc:"What decoder can be on this machine"`
	Vision      *vision.Status        `json:"vision,omitempty"`
	Viewers     *int                  `json:"viewers,omitempty"`
	Identity    *identityView         `json:"identity,omitempty"`
	SubIdentity *identityView         `json:"sub_identity,omitempty" doc:"Of the sub stream, where that comes from another host"`
	Privacy     *privacyView          `json:"privacy,omitempty"`
}

type limitsView struct {
	Bytes     int64 `json:"bytes,omitempty" minimum:"0" doc:"0: no limit of its own"`
	Days      int   `json:"days,omitempty" minimum:"0" maximum:"36500" doc:"0: no limit of its own"`
	EventDays int   `json:"event_days,omitempty" minimum:"0" maximum:"36500" doc:"Footage around events is kept this long; 0: as all other"`
}

type recordedView struct {
	Active bool       `json:"active" doc:"Footage is being written now"`
	Bytes  int64      `json:"bytes"`
	Oldest *time.Time `json:"oldest,omitempty"`
	Lost   uint64     `json:"lost" doc:"Fragments that were not kept since the start of the box"`
}

// streamView is what a stream is and how it comes in.
type streamView struct {
	Status        string      `json:"status,omitempty"`
	Problem       string      `json:"problem,omitempty"`
	Codec         media.Codec `json:"codec,omitempty"`
	Width         int         `json:"width,omitempty"`
	Height        int         `json:"height,omitempty"`
	FPS           float64     `json:"fps,omitempty"`
	BitsPerSecond int64       `json:"bits_per_second,omitempty"`
	Audio         media.Codec `json:"audio,omitempty"`
	AudioProblem  string      `json:"audio_problem,omitempty"`
	Transport     string      `json:"transport,omitempty"`
	MIME          string      `json:"mime,omitempty" doc:"For MediaSource.isTypeSupported"`
}

// cameraView shows a camera to a visitor who holds some grant for it.
func (s *Server) cameraView(v *visitor, g access.Grant, c box.Camera, usage storage.Usage) (cameraView, error) {
	verbs, err := s.verbsOn(v.session, c.ID)
	if err != nil {
		return cameraView{}, err
	}
	view := cameraView{ID: c.ID, Name: c.Name, State: camera.Connecting, Verbs: verbs, Record: c.Record}
	if u, ok := usage.Cameras[c.ID]; ok {
		view.Recorded.Bytes = u.Bytes
		if !u.Oldest.IsZero() {
			oldest := u.Oldest.UTC()
			view.Recorded.Oldest = &oldest
		}
	}
	// A camera that is just being started or stopped has no state yet.
	state, err := s.Cameras.State(g)
	var stuck *nvr.StuckError
	if errors.As(err, &stuck) {
		since := stuck.Since.UTC()
		view.State, view.Since, view.Problem = camera.Offline, &since, stuck.Text
	}
	if err == nil {
		view.take(state)
		view.Recorded.Active = view.Recorded.Active && !usage.Full // what the recorder hands over is dropped then
	}
	if !slices.Contains(verbs, access.Manage) {
		view.Problem = ""
		for _, stream := range []*streamView{view.Main, view.Sub} {
			if stream != nil { // names addresses, maybe
				stream.Problem, stream.AudioProblem, stream.Transport = "", "", ""
			}
		}
		return view, nil
	}
	view.URL, view.Username, view.HasPassword, view.DetectURL = c.URL, c.Username, len(c.Password) > 0, c.DetectURL
	view.Transport, view.Audio = c.Transport, &c.Audio
	view.Limits, view.Motion = &limitsView{c.LimitBytes, c.LimitDays, c.LimitEventDays}, &c.Motion
	view.Volume = &c.Volume
	view.Decoder, view.Decoders = cmp.Or(c.Decoder, hardware.Auto), s.Cameras.Hardware.Has()
	if err == nil {
		if state.Private == nil {
			view.Vision, view.Viewers = &state.Vision, &state.Viewers
		}
		if view.Identity, err = s.identityView(v, state.Identity[media.Main]); err != nil {
			return cameraView{}, err
		}
		if view.SubIdentity, err = s.identityView(v, state.Identity[media.Sub]); err != nil {
			return cameraView{}, err
		}
	}
	if p, err := s.Cameras.Privacy(g); err == nil {
		view.Privacy = viewOfPrivacy(p)
	}
	return view, nil
}

func (v *cameraView) take(s nvr.CameraState) {
	v.State, v.Problem = s.Status, s.Problem
	if v.State == "" {
		v.State = camera.Connecting
	}
	if !s.Since.IsZero() {
		since := s.Since.UTC()
		v.Since = &since
	}
	if s.Private != nil {
		v.PrivateUntil, v.PrivateBy = moment(s.Private.Until), string(s.Private.Reason)
	}
	v.Main, v.Sub = streamOf(s.Main), streamOf(s.Sub)
	for _, r := range s.Recording {
		v.Recorded.Active = v.Recorded.Active || r.Recording
		v.Recorded.Lost += r.Dropped
	}
}

func streamOf(i *camera.StreamInfo) *streamView {
	if i == nil {
		return nil
	}
	return &streamView{
		Status: i.Status, Problem: i.Problem, Codec: i.Codec, Width: i.Width, Height: i.Height, FPS: i.FPS,
		BitsPerSecond: i.BitsPerSecond, Audio: i.Audio, AudioProblem: i.AudioProblem, Transport: i.Transport,
	}
}

func offered(o camera.StreamOffer) streamView {
	v := streamView{
		Codec: o.Track.Codec, FPS: o.FPS, BitsPerSecond: o.BitsPerSecond, AudioProblem: o.AudioProblem, Transport: o.Transport,
	}
	tracks := []media.Track{o.Track}
	v.Width, v.Height = fmp4.Size(o.Track)
	if o.Audio != nil {
		v.Audio = o.Audio.Codec
		tracks = append(tracks, *o.Audio)
	}
	v.MIME = fmp4.MIME(tracks)
	return v
}
