package check

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"hearth/storage/index"
)

// Rebuild makes index.db again from the files of a data folder that no hearth is running on (volume.ErrInUse), and
// finishes what was left open. The old index stays beside it as index.db.old until the next time. Cut short, it changed
// nothing.
func Rebuild(ctx context.Context, dir string, log *slog.Logger) (files int, err error) {
	return RebuildWith(ctx, dir, nil, log)
}

// RebuildWith is Rebuild with the box's key that the caller has from systemd; nil: it is looked for.
func RebuildWith(ctx context.Context, dir string, boxKey []byte, log *slog.Logger) (files int, err error) {
	if log == nil {
		log = slog.Default()
	}
	t, err := openTools(dir, boxKey, log)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, t.release()) }()
	fresh := t.folder.Path(indexFile + ".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if t.index, err = index.Open(fresh); err != nil {
		return 0, err
	}
	for _, a := range t.away {
		log.Warn("what lies on a disk that is not there is not indexed", "folder", a.Path, "error", a.err)
	}
	for _, p := range t.places {
		n, err := t.recovery(p).All(ctx)
		if err != nil {
			return 0, err
		}
		files += n
	}
	if len(t.away) > 0 { // who starts with them looks through all days
		if err := t.index.Checkpoint(0, nil); err != nil {
			return 0, err
		}
	}
	err = t.index.Close()
	t.index = nil
	if err != nil {
		return 0, err
	}
	path := t.folder.Path(indexFile)
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return 0, err
	}
	return files, syncDir(t.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
