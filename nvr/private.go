package nvr

import (
	"context"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/privacy"
	"hearth/storage/access"
	"hearth/storage/box"
)

const (
	// gapPrivate is the reason of a recording that ends because the camera is not to look.
	gapPrivate = "privacy"
	// lookEvery is how often the time is compared with the schedules; the clock may be set meanwhile.
	lookEvery = time.Second
	// keepEvery is how often it is tried again to write what hearth.db did not take.
	keepEvery = 10 * time.Second
	// quietWithin is how long a switch waits for the connections to be closed. Nothing passes them meanwhile.
	quietWithin = 3 * time.Second
	// maxBacklog bounds what waits to be written while hearth.db takes nothing.
	maxBacklog = 4096
)

// Acts in the audit log. Without a person it was the schedule.
const (
	ActPrivate         = "camera.private.on"
	ActNotPrivate      = "camera.private.off"
	ActPrivateHours    = "camera.private.hours"
	ActHousePrivate    = "box.private.on"
	ActHouseNotPrivate = "box.private.off"
	ActHouseHours      = "box.private.hours"
)

// shades is who is private. Its fields are changed with both mutexes held, first switching, then Cameras.mu; either is
// enough to read.
type shades struct {
	house   box.Privacy
	hushed  privacy.Verdict // of the house's rule alone
	cameras map[media.CameraID]*shade
	// backlog is what hearth.db did not take; tried when it was tried last.
	backlog box.PrivacyChange
	tried   time.Time
	next    time.Time // when a verdict changes by itself; zero: not known
	last    time.Time // the look before
	known   bool      // the time was, then
}

// shade is one camera's.
type shade struct {
	rule    box.Privacy
	verdict privacy.Verdict
	since   time.Time // of the verdict, with its monotonic reading if it came in this process
	began   time.Time // of the stretch as it is kept; zero: it is not private
	// addresses are the places of its streams.
	addresses []string
}

// Privacy is a rule as it holds now: a camera's own, or the house's.
type Privacy struct {
	On       bool
	Until    time.Time // when it changes by itself; zero: not, or not known
	ByHand   bool      // a person switched it, on or off
	Schedule []box.PrivateHours
	Unkept   bool // hearth.db did not take it: it is forgotten when the box restarts
}

// PrivacyState says since when a camera is private and until when.
type PrivacyState struct {
	Since, Until time.Time // Until is zero where nobody knows
	Reason       privacy.Reason
}

// PrivacyChange is what a person switches; what is nil stays. Until goes with On.
type PrivacyChange struct {
	On       *bool
	Until    *time.Time
	Schedule *[]box.PrivateHours
}

func (c *Cameras) zone() *time.Location {
	if c.Zone != nil {
		return c.Zone
	}
	return time.Local
}

func (c *Cameras) timeKnown() bool { return c.Trusted == nil || c.Trusted() }

// SetPrivacy switches a camera, for who may manage it. When it returns without error, a camera that was made private
// lets nothing in; an *UnkeptError that Holds says so too, but that hearth.db did not take it. Any other error: nothing
// changed.
func (c *Cameras) SetPrivacy(ctx context.Context, g access.Grant, ch PrivacyChange) error {
	id, err := granted(g, access.Manage)
	if err != nil {
		return err
	}
	return c.switchRule(ctx, ch, func() (*box.Privacy, error) {
		if err := c.Store.Access().Renew(g); err != nil {
			return nil, err
		}
		if s := c.shades.cameras[id]; s != nil {
			return &s.rule, nil
		}
		return nil, ErrNotRunning
	}, func(rule box.Privacy) turn { return turn{cameras: map[media.CameraID]box.Privacy{id: rule}} })
}

// SetHousePrivacy switches all cameras at once; the caller has made sure that an owner asks.
func (c *Cameras) SetHousePrivacy(ctx context.Context, ch PrivacyChange) error {
	return c.switchRule(ctx, ch, func() (*box.Privacy, error) {
		if c.shades.cameras == nil {
			return nil, ErrNotRunning
		}
		return &c.shades.house, nil
	}, func(rule box.Privacy) turn { return turn{house: &rule} })
}

// switchRule changes the rule that of finds, and waits until who is private by that is quiet.
func (c *Cameras) switchRule(
	ctx context.Context, ch PrivacyChange, of func() (*box.Privacy, error), to func(box.Privacy) turn,
) error {
	shut, err := func() ([]*one, error) {
		c.switching.Lock()
		defer c.switching.Unlock()
		before, err := of()
		if err != nil {
			return nil, err
		}
		rule, err := c.ruled(*before, ch)
		if err != nil {
			return nil, err
		}
		t := to(rule)
		t.insist = ch.On != nil && *ch.On
		return c.turn(t)
	}()
	c.await(ctx, shut)
	return err
}

