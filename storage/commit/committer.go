package commit

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/storage/segment"
)

// Committer writes all lines of one volume. Its fields are set before Run and not changed afterwards.
type Committer struct {
	Disk Disk
	Tick time.Duration // how often all that is pending goes to the disk; 0: 1 s
	// MaxPending is how many bytes of a line may wait for the disk; 0: 16 MiB. They wait for 10 s at most.
	MaxPending int
	Log        *slog.Logger
	Bell       *alarm.Bell
	// Key gives the key of a camera that is recorded.
	Key func(media.CameraID) (segment.Key, error)
	// Head gives the last chain hash of a line's newest file; it is asked once, before the line's first file begins.
	Head func(segment.Line) ([32]byte, error)
	// Taken says that a line has a finished file with this start, in microseconds, or an unfinished one on another volume.
	Taken func(l segment.Line, start int64) bool
	// RollBytes gives how large a file of the line may grow; nil: 512 MiB.
	RollBytes func(segment.Line) int64
	// Ready says whether the disk can be written to; it is asked once a tick. nil: it can; ErrFull: only what is open is
	// finished; ErrMissing, ErrForeign, ErrReadOnly: it is left alone. The reason is in the gap. A nil Ready is always nil.
	Ready func() error
	// OnFinished is told of every finished file, before it stops being among Open. It does not block.
	OnFinished func(Finished)

	work sync.Mutex      // held while files are written: by a flush, or by what must not meet one
	buf  []byte          // one buffer for all that is sealed
	sure map[string]bool // folders of days that are known to be durable

	mu        sync.RWMutex
	lines     map[segment.Line]*line
	stopped   bool
	inFlight  time.Time // since when the oldest fragment that a flush has in hand was pending
	stats     Stats
	abandoned []*file

	once sync.Once
	kick chan struct{} // a pack has something that somebody waits for
}

// line is one camera's stream (or packs): what is pending, and the file that it goes to.
type line struct {
	segment.Line
	queue

	// These belong to whoever holds Committer.work.
	run     *media.Run
	init    []byte
	runSeq  uint32
	clocked media.UUID     // the run whose step of the clock is noted already: a run may begin to be recorded several times
	gaps    []segment.Note // and steps of the clock, for the next fragment that is kept; the last may be open: its To is zero
	file    *file
	trouble string   // what was last logged about it
	prev    [32]byte // chain hash that the next file begins with
	headed  bool     // prev is known
	spareIt []item

	refuses   atomic.Bool // what came last could not be written
	elsewhere atomic.Bool // its chain has gone on on another volume since prev was known

	live []*file // guarded by Committer.mu: what is not finished yet and can be read, oldest first
}

// Stats are counters since the start, and the last commit's time.
type Stats struct {
	Commits      uint64
	CommitTime   time.Duration // of the last one, from the first write to the last sync
	CommitTotal  time.Duration
	WriteCalls   uint64
	WrittenBytes uint64
	Syncs        uint64
	Failures     uint64 // files that were abandoned
}

func (c *Committer) setup() {
	c.once.Do(func() {
		c.kick = make(chan struct{}, 1)
		c.lines = make(map[segment.Line]*line)
		if c.Tick == 0 {
			c.Tick = time.Second
		}
		if c.MaxPending == 0 {
			c.MaxPending = maxPending
		}
	})
}

func (c *Committer) line(id segment.Line) (*line, error) {
	c.setup()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return nil, ErrClosed
	}
	l := c.lines[id]
	if l == nil {
		l = &line{Line: id, queue: queue{limit: c.MaxPending}}
		c.lines[id] = l
	}
	return l, nil
}

// Writer gives the writer of a line of footage; an earlier one of the same line is heard no more.
func (c *Committer) Writer(id segment.Line) (*Writer, error) {
	l, err := c.line(id)
	if err != nil {
		return nil, err
	}
	return l.queue.attach(id), nil
}

// Put adds a record to a camera's pack and returns when it is durable, or cannot be.
func (c *Committer) Put(ctx context.Context, camera media.CameraID, r segment.Record, payload ...[]byte) (Placed, error) {
	l, err := c.line(segment.Line{Camera: camera, Stream: segment.Pack})
	if err != nil {
		return Placed{}, err
	}
	done := make(chan placed, 1)
	if err := l.queue.put(r, payload, done); err != nil {
		return Placed{}, err
	}
	select {
	case c.kick <- struct{}{}:
	default:
	}
	select {
	case p := <-done:
		return p.at, p.err
	case <-ctx.Done():
		return Placed{}, ctx.Err()
	}
}

// PutLater adds a record to a camera's pack with the next tick.
func (c *Committer) PutLater(camera media.CameraID, r segment.Record, payload ...[]byte) error {
	l, err := c.line(segment.Line{Camera: camera, Stream: segment.Pack})
	if err != nil {
		return err
	}
	return l.queue.put(r, payload, nil)
}

