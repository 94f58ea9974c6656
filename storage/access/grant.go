package access

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// ErrDenied says that this person may not do this with this camera, or that there is no such camera or person: the
// answer does not tell which.
var ErrDenied = errors.New("not allowed")

// Verb is what a person does with a camera.
type Verb string

// The verbs. None of them implies another.
const (
	Live    Verb = "live"    // watch and hear it now, take a snapshot
	Events  Verb = "events"  // see events and their thumbnails, mark and hold them
	Footage Verb = "footage" // the timeline and what is recorded
	Export  Verb = "export"  // take recordings away as a file
	Manage  Verb = "manage"  // change or remove the camera

	// Metrics is to read figures about the camera, without its name. It cannot be permitted: owners have it, and those of
	// their tokens that were made for it.
	Metrics Verb = "metrics"
)

// Verbs are all verbs that can be permitted, in the order in which the page shows them.
func Verbs() []Verb { return []Verb{Live, Events, Footage, Export, Manage} }

// Grant is a decision of Authorize: this person may do this with this camera. Only this package can make one that is
// valid. Whoever takes a Grant checks Valid, Camera and Verb; whoever keeps one for longer than a request asks Renew
// at least once a second.
type Grant struct {
	from    *Access
	user    media.UUID
	camera  media.CameraID
	verb    Verb
	session sessionKey // zero: not bound to a session
	token   bool       // the session is an API token's: it narrows what the person may do
}

// Camera is the one camera that the grant is for.
func (g Grant) Camera() media.CameraID { return g.camera }

// User is the person that the grant was given to.
func (g Grant) User() media.UUID { return g.user }

// Verb is the one thing that the grant allows.
func (g Grant) Verb() Verb { return g.verb }

// Valid says that Authorize made this grant. It does not ask again: see Renew.
func (g Grant) Valid() bool { return g.from != nil && !g.camera.IsZero() && !g.user.IsZero() }

// Allows says that the grant is valid and for one of the verbs.
func (g Grant) Allows(verbs ...Verb) bool {
	for _, v := range verbs {
		if g.Valid() && g.verb == v {
			return true
		}
	}
	return false
}

func (g Grant) String() string { return fmt.Sprintf("%s on %s for %s", g.verb, g.camera, g.user) }

// Authorize decides, by what hearth.db says now, whether a person may do something with a camera. Otherwise the
// error is ErrDenied.
func (a *Access) Authorize(user media.UUID, camera media.CameraID, verb Verb) (Grant, error) {
	return a.authorize(Grant{from: a, user: user, camera: camera, verb: verb})
}

// AuthorizeIn is Authorize for the person of a session. The grant does not outlive the session.
func (a *Access) AuthorizeIn(s Session, camera media.CameraID, verb Verb) (Grant, error) {
	return a.authorize(Grant{from: a, user: s.Person.ID, camera: camera, verb: verb, session: s.key, token: s.token})
}

// Renew asks whether the grant would be given again now: ErrDenied if not.
func (a *Access) Renew(g Grant) error {
	if g.from != a {
		return ErrDenied
	}
	_, err := a.authorize(g)
	return err
}

