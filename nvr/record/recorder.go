package record

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// Mode says when a camera is recorded.
type Mode string

// The modes; the empty one is Continuous.
const (
	Continuous Mode = "continuous"
	Motion     Mode = "motion" // from PreRoll before something moves until PostRoll after it stopped
	Off        Mode = "off"
)

// Lengths that hold where a Recorder's are zero.
const (
	DefaultPreRoll  = 5 * time.Second
	DefaultPostRoll = 10 * time.Second
)

// Writer is what a Recorder needs of storage; *storage.StreamWriter is one. None of its methods waits for a disk.
type Writer interface {
	Begin(run *media.Run, init []byte)
	Append(f storage.Fragment) error
	End(reason string)
	Close() error
}

var _ Writer = (*storage.StreamWriter)(nil)

// Recorder records one stream of a camera. It implements media.Sink, and its methods may be called from several
// goroutines.
type Recorder struct {
	Writer Writer
	Camera media.CameraID
	Stream media.Stream
	Mode   Mode // how it begins; SetMode changes it
	// PreRoll and PostRoll are for Motion; 0 is the default, below 0 none. Both are "at least": what is recorded
	// begins and ends at key frames.
	PreRoll, PostRoll time.Duration
	Log               *slog.Logger // nil: slog.Default()
	Bell              *alarm.Bell

	mu       sync.Mutex
	run      *media.Run // nil: none, or one that cannot be recorded
	init     []byte
	cut      *cutter
	ring     ring
	open     bool // Begin was called, End not yet
	skipping bool // storage did not take a fragment: wait for the next key frame
	moving   bool
	until    time.Time // motion: when to stop
	now      time.Time // wall clock of the newest unit
	last     time.Time // wall clock at the end of the newest fragment
	counters Counters
	closed   bool
}

// Counters count since the start of the process.
type Counters struct {
	Recording    bool // fragments are going to storage
	Fragments    uint64
	Bytes        uint64 // of those fragments, before sealing
	Dropped      uint64 // fragments that storage did not take, and those that needed them
	DroppedUnits uint64 // access units with impossible times, and sound that piled up without pictures
	// Last is the wall clock at the end of the newest fragment that storage took. What of it is on the disk for certain
	// says storage.Usage.AtRisk.
	Last time.Time
}

// Counters gives the counters of now.
func (r *Recorder) Counters() Counters {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counters
	c.Recording = r.open && !r.skipping
	if r.cut != nil {
		c.DroppedUnits += r.cut.dropped
	}
	return c
}

// Cuts says whether fragments are to be expected of what comes: of a run that can be recorded and is to be, since its first key
// frame, while its times go on.
func (r *Recorder) Cuts() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut != nil && r.cut.started && !r.cut.stuck
}

// StartRun implements media.Sink.
func (r *Recorder) StartRun(run *media.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end("another run began")
	if r.closed || !r.Bell.Same(alarm.Recording, r.Camera, run.Camera, "a run of another camera came to be recorded") {
		return
	}
	init, err := fmp4.Init(run.Tracks)
	if err != nil {
		r.log().Error("this stream cannot be recorded", "stream", r.Stream, "error", err)
		return
	}
	r.run, r.init = run, init
	r.start()
}

// start begins to cut the run, where the mode wants that.
func (r *Recorder) start() {
	if r.run == nil || r.Mode == Off {
		return
	}
	r.cut = newCutter(r.run, r.accept)
	r.ring = ring{keep: orDefault(r.PreRoll, DefaultPreRoll)}
}

// WriteUnit implements media.Sink.
func (r *Recorder) WriteUnit(run *media.Run, au *media.AccessUnit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut == nil || run != r.run {
		return
	}
	if !r.Bell.Same(alarm.Recording, r.Camera, au.Camera, "a picture of another camera came to be recorded") {
		r.cut.stuck = true
		return
	}
	r.now = au.Wall
	r.cut.write(au)
}

