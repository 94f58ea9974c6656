package check

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"hearth/storage/box"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/keyring"
	"hearth/storage/recovery"
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
	disk   *commit.Folder
	index  *index.Index // nil: not opened
}

func openTools(dir string, log *slog.Logger) (t *tools, err error) {
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
	if t.keys, err = keyring.Open(dir, t.box); err != nil {
		return t, err
	}
	t.disk, err = commit.OpenFolder(dir)
	return t, err
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

func (t *tools) recovery() *recovery.Recovery {
	return &recovery.Recovery{Dir: t.dir, Disk: t.disk, Keys: t.keys, Index: t.index, Log: t.log}
}
