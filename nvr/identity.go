package nvr

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hearth/nvr/camera"
	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/box"
)

// Errors of decisions about who a camera is.
var (
	// ErrQuarantined says that another device answers in the camera's place, so that there is nothing to show.
	ErrQuarantined = errors.New("another device answers at this camera's address: there is no picture of the camera")
	// ErrNothingFound says that there is nothing to decide.
	ErrNothingFound = errors.New("nothing else answers in this camera's place now: there is nothing to decide")
	// ErrOtherFound says that what a person decided about is not what answers now.
	ErrOtherFound = errors.New("something else answers there now than what you decided about: look again")
	errRepinned   = errors.New("what the camera is known by was changed meanwhile")
)

// IdentityState is what a camera is known by, and what answered in its place.
type IdentityState struct {
	Pins  media.Pins
	Found *camera.Finding  // nil: the camera itself answered last
	Like  []media.CameraID // cameras of this box that are known by the key or the card that was found
}

// ownSub says whether the sub stream comes from another host than the main stream, and is known by pins of its own.
func ownSub(c box.Camera) bool {
	if c.DetectURL == "" {
		return false
	}
	a, err1 := url.Parse(c.URL)
	b, err2 := url.Parse(c.DetectURL)
	return err1 != nil || err2 != nil || !strings.EqualFold(a.Hostname(), b.Hostname())
}

// pinned gives the place of a stream's pins in a camera's record.
func pinned(c *box.Camera, s media.Stream) **media.Pins {
	if s == media.Sub && ownSub(*c) {
		return &c.SubPins
	}
	return &c.Pins
}

func valueOf(p *media.Pins) media.Pins {
	if p == nil {
		return media.Pins{}
	}
	return *p
}

// identities makes what the sessions of a camera ask. Without a host of its own the sub stream's is the main stream's.
func (c *Cameras) identities(settings box.Camera) (all [2]*camera.Identity) {
	for _, s := range []media.Stream{media.Main, media.Sub} {
		if s == media.Sub && !ownSub(settings) {
			all[s] = all[media.Main]
			continue
		}
		all[s] = camera.NewIdentity(valueOf(*pinned(&settings, s)), func(before, after media.Pins) error {
			err := c.repin(settings.ID, s, before, after)
			if err == nil {
				c.Log.Info("what the camera is known again by is kept", "camera", settings.Name, "strong", after.Strong())
				c.tell(settings.ID, Item{Camera: settings.ID, Kind: "camera", Data: map[string]string{"change": "identity"}})
			}
			return err
		})
	}
	return all
}

// repin replaces a camera's pins, if they are still those that whoever decides knew.
func (c *Cameras) repin(id media.CameraID, s media.Stream, before, after media.Pins) error {
	return c.Store.Box().ChangeCamera(id, func(k *box.Camera) error {
		place := pinned(k, s)
		if valueOf(*place) != before {
			return errRepinned
		}
		*place = &after
		return nil
	})
}

// keepSettings keeps a camera's settings, and in them what was learned of the camera meanwhile.
func (c *Cameras) keepSettings(after *box.Camera) error {
	return c.Store.Box().ChangeCamera(after.ID, func(k *box.Camera) error {
		after.Pins, after.SubPins, after.Strangers = k.Pins, k.SubPins, k.Strangers
		if !ownSub(*after) {
			after.SubPins = nil
		}
		*k = *after
		return nil
	})
}

// AcceptIdentity says that what answers in a camera's place is the camera: it has a new part, or it was replaced. found is
// what the person saw of it; only that is pinned, and only if it is what answered last. It gives what the camera was known
// by before.
func (c *Cameras) AcceptIdentity(g access.Grant, s media.Stream, found media.Pins) (before media.Pins, err error) {
	id, err := granted(g, access.Manage)
	if err != nil {
		return media.Pins{}, err
	}
	c.change.Lock()
	defer c.change.Unlock()
	if err := c.Store.Access().Renew(g); err != nil { // the lock may have taken long
		return media.Pins{}, err
	}
	c.mu.Lock()
	o := c.running[id]
	c.mu.Unlock()
	if o == nil || c.tree == nil {
		return media.Pins{}, ErrNotRunning
	}
	now := o.identity[s].Found()
	switch {
	case now == nil:
		return media.Pins{}, ErrNothingFound
	case now.Pins != found:
		return media.Pins{}, ErrOtherFound
	}
	before = o.identity[s].Pins()
	if err := c.repin(id, s, before, found); errors.Is(err, errRepinned) {
		return media.Pins{}, ErrOtherFound
	} else if err != nil {
		return media.Pins{}, fmt.Errorf("keep what the camera is known by: %w", err)
	}
	after, err := c.Store.Box().Camera(id)
	if err != nil {
		return before, err
	}
	err = c.restart(o, after)
	c.tell(id, Item{Camera: id, Kind: "camera", Data: map[string]string{"change": "identity"}})
	return before, err
}

