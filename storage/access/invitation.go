package access

import (
	"context"
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

// How long an invitation is open, and how many are at a time.
const (
	InvitationTerm    = 24 * time.Hour
	MaxInvitationTerm = 7 * 24 * time.Hour
	maxInvitations    = 32
)

// ErrNoInvitation says that there is no such invitation: it was never made, is used, withdrawn, or over.
var ErrNoInvitation = errors.New("this invitation is not open any more; ask for a new one")

// Invitation is a place that an owner keeps for somebody until they come.
type Invitation struct {
	ID      media.UUID
	Name    string // what they will be called here
	Role    Role
	Grants  []Permission // on cameras that are there
	Created time.Time
	Until   time.Time // it opens nothing from then on
	By      Person    // the owner who made it; if they are none any more, it opens nothing either
}

type invitationRecord struct {
	ID      media.UUID   `json:"id"`
	Name    string       `json:"name"`
	Role    Role         `json:"role"`
	Grants  []Permission `json:"grants,omitempty"`
	Created time.Time    `json:"created"`
	Until   time.Time    `json:"until"`
	By      media.UUID   `json:"by"`
}

// NewInvitation says who is invited to what.
type NewInvitation struct {
	Name   string
	Role   Role
	Grants []Permission
	Term   time.Duration // zero: InvitationTerm
}

// Invite keeps a place for somebody and gives the secret that lets them in, once. Only its hash is stored. It takes an
// owner's session. Errors: *BadInput, ErrNameTaken, ErrDenied.
func (a *Access) Invite(s Session, n NewInvitation) (secret string, v Invitation, err error) {
	if err := a.RequireOwner(s); err != nil {
		return "", Invitation{}, err
	}
	now := time.Now().UTC()
	name, err := checkName(n.Name)
	if err != nil {
		return "", Invitation{}, err
	}
	if !n.Role.valid() {
		return "", Invitation{}, &BadInput{"role", "must be owner, adult or guest"}
	}
	if n.Term == 0 {
		n.Term = InvitationTerm
	}
	if n.Term < 0 || n.Term > MaxInvitationTerm {
		return "", Invitation{}, &BadInput{"hours", fmt.Sprintf("must be at most %d", MaxInvitationTerm/time.Hour)}
	}
	if err := checkPermissions(n.Grants, now); err != nil {
		return "", Invitation{}, err
	}
	var raw [32]byte
	rand.Read(raw[:])
	secret = base64.RawURLEncoding.EncodeToString(raw[:])
	key := keyOf(secret)
	r := invitationRecord{
		ID: media.NewUUID(), Name: name, Role: n.Role, Grants: n.Grants, Created: now, Until: now.Add(n.Term), By: s.Person.ID,
	}
	err = a.box.Update(func(tx *bbolt.Tx) error {
		for _, m := range n.Grants {
			if !box.HasCamera(tx, m.Camera) {
				return &BadInput{"camera", "there is no such camera"}
			}
		}
		if err := nameFree(tx, name, media.UUID{}); err != nil {
			return err
		}
		if err := dropSecrets(tx, box.InvitesBucket, func(_ sessionKey, o invitationRecord) bool { return !now.Before(o.Until) }); err != nil {
			return err
		}
		open := 0
		if err := eachSecret(tx, box.InvitesBucket, func(_ sessionKey, o invitationRecord) error {
			if strings.EqualFold(o.Name, name) {
				return &BadInput{"name", "somebody of this name is invited already; withdraw that invitation first"}
			}
			open++
			return nil
		}); err != nil {
			return err
		}
		if open >= maxInvitations {
			return &BadInput{"name", fmt.Sprintf("%d invitations are open; withdraw one that is not needed", maxInvitations)}
		}
		v = r.invitation(tx, s.Person)
		return box.Put(tx, box.InvitesBucket, key[:], r)
	})
	if err != nil {
		return "", Invitation{}, err
	}
	return secret, v, nil
}

func (r invitationRecord) invitation(tx *bbolt.Tx, by Person) Invitation {
	grants := slices.DeleteFunc(slices.Clone(r.Grants), func(m Permission) bool { return !box.HasCamera(tx, m.Camera) })
	return Invitation{ID: r.ID, Name: r.Name, Role: r.Role, Grants: grants, Created: r.Created, Until: r.Until, By: by}
}

// open says whether it lets somebody in now: its time is not over, and who made it is still an owner.
func (r invitationRecord) open(tx *bbolt.Tx, now time.Time) (by Person, open bool, err error) {
	var p person
	there, err := box.Get(tx, box.UsersBucket, r.By[:], &p)
	return p.Person, there && p.Role == Owner && now.Before(r.Until), err
}

// Invitations lists those that are open, oldest first.
func (a *Access) Invitations() (list []Invitation, err error) {
	now := time.Now()
	err = a.box.View(func(tx *bbolt.Tx) error {
		return eachSecret(tx, box.InvitesBucket, func(_ sessionKey, r invitationRecord) error {
			by, open, err := r.open(tx, now)
			if open {
				list = append(list, r.invitation(tx, by))
			}
			return err
		})
	})
	slices.SortFunc(list, func(a, b Invitation) int { return a.Created.Compare(b.Created) })
	return list, err
}

// Withdraw ends an invitation and gives it as it was. ErrNoInvitation.
func (a *Access) Withdraw(id media.UUID) (gone Invitation, err error) {
	err = a.box.Update(func(tx *bbolt.Tx) error {
		found := false
		if err := dropSecrets(tx, box.InvitesBucket, func(_ sessionKey, r invitationRecord) bool {
			if r.ID == id {
				gone, found = r.invitation(tx, Person{ID: r.By}), true
			}
			return r.ID == id
		}); err != nil {
			return err
		}
		if !found {
			return ErrNoInvitation
		}
		return nil
	})
	return gone, err
}

// Invited says what a secret invites to, without using it up. Errors: ErrNoInvitation, *BusyError for an address from
// which many came that are none.
func (a *Access) Invited(secret string, from netip.Addr) (v Invitation, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		r, by, err := readInvitation(tx, keyOf(secret), time.Now())
		if err == nil {
			v = r.invitation(tx, by)
		}
		return err
	})
	if errors.Is(err, ErrNoInvitation) {
		if wait := a.unknown.stranger(from); wait > 0 {
			err = &BusyError{RetryAfter: wait}
		}
	}
	return v, err
}

