package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// folder is a data folder that this process has for itself.
type folder struct {
	dir  string
	lock *os.File
}

// takeFolder makes the data folder if it is not there, tries whether it can be written, and locks it. The errors are
// one line each: ErrNotWritable, ErrInUse.
func takeFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, errors.New("open the data folder: no folder given")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unwritable(dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("open %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	f := &folder{dir: dir, lock: lock}
	// The lock may be an old file that may be written in a folder that may not.
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		f.release()
		return nil, unwritable(dir, err)
	}
	probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		f.release()
		return nil, unwritable(dir, err)
	}
	return f, nil
}

// unwritable says in one line what is wrong with a data folder and what to do.
func unwritable(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%w: %s: %w; run as its owner, or choose another with --data", ErrNotWritable, dir, err)
}

func (f *folder) release() error { return f.lock.Close() }

func (f *folder) path(p string) string { return filepath.Join(f.dir, p) }

// volume is who a volume is.
type volume struct {
	Volume media.UUID `json:"volume"`
	Made   time.Time  `json:"made"`
}

const (
	volumeFile    = "volume.json"
	volumeSetting = "volume"
)

// checkVolume makes sure that the footage is where it was: volume.json lies in the data folder and in its media
// folder, which may be a disk of its own, and hearth.db knows what both have to say. A new folder gets them once.
func (f *folder) checkVolume(b *box.Box, log *slog.Logger) (media.UUID, error) {
	var known media.UUID
	if _, err := b.Setting(volumeSetting, &known); err != nil {
		return media.UUID{}, err
	}
	here, err := readVolume(f.path(volumeFile))
	if err != nil {
		return media.UUID{}, err
	}
	there, err := readVolume(f.path(filepath.Join("media", volumeFile)))
	if err != nil {
		return media.UUID{}, err
	}
	if !known.IsZero() {
		for path, found := range map[string]media.UUID{f.path(volumeFile): here, f.path(filepath.Join("media", volumeFile)): there} {
			if found.IsZero() {
				return media.UUID{}, fmt.Errorf("%w: %s is missing; mount the disk that belongs there, then start again", ErrVolumeMissing, path)
			}
			if found != known {
				return media.UUID{}, fmt.Errorf("%w: %s is another disk's; mount the one that belongs there, then start again", ErrVolumeMissing, path)
			}
		}
		return known, nil
	}
	// A first start, a first start that was cut short, or a hearth.db that begins anew beside footage.
	id := here
	if id.IsZero() {
		id = there
	} else if !there.IsZero() && there != here {
		return media.UUID{}, fmt.Errorf("%w: %s and the media folder in it are of two different disks", ErrVolumeMissing, f.dir)
	}
	if id.IsZero() {
		id = media.NewUUID()
	} else {
		log.Warn("taking over a volume that hearth.db does not know", "volume", id)
	}
	if err := os.MkdirAll(f.path("media"), 0o700); err != nil {
		return media.UUID{}, unwritable(f.dir, err)
	}
	v := volume{Volume: id, Made: time.Now().UTC().Truncate(time.Second)}
	for _, dir := range []string{f.path("media"), f.dir} {
		if err := writeVolume(dir, v); err != nil {
			return media.UUID{}, err
		}
	}
	return id, b.PutSetting(volumeSetting, id)
}

func readVolume(path string) (media.UUID, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return media.UUID{}, nil
	}
	if err != nil {
		return media.UUID{}, fmt.Errorf("read %s: %w", path, err)
	}
	var v volume
	if err := json.Unmarshal(raw, &v); err != nil || v.Volume.IsZero() {
		return media.UUID{}, fmt.Errorf("%s does not say which volume this is; put it back from a backup", path)
	}
	return v.Volume, nil
}

// writeVolume writes volume.json so that it is whole when it is there.
func writeVolume(dir string, v volume) error {
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(dir, volumeFile), append(raw, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(dir, volumeFile), err)
	}
	return nil
}

func writeWhole(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing of that name
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
