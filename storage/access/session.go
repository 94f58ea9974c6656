package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// ErrNoSession says that there is no such session, or that it has ended.
var ErrNoSession = errors.New("not logged in")

// How long a session lasts: at most sessionLife, and sessionIdle after it was last used.
const (
	sessionLife = 180 * 24 * time.Hour
	sessionIdle = 30 * 24 * time.Hour
	// seenEvery keeps the moment of last use from being written at every request.
	seenEvery = 10 * time.Minute
	// maxSessions of one person; the oldest ends when there is another.
	maxSessions = 50
)

// sessionKey is the SHA-256 of a session's token: all that is stored of it.
type sessionKey [sha256.Size]byte

// Way is how somebody logged in.
type Way string

// The ways. ByPassword is the password alone; the two after it came on top of one.
const (
	ByPassword Way = "password"
	ByCode     Way = "code"
	ByRecovery Way = "recovery-code"
	ByPasskey  Way = "passkey"
)

// Session is one logged-in browser or program of a person.
type Session struct {
	ID      media.UUID // to name it in lists; knowing it does not open anything
	Person  Person
	Created time.Time
	Seen    time.Time // to about ten minutes
	Expires time.Time // if it is not used before
	From    string    // the address that it was last used from
	Device  string    // what the browser said it is
	Way     Way       // how it was begun
	// Via is the device in the tunnel that it was begun on: it is good there only, and ends with it. Zero: none.
	Via media.UUID

	Token string // the name of the API token that stands for the person here; "" is their own session

	key   sessionKey
	token bool
}

// IsToken says that an API token stands for the person: it opens what its grants say, and nothing that is personal.
func (s Session) IsToken() bool { return s.token }

// user is whose session it is by what hearth.db says now: ErrNoSession if it has ended. takes is asked about a token.
func (s Session) user(tx *bbolt.Tx, now time.Time, takes func(tokenRecord) bool) (media.UUID, error) {
	if s.token {
		t, err := readToken(tx, s.key, now)
		if err == nil && !takes(t) {
			err = ErrNoSession
		}
		return t.User, err
	}
	r, err := readSession(tx, s.key, now)
	return r.User, err
}

type sessionRecord struct {
	ID      media.UUID `json:"id"`
	User    media.UUID `json:"user"`
	Created time.Time  `json:"created"`
	Seen    time.Time  `json:"seen"`
	From    string     `json:"from,omitempty"`
	Device  string     `json:"device,omitempty"`
	Way     Way        `json:"way,omitempty"`
	Via     media.UUID `json:"via,omitzero"`
}

func (r sessionRecord) expires() time.Time {
	end, idle := r.Created.Add(sessionLife), r.Seen.Add(sessionIdle)
	if idle.Before(end) {
		return idle
	}
	return end
}

// newSession gives the token (43 characters, 256 random bits) that is shown once, and the session. By a device in the
// tunnel only its own person comes in: ErrWrongLogin.
func (a *Access) newSession(p Person, from netip.Addr, device string, way Way, via media.UUID) (token string, s Session, err error) {
	var secret [32]byte
	rand.Read(secret[:])
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	if len(device) > 200 {
		device = device[:200]
	}
	now := time.Now().UTC()
	r := sessionRecord{
		ID: media.NewUUID(), User: p.ID, Created: now, Seen: now, From: from.String(), Device: device, Way: way, Via: via,
	}
	key := keyOf(token)
	err = a.box.Update(func(tx *bbolt.Tx) error {
		// The person may have been removed while the password was hashed.
		var now person
		if err := readPerson(tx, p.ID, &now); err != nil {
			return err
		}
		if !via.IsZero() {
			if who, ok, err := comesBy(tx, via); err != nil {
				return err
			} else if !ok || who != p.ID {
				return ErrWrongLogin
			}
		}
		if err := trimSessions(tx, p.ID); err != nil {
			return err
		}
		return box.Put(tx, box.SessionsBucket, key[:], r)
	})
	if err != nil {
		return "", Session{}, err
	}
	return token, r.session(key, p), nil
}

func (r sessionRecord) session(key sessionKey, p Person) Session {
	return Session{
		ID: r.ID, Person: p, Created: r.Created, Seen: r.Seen, Expires: r.expires(), From: r.From, Device: r.Device,
		Way: r.Way, Via: r.Via, key: key,
	}
}

// Of says whether this is the session of a secret, whoever gave it out.
func (s Session) Of(secret string) bool { return s.key == keyOf(secret) }

