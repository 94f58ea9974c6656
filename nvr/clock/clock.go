package clock

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Source is what the time is known from.
type Source string

// The sources. Unknown means that the box does not know the time.
const (
	Unknown  Source = ""
	Network  Source = "network"  // the kernel says that its clock is kept in step
	Hardware Source = "hardware" // it agrees with a clock that has a battery
	Host     Source = "host"     // of a virtual machine
)

// State is what is known about the box's clock.
type State struct {
	Source  Source
	Problem string    // a sentence for the owner with what to do; empty while the time is known
	Set     time.Time // when the clock was set last, while the program ran; zero: it was not
	SetBy   time.Duration
}

// Clock watches the box's clock. Fill in the fields, then use it from any goroutine; Run logs what changes.
type Clock struct {
	// Built is when this program was made; it cannot be earlier than that. Zero: not known.
	Built time.Time
	// Recorded is the end of the newest footage when the program began.
	Recorded time.Time
	Log      *slog.Logger // nil: slog.Default()

	system system // nil: this machine's

	mu      sync.Mutex
	moment  time.Time // of the last look, with its monotonic reading
	shown   time.Time // what the clock showed then
	first   time.Time // moment of the first look
	began   time.Time // the same, or the first after the clock was set
	virtual bool
	state   State
}

// system is what the operating system says.
type system interface {
	// now gives a moment with its monotonic reading, and what the clock shows.
	now() (moment, shown time.Time)
	inStep() bool                // the kernel's clock is kept in step
	hardware() (time.Time, bool) // what a hardware clock shows now
	host() bool                  // this is a virtual machine
}

// Bounds.
const (
	// step is from how much on the clock counts as set.
	step = time.Second
	// near is how far a hardware clock and the system's may be apart: it is read in whole seconds, and drifts.
	near = 2 * time.Minute
	// slack is how far behind the newest footage the clock may be: the last picture was guessed to last some time.
	slack = 10 * time.Second
	// lookEvery is how often Run looks.
	lookEvery = time.Second
	// patience is how long the time may stay unknown before it is a problem: a network takes some minutes to come up.
	patience = 5 * time.Minute
)

// Trusted says whether the box knows the time.
func (c *Clock) Trusted() bool { return c.State().Source != Unknown }

// AtLeast is how late it is at least, for what must not happen too soon. While the time is not known that is as long after
// the newest footage as the program runs, since nobody knows how long the box was switched off; or what the clock shows,
// where that is earlier.
func (c *Clock) AtLeast() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if sure := c.Recorded.Add(c.moment.Sub(c.first)); c.state.Source == Unknown && !c.Recorded.IsZero() && sure.Before(c.shown) {
		return sure
	}
	return c.shown
}

// State looks at the clock and says what is known about it.
func (c *Clock) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	return c.state
}

// look brings the state up to date; c.mu is held.
func (c *Clock) look() {
	if c.system == nil {
		c.system = machine{}
	}
	moment, shown := c.system.now()
	switch first := c.moment.IsZero(); {
	case first:
		c.first, c.began, c.virtual = moment, moment, c.system.host()
	case c.wasSet(moment, shown):
		c.state.Set, c.state.SetBy, c.state.Source = shown, shown.Sub(c.shown)-moment.Sub(c.moment), Unknown
		c.began = moment
	case moment.Sub(c.moment) < lookEvery/2:
		return // many ask
	}
	c.moment, c.shown = moment, shown
	c.state.Source, c.state.Problem = c.judge(moment, shown)
}

func (c *Clock) wasSet(moment, shown time.Time) bool {
	d := shown.Sub(c.shown) - moment.Sub(c.moment)
	return d > step || d < -step
}

// judge says what the time is known from, or what is wrong with it.
func (c *Clock) judge(moment, shown time.Time) (Source, string) {
	if shown.Before(c.Built) {
		return Unknown, fmt.Sprintf("The box's clock shows %s, which is before this program was made. "+
			"Set it, or let the box reach a time server.", day(shown))
	}
	if c.system.inStep() {
		return Network, ""
	}
	if c.state.Source != Unknown {
		return c.state.Source, "" // nobody set it since it was right
	}
	if shown.Before(c.Recorded.Add(-slack)) {
		return Unknown, fmt.Sprintf("The box's clock shows %s, but the newest recording is of %s: one of them is wrong. "+
			"Set the clock, or let the box reach a time server.", day(shown), day(c.Recorded))
	}
	if t, ok := c.system.hardware(); ok && shown.Sub(t).Abs() <= near {
		return Hardware, ""
	}
	if c.virtual && c.state.Set.IsZero() {
		return Host, ""
	}
	if moment.Sub(c.began) < patience {
		return Unknown, ""
	}
	return Unknown, "The box does not know what time it is: no time server answered since it started. " +
		"Recordings are kept, but their times may be off. Connect it to the Internet, or set its clock."
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

// Run looks at the clock each second and logs what changes, until ctx is done.
func (c *Clock) Run(ctx context.Context) error {
	log := c.Log
	if log == nil {
		log = slog.Default()
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var before State
	for first := true; ; first = false {
		now := c.State()
		if now.Set != before.Set {
			log.Warn("the box's clock was set", "by", now.SetBy.Round(time.Millisecond), "now", now.Set.UTC())
		}
		switch {
		case now.Source != before.Source && now.Source != Unknown:
			log.Info("the box knows the time", "from", string(now.Source))
		case first && now.Source == Unknown, now.Source != before.Source:
			log.Warn("the box does not know the time yet: what it records is marked until it does")
		}
		if now.Problem != "" && before.Problem == "" {
			log.Warn(now.Problem)
		}
		before = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
