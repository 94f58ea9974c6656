package snapshot

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nameLayout = "20060102T150405Z"
	ending     = ".age"
	unfinished = ".unfinished-"
)

// Folder is where the snapshots of a volume lie, by the volume's folder.
func Folder(volume string) string { return filepath.Join(volume, "media", "snapshots") }

// Found is a snapshot by its name.
type Found struct {
	Path string
	Made time.Time // as its name says: to the second, and later than that of the one before
	Size int64
}

// List lists the snapshots in a folder, newest first. What else lies there is passed over.
func List(folder string) ([]Found, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Found
	for _, e := range entries {
		made, ok := parseName(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) { // let go of meanwhile
			continue
		} else if err != nil {
			return nil, err
		}
		list = append(list, Found{Path: filepath.Join(folder, e.Name()), Made: made, Size: info.Size()})
	}
	slices.SortFunc(list, func(a, b Found) int { return b.Made.Compare(a.Made) })
	return list, nil
}

func fileName(made time.Time) string { return made.UTC().Format(nameLayout) + ending }

func parseName(name string) (time.Time, bool) {
	made, err := time.Parse(nameLayout+ending, name)
	return made, err == nil && fileName(made) == name
}

// put writes a snapshot onto a volume, through write: whole and durable when it has its name, and read back from the
// disk. The media folder must be there: a disk that went away is not taken for an empty one.
func put(volume, name string, write func(io.Writer) error) (err error) {
	folder := Folder(volume)
	if err := makeFolder(folder); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, "."+name+unfinished+"*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if f.Close(); err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	h := sha256.New()
	if err := write(io.MultiWriter(f, h)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	// What is in memory is no proof: ask the disk.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	back := sha256.New()
	if _, err := io.Copy(back, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	if !bytes.Equal(back.Sum(nil), h.Sum(nil)) {
		return fmt.Errorf("%s gives back other bytes than were written to it: %w", f.Name(), ErrDamaged)
	}
	if err := os.Rename(f.Name(), filepath.Join(folder, name)); err != nil {
		return err
	}
	return syncDir(folder)
}

func makeFolder(folder string) error {
	if err := os.Mkdir(folder, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return syncDir(filepath.Dir(folder))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// copyOver copies a snapshot that lies in one place onto another volume.
func copyOver(volume string, from Found) error {
	return put(volume, filepath.Base(from.Path), func(w io.Writer) error {
		f, err := os.Open(from.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}

// keepDays is of how many days the newest snapshot is kept.
const keepDays = 7

// prune lets go of what a volume need not keep: everything before notBefore, all but the newest of each day, those of
// more than keepDays days, and what a power cut left unfinished. The newest stays whatever its time.
func prune(volume string, notBefore time.Time) error {
	folder := Folder(volume)
	list, err := List(folder)
	if err != nil {
		return err
	}
	var errs []error
	removed := false
	remove := func(path string) {
		err := os.Remove(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		removed = true
	}
	days, last := 0, ""
	for i, s := range list {
		day := s.Made.Format(time.DateOnly)
		if day != last {
			days, last = days+1, day
		} else {
			remove(s.Path)
			continue
		}
		if i > 0 && (days > keepDays || s.Made.Before(notBefore)) {
			remove(s.Path)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.Contains(e.Name(), unfinished) {
			remove(filepath.Join(folder, e.Name()))
		}
	}
	if removed {
		errs = append(errs, syncDir(folder))
	}
	return errors.Join(errs...)
}
