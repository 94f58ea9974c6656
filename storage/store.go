package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/storage/access"
	"hearth/storage/bolt"
	"hearth/storage/box"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/segment"
	"hearth/storage/signet"
	"hearth/storage/snapshot"
	"hearth/storage/volume"
)

// Store is an open data folder. Its methods may be called from several goroutines.
type Store struct {
	o       Options
	log     *slog.Logger
	folder  *volume.Folder
	box     *box.Box
	access  *access.Access
	keys    *keyring.Keyring
	backups *snapshot.Keeper
	signet  *signet.Signet
	index   *index.Index
	bell    alarm.Bell

	disks    atomic.Pointer[[]*disk] // volumes in use; the first is the data folder
	adding   sync.Mutex              // one volume at a time; guards running
	running  bool                    // Run starts what is added
	added    chan *disk              // to Run, while it runs
	short    chan struct{}           // a volume has no room
	foretold atomic.Pointer[foretold]
	clock    atomic.Pointer[func() time.Time] // see SetClock
	signing  signing
	removing sync.Mutex // guards the list of cameras that are being removed
	closing  sync.Once
	closeErr error
}

// Open takes a data folder, makes what is not there yet, recovers what was left open and indexes what is not indexed.
// The error is one line: ErrNotWritable, ErrInUse, ErrVolumeMissing, box.ErrDamaged, keyring.ErrBoxKey or what the
// system said. A damaged index.db is set aside and made again from the files.
func Open(o Options) (s *Store, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s = &Store{o: o, log: o.Log, bell: alarm.Bell{Log: o.Log}, short: make(chan struct{}, 1), added: make(chan *disk, 256)}
	defer func() {
		if err != nil {
			s.release()
			s = nil
		}
	}()
	if s.folder, err = volume.Take(o.Dir); err != nil {
		return s, err
	}
	if s.box, err = box.Open(s.folder.Path("hearth.db")); err != nil {
		return s, err
	}
	id, err := s.folder.Claim(s.box, s.log)
	if err != nil {
		return s, err
	}
	if s.keys, err = keyring.OpenWith(o.BoxKey, o.Dir, s.box); err != nil {
		return s, err
	}
	s.backups = s.newBackups()
	if s.signet, err = signet.Open(s.box, s.keys); err != nil {
		return s, err
	}
	if s.access, err = access.Open(s.box, access.WithSealer(s.keys)); err != nil {
		return s, err
	}
	if s.index, err = s.openIndex(); err != nil {
		return s, err
	}
	if err = s.openDisks(id); err != nil {
		return s, err
	}
	if err = s.removeGone(); err != nil {
		return s, err
	}
	err = s.catchUp(context.Background())
	if err == nil {
		err = s.endEvents()
	}
	if errors.Is(err, syscall.ENOSPC) { // the rest goes on, and retention will make room; the files are found next time
		s.log.Error("the disk is full: what was recorded last is not indexed yet", "error", err)
		err = nil
	}
	return s, err
}

// openDisks opens the data folder as a volume, and the others that hearth.db knows.
func (s *Store) openDisks(id media.UUID) error {
	path, err := filepath.Abs(s.o.Dir)
	if err != nil {
		return err
	}
	others, err := volume.List(s.box)
	if err != nil {
		return err
	}
	var list []*disk
	for _, v := range append([]volume.Volume{{ID: id, Path: path}}, others...) {
		d, err := s.openDisk(v)
		if err != nil {
			return err
		}
		list = append(list, d)
	}
	s.disks.Store(&list)
	s.spreadKeys()
	return nil
}

// catchUp finishes and indexes what lies on the volumes that are there.
func (s *Store) catchUp(ctx context.Context) error {
	for _, d := range s.all() {
		d.unseen.Store(true)
	}
	for _, d := range s.all() {
		if d.trouble.Load() != nil {
			continue
		}
		if err := d.keeper.Sweep(); err != nil { // what was let go of must not be found again
			return fmt.Errorf("finish letting go: %w", err)
		}
		if err := s.recovery(d).CatchUp(ctx); err != nil {
			return err
		}
		d.unseen.Store(false)
	}
	return nil
}

