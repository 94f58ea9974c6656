package access

import (
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// Access answers who may open what, out of an open hearth.db. Its methods may be called from several goroutines.
type Access struct {
	box     *box.Box
	hash    Hash
	started time.Time // with its monotonic reading: the hour of the first setup is counted by it

	hashing  chan struct{} // one place for each password being hashed
	waiting  chan struct{} // and one for each that waits for that
	attempts *attempts
	unknown  *attempts // of bearer secrets and invitations that are none
	decoy    string    // the hash that a login of an unknown name is compared with
	tickets  *tickets
	sealer   Sealer // nil where the box's key is not at hand
}

// Sealer seals small secrets so that only this box can read them; a *keyring.Keyring is one.
type Sealer interface {
	Seal(purpose string, owner media.UUID, plain []byte) []byte
	Open(purpose string, owner media.UUID, sealed []byte) ([]byte, error)
}

// Option changes what Open does.
type Option func(*Access)

// WithHash sets the cost of new password hashes, which else is tuned to the machine. Tests use it to be quick.
func WithHash(h Hash) Option { return func(a *Access) { a.hash = h } }

// WithSealer gives what second factors are sealed with. Without it nobody who has one can log in, and none can be added.
func WithSealer(s Sealer) Option { return func(a *Access) { a.sealer = s } }

// Open reads through what hearth.db holds about people, so that damage shows at once (box.ErrDamaged), lets go of
// sessions that have ended, and, while there is no owner yet, sees to it that there is a setup code.
func Open(b *box.Box, options ...Option) (*Access, error) {
	a := &Access{
		box:      b,
		started:  time.Now(),
		hashing:  make(chan struct{}, hashesAtOnce),
		waiting:  make(chan struct{}, hashesWaiting),
		attempts: newAttempts(),
		tickets:  newTickets(),
		unknown:  newAttempts(),
	}
	for _, o := range options {
		o(a)
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.hash == (Hash{}) {
		var err error
		if a.hash, err = tune(b); err != nil {
			return nil, err
		}
	}
	a.decoy = a.hash.decoy()
	if err := a.sweepSessions(); err != nil {
		return nil, err
	}
	if err := a.prepareSetup(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Access) check() error {
	return a.box.View(func(tx *bbolt.Tx) error {
		if err := tx.Bucket([]byte(box.UsersBucket)).ForEach(func(k, _ []byte) error {
			var p person
			if _, err := box.Get(tx, box.UsersBucket, k, &p); err != nil {
				return err
			}
			if string(p.ID[:]) != string(k) {
				return box.Damage(tx, box.UsersBucket, k, errOtherRecord)
			}
			return nil
		}); err != nil {
			return err
		}
		if err := tx.Bucket([]byte(box.GrantsBucket)).ForEach(func(k, _ []byte) error {
			var m []Permission
			_, err := box.Get(tx, box.GrantsBucket, k, &m)
			return err
		}); err != nil {
			return err
		}
		if err := eachSecret(tx, box.TokensBucket, func(sessionKey, tokenRecord) error { return nil }); err != nil {
			return err
		}
		if err := tx.Bucket([]byte(box.FactorsBucket)).ForEach(func(k, _ []byte) error {
			var f factors
			_, err := box.Get(tx, box.FactorsBucket, k, &f)
			return err
		}); err != nil {
			return err
		}
		if err := box.EachDevice(tx, func(box.Device) error { return nil }); err != nil {
			return err
		}
		if err := eachSecret(tx, box.InvitesBucket, func(sessionKey, invitationRecord) error { return nil }); err != nil {
			return err
		}
		return tx.Bucket([]byte(box.SessionsBucket)).ForEach(func(k, _ []byte) error {
			var s sessionRecord
			_, err := box.Get(tx, box.SessionsBucket, k, &s)
			return err
		})
	})
}

// SetupCodeFile is where the setup code lies, beside hearth.db, while there is no owner.
func (a *Access) SetupCodeFile() string {
	return filepath.Join(filepath.Dir(a.box.Path()), "setup-code")
}
