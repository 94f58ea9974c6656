package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"

	"hearth/nvr/media"
)

// source makes the pictures of a stream.
type source interface {
	// media describes the video for a DESCRIBE.
	media() *description.Media
	// warm does what takes long before the first picture.
	warm()
	// due says when picture n, in the order of sending, is sent, since the start; at is the first one due then.
	due(n int64) time.Duration
	at(since time.Duration) int64
	// taken is when picture number n, in the order of showing, is taken, since the start.
	taken(n int64) time.Duration
	// frame gives what to send for picture n: often one unit, sometimes none or two. wall is what the camera's clock
	// shows. After a pause (fresh) it begins with a key frame.
	frame(n int64, wall time.Time, fresh bool, t *troubles) ([]unit, error)
}

// unit is one coded picture, cut to packets.
type unit struct {
	number  int64 // in the order of showing
	ticks   int64 // presentation time in 90 kHz since the start
	packets []packet
}

// packet is the payload of an RTP packet. Cameras that play the same clip share it.
type packet struct {
	payload []byte
	marker  bool
}

// remembered is for how many pictures a stream knows when they were sent.
const remembered = 4096

// stream is a camera's main or sub stream: it sends what its source makes to whoever plays it.
type stream struct {
	camera *Camera
	which  media.Stream
	path   string
	log    *slog.Logger
	source source
	start  time.Time

	video *track
	sound *soundTrack // nil: none
	seen  troubles    // as of the last picture
	fresh bool        // nobody watched the last picture

	count  atomic.Int64
	unsent atomic.Int64 // packets that did not fit a slow watcher's queue

	mu       sync.Mutex
	server   *gortsplib.Server
	rtsp     *gortsplib.ServerStream
	sessions map[*gortsplib.ServerSession]*session
	joined   bool // somebody new plays: tell the time at once
	alone    bool // and nobody did before: nothing was watched up to now
	sent     [remembered]sending
}

type session struct {
	conn    *gortsplib.ServerConn
	playing bool
}

type sending struct {
	frame int64
	at    time.Time
}

func newStream(c *Camera, which media.Stream, clip *Clip, log *slog.Logger) (*stream, error) {
	st := &stream{
		camera: c, which: which, path: c.path(which), log: log.With("camera", c.Name, "stream", which.String()),
		sessions: make(map[*gortsplib.ServerSession]*session), fresh: true,
	}
	if clip != nil {
		st.source = &playing{clip: clip}
		return st, nil
	}
	d, err := newDrawing(c, which)
	st.source = d
	return st, err
}

// open offers the stream on the server.
func (st *stream) open(server *gortsplib.Server) error {
	st.server = server
	return st.offer(st.camera.Sound)
}