// Run commits once a tick until ctx is done; then it takes nothing more, writes all that is pending and finishes all
// files before it returns.
func (c *Committer) Run(ctx context.Context) error {
	c.setup()
	tick := time.NewTicker(c.Tick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.flush(func(*line) bool { return true })
		case <-c.kick:
			c.flush(func(l *line) bool { return l.Stream == segment.Pack })
		case <-ctx.Done():
			c.Stop()
			return nil
		}
	}
}

// Stop takes nothing more, writes all that is pending and finishes all files.
func (c *Committer) Stop() {
	c.setup()
	c.mu.Lock()
	c.stopped = true
	for _, l := range c.lines {
		l.queue.stop()
	}
	c.mu.Unlock()
	c.flush(func(*line) bool { return true })
}

// stop lets nothing more in and asks for the file to be finished.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed == nil {
		q.closed = ErrClosed
		q.add(item{kind: endItem, reason: "Hearth was stopped"}, 0)
		q.add(item{kind: closeItem}, 0)
	}
}

// Forget drops all that a camera has pending or open, without finishing it: the camera is removed and its key gone.
// It waits for a commit under way.
func (c *Committer) Forget(camera media.CameraID) {
	c.setup()
	c.work.Lock()
	defer c.work.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, l := range c.lines {
		if id.Camera != camera {
			continue
		}
		l.queue.close(ErrClosed)
		items, _ := l.queue.take(nil)
		for _, it := range items {
			if it.done != nil {
				it.done <- placed{err: ErrClosed}
			}
		}
		if l.file != nil {
			l.file.on.Close()
		}
		delete(c.lines, id)
	}
	c.abandoned = slices.DeleteFunc(c.abandoned, func(f *file) bool { return f.line.Camera == camera })
}

// Open gives a line's files that are not finished, oldest first: the one being written and abandoned ones.
func (c *Committer) Open(id segment.Line) []View {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	l := c.lines[id]
	if l == nil {
		return nil
	}
	views := make([]View, 0, len(l.live))
	for _, f := range l.live {
		if len(f.durable.table) > 0 {
			views = append(views, f.view())
		}
	}
	return views
}

// Begun says whether a line has a file with this start, in microseconds, that is not finished, or not told of as finished.
func (c *Committer) Begun(id segment.Line, start int64) bool {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	l := c.lines[id]
	return l != nil && slices.ContainsFunc(l.live, func(f *file) bool { return f.name.Start == start })
}

// AllOpen is Open for all lines.
func (c *Committer) AllOpen() []View {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	var views []View
	for _, l := range c.lines {
		for _, f := range l.live {
			views = append(views, f.view())
		}
	}
	return views
}

// Writes says whether an unfinished file is one of ours, so that nobody else must finish it. It waits for a commit under
// way: a file that it begins can be seen on the disk before it is among Open.
func (c *Committer) Writes(camera media.CameraID, n segment.Name) bool {
	c.setup()
	c.work.Lock()
	defer c.work.Unlock()
	return slices.ContainsFunc(c.AllOpen(), func(v View) bool { return v.Line.Camera == camera && v.Name == n })
}

// Stats gives the counters.
func (c *Committer) Stats() Stats {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.stats
}

// Dropped counts the fragments of each camera that were not recorded, since the start.
func (c *Committer) Dropped() map[media.CameraID]uint64 {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	dropped := make(map[media.CameraID]uint64)
	for _, l := range c.lines {
		l.queue.mu.Lock()
		dropped[l.Camera] += l.queue.dropped
		l.queue.mu.Unlock()
	}
	return dropped
}

// Refuses says whether what came last of a line could not be written. It waits for no disk.
func (c *Committer) Refuses(id segment.Line) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	l := c.lines[id]
	return l != nil && l.refuses.Load()
}

// InHand is the age of the oldest fragment that a flush under way is bringing to the disk; 0: none is under way.
func (c *Committer) InHand() time.Duration {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.inFlight.IsZero() {
		return 0
	}
	return time.Since(c.inFlight)
}

// AtRisk is the age of the oldest fragment that is not durable yet.
func (c *Committer) AtRisk() time.Duration {
	c.setup()
	c.mu.RLock()
	defer c.mu.RUnlock()
	oldest := c.inFlight
	for _, l := range c.lines {
		l.queue.mu.Lock()
		if s := l.queue.since; !s.IsZero() && (oldest.IsZero() || s.Before(oldest)) {
			oldest = s
		}
		l.queue.mu.Unlock()
	}
	if oldest.IsZero() {
		return 0
	}
	return time.Since(oldest)
}
