package storage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/recovery"
	"hearth/storage/retention"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// disk is one volume in use: who writes to it, what keeps its limits, and whether it is there. Nothing meant for it ever
// goes to another one.
type disk struct {
	volume.Volume
	store  *Store
	folder commit.Disk
	commit *commit.Committer
	keeper *retention.Keeper

	space   func() (retention.Space, error)        // asked once a tick
	look    func() error                           // whether it is there, and it; likewise
	full    atomic.Bool                            // recording stands still for want of room
	floor   atomic.Int64                           // bytes to keep free
	roll    atomic.Pointer[map[segment.Line]int64] // bytes at which a line's file rolls, when that is sooner than usual
	trouble atomic.Pointer[trouble]                // nil: it is well
	begged  atomic.Int64                           // when letting go was last asked for, in seconds since 1970
	back    chan struct{}                          // it was away and is there again
	unseen  atomic.Bool                            // what lies there was not looked through since the start
}

// trouble is why a volume cannot be written to.
type trouble struct {
	err   error
	since time.Time
}

// openDisk makes ready a volume; it need not be there.
func (s *Store) openDisk(v volume.Volume) (*disk, error) {
	var folder commit.Disk
	real, err := commit.OpenFolder(v.Path)
	if err != nil && v.Number == 0 {
		return nil, err
	} else if err != nil {
		real = commit.NewFolder(v.Path) // it is not there: what file system it is on is looked at when it is
	}
	if folder = real; s.o.disk != nil {
		folder = s.o.disk(real)
	}
	d := &disk{Volume: v, store: s, folder: folder, back: make(chan struct{}, 1)}
	d.space = func() (retention.Space, error) {
		free, size, err := commit.Free(v.Path)
		return retention.Space{Free: free, Size: size}, err
	}
	d.look = func() error { return volume.Look(v.Path, v.ID) }
	tick := s.o.Tick
	if tick == 0 && commit.Rotational(v.Path) {
		tick = 2 * time.Second // a seek for each camera and tick
	}
	log := s.log
	if v.Number > 0 {
		log = log.With("volume", v.Path)
	}
	d.commit = &commit.Committer{
		Disk: folder, Tick: tick, Log: log, Bell: &s.bell,
		Key:       s.recordingKey,
		Head:      s.index.Head,
		Taken:     s.taken,
		RollBytes: d.rollBytes,
		Ready:     d.ready,
		OnFinished: func(f commit.Finished) {
			a := recovery.Addition(f.Summary, f.Table, f.Notes)
			a.Row.Volume = v.Number
			s.index.Add(a)
		},
	}
	d.keeper = d.newKeeper(log)
	if err := d.look(); err != nil {
		d.note(err)
	}
	return d, nil
}

// taken says whether a line has a file with this start, in microseconds, on any volume. A file that is told of as finished
// is in the index before it is no open one any more: so the index comes last.
func (s *Store) taken(l segment.Line, start int64) bool {
	for _, d := range s.all() {
		if d.commit.Begun(l, start) {
			return true
		}
	}
	has, err := s.index.Has(l, start)
	return has && err == nil
}

// all gives the volumes in use; the first is the data folder.
func (s *Store) all() []*disk {
	if list := s.disks.Load(); list != nil {
		return *list
	}
	return nil
}

// diskNumbered gives the volume of a row, nil when it is none of those in use.
func (s *Store) diskNumbered(n uint8) *disk {
	for _, d := range s.all() {
		if d.Number == n {
			return d
		}
	}
	return nil
}

// diskOf gives the volume that a camera is recorded to. One that hearth.db does not know is no reason to record to
// another.
func (s *Store) diskOf(camera media.CameraID) (*disk, error) {
	c, err := s.box.Camera(camera)
	if err != nil {
		return s.all()[0], nil // one that is about to be added, or is being removed
	}
	if c.Volume.IsZero() {
		return s.all()[0], nil
	}
	for _, d := range s.all() {
		if d.ID == c.Volume {
			return d, nil
		}
	}
	return nil, fmt.Errorf("record camera %s: %w: its volume %s is not known", camera, commit.ErrMissing, c.Volume)
}

// volumeDirs gives the folders of the volumes that are there, the data folder first.
func (s *Store) volumeDirs() []string {
	var dirs []string
	for _, d := range s.all() {
		if d.trouble.Load() == nil {
			dirs = append(dirs, d.Path)
		}
	}
	return dirs
}

// ready says whether recording to the volume may go on: it is asked before anything is written. It stops short of the
// last block, so that hearth.db, with sessions and the audit log, can always be written; it goes on when there is some
// room again.
func (d *disk) ready() error {
	err := d.look()
	d.note(err)
	if err != nil {
		return err
	}
	return d.room()
}

