package camera

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"hearth/nvr/media"
)

const (
	// probeTime bounds a Probe, whatever the camera does.
	probeTime = 10 * time.Second
	// probeListen is how long pictures are counted after the first one, to know how many come in a second.
	probeListen = time.Second
)

// Offer is what a camera has.
type Offer struct {
	Main StreamOffer
	// Sub is the small stream: at Config.DetectURL or, if that is empty, where one was found. Nil if there is none
	// or it does not work; then SubProblem says why if DetectURL was given.
	Sub        *StreamOffer
	SubProblem string
	// SuggestedURL is the address of a sub stream that was found though none was given; without credentials.
	SuggestedURL string
}

// StreamOffer is what one stream has.
type StreamOffer struct {
	Track media.Track      // the picture
	Key   media.AccessUnit // the first key frame, so that a picture can be made of it
	// FPS is pictures per second as they came; where too few came to count, as the stream declares (DeclaredFPS).
	FPS, DeclaredFPS float64
	BitsPerSecond    int64        // as they came
	Audio            *media.Track // nil: no sound that can be kept; AudioProblem says why
	AudioProblem     string
	Transport        string // tcp or udp
}

// Probe asks a camera what it offers, and plays a little of both streams. It takes at most ten seconds, mostly a
// key frame interval and a second. An error is a *Problem, or ctx's.
func Probe(ctx context.Context, c Config) (Offer, error) {
	if err := c.Check(); err != nil {
		return Offer{}, err
	}
	limit, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()

	var offer Offer
	var wg sync.WaitGroup
	var found *StreamOffer
	var foundURL string
	var subErr error
	// The sub stream is asked for once the main stream took the password: a wrong one is tried only once.
	accepted := sync.OnceFunc(func() {
		wg.Go(func() {
			if c.DetectURL == "" {
				found, foundURL = suggest(limit, c)
				return
			}
			found, subErr = probeStream(limit, c, media.Sub, nil)
		})
	})
	main, err := probeStream(limit, c, media.Main, accepted)
	if err != nil {
		cancel()
		wg.Wait()
		if ctx.Err() != nil {
			return Offer{}, ctx.Err()
		}
		return Offer{}, err
	}
	wg.Wait()
	offer.Main = *main
	switch {
	case c.DetectURL == "":
		// Some cameras give the main stream under any path: what was found counts only if it is smaller.
		if found != nil && found.Track.Width < main.Track.Width {
			offer.Sub, offer.SuggestedURL = found, foundURL
		}
	case subErr != nil:
		offer.SubProblem = subErr.Error()
	default:
		offer.Sub = found
	}
	return offer, nil
}

// suggest tries the addresses where this camera's sub stream may be.
func suggest(ctx context.Context, c Config) (*StreamOffer, string) {
	for _, u := range subCandidates(cleanURL(c.URL)) {
		c.DetectURL = u
		o, err := probeStream(ctx, c, media.Sub, nil)
		if err == nil {
			return o, u
		}
		if errors.Is(err, ErrWrongPassword) {
			break
		}
	}
	return nil, ""
}

// probeStream plays one stream until a key frame came and pictures were counted for a while.
func probeStream(ctx context.Context, c Config, s media.Stream, accepted func()) (*StreamOffer, error) {
	u, err := c.address(s)
	if err != nil {
		return nil, err
	}
	tune := defaultTuning
	tune.dial, tune.handshake, tune.answer = 4*time.Second, 5*time.Second, 5*time.Second
	var counted tally
	var quick atomic.Bool
	quick.Store(true)
	sink := &tasting{done: make(chan struct{})}
	silent := slog.New(slog.DiscardHandler)
	sess := &session{
		url: u, transport: c.Transport, audio: c.Audio, tune: &tune, tally: &counted, log: silent,
		quick: &quick, onAccepted: accepted,
		receiver: &receiver{
			camera: c.ID, stream: s, sink: sink, tune: &tune, tally: &counted, log: silent,
			time: timeline{rate: media.VideoClockRate}, onRun: func(*media.Run) {},
		},
	}
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var ended error
	over := make(chan struct{})
	go func() {
		defer close(over)
		ended = sess.run(run)
	}()
	select {
	case <-sink.done:
	case <-over:
	case <-ctx.Done():
	}
	cancel()
	<-over

	if sink.run == nil {
		var p *Problem
		switch {
		case errors.As(ended, &p):
			return nil, p
		case sess.stage != "play":
			return nil, sess.problem(errHandshakeTimeout)
		case counted.dropped.Load() > 0:
			return nil, &Problem{Kind: ErrNoKeyFrame, Sentence: fmt.Sprintf("No key frame came from %s within %d seconds. Set a key frame interval (I-frame interval, GOP) of 1 to 4 seconds in the camera.", u.Host, int(probeTime.Seconds()))}
		}
		return nil, sess.problem(ErrNoPicture)
	}
	o := sink.offer()
	o.Transport, o.AudioProblem = sess.transportNow(), sess.audioProblem
	return o, nil
}

// tasting is the Sink of a probe: it keeps the first key frame and counts.
type tasting struct {
	run         *media.Run
	key         media.AccessUnit
	audio       *media.Track
	pictures    int
	bytes       int
	first       time.Time
	lastDTS     int64
	done        chan struct{}
	doneAlready bool
}

// StartRun implements media.Sink.
func (t *tasting) StartRun(run *media.Run) {
	if t.run == nil {
		t.run, t.first = run, time.Now()
	}
	if len(run.Tracks) > 1 {
		t.audio = &run.Tracks[1]
	}
}

// WriteUnit implements media.Sink.
func (t *tasting) WriteUnit(run *media.Run, au *media.AccessUnit) {
	if run != t.run || au.Track != 0 {
		return
	}
	if t.pictures == 0 {
		t.key = *au
	}
	t.pictures++
	t.bytes += len(au.Data)
	t.lastDTS = au.DTS
	if !t.doneAlready && time.Since(t.first) >= probeListen {
		t.doneAlready = true
		close(t.done)
	}
}

// EndRun implements media.Sink.
func (t *tasting) EndRun(*media.Run, string) {}

// offer is called when no more comes.
func (t *tasting) offer() *StreamOffer {
	o := &StreamOffer{Track: t.run.Tracks[0], Key: t.key, Audio: t.audio}
	o.DeclaredFPS = declaredFPS(o.Track)
	o.FPS = o.DeclaredFPS
	if seconds := float64(t.lastDTS) / media.VideoClockRate; t.pictures > 2 && seconds > 0.3 {
		o.FPS = float64(t.pictures-1) / seconds
		o.BitsPerSecond = int64(float64(t.bytes) * 8 / seconds)
	}
	return o
}

// declaredFPS is what the parameters say, 0 if they do not or it cannot be true.
func declaredFPS(t media.Track) float64 {
	var fps float64
	switch t.Codec {
	case media.H264:
		var sps h264.SPS
		if sps.Unmarshal(t.SPS) == nil {
			fps = sps.FPS()
		}
	case media.H265:
		var sps h265.SPS
		if sps.Unmarshal(t.SPS) == nil {
			fps = sps.FPS()
		}
	}
	if fps >= 1 && fps <= 240 {
		return fps
	}
	return 0
}
