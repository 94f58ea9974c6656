package nvr

import (
	"context"
	"maps"
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

// turn is a change of rules, or, when empty, a look at the time.
type turn struct {
	house   *box.Privacy
	cameras map[media.CameraID]box.Privacy
	insist  bool // who becomes private does so before, and also if, hearth.db takes it not
}

// outcome is what a turn does to one camera.
type outcome struct {
	id      media.CameraID
	s       *shade
	verdict privacy.Verdict
	began   time.Time
}

// turn brings what holds up to date and gives the cameras that were shut by that; switching is held.
func (c *Cameras) turn(t turn) (shut []*one, err error) {
	now, known := time.Now(), c.timeKnown()
	before, house := c.shades.hushed, c.shades.house
	if t.house != nil {
		house = *t.house
	}
	hushed := privacy.Judge(house, now, c.zone(), known)
	next := hushed.Until
	if before.On != hushed.On && t.house == nil {
		defer c.audit(media.CameraID{}, hushed.On)
	}

	change := box.PrivacyChange{House: t.house, Cameras: t.cameras}
	var outcomes []outcome
	for id, s := range c.shades.cameras {
		rule := s.rule
		if r, ok := t.cameras[id]; ok {
			rule = r
		}
		o := outcome{id, s, privacy.Both(rule, house, now, c.zone(), known), s.began}
		next = sooner(next, o.verdict.Until)
		switch {
		case o.verdict.On && !s.verdict.On:
			o.began = now.Round(0)
			change.Stretches = append(change.Stretches, box.PrivateStretch{Camera: id, From: o.began})
		case !o.verdict.On && s.verdict.On:
			change.Stretches = append(change.Stretches, box.PrivateStretch{Camera: id, From: s.began, To: now.Round(0)})
			o.began = time.Time{}
		case o.verdict.On && known && moved(s, now):
			o.began = now.Round(0).Add(-now.Sub(s.since))
			change.Gone = append(change.Gone, box.PrivateStretch{Camera: id, From: s.began})
			change.Stretches = append(change.Stretches, box.PrivateStretch{Camera: id, From: o.began})
		}
		outcomes = append(outcomes, o)
	}

	asked := t.house != nil || len(t.cameras) > 0
	late := asked && !t.insist // nothing changes unless it is durable
	if late {
		if err := c.keep(change, now); err != nil {
			return nil, &UnkeptError{false, err}
		}
	}
	shut = c.takeOn(t, house, hushed, outcomes, now)
	c.shades.next, c.shades.last, c.shades.known = next, now, known
	if !late {
		if err := c.keep(change, now); err != nil {
			c.mu.Lock()
			c.shades.backlog = join(c.shades.backlog, change)
			c.mu.Unlock()
			c.Log.Warn("who is private is not written to hearth.db: it is forgotten when the box restarts before it can be", "error", err)
			if asked {
				return shut, &UnkeptError{true, err}
			}
		}
	}
	return shut, nil
}

// moved says whether a private stretch is kept with a beginning by a clock that was wrong then.
func moved(s *shade, now time.Time) bool {
	off := now.Round(0).Add(-now.Sub(s.since)).Sub(s.began)
	return off.Abs() > 2*time.Second && s.since != s.since.Round(0)
}

// takeOn makes a turn hold, and gives the cameras that were shut.
func (c *Cameras) takeOn(t turn, house box.Privacy, hushed privacy.Verdict, outcomes []outcome, now time.Time) (shut []*one) {
	c.mu.Lock()
	c.shades.house, c.shades.hushed = house, hushed
	var changed []outcome
	for _, o := range outcomes {
		if r, ok := t.cameras[o.id]; ok {
			o.s.rule = r
		}
		if o.verdict.On != o.s.verdict.On {
			o.s.since = now
			if o.verdict.On && c.running[o.id] != nil {
				shut = append(shut, c.running[o.id])
			}
		}
		if o.verdict != o.s.verdict {
			was := o.s.verdict
			o.s.verdict = o.verdict
			changed = append(changed, outcome{id: o.id, s: o.s, verdict: was})
		}
		o.s.began = o.began
	}
	for address, cancel := range c.probes {
		if c.privateAddress(address.url, address.detect) {
			cancel()
		}
	}
	c.mu.Unlock()
	for _, o := range shut {
		o.shut()
	}
	for _, o := range changed {
		status := map[bool]string{true: statusPrivate, false: statusComing}[o.s.verdict.On]
		if o.verdict.On != o.s.verdict.On {
			c.Log.Info("privacy", "camera", o.id, "private", o.s.verdict.On, "reason", string(o.s.verdict.Reason)+string(o.verdict.Reason))
			if t.house == nil && t.cameras == nil && o.verdict.Reason != privacy.House && o.s.verdict.Reason != privacy.House {
				c.audit(o.id, o.s.verdict.On)
			}
		}
		c.news.tell(Item{Camera: o.id, Kind: "camera", Data: map[string]string{"change": "state", "status": status}})
	}
	if len(changed) > 0 {
		c.wake()
	}
	return shut
}

// wake has cameras opened that are to look again.
func (c *Cameras) wake() {
	select {
	case c.opened <- struct{}{}:
	default:
	}
}

// await waits until nothing comes in any more from cameras that were shut. That is bounded: nothing passes them anyway.
func (c *Cameras) await(ctx context.Context, shut []*one) {
	limit, cancel := context.WithTimeout(ctx, quietWithin)
	defer cancel()
	for _, o := range shut {
		select {
		case <-o.quiet():
		case <-limit.Done():
			o.log.Warn("a camera that is private takes long to let go of its connection")
			return
		}
	}
}

// keep makes a change durable, and with it what was not before.
func (c *Cameras) keep(change box.PrivacyChange, now time.Time) error {
	all := join(c.shades.backlog, change)
	if all.House == nil && len(all.Cameras) == 0 && len(all.Stretches) == 0 && len(all.Gone) == 0 {
		return nil
	}
	c.shades.tried = now
	write := c.Store.Box().ChangePrivacy
	if c.write != nil {
		write = c.write
	}
	if err := write(all); err != nil {
		return err
	}
	c.mu.Lock()
	c.shades.backlog = box.PrivacyChange{}
	c.mu.Unlock()
	return nil
}

// join makes one change of two, of which the second came later.
func join(a, b box.PrivacyChange) box.PrivacyChange {
	if b.House == nil {
		b.House = a.House
	}
	cameras := maps.Clone(a.Cameras)
	if cameras == nil {
		cameras = make(map[media.CameraID]box.Privacy)
	}
	maps.Copy(cameras, b.Cameras)
	b.Cameras = cameras
	b.Stretches = slices.Concat(a.Stretches, b.Stretches)
	b.Gone = slices.Concat(a.Gone, b.Gone)
	for len(b.Stretches) > maxBacklog {
		b.Stretches = b.Stretches[1:]
	}
	for len(b.Gone) > maxBacklog {
		b.Gone = b.Gone[1:]
	}
	return b
}

func (c *Cameras) audit(id media.CameraID, on bool) {
	act := map[bool]string{true: ActPrivate, false: ActNotPrivate}[on]
	if id.IsZero() {
		act = map[bool]string{true: ActHousePrivate, false: ActHouseNotPrivate}[on]
	}
	if err := c.Store.Access().Audit(access.Entry{Act: act, Camera: id}); err != nil {
		c.Log.Error("a line of the audit log is lost", "act", act, "error", err)
	}
}

// loadPrivacy reads who is private, before any camera is started. c.change is held.
func (c *Cameras) loadPrivacy(known []box.Camera) error {
	c.switching.Lock()
	defer c.switching.Unlock()
	house, err := c.Store.Box().Privacy()
	if err != nil {
		return err
	}
	now, trusted := time.Now(), c.timeKnown()
	all := shades{house: house, hushed: privacy.Judge(house, now, c.zone(), trusted), cameras: make(map[media.CameraID]*shade)}
	var change box.PrivacyChange
	for _, k := range known {
		stretches, err := c.Store.Box().PrivateStretches(k.ID)
		if err != nil {
			return err
		}
		s, closed, by := shadeOf(k, house, stretches, now, c.zone(), trusted)
		all.cameras[k.ID] = s
		change.Stretches = append(change.Stretches, closed...)
		if by {
			defer c.audit(k.ID, s.verdict.On)
		}
	}
	c.mu.Lock()
	c.shades = all
	c.mu.Unlock()
	if err := c.keep(change, now); err != nil {
		c.Log.Warn("since when cameras are private is not written to hearth.db", "error", err)
		c.mu.Lock()
		c.shades.backlog = join(c.shades.backlog, change)
		c.mu.Unlock()
	}
	return nil
}

// shadeOf is how a camera begins, what is to be written of its stretches, and whether it changed while the box was off.
func shadeOf(
	k box.Camera, house box.Privacy, stretches []box.PrivateStretch, now time.Time, zone *time.Location, trusted bool,
) (s *shade, change []box.PrivateStretch, changed bool) {
	s = &shade{since: now, addresses: addressesOf(k)}
	if k.Privacy != nil {
		s.rule = *k.Privacy
	}
	s.verdict = privacy.Both(s.rule, house, now, zone, trusted)
	var open *box.PrivateStretch
	for i, p := range stretches {
		switch {
		case !p.To.IsZero():
		case i+1 < len(stretches):
			p.To = stretches[i+1].From
			change = append(change, p)
		default:
			open = &p
		}
	}
	switch {
	case open != nil && s.verdict.On:
		s.began, s.since = open.From, open.From
	case open != nil:
		// It ended while the box was off: when the rules say, where they can.
		open.To = now.Round(0)
		if v := privacy.Both(s.rule, house, open.From, zone, true); v.On && !v.Until.IsZero() && v.Until.Before(now) {
			open.To = v.Until
		}
		change = append(change, *open)
	case s.verdict.On:
		s.began = now.Round(0)
		change = append(change, box.PrivateStretch{Camera: k.ID, From: s.began})
	}
	return s, change, (open != nil) != s.verdict.On
}

// keepPrivacy looks at the time, and changes who is private when it says so, until ctx ends.
func (c *Cameras) keepPrivacy(ctx context.Context) {
	timer := time.NewTimer(lookEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(c.lookAtTime())
		}
	}
}

