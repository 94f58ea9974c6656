package camera

import (
	"context"
	"sync"
	"time"
)

// DefaultHandshakes is how many handshakes a Gate lets be under way together unless it is told otherwise.
const DefaultHandshakes = 8

// Gate limits the RTSP handshakes under way for the whole box, so that after a power cut thirty cameras do not ask
// for keys, descriptions and first key frames in the same second. It is fair: who came first goes first. Its zero
// value lets DefaultHandshakes through; a nil Gate everybody.
type Gate struct {
	Limit int // handshakes under way together; 0 means DefaultHandshakes

	mu      sync.Mutex
	inside  int
	waiting []chan struct{} // in the order in which they came; closed when it is their turn

	told    time.Time     // when the last return was
	returns chan struct{} // closed at the next one; nil: nobody waits for it
}

// NewGate makes a Gate for limit handshakes at a time.
func NewGate(limit int) *Gate { return &Gate{Limit: limit} }

// Enter waits for a place and gives the function that leaves it, which may be called more than once. The only error
// is the context's.
func (g *Gate) Enter(ctx context.Context) (leave func(), err error) {
	if g == nil {
		return func() {}, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g.mu.Lock()
	if g.inside < g.limit() && len(g.waiting) == 0 {
		g.inside++
		g.mu.Unlock()
		return sync.OnceFunc(g.leave), nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.mu.Unlock()

	select {
	case <-turn:
		return sync.OnceFunc(g.leave), nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	for i, w := range g.waiting {
		if w == turn {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			g.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	g.mu.Unlock()
	g.leave() // our turn came in the same moment: pass it on
	return nil, ctx.Err()
}

func (g *Gate) limit() int {
	if g.Limit > 0 {
		return g.Limit
	}
	return DefaultHandshakes
}

// leave gives the place to whoever waits longest.
func (g *Gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) > 0 {
		close(g.waiting[0])
		g.waiting = g.waiting[1:]
		return
	}
	g.inside--
}
