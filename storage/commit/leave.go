package commit

import "hearth/storage/segment"

// Leave finishes what a line has open here, with all that is pending: the line goes on on another volume, and its chain
// of hashes from here. It waits for a commit under way. The line's Writer is heard no more.
func (c *Committer) Leave(id segment.Line) {
	c.setup()
	c.mu.RLock()
	l := c.lines[id]
	c.mu.RUnlock()
	if l == nil {
		return
	}
	l.queue.mu.Lock()
	l.queue.writer = nil
	if l.queue.closed == nil {
		l.queue.finish()
	}
	l.queue.mu.Unlock()
	c.flush(func(o *line) bool { return o == l })
	c.work.Lock()
	defer c.work.Unlock()
	if l.file == nil { // nobody took the line up again meanwhile
		l.headed, l.prev = false, [32]byte{} // when it comes back, its chain has gone on elsewhere
	}
}

// Elsewhere says that a line goes on on another volume, and its chain with it, where this one is in trouble and must not be
// waited for.
func (c *Committer) Elsewhere(id segment.Line) {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	if l := c.lines[id]; l != nil {
		l.elsewhere.Store(true)
	}
}
