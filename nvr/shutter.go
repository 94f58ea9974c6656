package nvr

import (
	"sync"

	"hearth/nvr/media"
)

// shutter stands before all that takes a stream. Once closed it stays so, and nothing passes: whoever closed it need not
// wait until the session behind it has ended.
type shutter struct {
	to media.Sink

	mu     sync.Mutex
	run    *media.Run // begun and not ended
	closed bool
}

// StartRun implements media.Sink.
func (s *shutter) StartRun(run *media.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.run = run
		s.to.StartRun(run)
	}
}

// WriteUnit implements media.Sink.
func (s *shutter) WriteUnit(run *media.Run, au *media.AccessUnit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.to.WriteUnit(run, au)
	}
}

// EndRun implements media.Sink.
func (s *shutter) EndRun(run *media.Run, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.run == run {
		s.run = nil
	}
	s.to.EndRun(run, reason)
}

// close ends the run under way. When it returns, nothing passes any more.
func (s *shutter) close(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	if s.run != nil {
		s.to.EndRun(s.run, reason)
		s.run = nil
	}
}
