package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hearth/nvr/media"
)

// RemoveCamera makes all that was kept of a camera unreadable and removes it: its key is destroyed first, then its
// files, events and rows go. What hearth.db says about the camera is the caller's to remove. It may be called again
// after it was cut short, and the next Open goes on with it.
func (s *Store) RemoveCamera(id media.CameraID) error {
	if id.IsZero() {
		return errors.New("remove camera: no camera given")
	}
	s.commit.Forget(id)
	if err := s.keys.DestroyCamera(id); err != nil {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	s.commit.Forget(id) // a writer may have come in between
	if err := s.index.RemoveCamera(id); err != nil {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	return s.removeFolder(id)
}

func (s *Store) removeFolder(id media.CameraID) error {
	if err := os.RemoveAll(s.folder.Path(filepath.Join("media", id.String()))); err != nil {
		return fmt.Errorf("remove the files of camera %s: %w", id, err)
	}
	if err := s.disk.SyncDir("media"); err != nil {
		return fmt.Errorf("remove the files of camera %s: %w", id, err)
	}
	return s.index.Gone(id)
}

// removeGone goes on with cameras whose removal was cut short.
func (s *Store) removeGone() error {
	cameras, err := s.index.Removed()
	if err != nil {
		return err
	}
	for _, id := range cameras {
		if err := s.removeFolder(id); err != nil {
			return err
		}
	}
	return nil
}
