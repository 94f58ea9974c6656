package storage

import (
	"context"
	"path/filepath"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/retention"
	"hearth/storage/segment"
)

// keep works out what may be kept and lets go of the rest.
func (s *Store) keep(ctx context.Context) {
	if err := s.measure(); err != nil {
		s.log.Error("cannot work out the limits", "error", err)
		return
	}
	freed, err := s.keeper.Pass(ctx, s.floor.Load())
	if err != nil && ctx.Err() == nil {
		s.log.Error("cannot let go of footage", "error", err)
	}
	if freed.Files > 0 {
		s.log.Info("let go of the oldest footage", "files", freed.Files, "bytes", freed.Bytes)
	}
}

// Files are kept small enough that the smallest limit holds about this many of each stream.
const (
	filesPerLimit = 8
	smallestRoll  = 1 << 20
)

// measure works out the floor of free space, and at which size files roll so that limits can be kept by letting go of
// whole files.
func (s *Store) measure() error {
	space, err := s.space()
	if err != nil {
		return err
	}
	lines, err := s.index.Lines()
	if err != nil {
		return err
	}
	var files int64
	now := time.Now().UnixMicro()
	streams := make(map[segment.Line]bool)
	for _, v := range s.commit.AllOpen() {
		streams[v.Line] = true
	}
	for _, l := range lines {
		r, ok, err := s.index.Last(l, now)
		if err != nil {
			return err
		}
		if ok && l.Stream != segment.Pack && now-r.End < (24*time.Hour).Microseconds() {
			files += r.Size
			streams[l] = true
		}
	}
	s.floor.Store(retention.Floor(space.Size, files))

	limits, err := s.limits()
	if err != nil {
		return err
	}
	all := space.Size
	if s.o.LimitBytes > 0 {
		all = min(all, s.o.LimitBytes)
	}
	roll := make(map[segment.Line]int64, len(streams))
	for l := range streams {
		n := all / int64(filesPerLimit*len(streams))
		if limit := limits[l.Camera].Bytes; limit > 0 {
			n = min(n, limit/(2*filesPerLimit))
		}
		roll[l] = max(n, smallestRoll)
	}
	s.roll.Store(&roll)
	return nil
}

func (s *Store) limits() (map[media.CameraID]retention.Limit, error) {
	cameras, err := s.box.Cameras()
	if err != nil {
		return nil, err
	}
	limits := make(map[media.CameraID]retention.Limit, len(cameras))
	for _, c := range cameras {
		limits[c.ID] = retention.Limit{Bytes: c.LimitBytes, Days: c.LimitDays}
	}
	return limits, nil
}

func (s *Store) openBytes() map[media.CameraID]int64 {
	open := make(map[media.CameraID]int64)
	for _, v := range s.commit.AllOpen() {
		open[v.Line.Camera] += v.Size
	}
	return open
}

// ready says whether recording may go on. It stops short of the last block, so that hearth.db, with sessions and the
// audit log, can always be written; it goes on when there is some room again.
func (s *Store) ready() error {
	space, err := s.space()
	if err != nil {
		return nil // a disk that does not answer will say so when it is written to
	}
	floor := s.floor.Load()
	if floor == 0 {
		floor = retention.Floor(space.Size, 0)
	}
	reserve := min(max(space.Size/100, 8<<20), 1<<30, floor/2)
	if space.Free < floor {
		select {
		case s.short <- struct{}{}:
		default:
		}
	}
	switch was := s.full.Load(); {
	case !was && space.Free < reserve:
		s.full.Store(true)
		s.log.Error("ALARM: the disk is full and nothing more can be let go of: recording stands still; free some space on it",
			"folder", filepath.Clean(s.o.Dir), "free_bytes", space.Free, "reserve_bytes", reserve)
	case was && space.Free >= (reserve+floor)/2:
		s.full.Store(false)
		s.log.Info("there is room on the disk again: recording goes on", "free_bytes", space.Free)
	}
	if s.full.Load() {
		return commit.ErrFull
	}
	return nil
}
