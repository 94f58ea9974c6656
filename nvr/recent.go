package nvr

import (
	"context"
	"slices"
	"sync"
	"time"

	"hearth/nvr/event"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
)

// Of which moments recent has a key frame, and in how many bytes.
const (
	recentEvery = 6 * time.Second
	recentFor   = 90 * time.Second
	recentBytes = 4 << 20
)

// recent keeps some of a camera's newest key frames as they came in: what is wrong with a camera is known some time after
// it began, and its last good picture is wanted then. Nothing is decoded before. It implements media.Sink.
type recent struct {
	mu     sync.Mutex
	frames []keyFrame // in the order of their times, recentEvery apart but for the newest
	bytes  int
}

// keyFrame is a picture that can be decoded alone.
type keyFrame struct {
	track media.Track
	au    *media.AccessUnit
}

// StartRun implements media.Sink.
func (*recent) StartRun(*media.Run) {}

// EndRun implements media.Sink. What a camera showed before it was lost is still what it showed.
func (*recent) EndRun(*media.Run, string) {}

// WriteUnit implements media.Sink.
func (r *recent) WriteUnit(run *media.Run, au *media.AccessUnit) {
	t := run.Tracks[au.Track]
	if !au.Key || !t.Codec.IsVideo() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.frames)
	if n > 0 && au.Wall.Before(r.frames[n-1].au.Wall) { // the clock was set
		r.drop(0, n)
		n = 0
	}
	if n > 1 && r.frames[n-1].au.Wall.Sub(r.frames[n-2].au.Wall) < recentEvery {
		r.drop(n-1, n)
	}
	r.frames = append(r.frames, keyFrame{t, au})
	r.bytes += len(au.Data)
	old := 0
	for left := r.bytes; old < len(r.frames)-1; old++ {
		f := r.frames[old].au
		if left <= recentBytes && au.Wall.Sub(f.Wall) <= recentFor {
			break
		}
		left -= len(f.Data)
	}
	r.drop(0, old)
}

// drop lets go of the frames from i up to k.
func (r *recent) drop(i, k int) {
	for _, f := range r.frames[i:k] {
		r.bytes -= len(f.au.Data)
	}
	r.frames = slices.Delete(r.frames, i, k)
}

// forget lets go of all.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(0, len(r.frames))
}

// until gives the newest frame that is not of after a moment, and whether there is one.
func (r *recent) until(moment time.Time) (keyFrame, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range slices.Backward(r.frames) {
		if !f.au.Wall.After(moment) {
			return f, true
		}
	}
	return keyFrame{}, false
}

// shoot makes a thumbnail of what a camera showed last until a moment. ErrNoPicture.
func (c *Cameras) shoot(ctx context.Context, o *one, until time.Time) (event.Photo, error) {
	f, ok := o.recent.until(until)
	if !ok || !c.Store.Bell().Same(alarm.Worker, o.id, f.au.Camera, "a picture of another camera was about to become a thumbnail") {
		return event.Photo{}, ErrNoPicture
	}
	jpeg, err := c.picture(ctx, f.track, *f.au, thumbWidth)
	return event.Photo{At: f.au.Wall, JPEG: jpeg}, err
}
