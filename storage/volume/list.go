package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// Volume is a folder with footage as hearth.db knows it.
type Volume struct {
	// Number is short for ID in the index; it is never given to another one. 0 is the data folder.
	Number uint8      `json:"number"`
	ID     media.UUID `json:"id"`
	Path   string     `json:"path"` // absolute
	Added  time.Time  `json:"added"`
}

// ErrNoVolume says that a folder cannot become a volume; the text says why and what to do.
var ErrNoVolume = errors.New("cannot keep footage there")

const (
	listSetting = "volumes" // all but the data folder
	mostVolumes = 255
)

// List gives the volumes beside the data folder, in the order of their numbers.
func List(b *box.Box) ([]Volume, error) {
	var list []Volume
	if _, err := b.Setting(listSetting, &list); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b Volume) int { return int(a.Number) - int(b.Number) })
	return list, nil
}

// Add makes a folder a volume, or takes one back that is known. It has to be on a disk of its own: an empty mount point
// must not be taken for the disk that belongs there. data is the data folder.
func Add(b *box.Box, data, path string) (Volume, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Volume{}, err
	}
	if err := ownDisk(data, path); err != nil {
		return Volume{}, err
	}
	list, err := List(b)
	if err != nil {
		return Volume{}, err
	}
	m, err := readMarker(filepath.Join(path, MarkerFile))
	if err != nil {
		return Volume{}, fmt.Errorf("%w: %w", ErrNoVolume, err)
	}
	if i := slices.IndexFunc(list, func(v Volume) bool { return v.ID == m }); i >= 0 {
		if Look(list[i].Path, m) == nil && list[i].Path != path {
			return Volume{}, fmt.Errorf("%w: %s is in use already, as %s", ErrNoVolume, path, list[i].Path)
		}
		list[i].Path = path
		return list[i], b.PutSetting(listSetting, list)
	}
	if _, err := os.Lstat(filepath.Join(path, "media")); !m.IsZero() || err == nil {
		return Volume{}, fmt.Errorf("%w: %s holds footage of another box; choose an empty folder on it", ErrNoVolume, path)
	}
	v := Volume{Number: 1, ID: media.NewUUID(), Path: path, Added: time.Now().UTC().Truncate(time.Second)}
	for _, o := range list {
		v.Number = max(v.Number, o.Number+1)
	}
	if len(list) >= mostVolumes-1 || v.Number == 0 {
		return Volume{}, fmt.Errorf("%w: there are too many already", ErrNoVolume)
	}
	// hearth.db learns of it last: what was cut short before is another box's folder, or none.
	err = os.Mkdir(filepath.Join(path, "media"), 0o700)
	if errors.Is(err, fs.ErrPermission) {
		return Volume{}, fmt.Errorf("%w: %w; make the folder that of the user who Hearth runs as", ErrNoVolume, err)
	} else if err != nil {
		return Volume{}, fmt.Errorf("%w: %w", ErrNoVolume, err)
	}
	mark := Marker{Volume: v.ID, Made: v.Added}
	for _, dir := range []string{filepath.Join(path, "media"), path} {
		if err := WriteMarker(dir, mark); err != nil {
			return Volume{}, fmt.Errorf("%w: %w", ErrNoVolume, err)
		}
	}
	return v, b.PutSetting(listSetting, append(list, v))
}

// ownDisk says whether a folder is on another disk than the system and the data folder.
func ownDisk(data, path string) error {
	var there, system, home unix.Stat_t
	if err := unix.Stat(path, &there); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is no folder %s; mount the disk first", ErrNoVolume, path)
	} else if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoVolume, path, err)
	}
	if there.Mode&unix.S_IFMT != unix.S_IFDIR {
		return fmt.Errorf("%w: %s is not a folder", ErrNoVolume, path)
	}
	if err := unix.Stat("/", &system); err != nil {
		return err
	}
	if err := unix.Stat(data, &home); err != nil {
		return err
	}
	if there.Dev == system.Dev || there.Dev == home.Dev {
		return fmt.Errorf("%w: %s is not on a disk of its own; mount the disk there first", ErrNoVolume, path)
	}
	return nil
}
