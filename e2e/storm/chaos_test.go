package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"hearth/nvr/sim"
)

// act does something as the owner until the box answers that it is done: a box that is killed meanwhile may have done it or
// not, and each of these acts may be done twice.
func (s *storm) act(ctx context.Context, method, path string, body, out any, fine ...int) error {
	for try := 0; ; try++ {
		if !s.box.wait(ctx) {
			return context.Cause(ctx)
		}
		status, answer, _, cut, err := s.owner.browser.do(ctx, s.owner.session.secret, method, path, body)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil || cut, status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
			if died := s.box.alive(); died != nil {
				return died
			}
			if try > 100 {
				return fmt.Errorf("%s %s: %d %w", method, path, status, err)
			}
			time.Sleep(100 * time.Millisecond)
		case status/100 == 2 || slices.Contains(fine, status):
			if out != nil && status/100 == 2 {
				return json.Unmarshal(answer, out)
			}
			return nil
		default:
			return fmt.Errorf("%s %s: %d %s", method, path, status, answer)
		}
	}
}

// add adds a simulated camera as a new one.
func (s *storm) add(ctx context.Context, i int) error {
	var name string
	s.change(func() {
		s.names++
		name = fmt.Sprintf("Storm %d-%d", i+1, s.names)
		s.adding = name
	})
	defer s.change(func() { s.adding = "" })
	settings := map[string]any{"name": name, "url": s.url(i), "record": "continuous"}
	if i >= s.watched {
		settings["motion"] = map[string]any{"sensitivity": 0.5, "off": true}
	}
	at := s.now()
	var got cameraJSON
	if err := s.act(ctx, http.MethodPost, "/cameras", settings, &got, http.StatusUnprocessableEntity); err != nil {
		return err
	}
	if got.ID == "" { // it was added before the box died, and the name is taken now
		var list struct {
			Items []cameraJSON `json:"items"`
		}
		if err := s.act(ctx, http.MethodGet, "/cameras", nil, &list); err != nil {
			return err
		}
		for _, c := range list.Items {
			if c.Name == name {
				got = c
			}
		}
		if got.ID == "" {
			return fmt.Errorf("camera %q was neither added nor can be", name)
		}
	}
	c := &camera{id: got.ID, number: uint16(i + 1)}
	c.exists.send(true, at)
	c.exists.ack(s.now())
	c.private.send(false, at)
	c.private.ack(at)
	c.name.send(name, at)
	c.name.ack(s.now())
	s.change(func() {
		s.cameras[c.id], s.byName[name] = c, c.id
		s.everAdded = append(s.everAdded, c)
		if len(s.slots) == i {
			s.slots = append(s.slots, nil)
		}
		s.slots[i] = c
	})
	return nil
}

// replace removes a camera and adds it again, as another.
func (s *storm) replace(ctx context.Context, i int) error {
	c := s.slots[i]
	s.change(func() { c.exists.send(false, s.now()) })
	if err := s.act(ctx, http.MethodDelete, "/cameras/"+c.id, nil, nil, http.StatusNotFound); err != nil {
		return err
	}
	s.change(func() { c.exists.ack(s.now()) })
	s.changes.removals.Add(1)
	since := time.Now()
	if err := s.add(ctx, i); err != nil {
		return err
	}
	_, _, err := s.recordedAgain(ctx, since, s.slots[i])
	return err
}

func (s *storm) rename(ctx context.Context, i int) error {
	c := s.slots[i]
	var name string
	s.change(func() {
		s.names++
		name = fmt.Sprintf("Storm %d-%d", i+1, s.names)
		s.byName[name] = c.id
		c.name.send(name, s.now())
	})
	if err := s.act(ctx, http.MethodPatch, "/cameras/"+c.id, map[string]string{"name": name}, nil); err != nil {
		return err
	}
	s.change(func() { c.name.ack(s.now()) })
	s.changes.renames.Add(1)
	return nil
}

