//go:build tomorrow

package box

import "go.etcd.io/bbolt"

// tomorrow makes a version that has one more format than this one, to try an upgrade with, and the way back.
func tomorrow() []step {
	return []step{func(tx *bbolt.Tx) error { return Put(tx, settingsBucket, []byte("tomorrow"), true) }}
}
