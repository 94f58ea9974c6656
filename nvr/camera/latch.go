package camera

import (
	"context"
	"sync"
	"time"
)

// latch spares the account of a camera that said "wrong password": all its streams wait, and then one of them tries
// alone, until the camera accepts the password. Two streams would count twice, and cameras lock an account after a
// handful of failures.
type latch struct {
	mu       sync.Mutex
	until    time.Time     // nobody tries before
	doubtful bool          // the last verdict was "wrong password"
	trying   bool          // somebody tries while it is doubtful
	changed  chan struct{} // closed when one of these changes; nil when nobody waits
}

// enter waits until a stream may try; false means that ctx is done. After true, one of accept, deny and leave
// follows.
func (l *latch) enter(ctx context.Context) bool {
	for ctx.Err() == nil {
		l.mu.Lock()
		pause := time.Until(l.until)
		if pause <= 0 && !(l.doubtful && l.trying) {
			l.trying = l.doubtful
			l.mu.Unlock()
			return true
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()

		var over <-chan time.Time
		if pause > 0 {
			t := time.NewTimer(pause)
			defer t.Stop()
			over = t.C
		}
		select {
		case <-over:
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

// accept says that the camera took the password.
func (l *latch) accept() { l.set(func() { l.doubtful, l.trying, l.until = false, false, time.Time{} }) }

// deny says that the camera refused it; nobody tries for d.
func (l *latch) deny(d time.Duration) {
	l.set(func() { l.doubtful, l.trying, l.until = true, false, time.Now().Add(d) })
}

// leave says that the camera said neither.
func (l *latch) leave() { l.set(func() { l.trying = false }) }

func (l *latch) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}
