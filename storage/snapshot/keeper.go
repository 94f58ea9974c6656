package snapshot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/keyring"
)

// When snapshots are made.
const (
	nightly = 3*time.Hour + 30*time.Minute // after midnight, local time
	settle  = time.Minute                  // after cameras or users began to change
	apart   = 3 * time.Minute              // the least between two
	retry   = 5 * time.Minute              // after one that failed
	look    = time.Minute                  // from look to look whether each volume has what it should
)

// Keeper keeps the snapshots of a box. Its methods may be called from several goroutines.
type Keeper struct {
	Box     *box.Box
	Keys    *keyring.Keyring
	Dir     string          // the data folder
	Volumes func() []string // folders of the volumes that are there
	Log     *slog.Logger

	mu      sync.Mutex
	loaded  bool
	kept    kept
	seen    int       // number of hearth.db's transaction at the last look for changes
	print   string    // what it said then
	changed time.Time // since when it says something else than the last snapshot
	made    time.Time // when this process made its last snapshot
	failed  time.Time
	looked  time.Time
	problem string
}

// State is how it stands with the recovery key and the snapshots.
type State struct {
	Made         time.Time // when the recovery key was made; zero: there is none, and so no snapshots
	LastSnapshot time.Time
	Problem      string // "": none; in words for the owner
}

// kept is what hearth.db knows of all this.
type kept struct {
	Recipient string           `json:"recipient"`
	Made      time.Time        `json:"made"`
	Last      time.Time        `json:"last"`       // when the last snapshot was made
	Name      string           `json:"name"`       // of its file
	NotBefore time.Time        `json:"not_before"` // older ones, by their names, go from every volume
	Print     string           `json:"print"`      // what the last one holds of cameras and users
	Cameras   []media.CameraID `json:"cameras"`    // that are in the last one
}

const keptSetting = "recovery"

func (k *Keeper) load() error {
	if k.loaded {
		return nil
	}
	_, err := k.Box.Setting(keptSetting, &k.kept)
	k.loaded = err == nil
	return err
}

// State gives how it stands.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		return State{Problem: err.Error()}
	}
	return State{Made: k.kept.Made, LastSnapshot: k.kept.Last, Problem: k.problem}
}

// MakeKey makes a new recovery key and a snapshot that is sealed to it, and lets go of those that were sealed to an older
// one. The key is given this once; nobody else has it.
func (k *Keeper) MakeKey() (Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(); err != nil {
		return Key{}, err
	}
	key, err := NewKey()
	if err != nil {
		return Key{}, err
	}
	now := time.Now()
	// The old key holds until there is a snapshot for the new one.
	if err := k.snapshot(now, kept{Recipient: key.Recipient(), Made: now.UTC().Truncate(time.Second)}, true); err != nil {
		return Key{}, fmt.Errorf("make a recovery key: %w; the one before still holds", err)
	}
	k.tell(k.even())
	return key, nil
}

// Pass makes a snapshot if one is due: at night, and soon after cameras or users changed. It sees to it that each
// volume has the newest one. It costs next to nothing otherwise, so it may be called often.
func (k *Keeper) Pass(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	if err := k.load(); err != nil {
		return err
	}
	if !k.failed.IsZero() && now.Sub(k.failed) < retry || ctx.Err() != nil {
		return nil
	}
	due, err := k.due(now)
	if err == nil && due {
		err = k.snapshot(now, k.kept, false)
	}
	if err == nil && (due || now.Sub(k.looked) >= look) {
		k.looked = now
		err = k.even()
	}
	k.failed = time.Time{}
	if err != nil {
		k.failed = now
	}
	k.tell(err)
	return err
}

