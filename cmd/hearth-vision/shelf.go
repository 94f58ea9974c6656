//go:build cgo

package main

import "sync"

// What lies on the shelf at most: a GOP of a usual camera.
const (
	maxShelf      = 128
	maxShelfBytes = 3 << 20
)

// shelf keeps memory of units that are no longer needed for those that come: a stream of video would fill the heap
// with garbage every few seconds.
type shelf struct {
	mu    sync.Mutex
	free  [][]byte
	bytes int
}

// take gives an empty slice of at least that capacity.
func (s *shelf) take(capacity int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	for i, b := range s.free {
		if cap(b) >= capacity && (best < 0 || cap(b) < cap(s.free[best])) {
			best = i
		}
	}
	// A buffer of many times the size would be missing for what it was made for.
	if best < 0 || cap(s.free[best]) > 4*capacity+16<<10 {
		if capacity > 1<<20 {
			return nil // not believed before it comes
		}
		return make([]byte, 0, roomy(capacity))
	}
	b := s.free[best]
	last := len(s.free) - 1
	s.free[best], s.free[last] = s.free[last], nil
	s.free = s.free[:last]
	s.bytes -= cap(b)
	return b
}

// put takes memory that nobody uses any longer.
func (s *shelf) put(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) >= maxShelf || s.bytes+cap(b) > maxShelfBytes {
		return
	}
	s.free = append(s.free, b[:0])
	s.bytes += cap(b)
}

// roomy rounds up, so that a unit's memory suits the next one of its kind.
func roomy(n int) int {
	const step = 4 << 10
	return (n + n/8 + step - 1) / step * step
}
