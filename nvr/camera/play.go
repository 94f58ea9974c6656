package camera

import (
	"context"
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v4/pkg/description"
	"github.com/bluenviron/gortsplib/v4/pkg/liberrors"
	"github.com/pion/rtp"
)

// handshake asks for the description, sets up the picture and, if it can be had, the sound, and lets them play.
func (s *session) handshake() error {
	s.stage = "describe"
	desc, _, err := s.client.Describe(s.url)
	if err != nil {
		return err
	}
	if err := s.who.against(); err != nil {
		return err
	}
	offered, err := choose(desc)
	if err != nil {
		return err
	}

	s.stage = "set up the picture"
	if _, err := s.client.Setup(desc.BaseURL, offered.videoMedia, 0, 0); err != nil {
		return err
	}
	video, err := newVideo(offered.video)
	if err != nil {
		return err
	}
	s.receiver.video = video
	s.client.OnPacketRTP(offered.videoMedia, offered.video, s.receiver.videoPacket)

	if s.audio {
		s.stage = "set up the sound"
		if err := s.setUpSound(desc, offered); err != nil {
			return err
		}
	}

	if err := s.who.welcome(s.log); err != nil {
		return err
	}
	s.stage = "play"
	if _, err := s.client.Play(nil); err != nil {
		return err
	}
	if s.onAccepted != nil {
		s.onAccepted() // not before: some cameras describe themselves to anybody
	}
	return nil
}

// setUpSound does without the sound if there is anything about it; its error means that the connection is gone.
func (s *session) setUpSound(desc *description.Session, offered offered) error {
	s.audioProblem = offered.audioProblem
	if offered.audioMedia == nil {
		return nil
	}
	sound, err := newSound(offered.audio)
	if err != nil {
		s.audioProblem = "The sound cannot be used: " + err.Error() + "."
		return nil
	}
	if _, err := s.client.Setup(desc.BaseURL, offered.audioMedia, 0, 0); err != nil {
		var status liberrors.ErrClientBadStatusCode
		if errors.As(err, &status) {
			s.audioProblem = "The camera offers sound but does not give it."
			return nil
		}
		s.soundBroke = true
		return err
	}
	s.receiver.sound = sound
	s.client.OnPacketRTP(offered.audioMedia, offered.audio, func(p *rtp.Packet) { s.receiver.soundPacket(p) })
	return nil
}

// drainTime is how long pictures that came before the stop may take to be read. On an idle machine it is a millisecond.
const drainTime = 100 * time.Millisecond

// play watches over the stream until ctx is done or it breaks.
func (s *session) play(ctx context.Context) error {
	ended := make(chan error, 1)
	client := s.client
	go func() { ended <- client.Wait() }()

	tick := time.NewTicker(s.tune.tick)
	defer tick.Stop()
	s.receiver.watch.start(time.Now())
	water := waterline{session: s}
	rate := rate{at: time.Now()}
	for {
		select {
		case <-ctx.Done():
			if c := s.current(); c != nil {
				c.drain(drainTime)
			}
			return ctx.Err()
		case err := <-ended:
			return s.problem(err)
		case <-s.changed:
			water.set()
		case now := <-tick.C:
			if err := s.receiver.watch.check(now, s.tune); err != nil {
				return s.problem(err)
			}
			if err := s.receiver.trouble(); err != nil {
				return s.problem(err)
			}
			water.look(s.tune.tick)
			if fps, bits, ok := rate.take(now, s.tally); ok && s.onRate != nil {
				s.onRate(fps, bits)
			}
		}
	}
}

// transportNow says what carries the packets; in "auto" a second connection means that no datagrams came.
func (s *session) transportNow() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.transport == TransportUDP || s.transport == TransportAuto && s.dials < 2 {
		return TransportUDP
	}
	return TransportTCP
}

// waterline decides how much may wait in the kernel before we are woken: a quarter of a second's worth, so that
// nothing gets old there, and never more than maxLowWater. While little comes in at all it is 1, so that the last
// bytes before a pause are not left behind.
type waterline struct {
	session *session
	conn    *conn
	got     uint64 // by conn, at the last look
	bytes   int    // decided last
}

func (w *waterline) look(tick time.Duration) {
	c := w.session.current()
	if c == nil {
		return
	}
	got := c.got.Load()
	if c != w.conn {
		w.conn, w.got = c, got
		w.bytes = 1
		w.set()
		return
	}
	perSecond := float64(got-w.got) / tick.Seconds()
	w.got = got
	w.bytes = max(1, min(maxLowWater, int(perSecond/4)))
	if w.bytes < 1500 {
		w.bytes = 1 // less than a packet
	}
	w.set()
}

func (w *waterline) set() {
	if w.conn == nil {
		return
	}
	if w.session.quick.Load() {
		w.conn.setLowWater(1)
		return
	}
	w.conn.setLowWater(w.bytes)
}

// rate measures pictures and bits per second over about five seconds.
type rate struct {
	at           time.Time
	units, bytes uint64
	began        bool
}

func (r *rate) take(now time.Time, t *tally) (fps float64, bits int64, ok bool) {
	units, bytes := t.units.Load(), t.bytes.Load()
	if !r.began {
		*r = rate{at: now, units: units, bytes: bytes, began: true}
		return 0, 0, false
	}
	d := now.Sub(r.at).Seconds()
	if d < 4.5 {
		return 0, 0, false
	}
	fps, bits = float64(units-r.units)/d, int64(float64(bytes-r.bytes)*8/d)
	*r = rate{at: now, units: units, bytes: bytes, began: true}
	return fps, bits, true
}
