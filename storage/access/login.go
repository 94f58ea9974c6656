package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// ErrWrongLogin says that name and password do not belong together; not which of them is unknown.
var ErrWrongLogin = errors.New("name or password is wrong")

var (
	// ErrCodeNeeded says that the password was right, and that this person's second factor is asked for as well.
	ErrCodeNeeded = errors.New("a code is needed as well")
	// ErrWrongCode says that the password was right and the code was not, or that it was used before.
	ErrWrongCode = errors.New("the code is wrong, or was used before")
)

// Try is one try to log in.
type Try struct {
	Name, Password string
	Code           string // of the authenticator, or a recovery code; only who has a second factor needs one
	From           netip.Addr
	Device         string     // the browser's own words, for the list of sessions
	Via            media.UUID // the device in the tunnel that is used: only its person comes in. Zero: none
}

// Login opens a session and gives its token, which is not stored anywhere. Errors: ErrWrongLogin, ErrCodeNeeded,
// ErrWrongCode, *BusyError, or the context's. It takes the same time for a name that exists and one that does not.
func (a *Access) Login(ctx context.Context, t Try) (token string, s Session, err error) {
	t.Name = strings.TrimSpace(t.Name)
	if len(t.Name) > 4*maxName || len(t.Password) > maxPassword {
		return "", Session{}, ErrWrongLogin
	}
	way := ByPassword
	p, err := a.tried(ctx, t, func(p Person) (err error) {
		way, err = a.second(p, t.Code, t.From)
		return err
	})
	if err != nil {
		return "", Session{}, err
	}
	return a.newSession(p, t.From, t.Device, way, t.Via)
}

// Verify says whether a password is a person's, for what asks for it once more. Errors as of Login.
func (a *Access) Verify(ctx context.Context, p Person, password string, from netip.Addr) error {
	_, err := a.tried(ctx, Try{Name: p.Name, Password: password, From: from}, nil)
	return err
}

// VerifyBoth is Verify for what takes the second factor as well, from who has one.
func (a *Access) VerifyBoth(ctx context.Context, p Person, password, code string, from netip.Addr) error {
	_, err := a.tried(ctx, Try{Name: p.Name, Password: password, From: from}, func(p Person) error {
		_, err := a.second(p, code, from)
		return err
	})
	return err
}

// tried verifies within the rate limit; also, unless it is nil, is asked when the password was right. A password without
// the code that it takes is no wrong try, but takes none of those before back either.
func (a *Access) tried(ctx context.Context, t Try, also func(Person) error) (Person, error) {
	if wait := a.attempts.begin(t.Name, t.From); wait > 0 {
		return Person{}, &BusyError{RetryAfter: wait}
	}
	p, err := a.verify(ctx, t.Name, t.Password, t.Via)
	if err == nil && also != nil {
		err = also(p)
	}
	var busy *BusyError
	switch {
	case err == nil:
		a.attempts.succeeded(t.Name, t.From)
	case errors.As(err, &busy), errors.Is(err, ErrCodeNeeded):
		a.attempts.forgive(t.Name, t.From)
	}
	if err != nil {
		return Person{}, err
	}
	return p, nil
}

// verify takes as long for somebody whom the device they come by does not let in as for a wrong password.
func (a *Access) verify(ctx context.Context, name, password string, via media.UUID) (Person, error) {
	var p person
	found := false
	err := a.box.View(func(tx *bbolt.Tx) error {
		only, open := media.UUID{}, true
		if !via.IsZero() {
			var err error
			if only, open, err = comesBy(tx, via); err != nil {
				return err
			}
		}
		return eachPerson(tx, func(q person) {
			if strings.EqualFold(q.Name, name) && open && (only.IsZero() || q.ID == only) {
				p, found = q, true
			}
		})
	})
	if err != nil {
		return Person{}, err
	}
	hash := a.decoy
	if found {
		hash = p.Hash
	}
	var right bool
	var hashErr error
	if err := a.inTurn(ctx, func() { right, hashErr = matches(hash, password) }); err != nil {
		return Person{}, err
	}
	if hashErr != nil {
		return Person{}, hashErr
	}
	if !found || !right {
		return Person{}, ErrWrongLogin
	}
	if h, _, _, err := parseHash(p.Hash); err == nil && h != a.hash {
		if err := a.rehash(ctx, p, password); err != nil {
			return Person{}, err
		}
	}
	return p.Person, nil
}

// rehash stores the hash of a password that was just right at today's cost.
func (a *Access) rehash(ctx context.Context, p person, password string) error {
	var hash string
	if err := a.inTurn(ctx, func() { hash = a.hash.make(password) }); err != nil {
		return err
	}
	return a.box.Update(func(tx *bbolt.Tx) error {
		var now person
		if err := readPerson(tx, p.ID, &now); err != nil {
			return err
		}
		if now.Hash != p.Hash {
			return nil // changed meanwhile
		}
		now.Hash = hash
		return box.Put(tx, box.UsersBucket, p.ID[:], now)
	})
}

// ChangeOwn changes the person of a session, once the password that they have now was right. A new password ends all
// their sessions; the one that is given then goes on from this one, without asking for a second factor again. Errors as of
// Verify and ChangePerson.
func (a *Access) ChangeOwn(ctx context.Context, s Session, current string, c Change, from netip.Addr, device string) (
	p Person, token string, again Session, err error,
) {
	if err := a.Verify(ctx, s.Person, current, from); err != nil {
		return Person{}, "", Session{}, err
	}
	if err := a.StillOpen(s); err != nil {
		return Person{}, "", Session{}, err
	}
	if p, err = a.ChangePerson(ctx, s.Person.ID, c); err != nil {
		return Person{}, "", Session{}, err
	}
	token, again, err = a.newSession(p, from, device, s.Way, s.Via)
	return p, token, again, err
}
