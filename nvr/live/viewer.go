package live

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"hearth/nvr/media/alarm"
	"hearth/storage/access"
)

// again is how soon after one skip another makes a viewer slow.
const again = 30 * time.Second

// Viewer is one who watches. Next is called by one goroutine.
type Viewer struct {
	hub      *Hub
	grant    access.Grant
	maxTime  time.Duration
	maxBytes int
	wake     chan struct{} // holds one token when there is something new

	mu       sync.Mutex
	queue    []entry
	bytes    int       // in the queue, the GOP so far not counted
	skipping bool      // nothing is taken until a key frame comes
	skipped  time.Time // by the stream's clock: the last skip
	ended    error     // why nothing comes any more; nil: it goes on
	skips    uint64    // times
	lost     uint64    // fragments
}

// entry is a message in a queue. That with the GOP so far has its data made when it is taken out.
type entry struct {
	Message
	newest time.Time // wall clock of the newest unit, where that is not the first
	bytes  int
	data   func() []byte
}

// at is the wall clock of an entry's newest unit.
func (e entry) at() time.Time {
	if e.newest.IsZero() {
		return e.Wall
	}
	return e.newest
}

// Grant is what the viewer watches by.
func (v *Viewer) Grant() access.Grant { return v.grant }

// Next waits for the next message. ErrDenied: it is another camera's. It gives io.EOF after Close, of the viewer or of the
// hub, the reason after Hub.EndAll, and ctx's error when that is done.
func (v *Viewer) Next(ctx context.Context) (Message, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Message{}, err
		}
		e, ok, ended := v.take()
		if ended != nil {
			return Message{}, ended
		}
		if ok {
			if e.Kind != Notice && !v.hub.Bell.Same(alarm.Live, v.grant.Camera(), e.Camera, "pictures of another camera were on their way to somebody") {
				return Message{}, ErrDenied
			}
			if e.data != nil {
				e.Data = e.data()
			}
			return e.Message, nil
		}
		select {
		case <-v.wake:
		case <-ctx.Done():
			return Message{}, ctx.Err()
		}
	}
}

// take takes the first entry out of the queue.
func (v *Viewer) take() (e entry, ok bool, ended error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended != nil {
		return entry{}, false, v.ended
	}
	if len(v.queue) == 0 {
		return entry{}, false, nil
	}
	e = v.queue[0]
	v.queue = slices.Delete(v.queue, 0, 1)
	v.bytes -= len(e.Data)
	return e, true, nil
}

// put adds a fragment to the queue, or skips it.
func (v *Viewer) put(e entry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.skipping && !e.Key:
		v.lost++
		return
	case v.skipping:
		v.skipping = false
		v.clear() // what still waits is older than this key frame
	case v.full(e):
		v.skip(e.Wall)
		if !e.Key {
			v.skipping = true
			v.lost++
			return
		}
		v.clear()
	}
	v.queue = append(v.queue, e)
	v.bytes += len(e.Data)
	v.signal()
}

// full says whether an entry is one too many.
func (v *Viewer) full(e entry) bool {
	for _, q := range v.queue {
		if q.Kind == Media {
			return e.at().Sub(q.at()) > v.maxTime || v.bytes+len(e.Data) > v.maxBytes
		}
	}
	return false
}

// skip counts a skip, and tells the viewer when it was not the first.
func (v *Viewer) skip(at time.Time) {
	v.skips++
	if !v.skipped.IsZero() && at.Sub(v.skipped) < again {
		v.say(NoticeSlow, 0) // before what waits: the sooner the better
	}
	v.skipped = at
}

// clear drops the fragments that wait. What is no fragment stays.
func (v *Viewer) clear() {
	v.queue = slices.DeleteFunc(v.queue, func(e entry) bool {
		if e.Kind == Media {
			v.lost++
		}
		return e.Kind == Media
	})
	v.bytes = 0
	for _, e := range v.queue {
		v.bytes += len(e.Data)
	}
}

// restart begins a run: what waits of the one before is dropped.
func (v *Viewer) restart(init Message) {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.queue)
	v.queue = append(v.queue[:0], entry{Message: init})
	v.bytes = len(init.Data)
	v.skipping = true // until its first key frame
	v.signal()
}

// offline tells the viewer, after all that still waits, that the camera sends nothing.
func (v *Viewer) offline() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.say(NoticeOffline, len(v.queue))
}

// say puts a notice in the queue before entry at, in place of one that says the same.
func (v *Viewer) say(text string, at int) {
	for i, e := range v.queue {
		if e.Kind == Notice && string(e.Data) == text {
			v.queue = slices.Delete(v.queue, i, i+1)
			v.bytes -= len(text)
			if i < at {
				at--
			}
			break
		}
	}
	v.queue = slices.Insert(v.queue, at, entry{Message: Message{Kind: Notice, Data: []byte(text)}})
	v.bytes += len(text)
	v.signal()
}

// signal wakes Next.
func (v *Viewer) signal() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *Viewer) counters() (skips, lost uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.skips, v.lost
}

// Close ends the watching.
func (v *Viewer) Close() { v.end(io.EOF) }

// end ends it for the first reason that is given.
func (v *Viewer) end(reason error) {
	v.mu.Lock()
	if v.ended == nil {
		v.ended = reason
	}
	clear(v.queue)
	v.queue = nil
	v.mu.Unlock()
	v.signal()
	v.hub.leave(v)
}