// lookAtTime gives how long to wait for the next look.
func (c *Cameras) lookAtTime() time.Duration {
	c.switching.Lock()
	defer c.switching.Unlock()
	s := &c.shades
	now := time.Now()
	backlog := (s.backlog.House != nil || len(s.backlog.Cameras)+len(s.backlog.Stretches) > 0) && now.Sub(s.tried) >= keepEvery
	// By the wall: the clock may have been set, also back.
	wall := now.Round(0)
	due := !s.next.IsZero() && !wall.Before(s.next)
	set := (wall.Sub(s.last.Round(0)) - now.Sub(s.last)).Abs() > time.Second
	if due || set || backlog || c.timeKnown() != s.known {
		// A turn that nobody asked for has no error.
		_, _ = c.turn(turn{})
	}
	s.last = now
	if d := time.Until(s.next); !s.next.IsZero() && d > 0 && d < lookEvery {
		return d
	}
	return lookEvery
}

// openAgain starts cameras that are to look again, until ctx ends.
func (c *Cameras) openAgain(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.opened:
			c.openAll()
		}
	}
}

func (c *Cameras) openAll() {
	c.change.Lock()
	defer c.change.Unlock()
	if c.tree == nil {
		return
	}
	c.mu.Lock()
	var again []*one
	for id, o := range c.running {
		if o.looking.Err() != nil && !c.isPrivate(id) {
			again = append(again, o)
		}
	}
	c.mu.Unlock()
	for _, o := range again {
		settings, err := c.Store.Box().Camera(o.id)
		if err == nil {
			err = c.restart(o, settings)
		}
		if err != nil {
			o.log.Error("a camera that is not private any more does not start", "error", err)
		}
	}
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

// shadeNew makes a camera known that was just added.
func (c *Cameras) shadeNew(k box.Camera) {
	c.switching.Lock()
	defer c.switching.Unlock()
	if c.shades.cameras == nil {
		return // Run will
	}
	now := time.Now()
	s, stretches, _ := shadeOf(k, c.shades.house, nil, now, c.zone(), c.timeKnown())
	c.mu.Lock()
	c.shades.cameras[k.ID] = s
	c.mu.Unlock()
	if err := c.keep(box.PrivacyChange{Stretches: stretches}, now); err != nil {
		c.Log.Warn("since when a camera is private is not written to hearth.db", "camera", k.Name, "error", err)
		c.mu.Lock()
		c.shades.backlog = join(c.shades.backlog, box.PrivacyChange{Stretches: stretches})
		c.mu.Unlock()
	}
}

func (c *Cameras) shadeGone(id media.CameraID) {
	c.switching.Lock()
	defer c.switching.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.shades.cameras, id)
}

// sooner is the earlier of two moments; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
