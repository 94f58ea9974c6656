package camera

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"hearth/nvr/media"
)

// stream keeps one stream of a camera coming: a session, a delay, the next session. It stays, the sessions go.
type stream struct {
	camera *Camera
	stream media.Stream
	sink   media.Sink
	log    *slog.Logger

	deaf     bool      // the last session broke while the sound was set up: do without
	said     string    // what the log was told last
	lastWall time.Time // of the last picture of the last session
	box      boxClock  // as the last session left it: it may be set while there is none
}

// run returns when ctx is done.
func (s *stream) run(ctx context.Context) {
	pause := backoff{tune: s.camera.tuning()}
	for s.camera.latch.enter(ctx) {
		online, err := s.once(ctx, func() {
			if pause.away() {
				s.camera.Gate.Returned()
			}
		})
		delay := pause.after(err, online)
		if errors.Is(err, ErrWrongPassword) {
			s.camera.latch.deny(delay)
		} else {
			s.camera.latch.leave()
		}
		if ctx.Err() != nil {
			return
		}
		s.camera.counted[s.stream].failures.Add(1)
		s.report(err, online > 0, delay)
		if !pause.pause(ctx, delay, s.camera.Gate) {
			return
		}
	}
}

// once is one session. online is how long pictures came in; 0 means never. onPicture is called when they begin to.
func (s *stream) once(ctx context.Context, onPicture func()) (online time.Duration, err error) {
	c := s.camera
	u, err := c.address(s.stream)
	if err != nil {
		return 0, err
	}
	var since time.Time
	sess := &session{
		url:       u,
		transport: c.Transport,
		audio:     c.Audio && !s.deaf,
		gate:      c.Gate,
		tune:      c.tuning(),
		tally:     &c.counted[s.stream],
		log:       s.log,
		quick:     &c.lowLatency[s.stream],
		changed:   c.lowered[s.stream],
		receiver: &receiver{
			camera: c.ID, stream: s.stream, sink: s.sink,
			tune: c.tuning(), tally: &c.counted[s.stream], log: s.log,
			time: timeline{rate: media.VideoClockRate}, lastWall: s.lastWall, box: s.box, trusted: c.Trusted,
		},
	}
	sess.receiver.onRun = func(run *media.Run) {
		if since.IsZero() {
			since = time.Now()
			onPicture()
		}
		c.setInfo(s.stream, func(i *StreamInfo) { describe(i, run, sess) })
	}
	sess.who.identity, sess.who.sub = c.Identity, s.stream == media.Sub
	if s.stream == media.Sub && c.SubIdentity != nil {
		sess.who.identity = c.SubIdentity
	}
	sess.onAccepted = c.latch.accept
	sess.onRate = func(fps float64, bits int64) {
		c.setInfo(s.stream, func(i *StreamInfo) { i.FPS, i.BitsPerSecond = fps, bits })
	}
	err = sess.run(ctx)
	s.deaf, s.lastWall, s.box = sess.soundBroke, sess.receiver.lastWall, sess.receiver.box
	if !since.IsZero() {
		online = max(time.Since(since), 1)
	}
	return online, err
}

// describe fills in what a new run says about its stream.
func describe(i *StreamInfo, run *media.Run, sess *session) {
	i.Status, i.Problem = Online, ""
	video := run.Tracks[0]
	i.Codec, i.Width, i.Height = video.Codec, video.Width, video.Height
	i.Audio = ""
	if len(run.Tracks) > 1 {
		i.Audio = run.Tracks[1].Codec
	}
	i.AudioProblem = sess.audioProblem
	i.Transport = sess.transportNow()
}

// report tells the owner and the log that a session ended.
func (s *stream) report(err error, wasOnline bool, delay time.Duration) {
	var p *Problem
	if !errors.As(err, &p) {
		p = &Problem{Kind: ErrProtocol, Sentence: "The camera answers in a way that Hearth does not understand."}
	}
	level := slog.LevelWarn
	if p.Sentence == s.said && !wasOnline {
		level = slog.LevelDebug // many tries in a row end alike
	}
	s.said = p.Sentence
	s.log.Log(context.Background(), level, "no picture", "problem", p.Sentence, "detail", p.Detail, "again_in", delay.Round(time.Millisecond))
	s.camera.setInfo(s.stream, func(i *StreamInfo) {
		i.Status, i.Problem = Offline, p.Sentence
		switch {
		case errors.Is(err, ErrOtherCamera):
			i.Status = Quarantined
		case wasOnline:
			i.Status = Connecting
		}
		i.FPS, i.BitsPerSecond = 0, 0
	})
}