// EndRun implements media.Sink.
func (r *Recorder) EndRun(run *media.Run, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if run == r.run {
		r.end(reason)
	}
}

// end finishes the run under way, if there is one.
func (r *Recorder) end(reason string) {
	r.stop(reason)
	r.run, r.init = nil, nil
}

// stop finishes what is being cut, and the recording.
func (r *Recorder) stop(reason string) {
	if r.cut != nil {
		r.cut.finish()
		r.counters.DroppedUnits += r.cut.dropped
		r.cut = nil
	}
	r.ring.take()
	r.pause(reason)
}

// pause ends the recording, not the run.
func (r *Recorder) pause(reason string) {
	if r.open {
		r.Writer.End(reason)
	}
	r.open, r.skipping = false, false
}

// SetMoving says whether something moves in the picture. It matters in mode Motion only.
func (r *Recorder) SetMoving(moving bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.moving == moving {
		return
	}
	r.moving = moving
	if moving {
		r.release()
	} else {
		r.until = r.now.Add(orDefault(r.PostRoll, DefaultPostRoll))
	}
}

// SetMode changes when the camera is recorded, at once.
func (r *Recorder) SetMode(m Mode) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m == r.Mode {
		return
	}
	was := r.Mode
	r.Mode = m
	switch {
	case m == Off:
		r.stop("recording was switched off")
	case was == Off:
		r.start()
	case m == Motion: // what is being recorded goes on for the post-roll
		r.until = r.now.Add(orDefault(r.PostRoll, DefaultPostRoll))
	default:
		r.release()
	}
}

// accept takes a fragment from the cutter: to storage, or to the ring where the mode waits for motion.
func (r *Recorder) accept(f storage.Fragment, bytes int) {
	r.last = f.Start.Add(fmp4.Duration(f.Duration, media.VideoClockRate))
	if r.Mode != Motion || r.moving {
		r.append(f, bytes)
		return
	}
	// The post-roll ends where a key frame begins, so that what comes next can be shown without what came before.
	if r.open && (!f.Key || f.Start.Before(r.until)) {
		r.append(f, bytes)
		return
	}
	r.pause("nothing moved")
	r.ring.add(f, bytes)
}

// release writes the pre-roll.
func (r *Recorder) release() {
	if r.Mode == Off || r.run == nil {
		return
	}
	for _, k := range r.ring.take() {
		r.append(k.Fragment, k.bytes)
	}
}

// append hands a fragment to storage.
func (r *Recorder) append(f storage.Fragment, bytes int) {
	if !r.open {
		if !f.Key {
			return // motion began before the first key frame since the last pause
		}
		r.Writer.Begin(mixed(r.run), r.init)
		r.open, r.skipping = true, false
	}
	if r.skipping && !f.Key {
		r.counters.Dropped++
		return
	}
	if err := r.Writer.Append(f); err != nil {
		r.counters.Dropped++
		if !r.skipping {
			r.log().Warn("fragments are being dropped", "stream", r.Stream, "error", err)
		}
		r.skipping = true
		return
	}
	if r.skipping {
		r.skipping = false
		r.log().Info("recording goes on", "stream", r.Stream, "dropped", r.counters.Dropped)
	}
	r.counters.Fragments++
	r.counters.Bytes += uint64(bytes)
	r.counters.Last = r.last
}

// Close hands over what is left and closes the Writer. Units that come later are passed over.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.end("recording was stopped")
	r.closed = true
	if err := r.Writer.Close(); err != nil {
		return fmt.Errorf("close the %s recording of camera %s: %w", r.Stream, r.Camera, err)
	}
	return nil
}

func (r *Recorder) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.Default()
}

// orDefault reads a length of time of which zero means d and less than zero means none.
func orDefault(v, d time.Duration) time.Duration {
	switch {
	case v < 0:
		return 0
	case v == 0:
		return d
	}
	return v
}
