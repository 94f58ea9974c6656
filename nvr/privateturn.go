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

// sooner is the earlier of two moments; zero is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
