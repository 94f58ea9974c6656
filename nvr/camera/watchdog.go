package camera

import (
	"sync/atomic"
	"time"
)

// watchdog notices that no complete pictures come any more, or no key frame although one is waited for. A camera
// that hangs often keeps its connection open and even sends sound or half a picture.
//
// It keeps moments with their monotonic reading: the box's clock may be set, by hand or by NTP after a start, and that
// must neither end the sessions of all cameras together nor blind it.
type watchdog struct {
	picture  atomic.Pointer[time.Time] // when the last complete picture came, or the session began
	awaitKey atomic.Pointer[time.Time] // since when a key frame is waited for; nil when none is
}

func (w *watchdog) start(now time.Time) {
	w.picture.Store(&now)
	w.awaitKey.CompareAndSwap(nil, &now)
}

// fed is told of every complete picture.
func (w *watchdog) fed(now time.Time) { w.picture.Store(&now) }

// needKey is told that pictures cannot be used until a key frame comes, and haveKey that one came.
func (w *watchdog) needKey(now time.Time) { w.awaitKey.CompareAndSwap(nil, &now) }
func (w *watchdog) haveKey()              { w.awaitKey.Store(nil) }

// check returns ErrNoPicture or ErrNoKeyFrame when it took too long. It comes after start.
func (w *watchdog) check(now time.Time, t *tuning) error {
	if now.Sub(*w.picture.Load()) >= t.noPicture {
		return ErrNoPicture
	}
	if since := w.awaitKey.Load(); since != nil && now.Sub(*since) >= t.noKeyFrame {
		return ErrNoKeyFrame
	}
	return nil
}
