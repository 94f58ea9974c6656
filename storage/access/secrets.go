package access

import (
	"encoding/json"

	"go.etcd.io/bbolt"

	"hearth/storage/box"
)

// eachSecret calls do for the records of a bucket in which each lies under the hash of the secret that opens it: sessions,
// tokens, invitations.
func eachSecret[R any](tx *bbolt.Tx, bucket string, do func(sessionKey, R) error) error {
	return tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
		var r R
		if len(k) != len(sessionKey{}) {
			return box.Damage(tx, bucket, k, errOtherRecord)
		}
		if err := json.Unmarshal(v, &r); err != nil {
			return box.Damage(tx, bucket, k, err)
		}
		return do(sessionKey(k), r)
	})
}

// dropSecrets makes that the secrets of the records that which chooses open nothing any more.
func dropSecrets[R any](tx *bbolt.Tx, bucket string, which func(sessionKey, R) bool) error {
	var drop []sessionKey
	if err := eachSecret(tx, bucket, func(key sessionKey, r R) error {
		if which(key, r) {
			drop = append(drop, key)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, key := range drop {
		if err := tx.Bucket([]byte(bucket)).Delete(key[:]); err != nil {
			return err
		}
	}
	return nil
}
