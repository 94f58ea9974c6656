package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/volume"
)

// RemoveCamera makes all that was kept of a camera unreadable and removes it: with its record goes what a grant could be
// for, then its key is destroyed, then its files, events and rows go. What lies on a volume that is not there goes when
// that is back. It may be called again after it was cut short, and the next Open goes on with it.
func (s *Store) RemoveCamera(id media.CameraID) error {
	if id.IsZero() {
		return errors.New("remove camera: no camera given")
	}
	if err := s.changeRemoved(func(list []media.CameraID) []media.CameraID { return append(list, id) }); err != nil {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	return s.removeOne(id)
}

// changeRemoved changes the list of cameras that are being removed.
func (s *Store) changeRemoved(change func([]media.CameraID) []media.CameraID) error {
	s.removing.Lock()
	defer s.removing.Unlock()
	list, err := volume.Removed(s.box)
	if err != nil {
		return err
	}
	was := slices.Clone(list)
	list = change(list)
	slices.SortFunc(list, func(a, b media.CameraID) int { return slices.Compare(a[:], b[:]) })
	if list = slices.Compact(list); slices.Equal(list, was) {
		return nil
	}
	return s.box.PutSetting(volume.RemovedSetting, list)
}

func (s *Store) removeOne(id media.CameraID) error {
	if gone := s.box.Outlived(); len(gone) > 0 { // it is in them
		if err := s.box.Outlive(); err != nil {
			return fmt.Errorf("remove camera %s: %w", id, err)
		}
		s.log.Info("what was kept of hearth.db of another version knew a camera that is removed, and is gone", "files", gone)
	}
	forget := func() {
		for _, d := range s.all() {
			d.commit.Forget(id)
		}
	}
	if err := s.box.RemoveCamera(id); err != nil && !errors.Is(err, box.ErrNotFound) {
		return err
	}
	forget()
	var there []*disk
	left := false
	for _, d := range s.all() {
		err := d.look() // an empty mount point must not be taken for a disk from which the camera is gone
		d.note(err)
		if err != nil {
			left = true
			s.log.Warn("what is left of a removed camera goes when its disk is back", "camera", id, "folder", d.Path)
			continue
		}
		there = append(there, d)
	}
	s.keys.Seek(s.otherDirs()) // one that is away, or read-only, must not keep the others from losing the key
	if err := s.keys.DestroyCamera(id); err != nil && s.all()[0].trouble.Load() == nil {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	forget() // a writer may have come in between
	if err := s.index.RemoveCamera(id); err != nil {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	for _, d := range there {
		if err := os.RemoveAll(d.file(filepath.Join("media", id.String()))); err != nil {
			return fmt.Errorf("remove the files of camera %s: %w", id, err)
		}
		if err := d.folder.SyncDir("media"); err != nil {
			return fmt.Errorf("remove the files of camera %s: %w", id, err)
		}
	}
	if left {
		return nil
	}
	if err := s.index.Gone(id); err != nil {
		return err
	}
	return s.changeRemoved(func(list []media.CameraID) []media.CameraID {
		return slices.DeleteFunc(list, func(o media.CameraID) bool { return o == id })
	})
}

// removeGone goes on with cameras whose removal was cut short, or whose files lie on a volume that came back.
func (s *Store) removeGone() error {
	list, err := volume.Removed(s.box)
	if err != nil {
		return err
	}
	for _, id := range list {
		if err := s.removeOne(id); err != nil {
			return err
		}
	}
	return nil
}
