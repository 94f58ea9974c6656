package access

import (
	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// EndOf ends the session of that identity if it is this person's, and gives it as it was. Otherwise, and when it has
// ended before, the error is ErrNoSession: nobody learns that somebody else's is there.
func (a *Access) EndOf(p Person, id media.UUID) (ended Session, err error) {
	err = a.box.Update(func(tx *bbolt.Tx) error {
		found := false
		if err := eachSecret(tx, box.SessionsBucket, func(key sessionKey, r sessionRecord) error {
			if r.ID == id && r.User == p.ID {
				ended, found = r.session(key, p), true
			}
			return nil
		}); err != nil {
			return err
		}
		if !found {
			return ErrNoSession
		}
		return tx.Bucket([]byte(box.SessionsBucket)).Delete(ended.key[:])
	})
	return ended, err
}
