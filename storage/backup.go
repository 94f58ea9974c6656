package storage

import (
	"context"

	"hearth/storage/snapshot"
)

// RecoveryState is how it stands with the recovery key and the snapshots of hearth.db.
type RecoveryState = snapshot.State

// newBackups keeps the snapshots of hearth.db on all volumes that are there.
func (s *Store) newBackups() *snapshot.Keeper {
	return &snapshot.Keeper{Box: s.box, Keys: s.keys, Dir: s.o.Dir, Volumes: s.volumeDirs, Log: s.log}
}

// MakeRecoveryKey makes a recovery key and, sealed to it, a snapshot of hearth.db on every volume. Older snapshots go, so
// an older key opens nothing any more. The key is for the owner to keep elsewhere: the box does not know it afterwards.
func (s *Store) MakeRecoveryKey() (key string, err error) {
	k, err := s.backups.MakeKey()
	if err != nil {
		return "", err
	}
	return k.Secret(), nil
}

// Recovery says how it stands with the recovery key and the snapshots.
func (s *Store) Recovery() RecoveryState { return s.backups.State() }

// backUp makes a snapshot of hearth.db if one is due. It may be called often, and logs what goes wrong itself, once.
func (s *Store) backUp(ctx context.Context) error { return s.backups.Pass(ctx) }