// identityStates says what a running camera is known by.
func (c *Cameras) identityStates(id media.CameraID, o *one) (all [2]*IdentityState, err error) {
	for s, i := range o.identity {
		if media.Stream(s) == media.Sub && i == o.identity[media.Main] {
			continue
		}
		state := &IdentityState{Pins: i.Pins(), Found: i.Found()}
		if state.Found != nil {
			if state.Like, err = c.alike(id, state.Found.Pins); err != nil {
				return all, err
			}
		}
		all[s] = state
	}
	return all, nil
}

// alike lists the other cameras that are known by a key or a card.
func (c *Cameras) alike(id media.CameraID, found media.Pins) (like []media.CameraID, err error) {
	if !found.Strong() {
		return nil, nil
	}
	known, err := c.Store.Box().Cameras()
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		same := slices.ContainsFunc([]media.Pins{valueOf(k.Pins), valueOf(k.SubPins)}, func(p media.Pins) bool {
			return p.TLSKey != "" && p.TLSKey == found.TLSKey || p.MAC != "" && p.MAC == found.MAC
		})
		if same && k.ID != id {
			like = append(like, k.ID)
		}
	}
	return like, nil
}

// Of the times when something else answered, so many are kept; what follows another one closely belongs to it.
const (
	maxStrangers   = 200
	strangersJoin  = 2 * time.Minute
	strangersEvery = 50 * time.Millisecond // two ends of a gap are not closer
)

// strangers keeps when something else answered in a camera's place.
type strangers struct {
	box *box.Box
	id  media.CameraID
	log *slog.Logger

	mu   sync.Mutex
	open bool
}

func (c *Cameras) strangersOf(settings box.Camera, log *slog.Logger) *strangers {
	n := len(settings.Strangers)
	return &strangers{box: c.Store.Box(), id: settings.ID, log: log, open: n > 0 && settings.Strangers[n-1].To.IsZero()}
}

// note is told the camera's state. While it is being connected to nobody knows who answers.
func (s *strangers) note(status string) {
	switch status {
	case camera.Quarantined:
		s.set(true)
	case camera.Online, camera.Offline:
		s.set(false)
	}
}

// end is called when the camera is not asked for any more.
func (s *strangers) end() { s.set(false) }

func (s *strangers) set(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == open {
		return
	}
	now := time.Now().UTC()
	err := s.box.ChangeCamera(s.id, func(c *box.Camera) error {
		n := len(c.Strangers)
		switch {
		case !open && n > 0 && c.Strangers[n-1].To.IsZero():
			c.Strangers[n-1].To = now
		case !open:
		case n > 0 && (c.Strangers[n-1].To.IsZero() || now.Sub(c.Strangers[n-1].To) < strangersJoin):
			c.Strangers[n-1].To = time.Time{}
		default:
			c.Strangers = append(c.Strangers[max(0, n+1-maxStrangers):], box.Period{From: now})
		}
		return nil
	})
	if errors.Is(err, box.ErrNotFound) {
		err = nil // it was removed
	}
	if err != nil {
		s.log.Error("the timeline will not say that another camera answered", "error", err)
		return
	}
	s.open = open
}

// Explain says of a camera's gaps which were because something else answered in its place.
func (c *Cameras) Explain(g access.Grant, gaps []storage.Gap) ([]storage.Gap, error) {
	id, err := granted(g)
	if err != nil {
		return nil, err
	}
	settings, err := c.Store.Box().Camera(id)
	if err != nil {
		return nil, err
	}
	return explain(gaps, settings.Strangers, time.Now()), nil
}

func explain(gaps []storage.Gap, strangers []box.Period, now time.Time) []storage.Gap {
	for _, p := range strangers {
		if p.To.IsZero() {
			p.To = now
		}
		var out []storage.Gap
		for _, gap := range gaps {
			from, to := later(gap.From, p.From), earlier(gap.To, p.To)
			if to.Sub(from) < strangersEvery {
				out = append(out, gap)
				continue
			}
			if from.Sub(gap.From) >= strangersEvery {
				out = append(out, storage.Gap{From: gap.From, To: from, Reason: gap.Reason})
			} else {
				from = gap.From
			}
			rest := gap.To.Sub(to) >= strangersEvery
			if !rest {
				to = gap.To
			}
			out = append(out, storage.Gap{From: from, To: to, Reason: camera.ReasonOther})
			if rest {
				out = append(out, storage.Gap{From: to, To: gap.To, Reason: gap.Reason})
			}
		}
		gaps = out
	}
	return gaps
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
