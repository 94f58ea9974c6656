package web

import (
	"context"
	"time"
)

// askAgain is how often what lasts asks whether it may go on.
const askAgain = 500 * time.Millisecond

// whileTrue gives a context that ends with ctx, or soon after ask fails: then with that error as its cause, and
// onEnd, if there is one, has been called to wake what waits on the network. The cancel function waits for neither.
func (s *Server) whileTrue(ctx context.Context, ask func() error, onEnd func()) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		tick := time.NewTicker(askAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := ask(); err != nil {
					cancel(err)
					if onEnd != nil {
						onEnd()
					}
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
