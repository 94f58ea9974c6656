package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// AsideFolder, below a volume's folder, is for what has no place among the footage and is not to be deleted.
const AsideFolder = "set-aside"

// AsideName gives a free name for something below a volume's folder, when it is set aside, and makes the folders to it.
func AsideName(dir, path string) (string, error) {
	for i := range 1000 {
		to := filepath.Join(dir, AsideFolder, path)
		if i > 0 {
			to += fmt.Sprintf(".%d", i)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.MkdirAll(filepath.Dir(to), 0o700)
		}
	}
	return "", fmt.Errorf("set %s aside: %w", path, fs.ErrExist)
}

// SetAside moves something out of the way, durably, and gives where it is then.
func SetAside(dir, path string) (string, error) {
	to, err := AsideName(dir, path)
	if err != nil {
		return "", err
	}
	from := filepath.Join(dir, path)
	if err := os.Rename(from, to); err != nil {
		return "", err
	}
	return to, errors.Join(syncFolder(filepath.Dir(from)), syncFolder(filepath.Dir(to)))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
