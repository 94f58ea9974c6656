package commit

import (
	"errors"
	"sync"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

var (
	// ErrDropped says that a fragment was not taken because the disk is behind; the gap is recorded.
	ErrDropped = errors.New("fragment dropped: the disk is behind")
	// ErrClosed says that nothing more is taken: the writer was closed or another one took its place, the camera was
	// removed, or the box stops.
	ErrClosed = errors.New("closed")
	// ErrFull says that the disk is full.
	ErrFull = errors.New("the disk is full")
	// ErrMissing says that the disk is not there.
	ErrMissing = errors.New("the disk is not there")
	// ErrForeign says that another disk is in its place.
	ErrForeign = errors.New("it is another disk")
	// ErrReadOnly says that the disk cannot be written to.
	ErrReadOnly = errors.New("the disk is read-only")
)

// Bounds of what a line may have pending.
const (
	maxPending    = 16 << 20 // bytes
	maxPendingAge = 10 * time.Second
)

// Fragment is at most a second of a stream, cut at every key frame, as the recorder hands it over.
type Fragment struct {
	DTS, Duration int64     // 90 kHz ticks since the start of the run
	Start         time.Time // wall clock at DTS
	Key           bool      // begins with a key frame
	Data          [][]byte  // moof and mdat in pieces; kept as one record. Whoever appends it does not change it afterwards
}

type itemKind uint8

const (
	beginItem itemKind = iota
	fragmentItem
	gapItem
	endItem
	closeItem
	recordItem // of a pack
)

// item is one thing that a line has to write, in order.
type item struct {
	kind     itemKind
	run      *media.Run
	init     []byte
	fragment Fragment
	gap      segment.Note
	reason   string
	record   segment.Record
	payload  [][]byte
	done     chan placed // for recordItem, may be nil; has room for one
}

type placed struct {
	at  Placed
	err error
}

// Placed is where a record of a pack lies.
type Placed struct {
	File  int64 // the file's start in microseconds, by which it is found
	Place segment.Place
}

// queue is what a line has pending. All its methods return at once.
type queue struct {
	limit   int // bytes
	mu      sync.Mutex
	items   []item
	bytes   int
	since   time.Time // when the oldest item came; zero: there is none
	gap     *segment.Note
	dropped uint64
	writer  *Writer // who may append now
	closed  error
}

func size(data [][]byte) (n int) {
	for _, d := range data {
		n += len(d)
	}
	return n
}

// add appends an item; q.mu is held.
func (q *queue) add(it item, bytes int) {
	if len(q.items) == 0 {
		q.since = time.Now()
	}
	q.items = append(q.items, it)
	q.bytes += bytes
}

// room says whether n bytes more may be pending; q.mu is held.
func (q *queue) room(n int) bool {
	return q.bytes+n <= q.limit && (len(q.items) == 0 || time.Since(q.since) <= maxPendingAge)
}

// take hands over all that is pending, and since when; into is a slice to go on with.
func (q *queue) take(into []item) (items []item, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	items, since = q.items, q.since
	q.items, q.bytes, q.since = into[:0], 0, time.Time{}
	return items, since
}

func (q *queue) lose(n int) {
	q.mu.Lock()
	q.dropped += uint64(n)
	q.mu.Unlock()
}

// close lets nothing more in.
func (q *queue) close(reason error) {
	q.mu.Lock()
	q.closed = reason
	q.mu.Unlock()
}

// put adds a record of a pack.
func (q *queue) put(r segment.Record, payload [][]byte, done chan placed) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := size(payload)
	switch {
	case q.closed != nil:
		return q.closed
	case n > segment.MaxPayload:
		return segment.ErrTooLarge
	case !q.room(n):
		q.dropped++
		return ErrDropped
	}
	q.add(item{kind: recordItem, record: r, payload: payload, done: done}, n)
	return nil
}

// Writer takes one stream of one camera. Nothing in it waits for the disk. Only the newest Writer of a line is heard:
// a recorder that was started anew takes over from the one before.
type Writer struct {
	q    *queue
	line segment.Line
}

func (q *queue) attach(l segment.Line) *Writer {
	w := &Writer{q: q, line: l}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writer != nil {
		q.finish()
	}
	q.writer = w
	return w
}

// finish asks for the file to be finished, unless that is the last wish already; q.mu is held.
func (q *queue) finish() {
	if n := len(q.items); n > 0 && q.items[n-1].kind == closeItem {
		return
	}
	q.add(item{kind: closeItem}, 0)
}

// heard says why the writer is not listened to any more; q.mu is held.
func (w *Writer) heard() error {
	if w.q.closed != nil {
		return w.q.closed
	}
	if w.q.writer != w {
		return ErrClosed
	}
	return nil
}

// Begin says that a run begins: a new file starts with the next fragment. init is its ftyp+moov.
func (w *Writer) Begin(run *media.Run, init []byte) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.heard() != nil {
		return
	}
	it := item{kind: beginItem, run: run, init: init}
	w.q.unbegin()
	w.q.add(it, len(init))
}

// unbegin takes a run that has no fragment out again: it leaves no trace. q.mu is held.
func (q *queue) unbegin() bool {
	n := len(q.items)
	if n == 0 || q.items[n-1].kind != beginItem {
		return false
	}
	q.bytes -= len(q.items[n-1].init)
	q.items[n-1] = item{}
	if q.items = q.items[:n-1]; n == 1 {
		q.since = time.Time{}
	}
	return true
}

// Append adds a fragment of the run. Over the bounds it is dropped, and so is all that follows until a key frame finds
// room: ErrDropped. What is missing is recorded as a gap. ErrClosed: nobody listens any more.
func (w *Writer) Append(f Fragment) error {
	q := w.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := w.heard(); err != nil {
		return err
	}
	n := size(f.Data)
	if !q.room(n) || q.gap != nil && !f.Key {
		q.drop(f)
		return ErrDropped
	}
	if q.gap != nil {
		q.gap.To = f.Start.UnixMicro()
		q.add(item{kind: gapItem, gap: *q.gap}, 0)
		q.gap = nil
	}
	q.add(item{kind: fragmentItem, fragment: f}, n)
	return nil
}

// drop counts a fragment that is not taken; q.mu is held.
func (q *queue) drop(f Fragment) {
	if q.gap == nil {
		q.gap = &segment.Note{Kind: segment.NoteGap, From: f.Start.UnixMicro(), Reason: "the disk was too slow"}
	}
	q.gap.Dropped++
	q.dropped++
}

// End says that the run is over and why, in a few words for the timeline.
func (w *Writer) End(reason string) {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.heard() != nil {
		return
	}
	w.q.unbegin()
	if n := len(w.q.items); n > 0 && w.q.items[n-1].kind == endItem {
		return // the run before it has its reason
	}
	w.q.add(item{kind: endItem, reason: reason}, 0)
}

// Close finishes the file with what was appended so far. The Writer takes nothing more.
func (w *Writer) Close() error {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	if w.heard() != nil {
		return nil
	}
	w.q.writer = nil
	w.q.finish()
	return nil
}
