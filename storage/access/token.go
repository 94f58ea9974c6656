package access

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// TokenPrefix is what API tokens begin with, so that people and scanners of leaked secrets know one.
const TokenPrefix = "hearth_"

// maxTokens is how many tokens one person can have.
const maxTokens = 50

// Token is a program's way in, without its secret.
type Token struct {
	ID      media.UUID
	Person  Person // whose it is
	Name    string
	Grants  []Permission // of cameras that are there
	Metrics bool         // it opens the metrics of the box
	Created time.Time
	Until   time.Time // zero: without end
	Seen    time.Time // last used, to about ten minutes; zero: never
	From    string    // the address that it was last used from
}

// tokenRecord is what hearth.db keeps under the SHA-256 of a token.
type tokenRecord struct {
	ID      media.UUID   `json:"id"`
	User    media.UUID   `json:"user"`
	Name    string       `json:"name"`
	Grants  []Permission `json:"grants,omitempty"`
	Metrics bool         `json:"metrics,omitempty"`
	Created time.Time    `json:"created"`
	Until   time.Time    `json:"until,omitzero"`
	Seen    time.Time    `json:"seen,omitzero"`
	From    string       `json:"from,omitempty"`
}

// allows says whether the token itself allows it; what its person may do is another question.
func (t tokenRecord) allows(camera media.CameraID, v Verb, now time.Time) bool {
	if v == Metrics {
		return t.Metrics
	}
	return slices.ContainsFunc(t.Grants, func(m Permission) bool { return m.Camera == camera && m.allows(v, now) })
}

// NewToken says what a token is to open.
type NewToken struct {
	Name    string
	Grants  []Permission
	Metrics bool
	Until   time.Time // zero: without end
}

// MakeToken makes a token for the person of a session and gives its secret, which is shown once and not stored. It can
// be given nothing that the person may not do now. Errors: *BadInput, ErrDenied when the session is no person's own.
func (a *Access) MakeToken(s Session, n NewToken) (secret string, t Token, err error) {
	if s.token {
		return "", Token{}, ErrDenied
	}
	now := time.Now().UTC()
	name, err := checkName(n.Name)
	if err != nil {
		return "", Token{}, err
	}
	switch {
	case len(n.Grants) == 0 && !n.Metrics:
		return "", Token{}, &BadInput{"grants", "must name at least one camera, or the token would open nothing"}
	case !n.Until.IsZero() && !now.Before(n.Until):
		return "", Token{}, &BadInput{"until", "must be in the future"}
	}
	if err := checkPermissions(n.Grants, now); err != nil {
		return "", Token{}, err
	}
	var raw [32]byte
	rand.Read(raw[:])
	secret = TokenPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	r := tokenRecord{
		ID: media.NewUUID(), User: s.Person.ID, Name: name, Grants: n.Grants, Metrics: n.Metrics, Created: now, Until: n.Until.UTC(),
	}
	key := keyOf(secret)
	err = a.box.Update(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, r.User, &p); err != nil {
			return err
		}
		if n.Metrics && p.Role != Owner {
			return &BadInput{"metrics", "only an owner's token can read the metrics"}
		}
		if err := a.within(tx, s, n.Grants, now); err != nil {
			return err
		}
		count := 0
		if err := eachSecret(tx, box.TokensBucket, func(_ sessionKey, o tokenRecord) error {
			if o.User == r.User {
				count++
			}
			return nil
		}); err != nil {
			return err
		}
		if count >= maxTokens {
			return &BadInput{"name", fmt.Sprintf("there are %d tokens already; revoke one that is not used any more", maxTokens)}
		}
		t = r.token(p.Person)
		return box.Put(tx, box.TokensBucket, key[:], r)
	})
	if err != nil {
		return "", Token{}, err
	}
	return secret, t, nil
}

// within refuses permissions that go beyond what the person of a session may do now. A camera that they may not know of
// is answered like one that is not there.
func (a *Access) within(tx *bbolt.Tx, s Session, list []Permission, now time.Time) error {
	for _, m := range list {
		may := func(v Verb) (bool, error) {
			err := a.decide(tx, Grant{from: a, user: s.Person.ID, camera: m.Camera, verb: v, session: s.key}, now)
			if errors.Is(err, ErrDenied) {
				return false, nil
			}
			return err == nil, err
		}
		seen := false
		for _, v := range Verbs() {
			ok, err := may(v)
			if err != nil {
				return err
			}
			seen = seen || ok
		}
		if !seen {
			return &BadInput{"camera", "there is no such camera"}
		}
		for _, v := range m.Verbs {
			if ok, err := may(v); err != nil {
				return err
			} else if !ok {
				return &BadInput{"verbs", fmt.Sprintf("you may not do this yourself with the camera: %s", v)}
			}
		}
	}
	return nil
}

