package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// turnstile lets as many in at once as its channel holds.
type turnstile chan struct{}

// enter waits a while for a place; who got one calls leave.
func (t turnstile) enter(ctx context.Context) (leave func(), err error) {
	return t.within(ctx, exportWait, "Other exports are under way. Try again when one of them is done.")
}

// within waits so long for a place, and says busy to who gets none.
func (t turnstile) within(ctx context.Context, wait time.Duration, busy string) (leave func(), err error) {
	patience := time.NewTimer(wait)
	defer patience.Stop()
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, huma.ErrorWithHeaders(
			problem(http.StatusTooManyRequests, busy), http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()))}})
	}
}