// CheckPrivacy says what SetPrivacy would refuse of a change, or, without a grant, SetHousePrivacy.
func (c *Cameras) CheckPrivacy(g access.Grant, ch PrivacyChange) error {
	c.mu.Lock()
	before := c.shades.house
	if g.Valid() {
		before = box.Privacy{}
		if s := c.shades.cameras[g.Camera()]; s != nil {
			before = s.rule
		}
	}
	c.mu.Unlock()
	_, err := c.ruled(before, ch)
	return err
}

// Privacy gives a camera's own rule, for who may manage it.
func (c *Cameras) Privacy(g access.Grant) (Privacy, error) {
	id, err := granted(g)
	if err != nil {
		return Privacy{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shades.cameras[id]
	if s == nil {
		return Privacy{}, ErrNotRunning
	}
	_, unkept := c.shades.backlog.Cameras[id]
	return c.describe(s.rule, unkept), nil
}

// HousePrivacy gives the whole box's rule.
func (c *Cameras) HousePrivacy() Privacy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.describe(c.shades.house, c.shades.backlog.House != nil)
}

func (c *Cameras) describe(p box.Privacy, unkept bool) Privacy {
	now := time.Now()
	v := privacy.Judge(p, now, c.zone(), c.timeKnown())
	return Privacy{
		On: v.On, Until: v.Until, ByHand: privacy.Held(p, now), Schedule: slices.Clone(p.Schedule), Unkept: unkept,
	}
}

// ruled is a rule after a change, or a FieldError.
func (c *Cameras) ruled(before box.Privacy, ch PrivacyChange) (box.Privacy, error) {
	now, known := time.Now(), c.timeKnown()
	after := before
	if !privacy.Held(before, now) && known {
		after.On, after.Until = false, time.Time{}
	}
	if ch.Schedule != nil {
		if err := privacy.Check(*ch.Schedule); err != nil {
			return box.Privacy{}, &FieldError{"privacy.schedule", err.Error()}
		}
		after.Schedule = slices.Clone(*ch.Schedule)
		if !after.On {
			after.Until = time.Time{} // it was switched off against another schedule
		}
	}
	switch {
	case ch.On == nil && ch.Until != nil:
		return box.Privacy{}, &FieldError{"privacy.until", "say with on what is to last until then"}
	case ch.On == nil:
		return after, nil
	case ch.Until != nil && known && !ch.Until.After(now):
		return box.Privacy{}, &FieldError{"privacy.until", "that time is over"}
	}
	after.On, after.Until = *ch.On, time.Time{}
	if ch.Until != nil {
		after.Until = ch.Until.UTC()
	}
	if len(after.Schedule) == 0 {
		if !after.On && ch.Until != nil {
			return box.Privacy{}, &FieldError{"privacy.until", "there is no schedule that could make it private again"}
		}
		return after, nil
	}
	if !known {
		if !after.On {
			return box.Privacy{}, &FieldError{"privacy", "the box does not know what time it is, so it cannot keep to the schedule: " +
				"let it reach a time server, or take the schedule away first"}
		}
		return after, nil
	}
	if ch.Until == nil {
		scheduled := privacy.Judge(box.Privacy{Schedule: after.Schedule}, now, c.zone(), true)
		switch {
		case after.On || scheduled.On && !scheduled.Until.IsZero():
			after.Until = scheduled.Until.UTC()
		case scheduled.On:
			return box.Privacy{}, &FieldError{"privacy", "its schedule never ends: take that away to switch it off"}
		}
	}
	return after, nil
}

// isPrivate says whether a camera is not to look; c.mu is held. One that nobody knows is not to.
func (c *Cameras) isPrivate(id media.CameraID) bool {
	s := c.shades.cameras[id]
	return s == nil || s.verdict.On
}

// private says since when and until when a camera is private; ok is false when it is not. c.mu is held.
func (c *Cameras) private(id media.CameraID) (p PrivacyState, ok bool) {
	s := c.shades.cameras[id]
	if s == nil || !s.verdict.On {
		return PrivacyState{}, false
	}
	return PrivacyState{Since: s.began, Until: s.verdict.Until, Reason: s.verdict.Reason}, true
}