// Bearer finds who stands behind a secret that came as Authorization: Bearer, a token's or a session's, by what hearth.db
// says now. ErrNoSession; *BusyError for an address from which many came that are none: right ones are taken all the same.
func (a *Access) Bearer(secret string, from netip.Addr) (s Session, err error) {
	if strings.HasPrefix(secret, TokenPrefix) {
		s, err = a.tokenSession(secret, from)
	} else {
		s, err = a.Session(secret, from)
	}
	if errors.Is(err, ErrNoSession) {
		if wait := a.unknown.stranger(from); wait > 0 {
			err = &BusyError{RetryAfter: wait}
		}
	}
	return s, err
}

// stranger counts a secret that is none, or says how long nothing from that address is looked at any closer.
func (t *attempts) stranger(from netip.Addr) (wait time.Duration) {
	_, address := attemptKeys("", from)
	longest := longestWait
	if IsHome(from) {
		longest = longestWaitHome
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.by[address]; e != nil && now.Before(e.until) {
		return e.until.Sub(now)
	}
	t.count(address, freeAddressTries, longest, now)
	return 0
}

func (a *Access) tokenSession(secret string, from netip.Addr) (s Session, err error) {
	key := keyOf(secret)
	now := time.Now().UTC()
	var r tokenRecord
	err = a.box.View(func(tx *bbolt.Tx) error {
		if r, err = readToken(tx, key, now); err != nil {
			return err
		}
		var p person
		if err := readPerson(tx, r.User, &p); errors.Is(err, ErrNoPerson) {
			return ErrNoSession
		} else if err != nil {
			return err
		}
		s = Session{
			ID: r.ID, Person: p.Person, Created: r.Created, Seen: r.Seen, Expires: r.Until, From: r.From, Token: r.Name, key: key, token: true,
		}
		return nil
	})
	if err != nil {
		return Session{}, err
	}
	if now.Sub(r.Seen) >= seenEvery {
		s.Seen, s.From = now, from.String()
		// On a disk that takes no more writes it goes on without, as sessions do.
		if err := a.touchToken(key, now, s.From); errors.Is(err, ErrNoSession) {
			return Session{}, err
		}
	}
	return s, nil
}

func (a *Access) touchToken(key sessionKey, now time.Time, from string) error {
	return a.box.Update(func(tx *bbolt.Tx) error {
		r, err := readToken(tx, key, now)
		if err != nil {
			return err
		}
		r.Seen, r.From = now, from
		return box.Put(tx, box.TokensBucket, key[:], r)
	})
}

// readToken gives ErrNoSession for one that is not there or has ended.
func readToken(tx *bbolt.Tx, key sessionKey, now time.Time) (r tokenRecord, err error) {
	ok, err := box.Get(tx, box.TokensBucket, key[:], &r)
	if err == nil && (!ok || !r.Until.IsZero() && !now.Before(r.Until)) {
		err = ErrNoSession
	}
	return r, err
}

// Tokens lists a person's tokens, oldest first, also those that have ended; the zero UUID: everybody's.
func (a *Access) Tokens(user media.UUID) (list []Token, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		return eachSecret(tx, box.TokensBucket, func(_ sessionKey, r tokenRecord) error {
			if !user.IsZero() && r.User != user {
				return nil
			}
			var p person
			if err := readPerson(tx, r.User, &p); err != nil {
				return err
			}
			r.Grants = slices.DeleteFunc(r.Grants, func(m Permission) bool { return !box.HasCamera(tx, m.Camera) })
			list = append(list, r.token(p.Person))
			return nil
		})
	})
	slices.SortFunc(list, func(a, b Token) int { return a.Created.Compare(b.Created) })
	return list, err
}

func (t tokenRecord) token(p Person) Token {
	return Token{
		ID: t.ID, Person: p, Name: t.Name, Grants: t.Grants, Metrics: t.Metrics, Created: t.Created, Until: t.Until, Seen: t.Seen, From: t.From,
	}
}

// RevokeToken ends the token of that identity, if it is this person's; for the zero UUID it may be anybody's. It gives the
// token as it was. ErrNoSession when there is none.
func (a *Access) RevokeToken(user, id media.UUID) (revoked Token, err error) {
	err = a.box.Update(func(tx *bbolt.Tx) error {
		found := false
		if err := dropSecrets(tx, box.TokensBucket, func(_ sessionKey, r tokenRecord) bool {
			if r.ID != id || !user.IsZero() && r.User != user {
				return false
			}
			found = true
			revoked = r.token(Person{ID: r.User})
			return true
		}); err != nil {
			return err
		}
		if !found {
			return ErrNoSession
		}
		var p person
		err := readPerson(tx, revoked.Person.ID, &p)
		revoked.Person = p.Person
		return err
	})
	return revoked, err
}