// offer makes the RTSP stream, with a sound track or without.
func (st *stream) offer(sound Sound) error {
	m := st.source.media()
	desc := &description.Session{Title: st.camera.Name, Medias: []*description.Media{m}}
	st.sound = newSoundTrack(sound)
	if st.sound != nil {
		desc.Medias = append(desc.Medias, st.sound.media)
	}
	rtsp := &gortsplib.ServerStream{Server: st.server, Desc: desc}
	if err := rtsp.Initialize(); err != nil {
		return err
	}
	st.video = newTrack(rtsp, m, media.VideoClockRate)
	if st.sound != nil {
		st.sound.track = newTrack(rtsp, st.sound.media, st.sound.rate)
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.rtsp = rtsp
	return nil
}

// run sends pictures when they are due, until ctx ends.
func (st *stream) run(ctx context.Context) error {
	st.source.warm()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := int64(0); ; n++ {
		wait := time.Until(st.start.Add(st.source.due(n)))
		if wait < -2*time.Second {
			// The machine slept or is too slow. A camera does not send old pictures.
			n = st.source.at(time.Since(st.start))
			wait = time.Until(st.start.Add(st.source.due(n)))
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := st.tick(n); err != nil {
			var closed liberrors.ErrServerStreamClosed
			if ctx.Err() != nil || errors.As(err, &closed) {
				return nil
			}
			return fmt.Errorf("picture %d: %w", n, err)
		}
	}
}

// tick does what is due with picture n.
func (st *stream) tick(n int64) error {
	now := st.camera.Trouble.current()
	if err := st.obey(&now); err != nil {
		return err
	}
	if now.stall || now.offline || st.watchers() == 0 {
		st.fresh = true
		return nil
	}
	if st.paused() {
		st.fresh = true
	}
	due := st.start.Add(st.source.due(n))
	units, err := st.source.frame(n, due.Add(now.ntp), st.fresh, &now)
	if err != nil {
		return err
	}
	first := st.fresh && len(units) > 0
	if first {
		st.fresh = false
		if st.sound != nil {
			st.sound.skip(time.Since(st.start))
		}
	}
	if err := st.report(&now); err != nil {
		return err
	}
	jump := ticks(now.clock, media.VideoClockRate)
	for _, u := range units {
		if err := st.video.send(u.packets, u.ticks+jump, due, &now); err != nil {
			return err
		}
		at := st.remember(u.number)
		if st.camera.OnSent != nil {
			st.camera.OnSent(Sent{Stream: st.which, Number: uint32(u.number), First: first, At: at})
		}
		first = false
	}
	if st.sound != nil && !st.fresh {
		return st.sound.send(time.Since(st.start), due, now.clock)
	}
	return nil
}

// obey acts on switches that changed.
func (st *stream) obey(now *troubles) error {
	before := st.seen
	st.seen = *now
	if now.drops != before.drops || now.offline && !before.offline {
		st.drop()
	}
	if now.sound != before.sound {
		// The new one is offered first: who comes back at once must not find the one that goes.
		old := st.current()
		if err := st.offer(*now.sound); err != nil {
			return err
		}
		st.drop()
		old.Close()
	}
	return nil
}

// report sends sender reports, at once when somebody new plays and every few seconds.
func (st *stream) report(now *troubles) error {
	st.mu.Lock()
	joined := st.joined
	st.joined = false
	st.mu.Unlock()
	since := time.Since(st.start)
	wall := st.start.Add(since + now.ntp)
	err := st.video.report(since, wall, now.clock, joined)
	if st.sound != nil && err == nil {
		err = st.sound.track.report(since, wall, now.clock, joined)
	}
	return err
}

// remember notes that a picture was sent, and gives when.
func (st *stream) remember(number int64) (at time.Time) {
	at = time.Now()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.sent[number%remembered] = sending{frame: number + 1, at: at}
	st.count.Add(1)
	return at
}

func (st *stream) sentAt(frame uint32) (time.Time, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.sent[frame%remembered]
	return s.at, s.frame == int64(frame)+1
}

func (st *stream) current() *gortsplib.ServerStream {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.rtsp
}

// join notes a session that prepares to play, and gives the stream for it.
func (st *stream) join(s *gortsplib.ServerSession, conn *gortsplib.ServerConn) *gortsplib.ServerStream {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sessions[s] == nil {
		st.sessions[s] = &session{conn: conn}
	}
	return st.rtsp
}

func (st *stream) play(s *gortsplib.ServerSession, on bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if e := st.sessions[s]; e != nil {
		st.alone = st.alone || on && st.playing() == 0
		st.joined = st.joined || on
		e.playing = on
	}
}

// paused says whether there was a moment since it was asked last in which nobody watched, however short.
func (st *stream) paused() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	alone := st.alone
	st.alone = false
	return alone
}

func (st *stream) leave(s *gortsplib.ServerSession) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.sessions, s)
}

func (st *stream) watchers() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.playing()
}

// playing counts who watches; mu is held.
func (st *stream) playing() int {
	n := 0
	for _, e := range st.sessions {
		if e.playing {
			n++
		}
	}
	return n
}

// drop ends all sessions and their connections.
func (st *stream) drop() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for s, e := range st.sessions {
		s.Close()
		e.conn.Close()
	}
}

// close ends the RTSP stream and everybody's session.
func (st *stream) close() {
	st.drop()
	st.current().Close()
}

// ticks is a time in units of a clock.
func ticks(d time.Duration, rate int) int64 {
	return int64(d/time.Second)*int64(rate) + int64(d%time.Second)*int64(rate)/int64(time.Second)
}

// random gives numbers that nothing depends on: where timestamps and sequence numbers begin.
func random() (uint32, uint16) { return rand.Uint32(), uint16(rand.Uint32()) }
