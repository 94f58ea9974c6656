package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

var (
	// ErrNoPerson says that there is no such person.
	ErrNoPerson = errors.New("there is no such person")
	// ErrNameTaken says that somebody has this name already.
	ErrNameTaken = errors.New("somebody has this name already")
	// ErrLastOwner says that the box would be left without an owner.
	ErrLastOwner = errors.New("somebody has to stay owner: make another person an owner first")

	errOtherRecord = errors.New("the record is another one's")
)

// BadInput is an error that says, in words for the owner, which field cannot be taken and why.
type BadInput struct{ Field, Reason string }

func (e *BadInput) Error() string { return e.Field + ": " + e.Reason }

// Role is a set of verbs on all cameras.
type Role string

// The roles.
const (
	Owner Role = "owner" // everything, on every camera and on the box
	Adult Role = "adult" // live, events, footage and export of every camera
	Guest Role = "guest" // only what is permitted explicitly
)

func (r Role) allows(v Verb) bool {
	switch r {
	case Owner:
		return true
	case Adult:
		return v == Live || v == Events || v == Footage || v == Export
	}
	return false
}

func (r Role) valid() bool { return r == Owner || r == Adult || r == Guest }

// Person is somebody who can log in.
type Person struct {
	ID      media.UUID `json:"id"`
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	Created time.Time  `json:"created"`
}

// person is the record in hearth.db.
type person struct {
	Person
	Hash string `json:"hash"` // PHC string
}

// People lists everybody, oldest first.
func (a *Access) People() (people []Person, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		return eachPerson(tx, func(p person) {
			at := len(people)
			for at > 0 && people[at-1].Created.After(p.Created) {
				at--
			}
			people = append(people[:at], append([]Person{p.Person}, people[at:]...)...)
		})
	})
	return people, err
}

func eachPerson(tx *bbolt.Tx, do func(person)) error {
	return tx.Bucket([]byte(box.UsersBucket)).ForEach(func(k, _ []byte) error {
		var p person
		if _, err := box.Get(tx, box.UsersBucket, k, &p); err != nil {
			return err
		}
		do(p)
		return nil
	})
}

// Person reads one person, or ErrNoPerson.
func (a *Access) Person(id media.UUID) (Person, error) {
	var p person
	err := a.box.View(func(tx *bbolt.Tx) error { return readPerson(tx, id, &p) })
	return p.Person, err
}

func readPerson(tx *bbolt.Tx, id media.UUID, p *person) error {
	ok, err := box.Get(tx, box.UsersBucket, id[:], p)
	if err == nil && !ok {
		err = ErrNoPerson
	}
	return err
}

// AddPerson adds somebody. Errors: *BadInput, ErrNameTaken, *BusyError, or the context's.
func (a *Access) AddPerson(ctx context.Context, name, password string, role Role) (Person, error) {
	p, err := a.addPerson(ctx, name, password, role, nil)
	if err != nil {
		return Person{}, err
	}
	return p, a.dropSetupCode() // somebody is there now
}

// addPerson lets the caller look at the state in which the person is added, and change it, in the same transaction.
func (a *Access) addPerson(ctx context.Context, name, password string, role Role, also func(*bbolt.Tx, media.UUID) error) (Person, error) {
	name, err := checkName(name)
	if err != nil {
		return Person{}, err
	}
	if !role.valid() {
		return Person{}, &BadInput{"role", "must be owner, adult or guest"}
	}
	hash, err := a.hashNew(ctx, password)
	if err != nil {
		return Person{}, err
	}
	p := person{
		Person: Person{ID: media.NewUUID(), Name: name, Role: role, Created: time.Now().UTC()},
		Hash:   hash,
	}
	err = a.box.Update(func(tx *bbolt.Tx) error {
		if also != nil {
			if err := also(tx, p.ID); err != nil {
				return err
			}
		}
		if err := nameFree(tx, name, p.ID); err != nil {
			return err
		}
		return box.Put(tx, box.UsersBucket, p.ID[:], p)
	})
	if err != nil {
		return Person{}, err
	}
	return p.Person, nil
}

