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
// What comes beyond goes into a summary. What is wrong with a camera has an account of its own: motion, however much, does
// not keep it quiet. It outlives a Book, so that a change of settings is no way around it. The zero value allows PerHour.
type Limit struct {
	mu             sync.Mutex
	most           int         // of motion
	motion, wrongs []time.Time // that began in the last hour, the oldest first; with monotonic clocks
}

// Set changes how many begin in an hour; 0: PerHour.
func (l *Limit) Set(most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.most = min(most, MaxPerHour)
}

// take says whether another event of motion may begin, and counts it.
func (l *Limit) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.most
	if most <= 0 {
		most = PerHour
	}
	return count(&l.motion, most)
}

// takeWrong is take for what is wrong with a camera.
func (l *Limit) takeWrong() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return count(&l.wrongs, PerHour)
}

// count adds one to those of the last hour, unless there are as many as may be.
func count(begun *[]time.Time, most int) bool {
	now := time.Now()
	for len(*begun) > 0 && now.Sub((*begun)[0]) >= time.Hour {
		*begun = (*begun)[1:]
	}
	if len(*begun) >= most {
		return false
	}
	*begun = append(*begun, now)
	return true
}
