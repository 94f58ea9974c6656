package vision

import (
	"context"
	"sync"
	"time"

	"hearth/nvr/media"
)

// What waits for the process at most: half a minute of a usual camera.
const (
	maxQueueUnits = 512
	maxQueueBytes = 24 << 20
)

// When units are handed over while nothing moves: with each key frame, for the process looks at those only then. Each time
// costs as much as looking at a small picture.
const (
	batchGOP   = 2200 * time.Millisecond // key frames farther apart than this are not waited for
	batchEvery = time.Second             // so long then
	batchBytes = pipeSize * 3 / 4        // and in any case so much: it goes into the pipe at once
)

// item is a unit with the run that it belongs to.
type item struct {
	run *media.Run
	au  *media.AccessUnit
}

// queue holds the units that the process has not taken yet. Its zero value is ready to use. What comes out of it
// can be decoded: after units were dropped it goes on with a key frame.
type queue struct {
	once sync.Once
	wake chan struct{} // holds one token when there is something new

	mu      sync.Mutex
	items   []item
	bytes   int
	needKey bool
	eager   bool      // whoever takes wants every unit at once, not only key frames
	large   int       // bytes from which on a unit is wanted at once in any case; 0 none
	keyAt   time.Time // of the newest key frame
	gap     bool      // key frames lie too far apart to wait for the next one
	dropped uint64
}

func (q *queue) signal() chan struct{} {
	q.once.Do(func() { q.wake = make(chan struct{}, 1) })
	return q.wake
}

// poke wakes whoever waits for the queue.
func (q *queue) poke() {
	select {
	case q.signal() <- struct{}{}:
	default:
	}
}

// put adds a unit. When there are too many, those before the newest key frame go, or all.
func (q *queue) put(run *media.Run, au *media.AccessUnit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.needKey && !au.Key {
		q.dropped++
		return
	}
	q.needKey = false
	q.items = append(q.items, item{run, au})
	q.bytes += len(au.Data)
	if len(q.items) > maxQueueUnits || q.bytes > maxQueueBytes {
		q.cutToNewestKey()
	}
	if q.ripe(au) {
		q.poke()
	}
}

// ripe says whether what waits, up to this unit, is to be handed over now. q.mu is held.
func (q *queue) ripe(au *media.AccessUnit) bool {
	since := au.Wall.Sub(q.keyAt)
	if au.Key {
		q.keyAt, q.gap = au.Wall, since > batchGOP
		return true
	}
	q.gap = q.gap || since > batchGOP || since < 0
	if len(q.items) == 0 {
		return false // all was dropped
	}
	wanted := q.eager || q.large > 0 && len(au.Data) >= q.large
	return wanted || q.bytes >= batchBytes || q.gap && au.Wall.Sub(q.items[0].au.Wall) >= batchEvery
}

// hurry says whether every unit is wanted at once from now on, or only key frames.
func (q *queue) hurry(eager bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if eager && !q.eager && len(q.items) > 0 {
		q.poke()
	}
	q.eager = eager
}

// wakeAt says how large a unit is to be wanted at once although nothing moves; 0 none is.
func (q *queue) wakeAt(bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.large = bytes
}

// cutToNewestKey drops what is older than the newest key frame; everything when that is what is oldest already.
func (q *queue) cutToNewestKey() {
	at := len(q.items)
	for i := len(q.items) - 1; i > 0; i-- {
		if q.items[i].au.Key {
			at = i
			break
		}
	}
	q.dropped += uint64(at)
	q.items = append([]item(nil), q.items[at:]...)
	q.needKey = len(q.items) == 0
	q.bytes = 0
	for _, it := range q.items {
		q.bytes += len(it.au.Data)
	}
}

// restart prepares the queue for a new process: it begins with the newest key frame, or with the next one. Whoever takes is
// woken for it: the token that came with it may be used up already, by whoever waited to start the process.
func (q *queue) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.needKey = true
	for i := len(q.items) - 1; i >= 0; i-- {
		if q.items[i].au.Key {
			q.dropped += uint64(i)
			q.items = append([]item(nil), q.items[i:]...)
			q.needKey = false
			break
		}
	}
	if q.needKey {
		q.dropped += uint64(len(q.items))
		q.items = nil
	}
	q.bytes = 0
	for _, it := range q.items {
		q.bytes += len(it.au.Data)
	}
	if len(q.items) > 0 {
		q.poke()
	}
}

// take gives everything that waits.
func (q *queue) take() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items, q.bytes = nil, 0
	return items
}

// wait returns once something waits; false when ctx ended before.
func (q *queue) wait(ctx context.Context) bool {
	q.hurry(true)
	for {
		q.mu.Lock()
		n := len(q.items)
		q.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-q.signal():
		case <-ctx.Done():
			return false
		}
	}
}

// count says that units were dropped elsewhere.
func (q *queue) count(dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped += dropped
}

func (q *queue) droppedUnits() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
