package camera

import "time"

// setBy is how far the box's clock must have been set to end a run. What is less is made good within the run: NTP sets
// a clock by a step, too, when it is off by some tenths of a second, and a leap second is one second.
const setBy = 1100 * time.Millisecond

// boxClock reads the box's clock as if nobody set it while a run goes on, and says when somebody did: by hand, or NTP
// after a start without a battery. It compares two moments by both of their readings, the wall clock and the monotonic
// one. A clock that is slewed is no matter: the kernel slews both alike.
type boxClock struct {
	wall func(moment time.Time) time.Time // what the clock shows at a moment of time.Now; nil: that moment's own reading

	moment time.Time     // the newest one asked about, with its monotonic reading
	shown  time.Time     // what the clock showed then
	step   time.Duration // what it was set by, and nobody obeyed yet
	untold time.Duration // what it was set by, obeyed, before a run that does not know it yet
}

// at gives the Unix time of a moment, in nanoseconds, on the clock as it was before the step that is not obeyed yet.
func (c *boxClock) at(moment time.Time) int64 {
	shown := moment.Round(0) // without the monotonic reading
	if c.wall != nil {
		shown = c.wall(moment).Round(0)
	}
	if !c.moment.IsZero() {
		if d := shown.Sub(c.shown) - moment.Sub(c.moment); d > setBy || d < -setBy {
			c.step += d
		}
	}
	c.moment, c.shown = moment, shown
	return shown.UnixNano() - int64(c.step)
}

// wasSet says whether the clock was set so far that a run should not go on.
func (c *boxClock) wasSet() bool { return c.step > setBy || c.step < -setBy }

// obey goes on with the clock as it is, and gives by how much it was set.
func (c *boxClock) obey() time.Duration {
	step := c.step
	c.step = 0
	c.untold += step
	return step
}

// told gives by how much the clock was set since the last run that asked.
func (c *boxClock) told() time.Duration {
	step := c.untold
	c.untold = 0
	return step
}
