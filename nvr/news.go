package nvr

import (
	"sync"

	"hearth/nvr/media"
)

// newsBacklog is how many items a reader may be behind before it loses some.
const newsBacklog = 64

// Item is one thing that happened to one camera. Who passes it on asks for a grant for that camera first.
type Item struct {
	Camera media.CameraID
	Kind   string // "event", "camera" or "recording"
	Data   any    // made into JSON as it is

	of media.CameraID // whose news it is by what it tells
}

// News tells what happens to whoever listens. A reader that does not keep up loses items, with a count, and never
// holds up the teller. The zero News is ready.
type News struct {
	mu      sync.Mutex
	readers map[*Subscription]struct{}
}

// Subscription is one reader of the news.
type Subscription struct {
	news  *News
	items chan Item
	lost  uint64
	only  func(Item) bool // nil: everything
}

// Subscribe begins to listen. Close ends it.
func (n *News) Subscribe() *Subscription {
	s := &Subscription{news: n, items: make(chan Item, newsBacklog)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.readers == nil {
		n.readers = make(map[*Subscription]struct{})
	}
	n.readers[s] = struct{}{}
	return s
}

// Only has the subscription hear from now on what may says, which must not wait: what somebody else is told takes no
// room here, and is not counted as lost.
func (s *Subscription) Only(may func(Item) bool) {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	s.only = may
}

// Items gives what happens from now on. It is never closed: stop reading when you Close.
func (s *Subscription) Items() <-chan Item { return s.items }

// Lost says how many items this reader was too slow for.
func (s *Subscription) Lost() uint64 {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	return s.lost
}

// Close ends listening. Closing twice is fine.
func (s *Subscription) Close() {
	s.news.mu.Lock()
	defer s.news.mu.Unlock()
	delete(s.news.readers, s)
}

func (n *News) tell(item Item) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for s := range n.readers {
		if s.only != nil && !s.only(item) {
			continue
		}
		select {
		case s.items <- item:
		default:
			s.lost++
		}
	}
}
