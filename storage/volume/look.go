package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/commit"
)

// Look says whether the volume with this identity lies in a folder now, and can be written: nil, or
// commit.ErrMissing, commit.ErrForeign or commit.ErrReadOnly with what to do. It costs a small file's reading.
func Look(dir string, id media.UUID) error {
	path := filepath.Join(dir, "media", MarkerFile)
	found, err := readMarker(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && found.IsZero():
		return fmt.Errorf("%w: %s is missing; mount the disk that belongs there", commit.ErrMissing, path)
	case err != nil:
		return fmt.Errorf("%w: %w", commit.ErrMissing, err)
	case found != id:
		return fmt.Errorf("%w: %s says %s; mount the one that belongs there", commit.ErrForeign, path, found)
	}
	var s unix.Statfs_t
	dir = filepath.Dir(path) // the media folder may be a disk of its own
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("%w: %w", commit.ErrMissing, &os.PathError{Op: "statfs", Path: dir, Err: err})
	}
	if s.Flags&unix.ST_RDONLY != 0 {
		return fmt.Errorf("%w: %s; it may have errors: check it, then mount it for writing", commit.ErrReadOnly, dir)
	}
	return nil
}