// Join makes the person that a secret invites, with the password that they chose, and uses the secret up: all of it or
// nothing. name replaces the one that the owner gave them, unless it is empty. Errors as of Invited and AddPerson.
func (a *Access) Join(ctx context.Context, secret, name, password string, from netip.Addr) (Person, error) {
	v, err := a.Invited(secret, from)
	if err != nil {
		return Person{}, err
	}
	if strings.TrimSpace(name) == "" {
		name = v.Name
	}
	key := keyOf(secret)
	return a.addPerson(ctx, name, password, v.Role, func(tx *bbolt.Tx, id media.UUID) error {
		r, _, err := readInvitation(tx, key, time.Now()) // it may have been used while the password was hashed
		if err != nil {
			return err
		}
		if err := tx.Bucket([]byte(box.InvitesBucket)).Delete(key[:]); err != nil {
			return err
		}
		if grants := r.invitation(tx, Person{}).Grants; len(grants) > 0 {
			return box.Put(tx, box.GrantsBucket, id[:], grants)
		}
		return nil
	})
}

func readInvitation(tx *bbolt.Tx, key sessionKey, now time.Time) (r invitationRecord, by Person, err error) {
	there, err := box.Get(tx, box.InvitesBucket, key[:], &r)
	if err != nil {
		return r, by, err
	}
	open := false
	if there {
		if by, open, err = r.open(tx, now); err != nil {
			return r, by, err
		}
	}
	if !open {
		return r, by, ErrNoInvitation
	}
	return r, by, nil
}
