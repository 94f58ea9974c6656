package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"hearth/nvr/media"
	"hearth/storage/box"
)

const (
	fileMagic = "HEARTHK1"
	keyFile   = "key"
)

// keyPath is where a camera's wrapped key lies on a volume.
func keyPath(dir string, id media.CameraID) string {
	return filepath.Join(dir, "media", id.String(), keyFile)
}

func (k *Keyring) volumes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.dirs)
}

// Spread says on which other volumes, by their folders, the cameras' wrapped keys are to lie too, so that each disk can
// be read by itself with the box's key, and puts them there where they are missing; hearth.db takes over those that it
// lacks. A volume that cannot be written is in the error and does not keep the others from theirs.
func (k *Keyring) Spread(others []string) error {
	k.change.Lock()
	defer k.change.Unlock()
	k.Seek(others)
	if err := k.adopt(); err != nil {
		return err
	}
	ids, err := k.box.KeyIDs()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range k.volumes() {
		for _, id := range ids {
			if err := k.place(dir, id); err != nil {
				errs = append(errs, fmt.Errorf("keep the cameras' keys in %s: %w", dir, err))
				break
			}
		}
	}
	return errors.Join(errs...)
}

// Seek says on which other volumes, by their folders, a camera's wrapped key may be found that hearth.db lacks. Nothing is
// written there.
func (k *Keyring) Seek(others []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dirs = append(k.dirs[:1:1], others...)
}

// place puts a camera's key file on a volume that lacks it. The media folder must be there: a disk that went away is
// not taken for an empty one.
func (k *Keyring) place(dir string, id media.CameraID) error {
	if _, err := os.Lstat(keyPath(dir, id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	wrapped, err := k.box.WrappedKey(id)
	if errors.Is(err, box.ErrNotFound) { // deleted this moment
		return nil
	} else if err != nil {
		return err
	}
	return writeKeyFile(dir, id, wrapped)
}

// adopt gives hearth.db the keys that it lacks of its cameras: a snapshot has none. A key that does not open stays where
// it is; who needs it is told.
func (k *Keyring) adopt() error {
	cameras, err := k.box.Cameras()
	if err != nil {
		return err
	}
	for _, c := range cameras {
		if _, err := k.box.WrappedKey(c.ID); !errors.Is(err, box.ErrNotFound) {
			continue
		}
		for _, dir := range k.volumes() {
			wrapped, err := readKeyFile(keyPath(dir, c.ID))
			if err != nil {
				continue
			}
			if _, err := k.unwrap(c.ID, wrapped); err != nil {
				continue
			}
			if err := k.box.PutWrappedKey(c.ID, wrapped); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

// keyFiles lists the cameras whose key lies below a data folder.
func keyFiles(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(escape(dir), "media", "*", keyFile))
}

// escape keeps a folder's name from being read as a pattern.
func escape(dir string) string {
	var b []byte
	for i := range len(dir) {
		switch dir[i] {
		case '*', '?', '[', '\\':
			b = append(b, '\\')
		}
		b = append(b, dir[i])
	}
	return string(b)
}

func writeKeyFile(volume string, id media.CameraID, wrapped []byte) error {
	to := keyPath(volume, id)
	dir := filepath.Dir(to)
	if err := mounted(volume); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := writeFile(to, append([]byte(fileMagic), wrapped...)); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(dir)), syncDir(volume))
}

// mounted refuses the empty mount point of a media folder that is a disk of its own: volume.json lies in both.
func mounted(volume string) error {
	const marker = "volume.json"
	if _, err := os.Lstat(filepath.Join(volume, marker)); errors.Is(err, fs.ErrNotExist) {
		return nil // not in use yet
	}
	_, err := os.Lstat(filepath.Join(volume, "media", marker))
	return err
}

func readKeyFile(path string) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	wrapped, ok := bytes.CutPrefix(raw, []byte(fileMagic))
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, ErrSealed)
	}
	return wrapped, nil
}

// wipe writes over a file before it removes it. On flash and on copying file systems the old bytes may live on until
// the device uses their place again; they are still wrapped by the box's key.
func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if errors.Is(err, syscall.ELOOP) { // what a link leads to is none of our keys
		return os.Remove(path)
	} else if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(make([]byte, info.Size()), 0)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
