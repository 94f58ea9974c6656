package vision

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
)

// Defaults of a Worker's limits.
const (
	DefaultPatience    = 10 * time.Second
	DefaultMemoryLimit = 300 << 20
	DefaultBackoff     = time.Second
	maxBackoff         = time.Minute
	healthy            = time.Minute // a process that lived this long is started anew without delay
)

// Look is what was seen in one picture of the camera. Looks come in the order in which the pictures were taken.
type Look struct {
	Camera  media.CameraID // as the worker says
	At      time.Time      // when the picture was taken
	Moving  bool
	Score   float64 // 0 to 1
	Regions []media.Region
	Zones   []string
	Spell   uint64 // grows with each start of motion, also over restarts of the process

	Tamper      string // "covered", "turned" or "defocused"; empty: the camera shows what it should
	TamperSince time.Time
	Frozen      bool // the camera shows nothing new
	FrozenSince time.Time

	Reach int          // at how many media.Levels of sensitivity it would have moved
	Where media.Region // the frame around that
}

// Thumb is a JPEG of a moment of a spell, 640 pixels wide, the whole picture as the camera sent it; Region is where
// in it something moves. Within a spell each Thumb has a higher Score than those before it.
type Thumb struct {
	Camera media.CameraID // as the worker says
	At     time.Time
	Score  float64 // how well it shows what moves: 0 to 1
	Region media.Region
	Spell  uint64
	JPEG   []byte
}

// Status is how a Worker does.
type Status struct {
	Decoder  string  `json:"decoder"`           // "software", "vaapi", "cuda", "v4l2m2m"; empty until the first picture
	Device   string  `json:"device,omitempty"`  // which of that name
	Mode     string  `json:"mode"`              // "stopped", "waiting", "calm", "watching" or "attentive"
	Restarts uint64  `json:"restarts"`          // how often the process had to be started anew
	Problem  string  `json:"problem,omitempty"` // why it was, the last time; empty once looks come again
	CPU      float64 `json:"cpu"`               // seconds of processor time, over all restarts
	RSS      int64   `json:"rss"`               // bytes, now
	Looks    uint64  `json:"looks"`
	Dropped  uint64  `json:"dropped"` // units that never reached the process
	Skipped  uint64  `json:"skipped"` // units it passed over because decoding was slower than the camera
	Bad      uint64  `json:"bad"`     // units the decoder could not use
	// Sandbox says in words what the process cannot do, as it says itself; Unprotected what it can, because this
	// kernel has not the means.
	Sandbox     string `json:"sandbox,omitempty"`
	Unprotected string `json:"unprotected,omitempty"`

	DecoderWhy       string     `json:"decoder_why,omitempty" doc:"Why hardware, or that which was wanted, does not decode"`
	HardwareFailures uint64     `json:"hardware_failures" doc:"How often hardware that decoded was left for software"`
	RetryAt          *time.Time `json:"hardware_retry_at,omitempty" doc:"When hardware that failed is tried again"`
	Received         uint64     `json:"received"` // units that reached it, over all restarts
	Decoded          uint64     `json:"decoded"`  // pictures, likewise

	Why  string `json:"why" doc:"Why it is in its mode, in plain words"`
	Hint Hint   `json:"hint" doc:"How far the sizes of pictures are trusted to foretell motion"`
	Cost Cost   `json:"cost" doc:"What looking has cost over the last minutes"`
}

// Hint is how a Worker does with what is known of pictures without decoding them.
type Hint struct {
	Trust float64 `json:"trust" minimum:"0" maximum:"1" doc:"From 0.5 on it makes the worker look between two key frames"`
	Why   string  `json:"why,omitempty" doc:"Why it is trusted, or not"`
	Led   uint64  `json:"led" doc:"How often it made the worker look, since that began"`
	Right uint64  `json:"right" doc:"How often something moved then"`
}