// openIndex opens index.db; a damaged one is set aside.
func (s *Store) openIndex() (*index.Index, error) {
	path := s.folder.Path(indexFile)
	x, err := index.Open(path)
	if err == nil {
		x.OnBad = s.badEvent
	}
	if err == nil || !errors.Is(err, bolt.ErrDamaged) {
		return x, err
	}
	var other *index.FormatError
	if errors.As(err, &other) { // an upgrade, or going back
		aside := fmt.Sprintf("%s%s%d", path, otherIndex, other.Format)
		now := time.Now()
		if err := errors.Join(os.Chtimes(path, now, now), os.Rename(path, aside)); err != nil {
			return nil, fmt.Errorf("set the index of another version aside: %w", err)
		}
		s.log.Info("index.db is of another version's format: it is set aside and made again from the files", "format", other.Format, "reads", other.Reads, "aside", aside)
	} else {
		aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102-150405.000000"))
		if err := os.Rename(path, aside); err != nil {
			return nil, fmt.Errorf("set the damaged index aside: %w", err)
		}
		s.log.Error("index.db was damaged: it is set aside and made again from the files; nothing recorded is lost", "aside", aside, "error", err)
	}
	if x, err = index.Open(path); err == nil {
		x.OnBad = s.badEvent
	}
	return x, err
}

const (
	indexFile  = "index.db"
	otherIndex = ".format-" // and a format: an index.db of another version, set aside
	// indexKept is for how long that lies there. Nothing is in it that the files do not say.
	indexKept = 14 * 24 * time.Hour
)

// dropIndexes removes what was set aside of other versions' indexes long ago.
func (s *Store) dropIndexes() {
	list, _ := filepath.Glob(s.folder.Path(indexFile) + otherIndex + "*") // bad patterns alone are errors; then nothing is dropped
	for _, path := range list {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > indexKept {
			os.Remove(path)
		}
	}
}

func (s *Store) recordingKey(camera media.CameraID) (segment.Key, error) {
	key, err := s.keys.ForRecording(camera)
	if err != nil {
		return nil, err
	}
	return key, nil
}

// Box gives hearth.db.
func (s *Store) Box() *box.Box { return s.box }

// Access gives who may open what.
func (s *Store) Access() *access.Access { return s.access }

// Keys gives the cameras' keys.
func (s *Store) Keys() *keyring.Keyring { return s.keys }

// Bell is where mix-ups of cameras are told.
func (s *Store) Bell() *alarm.Bell { return &s.bell }

// Writer gives the writer of a camera's stream. An earlier one of the same stream is heard no more. keyring.ErrNoKey
// when the camera has no key.
func (s *Store) Writer(cam media.CameraID, stream media.Stream) (*StreamWriter, error) {
	if stream != media.Main && stream != media.Sub {
		return nil, fmt.Errorf("record camera %s: no stream %d", cam, stream)
	}
	if _, err := s.keys.ForRecording(cam); err != nil {
		return nil, fmt.Errorf("record camera %s: %w", cam, err)
	}
	d, err := s.diskOf(cam)
	if err != nil {
		return nil, err
	}
	l := segment.Line{Camera: cam, Stream: stream}
	s.leave(l, d)
	return d.commit.Writer(l)
}

// Close writes what is pending, finishes all files and gives the folder free. It may be called again.
func (s *Store) Close() error {
	s.closing.Do(func() {
		for _, d := range s.all() {
			d.commit.Stop()
			d.commit.Mend()
		}
		err := s.checkpoint()
		if err := s.signHeadsNow(); err != nil { // on a full disk, say; nothing that was recorded depends on it
			s.log.Error("how far the chains have come is not signed", "error", err)
		}
		s.closeErr = errors.Join(err, s.release())
	})
	return s.closeErr
}

func (s *Store) release() error {
	var errs []error
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if s.box != nil {
		errs = append(errs, s.box.Close())
	}
	if s.folder != nil {
		errs = append(errs, s.folder.Release())
	}
	return errors.Join(errs...)
}

// checkpoint writes the index. All files that began before the oldest open one are in it then, except where a disk was
// not looked through: a later start looks from where the last one did.
func (s *Store) checkpoint() error {
	scanned := time.Now().UnixMicro()
	var tails []index.Tail
	for _, v := range s.allOpen() {
		scanned = min(scanned, v.Name.Start)
		if v.Checkpoint != (segment.Place{}) {
			tails = append(tails, index.Tail{Line: v.Line, Start: v.Name.Start, Place: v.Checkpoint})
		}
	}
	for _, d := range s.all() {
		if d.unseen.Load() {
			scanned = min(scanned, s.index.Scanned())
		}
	}
	return s.index.Checkpoint(scanned, tails)
}
