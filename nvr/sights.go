package nvr

import (
	"errors"
	"sync"
	"sync/atomic"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/vision"
	"hearth/storage/access"
)

// maxSights is how many may watch what moves before one camera at once: those who draw its zones.
const maxSights = 8

// ErrTooManySights says that so many watch what moves before the camera already.
var ErrTooManySights = errors.New("too many people are watching what moves before this camera just now; try again in a moment")

// sights tells what was seen, look by look, to those who draw zones on it. With nobody there it costs a glance at a count.
type sights struct {
	count   atomic.Int32
	mu      sync.Mutex
	readers map[*Sights]struct{}
	ended   bool
}

// Look is what was seen in one picture of a camera.
type Look = vision.Look

// Sights is one who watches. Of what it does not read in time only the newest is kept.
type Sights struct {
	from  *sights
	looks chan vision.Look
}

// Looks gives what is seen from now on; closed when the camera does not look any more.
func (s *Sights) Looks() <-chan vision.Look { return s.looks }

// Close ends watching. Closing twice is fine.
func (s *Sights) Close() {
	s.from.mu.Lock()
	defer s.from.mu.Unlock()
	s.from.drop(s)
}

// drop is called with mu held.
func (w *sights) drop(s *Sights) {
	if _, there := w.readers[s]; there {
		delete(w.readers, s)
		select {
		case <-s.looks: // what was not read yet is not shown any more
		default:
		}
		close(s.looks)
		w.count.Store(int32(len(w.readers)))
	}
}

func (w *sights) subscribe() (*Sights, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
		return nil, ErrNotRunning
	case len(w.readers) >= maxSights:
		return nil, ErrTooManySights
	}
	s := &Sights{from: w, looks: make(chan vision.Look, 1)}
	if w.readers == nil {
		w.readers = make(map[*Sights]struct{})
	}
	w.readers[s] = struct{}{}
	w.count.Store(int32(len(w.readers)))
	return s, nil
}

// tell passes a look on. It does not wait, and is called by one goroutine.
func (w *sights) tell(l vision.Look) {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for s := range w.readers {
		select {
		case <-s.looks: // an older one that nobody has read
		default:
		}
		s.looks <- l
	}
}

// end ends all watching for good.
func (w *sights) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	for s := range w.readers {
		w.drop(s)
	}
}

// Sights begins to watch what is seen before a camera. The grant is for managing it.
func (c *Cameras) Sights(g access.Grant) (*Sights, error) {
	o, err := c.open(g, access.Manage)
	if err != nil {
		return nil, err
	}
	s, err := o.sights.subscribe()
	if err != nil {
		return nil, err
	}
	if _, err := c.open(g, access.Manage); err != nil { // it became private meanwhile
		s.Close()
		return nil, err
	}
	return s, nil
}

// sighted passes on what a worker saw, if it is this camera's.
func (c *Cameras) sighted(o *one, of media.CameraID, l vision.Look) {
	if c.Store.Bell().Same(alarm.Live, o.id, of, "what another camera saw was about to be shown") {
		o.sights.tell(l)
	}
}
