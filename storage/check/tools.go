package check

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/recovery"
	"hearth/storage/signet"
	"hearth/storage/volume"
)

const indexFile = "index.db"

// tools are what works on a data folder that no hearth is running on. Nothing is made or recovered by opening them.
type tools struct {
	dir    string
	log    *slog.Logger
	folder *volume.Folder
	box    *box.Box
	keys   *keyring.Keyring
	signet *signet.Signet
	places []place      // the volumes that are there, the data folder first
	away   []absent     // the others
	index  *index.Index // nil: not opened
	// removed are cameras whose files go with the next start that finds their disk.
	removed []media.CameraID
}

// absent is a volume that is not there, and why.
type absent struct {
	volume.Volume
	err error
}

// place is a volume that can be worked on.
type place struct {
	volume.Volume
	disk *commit.Folder
}

func openTools(dir string, boxKey []byte, log *slog.Logger) (t *tools, err error) {
	t = &tools{dir: dir, log: log}
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	if t.folder, err = volume.Take(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			t.release()
			t = nil
		}
	}()
	// An empty folder is no data folder; to make it one is not the business of a tool.
	if _, err := os.Stat(t.folder.Path("hearth.db")); err != nil {
		return t, fmt.Errorf("%s is not a data folder of Hearth: %w", dir, err)
	}
	if t.box, err = box.Open(t.folder.Path("hearth.db")); err != nil {
		return t, err
	}
	if t.keys, err = keyring.OpenWith(boxKey, dir, t.box); err != nil {
		return t, err
	}
	if t.signet, err = signet.Open(t.box, t.keys); err != nil {
		return t, err
	}
	err = t.openPlaces()
	return t, err
}

// openPlaces finds the volumes.
func (t *tools) openPlaces() error {
	id, err := t.folder.Claim(t.box, t.log)
	if err != nil {
		return err
	}
	path, err := filepath.Abs(t.dir)
	if err != nil {
		return err
	}
	others, err := volume.List(t.box)
	if err != nil {
		return err
	}
	for _, v := range append([]volume.Volume{{ID: id, Path: path}}, others...) {
		if err := volume.Look(v.Path, v.ID); err != nil && !errors.Is(err, commit.ErrReadOnly) {
			t.away = append(t.away, absent{v, err})
			continue
		}
		disk, err := commit.OpenFolder(v.Path)
		if err != nil {
			return err
		}
		t.places = append(t.places, place{v, disk})
	}
	var dirs []string
	for _, p := range t.places {
		if p.Number > 0 {
			dirs = append(dirs, p.Path)
		}
	}
	t.keys.Seek(dirs)
	t.removed, err = volume.Removed(t.box)
	return err
}

// isRemoved says that a camera was removed; what still lies there of it is nobody's to judge, mend or keep.
func (t *tools) isRemoved(camera media.CameraID) bool { return slices.Contains(t.removed, camera) }

// reachable says whether a volume is, by its number.
func (t *tools) reachable(number uint8) bool {
	return slices.ContainsFunc(t.places, func(p place) bool { return p.Number == number })
}

func (t *tools) release() error {
	var errs []error
	if t.index != nil {
		errs = append(errs, t.index.Close())
	}
	if t.box != nil {
		errs = append(errs, t.box.Close())
	}
	return errors.Join(append(errs, t.folder.Release())...)
}

func (t *tools) recovery(p place) *recovery.Recovery {
	return &recovery.Recovery{Dir: p.Path, Volume: p.Number, Disk: p.disk, Keys: t.keys, Index: t.index, Log: t.log, Whole: true}
}