// Worker looks at one camera. It implements media.Sink for the camera's detect stream.
type Worker struct {
	Program  string // path of hearth-vision
	Camera   media.CameraID
	Motion   media.MotionSettings // at the start; SetMotion changes them
	Hardware string               // at the start; SetHardware changes it. One of hardware.Choices; empty is auto
	Machine  *hardware.Machine    // what decodes here; nil: software
	OnLook   func(Look)           // called from Run's goroutine
	OnThumb  func(Thumb)          // likewise
	Log      *slog.Logger         // says already which camera it is, by its name
	Bell     *alarm.Bell

	Patience    time.Duration // silence after which the process is killed; 0 is DefaultPatience
	MemoryLimit int64         // bytes of resident memory at which the process is killed; 0 is DefaultMemoryLimit
	Backoff     time.Duration // wait before the first restart, doubled with each; 0 is DefaultBackoff

	queue queue
	said  sayings

	mu      sync.Mutex
	status  Status
	pid     int     // of the process; 0 when there is none
	cpuPast float64 // of processes that have ended
	past    Status  // likewise: what it counts
	costs   costs
	spells  uint64                // given to processes that have ended
	motion  *media.MotionSettings // set by SetMotion
	failed  failures              // hardware that failed with this camera
	planned *planned              // the newest plan; nil: it is to be made anew
}

// StartRun implements media.Sink.
func (w *Worker) StartRun(*media.Run) {}

// WriteUnit implements media.Sink: it puts a unit of video into the queue and returns.
func (w *Worker) WriteUnit(run *media.Run, au *media.AccessUnit) {
	if au.Track < 0 || au.Track >= len(run.Tracks) || !run.Tracks[au.Track].Codec.IsVideo() {
		return
	}
	if !w.Bell.Same(alarm.Worker, w.Camera, au.Camera, "a picture of another camera came to be looked at") {
		return
	}
	w.queue.put(run, au)
}

// EndRun implements media.Sink: nothing follows for which the last units could wait.
func (w *Worker) EndRun(*media.Run, string) { w.queue.poke() }

// SetMotion changes what counts as motion, from the next look on.
func (w *Worker) SetMotion(s media.MotionSettings) {
	w.mu.Lock()
	w.motion = &s
	w.mu.Unlock()
	w.queue.poke()
}

// settings are the motion settings that hold now.
func (w *Worker) settings() *media.MotionSettings {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.motion == nil {
		s := w.Motion
		w.motion = &s
	}
	return w.motion
}

// Status tells how it does now.
func (w *Worker) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	if s.Mode == "" {
		s.Mode = "stopped"
	}
	if s.Mode == "stopped" {
		s.Why = WhyStopped
	}
	s.CPU += w.cpuPast
	s.Cost = w.costs.cost()
	s.Received += w.past.Received
	s.Decoded += w.past.Decoded
	s.Hint.Led += w.past.Hint.Led
	s.Hint.Right += w.past.Hint.Right
	s.Dropped = w.queue.droppedUnits()
	return s
}

// Run keeps a process looking until ctx ends. It returns nil then.
func (w *Worker) Run(ctx context.Context) error {
	log := w.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	wait := w.backoff()
	for {
		if !w.queue.wait(ctx) {
			return nil
		}
		begun := time.Now()
		err := w.look(ctx, log)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(begun) > healthy {
			wait = w.backoff()
		}
		if errors.Is(err, errMoreWays) {
			log.Info("the look for motion is started anew", "why", err)
			continue
		}
		w.mu.Lock()
		w.status.Restarts++
		w.status.Problem = err.Error()
		w.mu.Unlock()
		if errors.Is(err, errHardware) { // which is not used again soon: no need to wait
			log.Warn("the look for motion is started anew, without the hardware that failed", "why", err)
			continue
		}
		log.Warn("the look for motion is started anew", "why", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, maxBackoff)
	}
}

func (w *Worker) backoff() time.Duration {
	if w.Backoff > 0 {
		return w.Backoff
	}
	return DefaultBackoff
}
