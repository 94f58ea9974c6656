//go:build cgo

package main

import (
	"bufio"
	"io"
	"slices"
	"sync"
	"time"

	"hearth/nvr/vision/protocol"
)

// What waits to be looked at, at most. Beyond it the pipe fills, and hearth drops what is old.
const (
	maxInbox      = 400
	maxInboxBytes = 24 << 20
)

// inbox holds messages that were read and not handled yet, so that the worker sees how far behind it is.
type inbox struct {
	mu       sync.Mutex
	changed  *sync.Cond
	messages []waiting
	first    []waiting // where messages began, to be used again
	bytes    int
	err      error // why no more will come

	shelf shelf
}

type waiting struct {
	protocol.Message
	since time.Time
}

func newInbox() *inbox {
	i := &inbox{}
	i.changed = sync.NewCond(&i.mu)
	return i
}

// read fills the inbox until the input ends.
func (i *inbox) read(in io.Reader) {
	r := bufio.NewReaderSize(in, 256<<10)
	for {
		m, err := protocol.ReadInto(r, i.shelf.take)
		i.mu.Lock()
		for err == nil && (len(i.messages) >= maxInbox || i.bytes >= maxInboxBytes) {
			i.changed.Wait()
		}
		if err != nil {
			i.err = err
		} else {
			if i.messages = append(i.messages, waiting{m, time.Now()}); len(i.messages) == 1 {
				i.first = i.messages
			}
			i.bytes += size(m)
		}
		i.changed.Broadcast()
		i.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// next waits for a message; after that long without one it gives nil, nil.
func (i *inbox) next(wait time.Duration) (protocol.Message, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	expired := false
	if len(i.messages) == 0 && i.err == nil {
		timer := time.AfterFunc(wait, func() {
			i.mu.Lock()
			expired = true
			i.changed.Broadcast()
			i.mu.Unlock()
		})
		defer timer.Stop()
	}
	for len(i.messages) == 0 && i.err == nil && !expired {
		i.changed.Wait()
	}
	if len(i.messages) == 0 {
		return nil, i.err
	}
	m := i.messages[0].Message
	i.messages[0] = waiting{}
	if i.messages = i.messages[1:]; len(i.messages) == 0 {
		i.messages = i.first[:0]
	}
	i.bytes -= size(m)
	i.changed.Broadcast()
	return m, nil
}

// catchUp drops units that wait, up to the newest key frame, when the oldest has waited for longer than the limit; it
// says how many went. Nothing but units is dropped, and none when something else waits between them.
func (i *inbox) catchUp(limit time.Duration) (dropped uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.messages) == 0 || time.Since(i.messages[0].since) < limit {
		return 0
	}
	key := 0
	for n, m := range i.messages {
		u, ok := m.Message.(protocol.Unit)
		if !ok {
			return 0
		}
		if u.Key {
			key = n
		}
	}
	if key == 0 {
		return 0
	}
	for _, m := range i.messages[:key] {
		i.bytes -= size(m.Message)
		i.shelf.put(m.Message.(protocol.Unit).Data)
	}
	i.messages = slices.Delete(i.messages, 0, key)
	i.changed.Broadcast()
	return uint64(key)
}

func size(m protocol.Message) int {
	if u, ok := m.(protocol.Unit); ok {
		return len(u.Data)
	}
	return 0
}
