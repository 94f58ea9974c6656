package access

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"go.etcd.io/bbolt"

	"hearth/storage/box"
)

// ErrWrongLogin says that name and password do not belong together; not which of them is unknown.
var ErrWrongLogin = errors.New("name or password is wrong")

// Try is one try to log in.
type Try struct {
	Name, Password string
	From           netip.Addr
	Device         string // the browser's own words, for the list of sessions
}

// Login opens a session and gives its token, which is not stored anywhere. Errors: ErrWrongLogin, *BusyError, or the
// context's. It takes the same time for a name that exists and one that does not.
func (a *Access) Login(ctx context.Context, t Try) (token string, s Session, err error) {
	t.Name = strings.TrimSpace(t.Name)
	if len(t.Name) > 4*maxName || len(t.Password) > maxPassword {
		return "", Session{}, ErrWrongLogin
	}
	p, err := a.tried(ctx, t)
	if err != nil {
		return "", Session{}, err
	}
	return a.newSession(p, t.From, t.Device)
}

// Verify says whether a password is a person's, for what asks for it once more. Errors as of Login.
func (a *Access) Verify(ctx context.Context, p Person, password string, from netip.Addr) error {
	_, err := a.tried(ctx, Try{Name: p.Name, Password: password, From: from})
	return err
}

// tried verifies within the rate limit.
func (a *Access) tried(ctx context.Context, t Try) (Person, error) {
	if wait := a.attempts.begin(t.Name, t.From); wait > 0 {
		return Person{}, &BusyError{RetryAfter: wait}
	}
	p, err := a.verify(ctx, t.Name, t.Password)
	var busy *BusyError
	switch {
	case err == nil:
		a.attempts.succeeded(t.Name, t.From)
	case errors.As(err, &busy):
		a.attempts.forgive(t.Name, t.From)
	}
	return p, err
}

func (a *Access) verify(ctx context.Context, name, password string) (Person, error) {
	var p person
	found := false
	err := a.box.View(func(tx *bbolt.Tx) error {
		return eachPerson(tx, func(q person) {
			if strings.EqualFold(q.Name, name) {
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
