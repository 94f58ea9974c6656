package storage

import (
	"time"

	"hearth/nvr/media"
)

// Usage says what the footage takes and how well the disk keeps up. What cannot be asked for is zero.
func (s *Store) Usage() Usage {
	stats := s.commit.Stats()
	u := Usage{
		Cameras: make(map[media.CameraID]CameraUsage), Limit: s.o.LimitBytes, Floor: s.floor.Load(), Full: s.full.Load(),
		AtRisk: s.commit.AtRisk(), CommitTime: stats.CommitTime, CommitTotal: stats.CommitTotal, Commits: stats.Commits,
		WriteCalls: stats.WriteCalls, WrittenBytes: stats.WrittenBytes, Syncs: stats.Syncs, WriteFailures: stats.Failures,
	}
	if space, err := s.space(); err == nil {
		u.Free, u.Size = space.Free, space.Size
	}
	totals, err := s.index.Totals()
	if err != nil {
		s.log.Warn("cannot add up the footage", "error", err)
	}
	open := s.commit.AllOpen()
	for camera, n := range totals {
		u.add(camera, CameraUsage{Bytes: n, Oldest: s.oldest(camera)})
	}
	for _, v := range open {
		u.add(v.Line.Camera, CameraUsage{Bytes: v.Size, Oldest: fromMicros(v.Name.Start)})
	}
	for camera, n := range s.commit.Dropped() {
		u.Dropped += n
		u.add(camera, CameraUsage{Dropped: n})
	}
	return u
}

func (s *Store) oldest(camera media.CameraID) time.Time {
	t, ok, err := s.index.Since(camera)
	if err != nil || !ok {
		return time.Time{}
	}
	return t
}

// add adds to a camera's part, and to the whole.
func (u *Usage) add(camera media.CameraID, c CameraUsage) {
	sum := u.Cameras[camera]
	sum.Bytes += c.Bytes
	sum.Dropped += c.Dropped
	sum.Oldest = earlier(sum.Oldest, c.Oldest)
	u.Cameras[camera] = sum
	u.Bytes += c.Bytes
	u.Oldest = earlier(u.Oldest, c.Oldest)
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
