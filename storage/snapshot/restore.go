package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/keyring"
	"hearth/storage/volume"
)

// ErrThere says that a data folder has a box already.
var ErrThere = errors.New("there is a box already")

// MediaFolder finds the media folder of a disk: media in dir, else dir itself.
func MediaFolder(dir string) (string, error) {
	if info, err := os.Stat(filepath.Join(dir, "media")); err == nil && info.IsDir() {
		return filepath.Join(dir, "media"), nil
	}
	_, err := os.ReadDir(dir)
	return dir, err
}

// Newest opens the newest snapshot in a media folder that its key opens. passed are those, newer, that did not open,
// with what is wrong with each. The error is one line and says what there is.
func Newest(mediaDir string, k Key) (s *Snapshot, passed []error, err error) {
	folder := filepath.Join(mediaDir, "snapshots")
	list, err := List(folder)
	if err != nil {
		return nil, nil, err
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("there is no snapshot in %s: no recovery key had been made, or this is not the folder of a box's disk", folder)
	}
	for _, f := range list {
		s, err := Open(f.Path, k)
		if err == nil {
			return s, passed, nil
		}
		passed = append(passed, err)
	}
	return nil, passed, fmt.Errorf("none of the %d snapshots in %s opens with this key; the newest: %w", len(list), folder, passed[0])
}

// Restore puts what is in a snapshot into a data folder: box.key, the page's certificate authority, volume.json and at
// last hearth.db. What is there already is never replaced: where it is the same, as after a power cut in the midst of
// this, it is left, and where it is something else nothing is done. ErrThere: there is a hearth.db, unless all it lacks
// is its box.key. All is durable when this returns nil.
//
// emptyMedia says that the footage of the data folder is lost, and marks an empty media folder as its new one; otherwise
// the disk with the footage has to be mounted there, or moved there, before the box starts.
func (s *Snapshot) Restore(data string, emptyMedia bool) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore into %s: %w", data, err)
		}
	}()
	folder, err := volume.Take(data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.Release()) }()
	_, err = os.Lstat(folder.Path(databaseFile))
	if err == nil {
		return s.keyOnly(data)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := errors.Join(s.fitsFolder(folder), s.fitsAuthority(folder)); err != nil {
		return err
	}
	if err := keyring.PutBoxKey(data, s.BoxKey); err != nil {
		return err
	}
	if s.authority != nil {
		if err := os.Mkdir(folder.Path("tls"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := putNew(folder.Path(authorityFile), s.authority); err != nil {
			return err
		}
	}
	if err := s.mark(folder, emptyMedia); err != nil {
		return err
	}
	// Last: with it the folder is a box.
	return putFrom(folder.Path(databaseFile), s.database())
}

// keyOnly puts box.key beside the hearth.db that it is of.
func (s *Snapshot) keyOnly(data string) error {
	if _, err := os.Lstat(filepath.Join(data, boxKeyFile)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; choose an empty folder with --data, or move its hearth.db and box.key away", ErrThere)
	}
	b, err := box.Open(filepath.Join(data, databaseFile))
	if err != nil {
		return fmt.Errorf("%w; move it away to restore it from the snapshot", err)
	}
	defer b.Close()
	fits, err := keyring.Fits(s.BoxKey, b)
	if err != nil {
		return err
	}
	if !fits {
		return fmt.Errorf("%w, and the snapshot is another box's; choose an empty folder with --data", ErrThere)
	}
	s.KeyOnly = true
	return keyring.PutBoxKey(data, s.BoxKey)
}

// fitsFolder refuses a folder that belongs to another box's footage.
func (s *Snapshot) fitsFolder(folder *volume.Folder) error {
	if s.Volume.IsZero() {
		return nil
	}
	for _, path := range []string{volume.MarkerFile, filepath.Join("media", volume.MarkerFile)} {
		id, err := readMarker(folder.Path(path))
		if err != nil {
			return err
		}
		if !id.IsZero() && id != s.Volume {
			return fmt.Errorf("%s is of another box's disk than the snapshot", folder.Path(path))
		}
	}
	return nil
}

func (s *Snapshot) fitsAuthority(folder *volume.Folder) error {
	there, err := os.ReadFile(folder.Path(authorityFile))
	if err == nil && s.authority != nil && string(there) != string(s.authority) {
		return fmt.Errorf("%s is another box's; move it away", folder.Path(authorityFile))
	}
	return nil
}

// mark writes volume.json where it is missing.
func (s *Snapshot) mark(folder *volume.Folder, emptyMedia bool) error {
	if s.Volume.IsZero() { // made before the box's first start was over
		return nil
	}
	dirs := []string{folder.Path("")}
	if emptyMedia {
		dirs = append(dirs, folder.Path("media"))
		if err := os.Mkdir(folder.Path("media"), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	for _, dir := range dirs {
		id, err := readMarker(filepath.Join(dir, volume.MarkerFile))
		if err != nil {
			return err
		}
		if id.IsZero() {
			if err := volume.WriteMarker(dir, volume.Marker{Volume: s.Volume, Made: s.Made}); err != nil {
				return err
			}
		}
	}
	return nil
}

// readMarker reads which volume a folder is of; zero: it does not say.
func readMarker(path string) (media.UUID, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return media.UUID{}, nil
	}
	if err != nil {
		return media.UUID{}, err
	}
	return volume.ParseMarker(path, raw)
}

func putNew(path string, data []byte) error {
	there, err := os.ReadFile(path)
	if err == nil && string(there) == string(data) {
		return nil
	}
	return putFrom(path, bytes.NewReader(data))
}

// putFrom makes a file of mode 0600 that is whole and durable when it has its name. A file that is there already is not
// replaced: fs.ErrExist.
func putFrom(path string, r io.Reader) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	err = unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a file system that cannot promise it
		if _, err = os.Lstat(path); err == nil {
			err = fs.ErrExist
		} else if errors.Is(err, fs.ErrNotExist) {
			err = os.Rename(f.Name(), path)
		}
	}
	if err != nil {
		return fmt.Errorf("put %s in its place: %w", path, err)
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}
