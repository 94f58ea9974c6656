package storage

import (
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Pulse says whether what comes in becomes durable.
type Pulse struct {
	Commits uint64        // that brought something onto a disk, since the start
	Busy    time.Duration // for how long the disk of the slowest commit under way has had it; 0: none is under way
}

// Pulse looks at the committers. It costs next to nothing, and asks no disk.
func (s *Store) Pulse() Pulse {
	var p Pulse
	for _, d := range s.all() {
		p.Commits += d.commit.Stats().Commits
		p.Busy = max(p.Busy, d.commit.InHand())
	}
	return p
}

// Records says whether the volume that a camera is recorded to is there, can be written to and has room, and took what came last
// of the camera's main stream.
func (s *Store) Records(camera media.CameraID) bool {
	d, err := s.diskOf(camera)
	return err == nil && d.trouble.Load() == nil && !d.full.Load() && !d.commit.Refuses(segment.Line{Camera: camera, Stream: media.Main})
}
