package box

import (
	"fmt"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
)

// Setting reads the setting of a name into v, a pointer. ok is false, and v untouched, when it was never set.
func (b *Box) Setting(name string, v any) (ok bool, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		ok, err = Get(tx, settingsBucket, []byte(name), v)
		return err
	})
	return ok, err
}

// PutSetting sets it, as JSON.
func (b *Box) PutSetting(name string, v any) error {
	return b.Update(func(tx *bbolt.Tx) error { return Put(tx, settingsBucket, []byte(name), v) })
}

// PutSettingIn is PutSetting within a transaction of the caller's.
func PutSettingIn(tx *bbolt.Tx, name string, v any) error {
	return Put(tx, settingsBucket, []byte(name), v)
}

// RemoveSetting makes it as if it had never been set.
func (b *Box) RemoveSetting(name string) error {
	return b.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(settingsBucket)).Delete([]byte(name)) })
}

// WrappedKey reads a camera's wrapped key, or ErrNotFound.
func (b *Box) WrappedKey(id media.CameraID) (wrapped []byte, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket([]byte(keysBucket)).Get(id[:])
		if raw == nil {
			return fmt.Errorf("key of camera %s: %w", id, ErrNotFound)
		}
		wrapped = append([]byte(nil), raw...)
		return nil
	})
	return wrapped, err
}

// PutWrappedKey keeps a camera's wrapped key.
func (b *Box) PutWrappedKey(id media.CameraID, wrapped []byte) error {
	return b.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(keysBucket)).Put(id[:], wrapped) })
}

// RemoveWrappedKey forgets a camera's wrapped key. bbolt leaves its bytes on a freed page until that is used again,
// so the file is also marked to be rewritten at the next Open.
func (b *Box) RemoveWrappedKey(id media.CameraID) error {
	return b.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket([]byte(keysBucket)).Delete(id[:]); err != nil {
			return err
		}
		var m meta
		if _, err := Get(tx, metaBucket, []byte("box"), &m); err != nil {
			return err
		}
		m.Scrub = true
		return putMeta(tx, m)
	})
}

// KeyIDs lists the cameras that have a wrapped key.
func (b *Box) KeyIDs() (ids []media.CameraID, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(keysBucket)).ForEach(func(k, _ []byte) error {
			if len(k) == len(media.CameraID{}) {
				ids = append(ids, media.CameraID(k))
			}
			return nil
		})
	})
	return ids, err
}

// HasWrappedKeys says whether any camera has one.
func (b *Box) HasWrappedKeys() (has bool, err error) {
	err = b.View(func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte(keysBucket)).Cursor().First()
		has = k != nil
		return nil
	})
	return has, err
}
