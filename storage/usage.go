package storage

import (
	"errors"
	"time"

	"hearth/nvr/media"
	"hearth/storage/commit"
)

// Usage says what the footage takes and how well the disks keep up. What cannot be asked for is zero.
func (s *Store) Usage() Usage {
	u := Usage{Cameras: make(map[media.CameraID]CameraUsage), Limit: s.o.LimitBytes}
	for i, d := range s.all() {
		v := d.usage()
		u.Volumes = append(u.Volumes, v)
		u.Full = u.Full || v.Full
		if i == 0 {
			u.Free, u.Size, u.Floor = v.Free, v.Size, v.Floor
		}
		u.AtRisk = max(u.AtRisk, v.AtRisk)
		u.CommitTime = max(u.CommitTime, v.CommitTime)
		stats := d.commit.Stats()
		u.CommitTotal += stats.CommitTotal
		u.Commits += stats.Commits
		u.WriteCalls += stats.WriteCalls
		u.WrittenBytes += stats.WrittenBytes
		u.Syncs += stats.Syncs
		u.WriteFailures += stats.Failures
		for camera, n := range d.commit.Dropped() {
			u.Dropped += n
			u.add(camera, CameraUsage{Dropped: n})
		}
	}
	totals, err := s.index.VolumeTotals()
	if err != nil {
		s.log.Warn("cannot add up the footage", "error", err)
	}
	for number, cameras := range totals {
		for camera, n := range cameras {
			u.add(camera, CameraUsage{Bytes: n, Oldest: s.oldest(camera)})
			u.addVolume(number, n)
		}
	}
	for _, d := range s.all() {
		for _, v := range d.commit.AllOpen() {
			u.add(v.Line.Camera, CameraUsage{Bytes: v.Size, Oldest: fromMicros(v.Name.Start)})
			u.addVolume(d.Number, v.Size)
		}
	}
	f := s.forecast()
	u.Days = f.Days
	for camera, term := range f.Cameras {
		c := u.Cameras[camera]
		c.Days, c.EventDays = term.Days, term.EventDays
		u.Cameras[camera] = c
	}
	return u
}

func (d *disk) usage() VolumeUsage {
	stats := d.commit.Stats()
	v := VolumeUsage{
		Volume: d.Volume, State: "well", Floor: d.floor.Load(), Full: d.full.Load(), AtRisk: d.commit.AtRisk(), CommitTime: stats.CommitTime,
	}
	if v.Full {
		v.State, v.Problem = "full", "the disk is full and nothing more can be let go of: free some space on it"
	}
	if t := d.trouble.Load(); t != nil {
		v.Problem, v.Since = t.err.Error(), t.since
		switch {
		case errors.Is(t.err, commit.ErrReadOnly):
			v.State = "read-only"
		case errors.Is(t.err, commit.ErrForeign):
			v.State = "foreign"
		default:
			v.State = "missing"
		}
	}
	if space, err := d.space(); err == nil && !d.away() {
		v.Free, v.Size = space.Free, space.Size
	}
	return v
}

func (u *Usage) addVolume(number uint8, bytes int64) {
	for i := range u.Volumes {
		if u.Volumes[i].Number == number {
			u.Volumes[i].Bytes += bytes
		}
	}
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
