package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// AsideFolder is for what has no place among the footage and is not to be deleted. It lies below a volume's folder; if the
// media folder there is a disk of its own, in that.
const AsideFolder = "set-aside"

// AsideName gives a free name for something below a volume's folder, when it is set aside, and makes the folders to it.
func AsideName(dir, path string) (string, error) {
	base := dir
	if rest, ok := strings.CutPrefix(path, "media"+string(filepath.Separator)); ok && apart(dir) {
		base, path = filepath.Join(dir, "media"), rest
	}
	for i := range 1000 {
		to := filepath.Join(base, AsideFolder, path)
		if i > 0 {
			to += fmt.Sprintf(".%d", i)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.MkdirAll(filepath.Dir(to), 0o700)
		}
	}
	return "", fmt.Errorf("set %s aside: %w", path, fs.ErrExist)
}

// apart says that the media folder in a volume's folder is a disk of its own: nothing can be moved from one to the other.
func apart(dir string) bool {
	var here, media unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Join(dir, "media"), &media) == nil && here.Dev != media.Dev
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
