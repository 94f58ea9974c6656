package live

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/fmp4"
	"hearth/storage/access"
)

// What a caller of Subscribe decides by.
var (
	// ErrDenied says that the grant is none, or for another camera or verb.
	ErrDenied = errors.New("not allowed to watch this camera")
	// ErrClosed says that the camera was removed or the box is going down.
	ErrClosed = errors.New("this camera is no longer there")
	// ErrPrivate says that the camera does not look now.
	ErrPrivate = errors.New("this camera is private")
)

// Bounds that hold where a Hub's are zero.
const (
	DefaultQueueTime  = 2 * time.Second
	DefaultQueueBytes = 8 << 20
)

// Hub passes one stream of a camera on to its viewers. It implements media.Sink; its methods may be called from
// several goroutines.
type Hub struct {
	Camera media.CameraID
	Stream media.Stream
	// OnWatch is told when the first viewer comes (true) and when the last one goes (false), one call at a time.
	OnWatch func(watching bool)
	// QueueTime and QueueBytes bound what waits for one viewer; 0 is the default.
	QueueTime  time.Duration
	QueueBytes int
	Log        *slog.Logger // nil: slog.Default()
	Bell       *alarm.Bell

	mu      sync.Mutex
	run     *media.Run // nil: the camera sends nothing
	init    Message
	gop     gop
	muxer   muxer
	viewers map[*Viewer]struct{}
	closed  bool
	gone    Counters // of viewers that have gone

	watch   sync.Mutex
	watched bool
}

// Counters count since the start of the process.
type Counters struct {
	Viewers   int
	Fragments uint64 // made, each once for all viewers
	Skips     uint64 // times that a viewer had to skip to a key frame
	Skipped   uint64 // fragments that viewers did not get by that
}

// Counters gives the counters of now.
func (h *Hub) Counters() Counters {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.gone
	c.Viewers, c.Fragments = len(h.viewers), uint64(h.muxer.seq)
	for v := range h.viewers {
		skips, skipped := v.counters()
		c.Skips += skips
		c.Skipped += skipped
	}
	return c
}

// Viewers says how many watch.
func (h *Hub) Viewers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.viewers)
}

// StartRun implements media.Sink.
func (h *Hub) StartRun(run *media.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gop.reset()
	h.run = nil
	if !h.Bell.Same(alarm.Live, h.Camera, run.Camera, "a run of another camera came to its viewers") {
		return
	}
	init, err := fmp4.Init(run.Tracks)
	if err != nil {
		h.log().Error("this stream cannot be watched", "stream", h.Stream, "error", err)
		return
	}
	h.run = run
	h.init = Message{Kind: Init, Camera: run.Camera, MIME: fmp4.MIME(run.Tracks), Wall: run.Start, Data: init}
	h.muxer.begin(run)
	for v := range h.viewers {
		v.restart(h.init)
	}
}

// WriteUnit implements media.Sink.
func (h *Hub) WriteUnit(run *media.Run, au *media.AccessUnit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if run != h.run || !h.Bell.Same(alarm.Live, h.Camera, au.Camera, "a picture of another camera came to its viewers") || !h.muxer.learn(au) {
		return
	}
	h.gop.add(au, h.muxer.video(au.Track))
	if len(h.viewers) == 0 {
		return
	}
	if m, ok := h.muxer.add(au); ok {
		h.send(m)
	}
}

// EndRun implements media.Sink.
func (h *Hub) EndRun(run *media.Run, _ string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if run != h.run {
		return
	}
	if m, ok := h.muxer.rest(); ok {
		h.send(m)
	}
	h.run = nil
	h.gop.reset()
	for v := range h.viewers {
		v.offline()
	}
}

// send puts a fragment in every viewer's queue.
func (h *Hub) send(m Message) {
	for v := range h.viewers {
		v.put(entry{Message: m})
	}
}

// LastKey gives the newest key frame and its run, or nil, nil while the camera sends nothing.
func (h *Hub) LastKey() (*media.Run, *media.AccessUnit) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.run == nil || h.gop.key == nil {
		return nil, nil
	}
	return h.run, h.gop.key
}

// Subscribe begins to watch. The grant must be for this camera and for access.Live; whoever serves the viewer asks
// access.Renew with Viewer.Grant at least once a second.
func (h *Hub) Subscribe(g access.Grant) (*Viewer, error) {
	if !g.Allows(access.Live) || !h.Bell.Same(alarm.Live, h.Camera, g.Camera(), "somebody was led to it who asked for another camera") {
		return nil, ErrDenied
	}
	v := &Viewer{
		hub: h, grant: g, wake: make(chan struct{}, 1),
		maxTime: h.QueueTime, maxBytes: h.QueueBytes,
	}
	if v.maxTime <= 0 {
		v.maxTime = DefaultQueueTime
	}
	if v.maxBytes <= 0 {
		v.maxBytes = DefaultQueueBytes
	}
	if err := h.join(v); err != nil {
		return nil, err
	}
	h.tell()
	return v, nil
}

// join adds a viewer, with what it must see first in its queue.
func (h *Hub) join(v *Viewer) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	// Sound that waits for its picture goes to the others now: the newcomer has it in its GOP.
	if m, ok := h.muxer.rest(); ok {
		h.send(m)
	}
	if h.viewers == nil {
		h.viewers = make(map[*Viewer]struct{})
	}
	h.viewers[v] = struct{}{}
	if h.run == nil {
		v.offline()
		return nil
	}
	init, units, bytes := h.mixed(h.init, h.gop.units, h.gop.bytes)
	v.restart(init)
	if len(units) > 0 {
		v.put(h.muxer.soFar(units, bytes))
	}
	return nil
}

// leave takes a viewer away.
func (h *Hub) leave(v *Viewer) {
	h.mu.Lock()
	if _, ok := h.viewers[v]; ok {
		delete(h.viewers, v)
		skips, skipped := v.counters()
		h.gone.Skips += skips
		h.gone.Skipped += skipped
	}
	if len(h.viewers) == 0 {
		h.muxer.forget()
		h.muxer.broken = false
	}
	h.mu.Unlock()
	h.tell()
}

// tell tells OnWatch, if there is something new to tell.
func (h *Hub) tell() {
	h.watch.Lock()
	defer h.watch.Unlock()
	if on := h.Viewers() > 0; on != h.watched {
		h.watched = on
		if h.OnWatch != nil {
			h.OnWatch(on)
		}
	}
}

// Close ends all viewers, and nobody can subscribe any more.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.EndAll(io.EOF)
}

// EndAll ends all viewers, whose Next gives the reason from now on, and forgets what was shown. What waits for them is
// dropped. Who subscribes later sees the next run.
func (h *Hub) EndAll(reason error) {
	h.mu.Lock()
	h.run = nil
	h.gop.reset()
	h.muxer.forget()
	all := make([]*Viewer, 0, len(h.viewers))
	for v := range h.viewers {
		all = append(all, v)
	}
	h.mu.Unlock()
	for _, v := range all {
		v.end(reason)
	}
}

func (h *Hub) log() *slog.Logger {
	if h.Log != nil {
		return h.Log
	}
	return slog.Default()
}
