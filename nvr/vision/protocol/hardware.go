package protocol

import (
	"encoding/json"
	"fmt"
	"time"

	"hearth/nvr/media"
)

// TrialsVersion is what Trials hold now.
const TrialsVersion = 1

// Bounds of what is believed of a trial.
const (
	MaxWays   = 32
	MaxTrials = 512
)

// Names of the ways to decode, Software first.
const (
	Software = "software"
	VAAPI    = "vaapi"
	CUDA     = "cuda"
	V4L2     = "v4l2m2m"
)

// Way is one way to decode: a kind of hardware, and which device of it.
type Way struct {
	Name   string `json:"name"`             // "software", "vaapi", "cuda", "v4l2m2m"
	Device string `json:"device,omitempty"` // "/dev/dri/renderD128", "0"; empty where there is nothing to choose
}

func (w Way) String() string {
	if w.Device == "" {
		return w.Name
	}
	return w.Name + " " + w.Device
}

// Known says whether the name is one of a way to decode.
func (w Way) Known() bool {
	return w.Name == Software || w.Name == VAAPI || w.Name == CUDA || w.Name == V4L2
}

// Device is hardware of this machine that might decode, and what drives it.
type Device struct {
	Way
	Driver string `json:"driver,omitempty"` // kernel and user space drivers, with their versions where they tell
}

// Machine is what the result of a trial hangs on: when any of it changes, the trial is to be made anew.
type Machine struct {
	FFmpeg  string   `json:"ffmpeg"`
	Kernel  string   `json:"kernel"`
	Devices []Device `json:"devices"`
}

// Trial is how one way to decode one kind of picture did on this machine.
type Trial struct {
	Codec media.Codec `json:"codec"`
	Bits  int         `json:"bits"` // per sample: 8 or 10
	Way
	Works bool   `json:"works"`
	Why   string `json:"why,omitempty"` // why not
	// Wrong says that it is worse than not being able to: it made wrong pictures, hung or crashed.
	Wrong bool `json:"wrong,omitempty"`
	// First is how long it was until the first picture lay in memory, scaled: opening the hardware is most of it.
	First time.Duration `json:"first_ns"`
	// Picture and CPU are what each of the pictures after it took: until it lay in memory, and of the processor.
	Picture time.Duration `json:"picture_ns"`
	CPU     time.Duration `json:"cpu_ns"`
	// Apart is how far the worst picture is from what software makes of it: the mean difference in levels of luma.
	Apart float64 `json:"apart"`
}

// Trials is what hearth-vision --probe-hw prints: what of this machine decodes what, and at which cost.
type Trials struct {
	Version int `json:"version"`
	Machine
	Trials []Trial `json:"trials"`
}

// ParseTrials reads what --probe-hw printed, or what was kept of it. What is out of bounds is ErrMalformed: the
// program that says it has talked to drivers.
func ParseTrials(b []byte) (*Trials, error) {
	var t Trials
	if err := json.Unmarshal(b, &t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if t.Version != TrialsVersion {
		return nil, fmt.Errorf("%w: version %d", ErrMalformed, t.Version)
	}
	if len(t.Trials) > MaxTrials || !t.sane() {
		return nil, fmt.Errorf("%w: out of bounds", ErrMalformed)
	}
	for _, x := range t.Trials {
		if !x.Known() || len(x.Device)+len(x.Codec) > MaxName || len(x.Why) > MaxText || x.First < 0 || x.Picture < 0 || x.CPU < 0 {
			return nil, fmt.Errorf("%w: a trial is out of bounds", ErrMalformed)
		}
	}
	return &t, nil
}

// ParseMachine reads what --identify-hw printed, likewise.
func ParseMachine(b []byte) (*Machine, error) {
	var m Machine
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !m.sane() {
		return nil, fmt.Errorf("%w: out of bounds", ErrMalformed)
	}
	return &m, nil
}

func (m *Machine) sane() bool {
	if len(m.Devices) > MaxWays || len(m.FFmpeg)+len(m.Kernel) > MaxName {
		return false
	}
	for _, d := range m.Devices {
		if !d.Known() || len(d.Device)+len(d.Driver) > MaxText {
			return false
		}
	}
	return true
}