// setPrivate closes a camera, or opens it.
func (s *storm) setPrivate(ctx context.Context, c *camera, private bool) error {
	s.change(func() { c.private.send(private, s.now()) })
	body := map[string]any{"privacy": map[string]any{"on": private}}
	if err := s.act(ctx, http.MethodPatch, "/cameras/"+c.id, body, nil); err != nil {
		return err
	}
	s.change(func() { c.private.ack(s.now()) })
	return nil
}

type grantJSON struct {
	Camera string   `json:"camera"`
	Verbs  []string `json:"verbs"`
}

// give says what a person may from now on.
func (s *storm) give(ctx context.Context, p *person, st standing) error {
	list := []grantJSON{}
	for id, r := range st.extras {
		list = append(list, grantJSON{id, r.names()})
	}
	s.change(func() { p.standing.send(st, s.now()) })
	if err := s.act(ctx, http.MethodPut, "/users/"+p.id+"/grants", list, nil); err != nil {
		return err
	}
	s.change(func() { p.standing.ack(s.now()) })
	return nil
}

// regrant changes a guest's rights: all anew, or one camera given or taken.
func (s *storm) regrant(ctx context.Context, p *person) error {
	before := p.standing.newest()
	after := standing{role: before.role, extras: maps.Clone(before.extras)}
	// Rights on cameras that are gone are gone with them.
	for id := range after.extras {
		if !s.cameras[id].exists.newest() {
			delete(after.extras, id)
		}
	}
	switch n := s.random.IntN(10); {
	case n < 4 && len(after.extras) > 0:
		ids := slices.Sorted(maps.Keys(after.extras))
		delete(after.extras, ids[s.random.IntN(len(ids))])
		s.changes.revocations.Add(1)
	case n < 8:
		maps.Copy(after.extras, s.draw())
		s.changes.grants.Add(1)
	case n < 9:
		after.extras = s.draw()
		s.changes.revocations.Add(1)
	default:
		clear(after.extras)
		s.changes.revocations.Add(1)
	}
	return s.give(ctx, p, after)
}

// takeFromWatcher takes the right to watch from somebody who does so right now, if there is anybody.
func (s *storm) takeFromWatcher(ctx context.Context) error {
	var p *person
	var camera string
	s.change(func() {
		for w := range s.watching {
			if st := w.p.standing.newest(); st.role == "guest" && st.extras[w.camera]&live != 0 {
				p, camera = w.p, w.camera
				return
			}
		}
	})
	if p == nil {
		return nil
	}
	before := p.standing.newest()
	after := standing{role: before.role, extras: maps.Clone(before.extras)}
	if after.extras[camera] &^= live; after.extras[camera] == 0 {
		delete(after.extras, camera)
	}
	maps.DeleteFunc(after.extras, func(id string, _ rights) bool { return !s.cameras[id].exists.newest() })
	s.changes.revocations.Add(1)
	return s.give(ctx, p, after)
}

// promote makes a guest an adult, or an adult a guest.
func (s *storm) promote(ctx context.Context, p *person) error {
	st := p.standing.newest()
	st.role = map[string]string{"guest": "adult", "adult": "guest"}[st.role]
	s.change(func() { p.standing.send(st, s.now()) })
	if err := s.act(ctx, http.MethodPatch, "/users/"+p.id, map[string]string{"role": st.role}, nil); err != nil {
		return err
	}
	s.change(func() { p.standing.ack(s.now()) })
	s.changes.roles.Add(1)
	return nil
}

// newPassword gives a person another password, which ends all their sessions.
func (s *storm) newPassword(ctx context.Context, p *person) error {
	var ended []*session
	var password string
	s.change(func() {
		s.names++
		password = fmt.Sprintf("another password %d", s.names)
		p.password = password
		for _, x := range p.sessions {
			x.open.send(false, s.now())
			ended = append(ended, x)
		}
		p.sessions = nil
	})
	if err := s.act(ctx, http.MethodPatch, "/users/"+p.id, map[string]string{"password": password}, nil); err != nil {
		return err
	}
	s.change(func() {
		for _, x := range ended {
			x.open.ack(s.now())
		}
	})
	s.changes.passwords.Add(1)
	return nil
}

// die kills the program and starts it again.
func (s *storm) die() error {
	if err := s.box.alive(); err != nil {
		return err
	}
	s.changes.kills.Add(1)
	s.box.kill()
	return s.box.start()
}

