package ledger

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"hearth/nvr/media"
	"hearth/storage/volume"
)

// Name is what a page is called, in the camera's folder and in those of the days.
const Name = volume.PageFile

// Files is where the pages lie. A day of "" is the camera's own page. Tests put a failing one in its place.
type Files interface {
	Read(day string) ([]byte, error)       // fs.ErrNotExist
	Write(day string, data []byte) error   // whole and durable when it returns nil
	Written(day string) (time.Time, error) // when it last was; fs.ErrNotExist
	Remove(day string) error               // the page, and the day's folder if nothing else lies in it
	SetAside(day string) error             // to where nothing is deleted
	Days() ([]string, error)               // the days that have a folder, in order
}

// folder is a camera's folder on a volume.
type folder struct{ root, dir string }

func (f folder) path(day string) string { return filepath.Join(f.dir, day, Name) }

func (f folder) Read(day string) ([]byte, error) { return os.ReadFile(f.path(day)) }

func (f folder) Write(day string, data []byte) error {
	dir := filepath.Join(f.dir, day)
	temp := filepath.Join(dir, volume.PageTemp)
	w, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err := errors.Join(err, w.Sync(), w.Close()); err != nil {
		return errors.Join(err, os.Remove(temp)) // a full disk gets its block back
	}
	if err := os.Rename(temp, f.path(day)); err != nil {
		return err
	}
	return syncDir(dir)
}

func (f folder) Written(day string) (time.Time, error) {
	info, err := os.Stat(f.path(day))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func (f folder) Remove(day string) error {
	if err := os.Remove(f.path(day)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if day == "" {
		return syncDir(f.dir)
	}
	_ = os.Remove(filepath.Join(f.dir, day, volume.PageTemp))
	_ = os.Remove(filepath.Join(f.dir, day)) // stays when there is something in it
	return syncDir(f.dir)
}

func (f folder) SetAside(day string) error {
	path, err := filepath.Rel(f.root, f.path(day))
	if err == nil {
		_, err = volume.SetAside(f.root, path)
	}
	return err
}

func (f folder) Days() ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var days []string
	for _, e := range entries {
		if _, err := time.Parse(time.DateOnly, e.Name()); err == nil && e.IsDir() {
			days = append(days, e.Name())
		}
	}
	return days, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Folder is where a camera's pages lie below a volume's folder.
func Folder(dir string, camera media.CameraID) Files {
	return folder{dir, filepath.Join(dir, "media", camera.String())}
}
