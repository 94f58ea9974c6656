package camera

import (
	"time"

	"hearth/nvr/media"
)

// Values of State.Status and StreamInfo.Status.
const (
	Online     = "online"     // pictures come in
	Connecting = "connecting" // the first try, or the first one after pictures came in
	Offline    = "offline"    // a try failed; another one follows by itself
	// Quarantined says that another device answers in the camera's place, or that it cannot be told whether it does.
	// Nothing of it is passed on. Another try follows by itself: the right one may be back.
	Quarantined = "quarantined"
	Private     = "private" // nothing is tried: it is not to look. Said by who runs cameras, not by a Camera
)

// ReasonOther is what a timeline says of the time in which a camera was quarantined.
const ReasonOther = reasonOther

// State is how a camera is doing. It is a copy: whoever gets one may keep it.
type State struct {
	Status  string    `json:"status"` // that of the main stream
	Since   time.Time `json:"since"`
	Problem string    `json:"problem,omitempty"` // one sentence for the owner; "" when all is well

	Main *StreamInfo `json:"main,omitempty"`
	Sub  *StreamInfo `json:"sub,omitempty"` // nil if the camera has no sub stream
}

// StreamInfo is how one stream is doing. What it says about codec and size is of the last run.
type StreamInfo struct {
	Status  string    `json:"status"`
	Since   time.Time `json:"since"`
	Problem string    `json:"problem,omitempty"`

	Codec  media.Codec `json:"codec,omitempty"`
	Width  int         `json:"width,omitempty"` // pixels
	Height int         `json:"height,omitempty"`
	Audio  media.Codec `json:"audio,omitempty"` // as it is passed on: G.711 shows as flac
	// AudioProblem says why there is no sound although it is wanted.
	AudioProblem  string  `json:"audio_problem,omitempty"`
	FPS           float64 `json:"fps,omitempty"`             // pictures per second, over the last seconds
	BitsPerSecond int64   `json:"bits_per_second,omitempty"` // over the last seconds
	Transport     string  `json:"transport,omitempty"`       // tcp or udp, as used
}

// clone copies a StreamInfo; nil stays nil.
func (s *StreamInfo) clone() *StreamInfo {
	if s == nil {
		return nil
	}
	c := *s
	return &c
}
