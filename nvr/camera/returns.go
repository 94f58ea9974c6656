package camera

import (
	"context"
	"time"
)

// returnsEvery is how often a camera that came back is told of at most, so that one that comes and goes does not keep
// the others trying.
const returnsEvery = 2 * time.Second

// Returned says that a camera is back that had been away for a while. What took it away, the power or a switch, may have
// taken others, so all that wait for their next try are told.
func (g *Gate) Returned() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if !g.told.IsZero() && now.Sub(g.told) < returnsEvery {
		return
	}
	g.told = now
	if g.returns != nil {
		close(g.returns)
		g.returns = nil
	}
}

// Returns gives a channel that is closed when the next camera is back. That of a nil Gate never is.
func (g *Gate) Returns() <-chan struct{} {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.returns == nil {
		g.returns = make(chan struct{})
	}
	return g.returns
}

// pause waits for d before the next try, or less when a camera returns meanwhile; false means that ctx is done.
func (b *backoff) pause(ctx context.Context, d time.Duration, g *Gate) bool {
	next := time.Now().Add(d)
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		returns := g.Returns()
		if b.denials > 0 {
			returns = nil // whoever comes back, the password is still wrong
		}
		select {
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		case <-returns:
			if at := time.Now().Add(b.returned()); at.Before(next) {
				next = at
				t.Reset(time.Until(next))
			}
		}
	}
}