// Change says what to change about a person; nil leaves it as it is.
type Change struct {
	Name     *string
	Password *string // ends all sessions of the person
	Role     *Role
}

// ChangePerson changes all of it or nothing. Errors as of AddPerson, and ErrNoPerson, ErrLastOwner.
func (a *Access) ChangePerson(ctx context.Context, id media.UUID, c Change) (Person, error) {
	var p person
	var hash string
	if c.Password != nil {
		var err error
		if hash, err = a.hashNew(ctx, *c.Password); err != nil {
			return Person{}, err
		}
	}
	err := a.box.Update(func(tx *bbolt.Tx) error {
		if err := readPerson(tx, id, &p); err != nil {
			return err
		}
		if c.Name != nil {
			name, err := checkName(*c.Name)
			if err != nil {
				return err
			}
			if err := nameFree(tx, name, id); err != nil {
				return err
			}
			p.Name = name
		}
		if c.Role != nil {
			if !c.Role.valid() {
				return &BadInput{"role", "must be owner, adult or guest"}
			}
			if p.Role == Owner && *c.Role != Owner {
				if err := anotherOwner(tx, id); err != nil {
					return err
				}
			}
			p.Role = *c.Role
		}
		if c.Password != nil {
			p.Hash = hash
			if err := endSessions(tx, id, sessionKey{}); err != nil {
				return err
			}
		}
		return box.Put(tx, box.UsersBucket, id[:], p)
	})
	if err != nil {
		return Person{}, err
	}
	return p.Person, nil
}

// RemovePerson removes somebody with their sessions, tokens, invitations, devices and permissions. Errors: ErrNoPerson, ErrLastOwner.
func (a *Access) RemovePerson(id media.UUID) error {
	return a.box.Update(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, id, &p); err != nil {
			return err
		}
		if p.Role == Owner {
			if err := anotherOwner(tx, id); err != nil {
				return err
			}
		}
		if err := endSessions(tx, id, sessionKey{}); err != nil {
			return err
		}
		if err := dropSecrets(tx, box.TokensBucket, func(_ sessionKey, t tokenRecord) bool { return t.User == id }); err != nil {
			return err
		}
		if err := dropSecrets(tx, box.InvitesBucket, func(_ sessionKey, r invitationRecord) bool { return r.By == id }); err != nil {
			return err
		}
		if err := removeDevicesOf(tx, id); err != nil {
			return err
		}
		for _, bucket := range []string{box.GrantsBucket, box.FactorsBucket} {
			if err := tx.Bucket([]byte(bucket)).Delete(id[:]); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(box.UsersBucket)).Delete(id[:])
	})
}

func anotherOwner(tx *bbolt.Tx, than media.UUID) error {
	found := false
	if err := eachPerson(tx, func(p person) { found = found || p.Role == Owner && p.ID != than }); err != nil {
		return err
	}
	if !found {
		return ErrLastOwner
	}
	return nil
}

func nameFree(tx *bbolt.Tx, name string, forWhom media.UUID) error {
	taken := false
	if err := eachPerson(tx, func(p person) {
		taken = taken || p.ID != forWhom && strings.EqualFold(p.Name, name)
	}); err != nil {
		return err
	}
	if taken {
		return ErrNameTaken
	}
	return nil
}

const maxName = 64 // characters

// checkName takes a name as people write it, without blanks around it.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return "", &BadInput{"name", "must not be empty"}
	case n > maxName:
		return "", &BadInput{"name", fmt.Sprintf("must not be longer than %d characters", maxName)}
	case !utf8.ValidString(name):
		return "", &BadInput{"name", "is not valid text"}
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return "", &BadInput{"name", "must not hold control characters"}
		}
	}
	return name, nil
}
