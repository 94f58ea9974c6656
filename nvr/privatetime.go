package nvr

import (
	"context"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/privacy"
	"hearth/storage/box"
)

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
