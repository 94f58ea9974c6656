package camera

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hearth/nvr/media"
)

// Camera keeps a camera's streams coming. Fill in the fields, then call Run once; State, Counters and SetLowLatency
// may be called from anywhere at any time.
type Camera struct {
	Config
	// Main and Sub take what comes in. A nil Sink means that the stream is not wanted; Sub also needs a DetectURL.
	Main, Sub media.Sink
	// Identity is what the camera is known again by; nil: whoever answers is taken for it. SubIdentity is that of the sub
	// stream where it comes from another host; nil: Identity.
	Identity, SubIdentity *Identity
	// Gate bounds the handshakes under way in the whole box; nil is no bound.
	Gate *Gate
	// Trusted says whether the box knows the time; nil: it always does. It is asked at key frames, and answers at once.
	Trusted func() bool
	// OnState is told every change of Status and Problem, one call at a time. It must not call Run.
	OnState func(State)
	Log     *slog.Logger // nil is silence

	tune *tuning // nil is defaultTuning

	counted    [2]tally // by media.Stream
	lowLatency [2]atomic.Bool
	lowered    [2]chan struct{} // tells a session that lowLatency changed

	mu      sync.Mutex
	once    bool
	started time.Time
	info    [2]*StreamInfo

	telling sync.Mutex // held while OnState runs, so that states arrive in order

	latch latch // after a wrong password
}

// Run keeps the camera on the line until ctx is done, and returns ctx's error. Every run that was begun is ended by
// then. What is wrong meanwhile, also with the configuration, shows in State.
func (c *Camera) Run(ctx context.Context) error {
	c.init()
	var wg sync.WaitGroup
	for _, s := range []media.Stream{media.Main, media.Sub} {
		sink, url := c.Main, c.URL
		if s == media.Sub {
			sink, url = c.Sub, c.DetectURL
		}
		if sink == nil || url == "" {
			continue
		}
		st := &stream{camera: c, stream: s, sink: sink, log: c.logger().With("stream", s.String())}
		c.setInfo(s, func(i *StreamInfo) { i.Status = Connecting })
		wg.Go(func() { st.run(ctx) })
	}
	wg.Wait()
	<-ctx.Done()
	return ctx.Err()
}

// SetLowLatency asks for every packet of a stream at once, as somebody watches it. Otherwise packets are fetched a
// quarter of a second's worth at a time at most, which costs half the work.
func (c *Camera) SetLowLatency(s media.Stream, on bool) {
	c.init()
	if c.lowLatency[s].Swap(on) == on {
		return
	}
	select {
	case c.lowered[s] <- struct{}{}:
	default: // it is told already
	}
}

// State says how the camera is doing.
func (c *Camera) State() State {
	c.init()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked()
}

func (c *Camera) stateLocked() State {
	s := State{Status: Connecting, Since: c.started, Main: c.info[media.Main].clone(), Sub: c.info[media.Sub].clone()}
	switch {
	case s.Main != nil:
		s.Status, s.Since, s.Problem = s.Main.Status, s.Main.Since, s.Main.Problem
	case s.Sub != nil:
		s.Status, s.Since, s.Problem = s.Sub.Status, s.Sub.Since, s.Sub.Problem
	}
	if s.Problem == "" && s.Sub != nil && s.Sub.Problem != "" {
		s.Problem = "The small picture does not come: " + s.Sub.Problem
	}
	return s
}

// Counters says what came in over a stream since the program started.
func (c *Camera) Counters(s media.Stream) Counters { return c.counted[s].counters() }

func (c *Camera) init() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.once {
		return
	}
	c.once = true
	c.started = time.Now()
	for i := range c.lowered {
		c.lowered[i] = make(chan struct{}, 1)
	}
}

// setInfo changes what is known about a stream, and tells OnState if the owner would see a difference.
func (c *Camera) setInfo(s media.Stream, change func(*StreamInfo)) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	before := c.stateLocked()
	i := c.info[s].clone()
	if i == nil {
		i = &StreamInfo{Status: Connecting, Since: time.Now()}
	}
	status := i.Status
	change(i)
	if i.Status != status {
		i.Since = time.Now()
	}
	c.info[s] = i
	after := c.stateLocked()
	c.mu.Unlock()
	if c.OnState != nil && visiblyDifferent(before, after) {
		c.OnState(after)
	}
}

// visiblyDifferent leaves out what changes all the time, as the bit rate.
func visiblyDifferent(a, b State) bool {
	return a.Status != b.Status || a.Problem != b.Problem || streamDiffers(a.Main, b.Main) || streamDiffers(a.Sub, b.Sub)
}

func streamDiffers(a, b *StreamInfo) bool {
	if a == nil || b == nil {
		return a != b
	}
	return a.Status != b.Status || a.Problem != b.Problem || a.Codec != b.Codec || a.Width != b.Width ||
		a.Height != b.Height || a.Audio != b.Audio || a.AudioProblem != b.AudioProblem || a.Transport != b.Transport
}

func (c *Camera) tuning() *tuning {
	if c.tune != nil {
		return c.tune
	}
	return &defaultTuning
}

func (c *Camera) logger() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}