// longestCut is how long all cameras are away at most, beyond three seconds, in milliseconds.
const longestCut = 12000

// comeBack takes all cameras away for some seconds, gives them back at once, and measures until all are recorded.
func (s *storm) comeBack(ctx context.Context, when string) error {
	s.changes.cuts.Add(1)
	gone, there := make(map[*sim.Camera]*sim.Camera), make(map[*sim.Camera]*sim.Camera)
	for _, c := range s.devices {
		gone[c], there[c] = nil, c
	}
	s.sim.Deal(gone)
	away := time.Duration(3000+s.random.IntN(longestCut)) * time.Millisecond
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(away):
	}
	hearth, test := s.box.cpu()
	s.sim.Deal(there)
	took, half, err := s.allRecorded(ctx, time.Now())
	if err != nil {
		return err
	}
	h, x := s.box.cpu()
	line := fmt.Sprintf("all %d cameras away for %.0f s, %s: recorded again %.1f s after they are back, half of them after %.1f s; meanwhile processor: "+
		"the box %.1f s, cameras and crowd %.1f s", s.fleet, away.Seconds(), when, took.Seconds(), half.Seconds(), (h - hearth).Seconds(), (x - test).Seconds())
	s.back = append(s.back, line)
	s.log("%s", line)
	return nil
}

// allRecorded waits until of each camera a picture is kept that was taken after the moment, and says how long after it that
// was so, and for half of them. The pictures are asked for as anybody would.
func (s *storm) allRecorded(ctx context.Context, since time.Time) (took, half time.Duration, err error) {
	return s.recordedAgain(ctx, since, s.slots...)
}

