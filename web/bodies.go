package web

import (
	"net/http"
	"net/netip"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// How much of requests' bodies may be on its way to the box at once.
const (
	bodiesMost      = 32 << 20
	bodiesOfAddress = 4 << 20
	strangersBody   = 32 << 10 // who is not logged in has nothing larger to say than a name and a password
)

// bodies counts what is promised to requests that send a body, from when they begin until it is here.
type bodies struct {
	mu  sync.Mutex
	all int
	of  map[netip.Addr]int
}

// take promises room for n bytes, which give returns, or says that there is none. Somebody who is logged in gets it as
// long as their own address has room: strangers elsewhere cannot take it.
func (b *bodies) take(from netip.Addr, n int, known bool) (give func(), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of[from]+n > bodiesOfAddress || b.all+n > bodiesMost && !known {
		return nil, huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, "Too much is being sent to the box at the moment. Try again soon."),
			http.Header{"Retry-After": {"5"}})
	}
	if b.of == nil {
		b.of = make(map[netip.Addr]int)
	}
	b.all += n
	b.of[from] += n
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all -= n
		if b.of[from] -= n; b.of[from] == 0 {
			delete(b.of, from)
		}
	}, nil
}