// note keeps what a look at the volume said, and tells when that changes.
func (d *disk) note(err error) {
	was := d.trouble.Load()
	switch {
	case err == nil && was != nil:
		if !d.trouble.CompareAndSwap(was, nil) {
			return
		}
		d.store.log.Info("a disk is back: recording to it goes on", "volume", d.ID, "folder", d.Path, "away", time.Since(was.since).Round(time.Second))
		select {
		case d.back <- struct{}{}:
		default:
		}
	case err != nil && (was == nil || was.err.Error() != err.Error()):
		t := &trouble{err: err, since: time.Now()}
		if was != nil {
			t.since = was.since
		}
		if d.trouble.CompareAndSwap(was, t) {
			d.store.log.Error("ALARM: a disk cannot be recorded to, and nothing meant for it goes anywhere else", "volume", d.ID, "folder", d.Path, "error", err)
		}
	}
}

// away says that what lies on the volume cannot be read either.
func (d *disk) away() bool {
	t := d.trouble.Load()
	return t != nil && !errors.Is(t.err, commit.ErrReadOnly)
}

func (d *disk) rollBytes(l segment.Line) int64 {
	if m := d.roll.Load(); m != nil {
		if n, ok := (*m)[l]; ok {
			return n
		}
	}
	return math.MaxInt64 // before the limits were first looked at, files roll as usual
}

// run commits to the volume, and catches up with what lies on it when it comes back, until ctx is done.
func (d *disk) run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- d.commit.Run(ctx) }()
	for {
		select {
		case <-d.back:
			if err := d.welcome(ctx); err != nil && ctx.Err() == nil {
				d.store.log.Error("what lies on the disk is not all indexed yet", "volume", d.ID, "folder", d.Path, "error", err)
			}
		case err := <-done:
			d.commit.Mend()
			return err
		}
	}
}

// welcome takes in what lies on a volume that was not there when the box started, or was taken out and put back.
func (d *disk) welcome(ctx context.Context) error {
	s := d.store
	if err := s.removeGone(); err != nil {
		return err
	}
	s.spreadKeys()
	rec := s.recovery(d)
	rec.Whole = true // how much the index knows says nothing about a volume that was away
	err := rec.CatchUp(ctx)
	if err == nil {
		d.unseen.Store(false)
	}
	return errors.Join(err, rec.Details(ctx))
}

// recovery works on one volume; what is being written there is left alone.
func (s *Store) recovery(d *disk) *recovery.Recovery {
	return &recovery.Recovery{
		Dir: d.Path, Volume: d.Number, Disk: d.folder, Keys: s.keys, Index: s.index, Log: s.log,
		Live: d.commit.Writes,
	}
}

// otherDirs gives the folders of the volumes that are there, without the data folder.
func (s *Store) otherDirs() (dirs []string) {
	for _, d := range s.all()[1:] {
		if d.trouble.Load() == nil {
			dirs = append(dirs, d.Path)
		}
	}
	return dirs
}

// spreadKeys keeps the cameras' wrapped keys on every volume that is there.
func (s *Store) spreadKeys() {
	if err := s.keys.Spread(s.otherDirs()); err != nil {
		s.log.Error("not every disk can be read by itself: a key is missing on it", "error", err)
	}
}

// Volumes lists the volumes in use, the data folder first.
func (s *Store) Volumes() []volume.Volume {
	var list []volume.Volume
	for _, d := range s.all() {
		list = append(list, d.Volume)
	}
	return list
}

// AddVolume takes a folder on another disk into use, or takes a known volume back from where it now is. Cameras are
// recorded to it that say so (box.Camera.Volume). volume.ErrNoVolume says why it cannot be.
func (s *Store) AddVolume(path string) (volume.Volume, error) {
	s.adding.Lock()
	defer s.adding.Unlock()
	v, err := volume.Add(s.box, s.o.Dir, path)
	if err != nil {
		return volume.Volume{}, err
	}
	if d := s.diskNumbered(v.Number); d != nil {
		if d.Path != v.Path {
			return v, fmt.Errorf("%w before a restart: that disk was known as %s; restart Hearth to use the new path", volume.ErrNoVolume, d.Path)
		}
		return v, nil
	}
	d, err := s.openDisk(v)
	if err != nil {
		return volume.Volume{}, err
	}
	list := append(slices.Clone(s.all()), d)
	s.disks.Store(&list)
	s.spreadKeys()
	s.log.Info("a disk was added", "volume", v.ID, "folder", v.Path)
	if s.running {
		s.added <- d
	}
	return v, nil
}

// leave finishes what a line has open on other volumes than the one that it goes to now, so that its chain goes on from
// there. A volume in trouble is not waited for.
func (s *Store) leave(l segment.Line, to *disk) {
	for _, d := range s.all() {
		switch {
		case d == to:
		case d.trouble.Load() == nil:
			d.commit.Leave(l)
		default:
			d.commit.Elsewhere(l)
		}
	}
}

// openViews gives a line's files that are not finished, on all volumes.
func (s *Store) openViews(l segment.Line) (views []located) {
	for _, d := range s.all() {
		for _, v := range d.commit.Open(l) {
			views = append(views, located{v, d})
		}
	}
	return views
}

// allOpen is openViews for all lines.
func (s *Store) allOpen() (views []commit.View) {
	for _, d := range s.all() {
		views = append(views, d.commit.AllOpen()...)
	}
	return views
}

// located is a file that is not finished, and where.
type located struct {
	commit.View
	disk *disk
}

// file is where something of a volume lies.
func (d *disk) file(path string) string { return filepath.Join(d.Path, path) }
