package clock

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// How often systemd is asked, which takes a process: while the answer is no, and once it was yes. Nobody waits for it.
const (
	askEvery = 15 * time.Second
	askAgain = 10 * time.Minute
)

// timedated is what systemd-timedated says about the clock (org.freedesktop.timedate1).
type timedated struct {
	ask func() bool // the process that asks; another one in tests

	mu     sync.Mutex
	asked  time.Time // zero: not yet
	asking bool
	said   bool
}

var timedate = &timedated{ask: askTimedated}

// inStep gives the last answer, and asks anew when it is old. Before the first one it is no, and after the clock was set.
func (t *timedated) inStep() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, pause := time.Now(), askEvery
	if set := now.Round(0).Sub(t.asked.Round(0)) - now.Sub(t.asked); set.Abs() > step {
		t.said, t.asked = false, time.Time{}
	}
	if t.said {
		pause = askAgain
	}
	if !t.asking && (t.asked.IsZero() || now.Sub(t.asked) >= pause) {
		t.asking = true
		go func() {
			said := t.ask()
			t.mu.Lock()
			defer t.mu.Unlock()
			t.asking, t.asked, t.said = false, time.Now(), said
		}()
	}
	return t.said
}

// askTimedated has busctl ask, which comes with systemd. No answer is a no.
func askTimedated() bool {
	ctx, cancel := context.WithTimeout(context.Background(), askEvery) // it ends by itself before
	defer cancel()
	out, err := exec.CommandContext(ctx, "busctl", "--system", "--timeout=10", "get-property",
		"org.freedesktop.timedate1", "/org/freedesktop/timedate1", "org.freedesktop.timedate1", "NTPSynchronized").Output()
	return err == nil && strings.TrimSpace(string(out)) == "b true"
}
