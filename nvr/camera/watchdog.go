package camera

import (
	"sync/atomic"
	"time"
)

// watchdog notices that no complete pictures come any more, or no key frame although one is waited for. A camera
// that hangs often keeps its connection open and even sends sound or half a picture.
type watchdog struct {
	picture  atomic.Int64 // when the last complete picture came, or the session began; Unix time, ns
	awaitKey atomic.Int64 // since when a key frame is waited for; 0 when none is
}

func (w *watchdog) start(now time.Time) {
	w.picture.Store(now.UnixNano())
	w.awaitKey.CompareAndSwap(0, now.UnixNano())
}

// fed is told of every complete picture.
func (w *watchdog) fed(now time.Time) { w.picture.Store(now.UnixNano()) }

// needKey is told that pictures cannot be used until a key frame comes, and haveKey that one came.
func (w *watchdog) needKey(now time.Time) { w.awaitKey.CompareAndSwap(0, now.UnixNano()) }
func (w *watchdog) haveKey()              { w.awaitKey.Store(0) }

// check returns ErrNoPicture or ErrNoKeyFrame when it took too long.
func (w *watchdog) check(now time.Time, t *tuning) error {
	if now.UnixNano()-w.picture.Load() >= int64(t.noPicture) {
		return ErrNoPicture
	}
	if since := w.awaitKey.Load(); since != 0 && now.UnixNano()-since >= int64(t.noKeyFrame) {
		return ErrNoKeyFrame
	}
	return nil
}