func (s *storm) recordedAgain(ctx context.Context, since time.Time, which ...*camera) (took, half time.Duration, err error) {
	waiting := slices.Clone(which)
	for len(waiting) > 0 {
		var mu sync.Mutex
		var still []*camera
		var several sync.WaitGroup
		for part := range 4 {
			several.Go(func() {
				for i := part; i < len(waiting); i += 4 {
					if !s.recorded(ctx, waiting[i], since) {
						mu.Lock()
						still = append(still, waiting[i])
						mu.Unlock()
					}
				}
			})
		}
		several.Wait()
		waiting = still
		if half == 0 && len(waiting) <= len(which)/2 {
			half = time.Since(since)
		}
		if len(waiting) == 0 {
			break
		}
		if time.Since(since) > 90*time.Second {
			names := ""
			for _, c := range waiting {
				names += " " + c.name.newest()
			}
			return 0, 0, fmt.Errorf("%d cameras are not recorded 90 s after they are back:%s", len(waiting), names)
		}
		select {
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return time.Since(since), half, nil
}

func (s *storm) recorded(ctx context.Context, c *camera, since time.Time) bool {
	// From the first key frame after the moment on: there is none while nothing is kept.
	path := "/cameras/" + c.id + "/footage?start=after&" + span(since, time.Now())
	a := &answer{viewer: "the owner", sess: s.owner.session, asked: "GET " + path, kind: footageFile, camera: c.id, verb: footage, sent: s.now()}
	status, body, _, cut, err := s.owner.browser.do(ctx, s.owner.session.secret, http.MethodGet, path, nil)
	a.done, a.status, a.body, a.cut = s.now(), status, body, cut
	if err != nil || !s.answered(a) {
		return false
	}
	var f film
	all, err := f.take(body, cut)
	s.pictured(a, all, err)
	if err != nil {
		return false
	}
	for _, p := range all {
		if at, _ := s.taken(p.camera, p.frame); at.After(since) {
			return true
		}
	}
	return false
}

// trouble makes troubles one after the other until enough.
func (s *storm) trouble(ctx context.Context, enough func() bool, short bool) error {
	var away sync.WaitGroup
	defer away.Wait()
	// What is rare comes at set times, so that also a short storm has it.
	killEvery, cutEvery := 90*time.Second, 4*time.Minute
	if short {
		killEvery, cutEvery = 40*time.Second, 35*time.Second
	}
	began := time.Now()
	nextKill, nextWord := began.Add(killEvery/2), began.Add(time.Minute)
	s.nextCut = began.Add(cutEvery)
	for !enough() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(s.random.IntN(300)) * time.Millisecond):
		}
		if err := s.box.alive(); err != nil {
			return err
		}
		var err error
		now := time.Now()
		switch {
		case now.After(nextKill):
			err = s.die()
			nextKill = time.Now().Add(killEvery/2 + time.Duration(s.random.Int64N(int64(killEvery))))
		case now.After(s.nextCut):
			away.Wait() // each camera is away for one reason at a time
			err = s.comeBack(ctx, "in the middle of it")
			s.nextCut = time.Now().Add(cutEvery)
		case now.After(nextWord):
			s.log("%s: %d answers", now.Sub(began).Round(time.Second), s.total())
			nextWord = now.Add(time.Minute)
		default:
			err = s.smallTrouble(ctx, &away)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// smallTrouble does one thing that happens in a home every day.
func (s *storm) smallTrouble(ctx context.Context, away *sync.WaitGroup) error {
	i := s.random.IntN(s.fleet)
	p := s.people[owners+s.random.IntN(s.adults+s.guests)]
	for_ := func(d time.Duration, undo func()) {
		away.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
			undo()
		})
	}
	switch n := s.random.IntN(100); {
	case n < 15:
		return s.takeFromWatcher(ctx)
	case n < 55:
		for p.standing.newest().role != "guest" {
			p = s.people[owners+s.random.IntN(s.adults+s.guests)]
		}
		return s.regrant(ctx, p)
	case n < 60:
		return s.promote(ctx, p)
	case n < 63:
		return s.newPassword(ctx, p)
	case n < 69:
		return s.rename(ctx, i)
	case n < 71:
		away.Wait() // a new camera is believed to be who answers first
		return s.replace(ctx, i)
	case n < 74:
		c := s.slots[i]
		if c.private.newest() {
			return nil
		}
		if err := s.setPrivate(ctx, c, true); err != nil {
			return err
		}
		s.changes.private.Add(1)
		for_(time.Duration(1500+s.random.IntN(5000))*time.Millisecond, func() {
			if err := s.setPrivate(ctx, c, false); err != nil && ctx.Err() == nil {
				s.stop(err.Error())
			}
		})
	case n < 80:
		s.devices[i].Trouble.Drop()
		s.changes.drops.Add(1)
	case n < 84:
		s.devices[i].Trouble.Offline(true)
		s.changes.absences.Add(1)
		for_(time.Duration(s.random.IntN(5000))*time.Millisecond, func() { s.devices[i].Trouble.Offline(false) })
	case n < 88:
		k := s.random.IntN(s.fleet/2)*2 + 1 // half of them speak TLS
		i |= 1
		if s.random.IntN(4) == 0 {
			k = s.random.IntN(s.fleet)
		}
		if k == i || !s.swappable(i, k) {
			return nil
		}
		away.Wait()
		s.sim.Swap(s.devices[i], s.devices[k])
		s.changes.swaps.Add(1)
		for_(time.Duration(1000+s.random.IntN(4000))*time.Millisecond, func() { s.sim.Swap(s.devices[i], s.devices[k]) })
	case n < 96:
		if pids := s.box.workers(); len(pids) > 0 {
			_ = syscall.Kill(pids[s.random.IntN(len(pids))], syscall.SIGKILL) // it may be gone by itself
			s.changes.workerKills.Add(1)
		}
	default:
		if pids := s.box.workers(); len(pids) > 0 {
			pid := pids[s.random.IntN(len(pids))]
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			s.changes.workerStops.Add(1)
			for_(time.Duration(s.random.IntN(8000))*time.Millisecond, func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
		}
	}
	return nil
}

// swappable says whether two cameras may be handed each other's address now. Who speaks TLS is known by its key and is back
// at once; others know each other's password not, and are not tried again for half a minute, which must not meet the next
// time that all go.
func (s *storm) swappable(i, k int) bool {
	return s.devices[i].TLS && s.devices[k].TLS || time.Until(s.nextCut) > 50*time.Second
}