func (a *Access) authorize(g Grant) (Grant, error) {
	if !g.Valid() {
		return Grant{}, ErrDenied
	}
	err := a.box.View(func(tx *bbolt.Tx) error {
		return a.decide(tx, g, time.Now())
	})
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// AuthorizeAll gives a grant for every camera on which the person may do this now; none is not an error.
func (a *Access) AuthorizeAll(user media.UUID, verb Verb) ([]Grant, error) {
	return a.authorizeAll(Grant{from: a, user: user, verb: verb})
}

// AuthorizeAllIn is AuthorizeAll for the person of a session. The grants do not outlive the session.
func (a *Access) AuthorizeAllIn(s Session, verb Verb) ([]Grant, error) {
	return a.authorizeAll(Grant{from: a, user: s.Person.ID, verb: verb, session: s.key, token: s.token})
}

func (a *Access) authorizeAll(like Grant) (grants []Grant, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		now := time.Now()
		h, err := like.holder(tx, now) // once for all cameras: they are asked in one transaction
		if errors.Is(err, ErrDenied) {
			return nil
		} else if err != nil {
			return err
		}
		for _, id := range box.CameraIDs(tx) {
			g := like
			g.camera = id
			switch err := h.allowed(tx, g, now); {
			case err == nil:
				grants = append(grants, g)
			case !errors.Is(err, ErrDenied):
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return grants, nil
}

// decide is the decision itself.
func (a *Access) decide(tx *bbolt.Tx, g Grant, now time.Time) error {
	h, err := g.holder(tx, now)
	if err != nil {
		return err
	}
	return h.allowed(tx, g, now)
}

// holder is what hearth.db says in one transaction of who a grant is for, whatever the camera and the verb.
type holder struct {
	token       *tokenRecord // nil: the grant is bound to none
	role        Role
	permissions []Permission
}

// holder reads it: ErrDenied when there is no such person, or the session or token that the grant is bound to is gone.
func (g Grant) holder(tx *bbolt.Tx, now time.Time) (h holder, err error) {
	if h.token, err = g.bound(tx, now); err != nil {
		return holder{}, err
	}
	var p person
	ok, err := box.Get(tx, box.UsersBucket, g.user[:], &p)
	if err != nil {
		return holder{}, err
	}
	if !ok {
		return holder{}, ErrDenied
	}
	h.role = p.Role
	h.permissions, err = readPermissions(tx, g.user)
	return h, err
}

// allowed says whether the holder may do the grant's verb with its camera: ErrDenied if not.
func (h holder) allowed(tx *bbolt.Tx, g Grant, now time.Time) error {
	switch {
	case h.token != nil && !h.token.allows(g.camera, g.verb, now), !box.HasCamera(tx, g.camera):
		return ErrDenied
	case h.role.allows(g.verb):
		return nil
	}
	for _, m := range h.permissions {
		if m.Camera == g.camera && m.allows(g.verb, now) {
			return nil
		}
	}
	return ErrDenied
}

// bound finds the session or token that a grant is bound to; of a token it gives what that allows.
func (g Grant) bound(tx *bbolt.Tx, now time.Time) (token *tokenRecord, err error) {
	var user media.UUID
	switch {
	case g.token:
		var t tokenRecord
		t, err = readToken(tx, g.session, now)
		user, token = t.User, &t
	case g.session != sessionKey{}:
		var s sessionRecord
		s, err = readSession(tx, g.session, now)
		user = s.User
	default:
		return nil, nil
	}
	if errors.Is(err, ErrNoSession) || err == nil && user != g.user {
		return nil, ErrDenied
	}
	return token, err
}

// RequireOwner says, by what hearth.db says now, whether the person of a session is an owner: ErrDenied if not. It is
// the door for what belongs to the box and to no camera. No API token opens it.
func (a *Access) RequireOwner(s Session) error {
	return a.requireOwner(s, func(tokenRecord) bool { return false })
}

// RequireMetrics is RequireOwner for the figures of the box: it also lets in an owner's token that was made for that.
func (a *Access) RequireMetrics(s Session) error {
	return a.requireOwner(s, func(t tokenRecord) bool { return t.Metrics })
}

func (a *Access) requireOwner(s Session, takes func(tokenRecord) bool) error {
	return a.box.View(func(tx *bbolt.Tx) error {
		user, err := s.user(tx, time.Now(), takes)
		if errors.Is(err, ErrNoSession) {
			return ErrDenied
		} else if err != nil {
			return err
		}
		var p person
		ok, err := box.Get(tx, box.UsersBucket, user[:], &p)
		if err != nil {
			return err
		}
		if !ok || p.Role != Owner || user != s.Person.ID {
			return ErrDenied
		}
		return nil
	})
}