func keyOf(token string) sessionKey { return sha256.Sum256([]byte(token)) }

func readSession(tx *bbolt.Tx, key sessionKey, now time.Time) (r sessionRecord, err error) {
	ok, err := box.Get(tx, box.SessionsBucket, key[:], &r)
	if err == nil && (!ok || !now.Before(r.expires())) {
		err = ErrNoSession
	}
	if err == nil && !r.Via.IsZero() {
		var who media.UUID
		if who, ok, err = comesBy(tx, r.Via); err == nil && (!ok || who != r.User) {
			err = ErrNoSession
		}
	}
	return r, err
}

// Session finds the session of a token, by what hearth.db says now, with the person as they are now. ErrNoSession.
func (a *Access) Session(token string, from netip.Addr) (s Session, err error) {
	key := keyOf(token)
	var r sessionRecord
	now := time.Now().UTC()
	err = a.box.View(func(tx *bbolt.Tx) error {
		var err error
		if r, err = readSession(tx, key, now); err != nil {
			return err
		}
		var p person
		if err := readPerson(tx, r.User, &p); err != nil {
			if errors.Is(err, ErrNoPerson) {
				return ErrNoSession
			}
			return err
		}
		s = r.session(key, p.Person)
		return nil
	})
	if err != nil {
		return Session{}, err
	}
	if now.Sub(r.Seen) >= seenEvery {
		s.Seen, s.From = now, from.String()
		// On a disk that takes no more writes people stay logged in: that is when the owner needs the page.
		if err := a.touch(key, now, s.From); errors.Is(err, ErrNoSession) {
			return Session{}, err
		}
	}
	return s, nil
}

func (a *Access) touch(key sessionKey, now time.Time, from string) error {
	return a.box.Update(func(tx *bbolt.Tx) error {
		r, err := readSession(tx, key, now)
		if err != nil {
			return err
		}
		r.Seen, r.From = now, from
		return box.Put(tx, box.SessionsBucket, key[:], r)
	})
}

// StillOpen says whether a session that was found before is there now: ErrNoSession if not.
func (a *Access) StillOpen(s Session) error {
	return a.box.View(func(tx *bbolt.Tx) error {
		_, err := s.user(tx, time.Now(), func(tokenRecord) bool { return true })
		return err
	})
}

// Sessions lists a person's sessions.
func (a *Access) Sessions(p Person) (list []Session, err error) {
	now := time.Now()
	err = a.box.View(func(tx *bbolt.Tx) error {
		return eachSecret(tx, box.SessionsBucket, func(key sessionKey, r sessionRecord) error {
			if r.User == p.ID && now.Before(r.expires()) {
				list = append(list, r.session(key, p))
			}
			return nil
		})
	})
	return list, err
}

// End ends a session: its token opens nothing any more. Ending it twice is no error. An API token is not ended by it.
func (a *Access) End(s Session) error {
	if s.token {
		return nil
	}
	return a.box.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(box.SessionsBucket)).Delete(s.key[:])
	})
}

// EndAll ends all sessions of a person but the one given, which may be the zero Session.
func (a *Access) EndAll(user media.UUID, but Session) error {
	return a.box.Update(func(tx *bbolt.Tx) error { return endSessions(tx, user, but.key) })
}

func endSessions(tx *bbolt.Tx, user media.UUID, but sessionKey) error {
	return dropSecrets(tx, box.SessionsBucket, func(key sessionKey, r sessionRecord) bool { return r.User == user && key != but })
}

// trimSessions makes room for one more session of a person.
func trimSessions(tx *bbolt.Tx, user media.UUID) error {
	count := 0
	var oldest sessionKey
	var seen time.Time
	if err := eachSecret(tx, box.SessionsBucket, func(key sessionKey, r sessionRecord) error {
		if r.User == user {
			if count == 0 || r.Seen.Before(seen) {
				oldest, seen = key, r.Seen
			}
			count++
		}
		return nil
	}); err != nil {
		return err
	}
	if count < maxSessions {
		return nil
	}
	return tx.Bucket([]byte(box.SessionsBucket)).Delete(oldest[:])
}

func (a *Access) sweepSessions() error {
	now := time.Now()
	return a.box.Update(func(tx *bbolt.Tx) error {
		return dropSecrets(tx, box.SessionsBucket, func(_ sessionKey, r sessionRecord) bool { return !now.Before(r.expires()) })
	})
}
