package web

import (
	"context"
	"errors"
	"time"

	"hearth/nvr"
	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
)

// privacyView is a rule of privacy, a camera's own or the house's, as it holds now.
type privacyView struct {
	On       bool       `json:"on" doc:"By this rule it is private now"`
	Until    *time.Time `json:"until,omitempty" doc:"When that changes by itself; absent: it does not"`
	ByHand   bool       `json:"by_hand,omitempty" doc:"Somebody switched it; until that ends the schedule does not count"`
	Schedule []hours    `json:"schedule" nullable:"false"`
	Warning  string     `json:"warning,omitempty" doc:"A sentence for the owner: the switch holds, but it could not be written down"`
}

// hours are hours of a day in which it is private, by the clock on the box's wall.
type hours struct {
	Days []string `json:"days,omitempty" enum:"mon,tue,wed,thu,fri,sat,sun" maxItems:"7" doc:"On which it begins; none: every day"`
	From string   `json:"from" pattern:"^[0-2][0-9]:[0-5][0-9]$" patternDescription:"a time of the day, as 22:00"`
	To   string   `json:"to" pattern:"^[0-2][0-9]:[0-5][0-9]$" patternDescription:"a time of the day, as 06:30" doc:"Not after from: on the next day"`
}

// changedPrivacy says what to switch; what is absent stays.
type changedPrivacy struct {
	On       *bool      `json:"on,omitempty" doc:"Private at once, or not; against a schedule until its next change"`
	Until    *time.Time `json:"until,omitempty" doc:"With on: how long that lasts"`
	Schedule *[]hours   `json:"schedule,omitempty" maxItems:"28" doc:"All of it; an empty one takes it away"`
}

func viewOfPrivacy(p nvr.Privacy) *privacyView {
	v := &privacyView{On: p.On, Until: moment(p.Until), ByHand: p.ByHand, Schedule: []hours{}}
	for _, h := range p.Schedule {
		v.Schedule = append(v.Schedule, hours(h))
	}
	if p.Unkept {
		v.Warning = "This holds, but the box could not write it down: it is forgotten when the box restarts. Its disk may be full."
	}
	return v
}

// moment is a time that may be absent.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (c *changedPrivacy) change() nvr.PrivacyChange {
	ch := nvr.PrivacyChange{On: c.On, Until: c.Until}
	if c.Schedule != nil {
		list := make([]box.PrivateHours, len(*c.Schedule))
		for i, h := range *c.Schedule {
			list[i] = box.PrivateHours(h)
		}
		ch.Schedule = &list
	}
	return ch
}

// switchPrivacy switches a camera, or with the zero one the house, and writes who did.
func (s *Server) switchPrivacy(ctx context.Context, v *visitor, camera media.CameraID, c *changedPrivacy) error {
	acts := [3]string{nvr.ActPrivate, nvr.ActNotPrivate, nvr.ActPrivateHours}
	var err error
	if camera.IsZero() {
		acts = [3]string{nvr.ActHousePrivate, nvr.ActHouseNotPrivate, nvr.ActHouseHours}
		err = s.Cameras.SetHousePrivacy(ctx, c.change())
	} else {
		err = s.Cameras.SetPrivacy(ctx, v.grant, c.change())
	}
	var unkept *nvr.UnkeptError
	if err != nil && (!errors.As(err, &unkept) || !unkept.Holds) {
		return err
	}
	entry := func(act string) access.Entry {
		e := v.entry(act, camera)
		if c.Until != nil {
			e.Detail = "until " + c.Until.UTC().Format(time.RFC3339)
		}
		return e
	}
	if c.Schedule != nil {
		s.looks.did(entry(acts[2]))
	}
	if c.On != nil {
		act := acts[1]
		if *c.On {
			act = acts[0]
		}
		s.looks.did(entry(act))
	}
	return nil
}
