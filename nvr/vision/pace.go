package vision

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// How much hearth takes from one process, whatever that has to say: some at once, and so much a second from then on. One
// that looks needs a small part of it; one that floods waits in its pipe, for which nobody else does.
const (
	complaints     = 64 << 10 // bytes a second of standard error
	mostComplaints = 256 << 10
	words          = 1000 // answers a second; each wordBytes count as one more
	mostWords      = 5000
	wordBytes      = 4 << 10
	logged         = 1.0 / 15 // lines of the log a second, of what all of a camera's processes say
	mostLogged     = 40
)

// pace is what may be taken of something: so much at once, and that again as time passes.
type pace struct {
	rate, most float64
	used       float64
	at         time.Time
}

// take takes n, and says how long to wait before more is taken.
func (p *pace) take(n float64) time.Duration {
	p.rest()
	p.used += n
	return time.Duration(max(p.used-p.most, 0) / p.rate * float64(time.Second))
}

// try takes n if there is so much left.
func (p *pace) try(n float64) bool {
	if p.rest(); p.used+n > p.most {
		return false
	}
	p.used += n
	return true
}

func (p *pace) rest() {
	now := time.Now()
	p.used = max(p.used-now.Sub(p.at).Seconds()*p.rate, 0)
	p.at = now
}

// pause waits; no longer than until ended is closed.
func pause(d time.Duration, ended <-chan struct{}) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	}
}

// silence minds for how long a process has said nothing. While hearth itself stood still, because the machine was stopped or very
// busy, the process may have too, and what it said may not be read yet.
type silence struct {
	patience, every time.Duration
	heard           time.Time
	looked          time.Time // when tooLong was asked last; it is to be every so often
}

func (s *silence) tooLong(now time.Time) bool {
	if late := now.Sub(s.looked) - s.every; late > 0 {
		if s.heard = s.heard.Add(late); s.heard.After(now) {
			s.heard = now
		}
	}
	s.looked = now
	return now.Sub(s.heard) > s.patience
}

// counted counts what is read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// sayings are what one camera's processes have said, as far as it goes into the log. Its zero value is ready to use.
type sayings struct {
	mu   sync.Mutex
	pace pace
	left int // out since a line was logged
}

// log logs a line of what a process says, unless there were too many.
func (s *sayings) log(log *slog.Logger, level slog.Level, text string, args ...any) {
	s.mu.Lock()
	s.pace.rate, s.pace.most = logged, mostLogged
	ok := s.pace.try(1)
	if !ok {
		s.left++
	}
	s.mu.Unlock()
	if ok {
		s.settle(log)
		log.Log(context.Background(), level, text, args...)
	}
}

// settle says how much was left out.
func (s *sayings) settle(log *slog.Logger) {
	s.mu.Lock()
	left := s.left
	s.left = 0
	s.mu.Unlock()
	if left > 0 {
		log.Warn("hearth-vision said more than is logged", "left_out", left)
	}
}
