package box

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/bolt"
	"hearth/storage/format"
)

// Beside hearth.db, for as long as wellFor says:
const (
	beforeName = ".before-" // and a format: what it was before it got that
	newerName  = ".newer-"  // and a format: what it was when somebody went back from that
)

// wellFor is for how long a version has to have run until it has proved itself, and what was before it is let go of.
const wellFor = 14 * 24 * time.Hour

// migrate gives hearth.db at path, which is open and of an earlier format, the newest one. What it is stays under its name
// until its successor is whole and durable, and a copy of it stays as long as wellFor says. db is closed.
func migrate(db *bbolt.DB, path string, m meta, all []step) error {
	defer db.Close()
	to := newest(all)
	fail := func(err error) error {
		return fmt.Errorf("bring %s from format %d to %d: %w; it was left as it was, and the version before reads it", path, m.Format, to, err)
	}
	removeTemporary(path)
	// Who goes back has to log in again: a session or a token may have been taken back since.
	kept := path + beforeName + strconv.Itoa(to)
	if err := copyTo(db, path, kept, []string{SessionsBucket, TokensBucket, InvitesBucket}, nil); err != nil {
		return fail(err)
	}
	if err := copyTo(db, path, path, nil, func(fresh *bbolt.DB) error { return advance(fresh, m, all) }); err != nil {
		return fail(err)
	}
	return nil
}

// advance runs the steps that are missing, each in a transaction of its own.
func advance(db *bbolt.DB, m meta, all []step) error {
	for m.Format < newest(all) {
		err := db.Update(func(tx *bbolt.Tx) error {
			if err := all[m.Format-1](tx); err != nil {
				return err
			}
			return putMeta(tx, meta{Format: m.Format + 1, Created: m.Created, By: format.Program, Since: time.Now().UTC()})
		})
		if err != nil {
			return err
		}
		m.Format++
	}
	return nil
}

// copyTo copies an open database to a name beside path, whose former bearer it replaces. It is whole and durable then.
func copyTo(db *bbolt.DB, path, to string, empty []string, change func(*bbolt.DB) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), temporary(path)+"*")
	if err != nil {
		return err
	}
	temp := f.Name()
	f.Close()
	defer os.Remove(temp) // after the rename there is nothing of that name
	fresh, err := bbolt.Open(temp, 0o600, &bbolt.Options{
		Timeout: time.Second, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return err
	}
	err = copyBuckets(db, fresh, empty)
	if err == nil && change != nil {
		err = change(fresh)
	}
	if err := errors.Join(err, fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func copyBuckets(from, to *bbolt.DB, empty []string) error {
	return from.View(func(tx *bbolt.Tx) error {
		c := copying{to: to}
		err := tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return c.bucket(b, name, slices.Contains(empty, string(name)))
		})
		return errors.Join(err, c.end())
	})
}

func temporary(path string) string { return "." + filepath.Base(path) + ".migrating-" }

// removeTemporary removes what a migration that was cut short left. hearth.db is locked: no other one is under way.
func removeTemporary(path string) {
	for _, left := range beside(filepath.Join(filepath.Dir(path), temporary(path))) {
		os.Remove(left)
	}
}

// beside lists the files in a folder whose paths begin so.
func beside(prefix string) (list []string) {
	entries, err := os.ReadDir(filepath.Dir(prefix))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filepath.Base(prefix)) {
			list = append(list, filepath.Join(filepath.Dir(prefix), e.Name()))
		}
	}
	return list
}

// newer is the error for a hearth.db of a later version.
func newer(path string, m meta, all []step) error {
	e := &format.NewerError{Path: path, Format: m.Format, Reads: newest(all), By: m.By, Since: m.Since}
	e.Before, _ = before(path, all)
	return e
}

// before finds what hearth.db was before a later version took it, in the newest format that this version reads.
func before(path string, all []step) (kept string, found bool) {
	best := 0
	for _, p := range beside(path + beforeName) {
		db, err := bolt.Open(p)
		if err != nil {
			continue
		}
		m, err := readMeta(db, p)
		db.Close()
		if err == nil && m.Format <= newest(all) && m.Format > best {
			kept, best = p, m.Format
		}
	}
	return kept, best > 0
}

// WentBack says what GoBack did.
type WentBack struct {
	Since     time.Time // the box is as it was then
	From, To  int       // formats
	SetAside  string    // where what it was until now lies
	ByVersion string    // whose that was; empty: it does not say
}

// GoBack puts back what hearth.db at path was before a later version changed its format. What it was until now is set aside
// and goes when this version has run as long as wellFor says. Cut short, it did nothing, or all of it.
func GoBack(path string) (WentBack, error) { return goBack(path, steps()) }

func goBack(path string, all []step) (WentBack, error) {
	db, err := bolt.Open(path)
	if err != nil {
		return WentBack{}, err
	}
	defer db.Close()
	m, err := readMeta(db, path)
	if err != nil {
		return WentBack{}, err
	}
	if m.Format <= newest(all) {
		return WentBack{}, fmt.Errorf("%s is of format %d, which this version of Hearth reads: there is nothing to go back from", path, m.Format)
	}
	kept, ok := before(path, all)
	if !ok {
		return WentBack{}, fmt.Errorf("%w; there is nothing to go back to", newer(path, m, all))
	}
	old, err := bolt.Open(kept)
	if err != nil {
		return WentBack{}, err
	}
	defer old.Close()
	was, err := readMeta(old, kept)
	if err != nil {
		return WentBack{}, err
	}
	w := WentBack{Since: m.Since, From: m.Format, To: was.Format, SetAside: path + newerName + strconv.Itoa(m.Format), ByVersion: m.By}
	was.Ran = 0
	if err := old.Update(func(tx *bbolt.Tx) error { return putMeta(tx, was) }); err != nil {
		return WentBack{}, err
	}
	// There is a hearth.db at every moment: without one, the next start would begin a new box.
	if err := os.Remove(w.SetAside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return WentBack{}, err
	}
	if err := os.Link(path, w.SetAside); err != nil {
		return WentBack{}, err
	}
	if err := os.Rename(kept, path); err != nil {
		return WentBack{}, err
	}
	return w, syncDir(filepath.Dir(path))
}

// Outlived lists what lies beside hearth.db of other formats.
func (b *Box) Outlived() []string {
	return append(beside(b.path+beforeName), beside(b.path+newerName)...)
}

// RanWell notes that this version ran well for a while longer. When that is long enough, what lies beside hearth.db of other
// formats goes, and gone is true. It costs nothing where there is none.
func (b *Box) RanWell(d time.Duration) (gone bool, err error) {
	if len(b.Outlived()) == 0 {
		return false, nil
	}
	var m meta
	err = b.Update(func(tx *bbolt.Tx) error {
		if _, err := Get(tx, metaBucket, []byte("box"), &m); err != nil {
			return err
		}
		m.Ran += d
		return putMeta(tx, m)
	})
	if err != nil || m.Ran < wellFor {
		return false, err
	}
	return true, b.Outlive()
}

// Outlive removes what lies beside hearth.db of other formats: it knows what is to be forgotten, as a camera that is removed.
func (b *Box) Outlive() error {
	all := b.Outlived()
	if len(all) == 0 {
		return nil
	}
	var errs []error
	for _, path := range all {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(append(errs, syncDir(filepath.Dir(b.path)))...)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
