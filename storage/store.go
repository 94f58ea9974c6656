package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/bolt"
	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/recovery"
	"hearth/storage/retention"
	"hearth/storage/segment"
	"hearth/storage/signet"
	"hearth/storage/volume"
)

// Store is an open data folder. Its methods may be called from several goroutines.
type Store struct {
	o      Options
	log    *slog.Logger
	folder *volume.Folder
	box    *box.Box
	access *access.Access
	keys   *keyring.Keyring
	signet *signet.Signet
	index  *index.Index
	disk   *commit.Folder
	commit *commit.Committer
	keeper *retention.Keeper

	// space is asked by the committer once a tick.
	space    func() (retention.Space, error)
	full     atomic.Bool
	floor    atomic.Int64                           // bytes to keep free
	roll     atomic.Pointer[map[segment.Line]int64] // bytes at which a line's file rolls, when that is sooner than usual
	short    chan struct{}                          // the committer has no room
	signing  signing
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
	s = &Store{o: o, log: o.Log, short: make(chan struct{}, 1)}
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
	if _, err = s.folder.Claim(s.box, s.log); err != nil {
		return s, err
	}
	if s.keys, err = keyring.Open(o.Dir, s.box); err != nil {
		return s, err
	}
	if s.signet, err = signet.Open(s.box, s.keys); err != nil {
		return s, err
	}
	if s.access, err = access.Open(s.box); err != nil {
		return s, err
	}
	if s.index, err = s.openIndex(); err != nil {
		return s, err
	}
	if s.disk, err = commit.OpenFolder(o.Dir); err != nil {
		return s, err
	}
	s.build()
	if err = s.removeGone(); err != nil {
		return s, err
	}
	if err = s.keeper.Sweep(); err != nil { // what was let go of must not be found again
		err = fmt.Errorf("finish letting go: %w", err)
	} else {
		err = s.recovery().CatchUp(context.Background())
	}
	if err == nil {
		err = s.endEvents()
	}
	if errors.Is(err, syscall.ENOSPC) { // the rest goes on, and retention will make room; the files are found next time
		s.log.Error("the disk is full: what was recorded last is not indexed yet", "error", err)
		err = nil
	}
	return s, err
}

// openIndex opens index.db; a damaged one is set aside.
func (s *Store) openIndex() (*index.Index, error) {
	path := s.folder.Path(indexFile)
	x, err := index.Open(path)
	if err == nil || !errors.Is(err, bolt.ErrDamaged) {
		return x, err
	}
	aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102-150405.000000"))
	if err := os.Rename(path, aside); err != nil {
		return nil, fmt.Errorf("set the damaged index aside: %w", err)
	}
	s.log.Error("index.db was damaged: it is set aside and made again from the files; nothing recorded is lost", "aside", aside, "error", err)
	return index.Open(path)
}

const indexFile = "index.db"

func (s *Store) build() {
	s.index.OnBad = s.badEvent
	s.space = func() (retention.Space, error) {
		free, size, err := commit.Free(s.o.Dir)
		return retention.Space{Free: free, Size: size}, err
	}
	s.commit = &commit.Committer{
		Disk: s.disk, Tick: s.o.Tick, Log: s.log,
		Key:        s.recordingKey,
		Head:       s.index.Head,
		Taken:      func(l segment.Line, start int64) bool { has, err := s.index.Has(l, start); return has && err == nil },
		RollBytes:  s.rollBytes,
		Ready:      s.ready,
		OnFinished: func(f commit.Finished) { s.index.Add(recovery.Addition(f.Summary, f.Table, f.Notes)) },
	}
	s.keeper = &retention.Keeper{
		Index: s.index, Log: s.log, Remove: s.disk.Remove, Total: s.o.LimitBytes,
		Limits: s.limits, Open: s.openBytes, Space: func() (retention.Space, error) { return s.space() },
	}
}

func (s *Store) recovery() *recovery.Recovery {
	return &recovery.Recovery{Dir: s.o.Dir, Disk: s.disk, Keys: s.keys, Index: s.index, Log: s.log}
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

// Writer gives the writer of a camera's stream. An earlier one of the same stream is heard no more. keyring.ErrNoKey
// when the camera has no key.
func (s *Store) Writer(cam media.CameraID, stream media.Stream) (*StreamWriter, error) {
	if stream != media.Main && stream != media.Sub {
		return nil, fmt.Errorf("record camera %s: no stream %d", cam, stream)
	}
	if _, err := s.keys.ForRecording(cam); err != nil {
		return nil, fmt.Errorf("record camera %s: %w", cam, err)
	}
	return s.commit.Writer(segment.Line{Camera: cam, Stream: stream})
}

// Close writes what is pending, finishes all files and gives the folder free. It may be called again.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.commit.Stop()
		s.commit.Mend()
		err := s.checkpoint()
		s.closeErr = errors.Join(err, s.signHeadsNow(), s.release())
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

// checkpoint writes the index. All files that began before the oldest open one are in it then.
func (s *Store) checkpoint() error {
	scanned := time.Now().UnixMicro()
	for _, v := range s.commit.AllOpen() {
		scanned = min(scanned, v.Name.Start)
	}
	return s.index.Checkpoint(scanned, nil)
}

// rollBytes is set by upkeep; before it first ran, files roll as usual.
func (s *Store) rollBytes(l segment.Line) int64 {
	if m := s.roll.Load(); m != nil {
		if n, ok := (*m)[l]; ok {
			return n
		}
	}
	return math.MaxInt64
}