// tell notes what is wrong, or that nothing is any more, and says it once.
func (k *Keeper) tell(err error) {
	was := k.problem
	k.problem = ""
	if err != nil {
		k.problem = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	switch {
	case k.problem == was:
	case err != nil:
		k.Log.Error("a snapshot of hearth.db could not be kept everywhere; it is tried again", "error", err)
	default:
		k.Log.Info("the snapshots of hearth.db are in order again")
	}
}

func night(t time.Time) string { return t.Local().Add(-nightly).Format(time.DateOnly) }

func (k *Keeper) due(now time.Time) (bool, error) {
	if k.kept.Recipient == "" {
		return false, nil
	}
	if err := k.fingerprint(); err != nil {
		return false, err
	}
	if k.print == k.kept.Print {
		k.changed = time.Time{}
	} else if k.changed.IsZero() {
		k.changed = now
	}
	if !k.made.IsZero() && now.Sub(k.made) < apart {
		return false, nil
	}
	return night(now) != night(k.kept.Last) || !k.changed.IsZero() && now.Sub(k.changed) >= settle, nil
}

// fingerprint looks at what hearth.db says of cameras, users and settings, if anything was written to it since.
func (k *Keeper) fingerprint() error {
	return k.Box.View(func(tx *bbolt.Tx) error {
		if tx.ID() == k.seen && k.print != "" {
			return nil
		}
		h := sha256.New()
		for _, name := range box.SettledBuckets() {
			fmt.Fprintf(h, "%q\n", name)
			if err := tx.Bucket([]byte(name)).ForEach(func(key, v []byte) error {
				if string(key) != keptSetting {
					fmt.Fprintf(h, "%q %q\n", key, v)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		k.seen, k.print = tx.ID(), hex.EncodeToString(h.Sum(nil)[:16])
		return nil
	})
}

// snapshot makes a snapshot on the first volume that takes it. next is what hearth.db, and its copy in the snapshot, know
// then. renew lets go of all that were before.
func (k *Keeper) snapshot(now time.Time, next kept, renew bool) error {
	if err := k.fingerprint(); err != nil {
		return err
	}
	cameras, err := k.Box.Cameras()
	if err != nil {
		return err
	}
	next.Cameras = next.Cameras[:0:0]
	for _, c := range cameras {
		next.Cameras = append(next.Cameras, c.ID)
	}
	for _, c := range k.kept.Cameras {
		renew = renew || !slices.Contains(next.Cameras, c) // what was deleted is not to be found in old ones
	}
	volumes := k.Volumes()
	stamp := k.stamp(now, volumes)
	next.Last, next.Name, next.Print = now.UTC().Truncate(time.Second), fileName(stamp), k.print
	if renew {
		next.NotBefore = stamp
	}
	boxKey := k.Keys.ForRecovery()
	defer clear(boxKey)
	c := Contents{Box: k.Box, BoxKey: boxKey, Dir: k.Dir, Settings: map[string]any{keptSetting: next}, Made: now}
	var errs []error
	for _, v := range volumes {
		err := put(v, next.Name, func(w io.Writer) error {
			_, err := c.Seal(w, next.Recipient)
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("write a snapshot of hearth.db to %s: %w", v, err))
			continue
		}
		if err := k.Box.PutSetting(keptSetting, next); err != nil {
			return err
		}
		k.kept, k.made, k.changed = next, now, time.Time{}
		k.Log.Info("hearth.db is in a snapshot", "file", filepath.Join(Folder(v), next.Name))
		return nil
	}
	return errors.Join(errs...)
}

// stamp is the time that a snapshot's name has: now, but later than that of any other, since the order is what counts
// and a box's clock may have been wrong.
func (k *Keeper) stamp(now time.Time, volumes []string) time.Time {
	stamp := now.UTC().Truncate(time.Second)
	for _, v := range volumes {
		if list, err := List(Folder(v)); err == nil && len(list) > 0 && !stamp.After(list[0].Made) {
			stamp = list[0].Made.Add(time.Second)
		}
	}
	return stamp
}

// even gives each volume the newest snapshot, and takes from it what it need not keep.
func (k *Keeper) even() error {
	volumes := k.Volumes()
	if k.kept.Name == "" {
		return nil
	}
	made, _ := parseName(k.kept.Name)
	from := Found{}
	for _, v := range volumes {
		path := filepath.Join(Folder(v), k.kept.Name)
		if _, err := os.Lstat(path); err == nil {
			from = Found{Path: path, Made: made}
			break
		}
	}
	if from.Path == "" {
		k.kept.Last, k.kept.Print = time.Time{}, "" // somebody took it away: another is due
		return fmt.Errorf("the newest snapshot of hearth.db, %s, is gone", k.kept.Name)
	}
	var errs []error
	for _, v := range volumes {
		err := error(nil)
		if _, err = os.Lstat(filepath.Join(Folder(v), k.kept.Name)); errors.Is(err, os.ErrNotExist) {
			err = copyOver(v, from)
		}
		if err == nil {
			err = prune(v, k.kept.NotBefore)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("keep the snapshots of hearth.db on %s: %w", v, err))
		}
	}
	return errors.Join(errs...)
}
