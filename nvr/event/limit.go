package event

import (
	"sync"
	"time"
)

// PerHour is how many events of a camera begin in an hour when nobody said otherwise, and MaxPerHour the most that
// can be asked for.
const (
	PerHour    = 20
	MaxPerHour = 240
)

// summed is how long a summary goes on taking in what happens.
const summed = time.Hour

// Limit bounds how many events of a camera begin in any hour by the box's clock, whatever time a look says it is of.
// What comes beyond goes into a summary. It outlives a Book, so that a change of settings is no way around it. The zero
// value allows PerHour.
type Limit struct {
	mu    sync.Mutex
	most  int
	begun []time.Time // of the last hour, the oldest first; with monotonic clocks
}

// Set changes how many begin in an hour; 0: PerHour.
func (l *Limit) Set(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = min(most, MaxPerHour)
}

// take says whether another event may begin, and counts it.
func (l *Limit) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most, now := l.most, time.Now()
	if most <= 0 {
		most = PerHour
	}
	for len(l.begun) > 0 && now.Sub(l.begun[0]) >= time.Hour {
		l.begun = l.begun[1:]
	}
	if len(l.begun) >= most {
		return false
	}
	l.begun = append(l.begun, now)
	return true
}
