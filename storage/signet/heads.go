package signet

import (
	"bytes"
	"crypto/ed25519"
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
)

// Folder is where a volume's statements lie, below the volume's folder.
const Folder = "media/heads"

const (
	dayLayout = "2006-01-02"
	ending    = ".jsonl"
	// longest is what a line may have: some thousand lines of cameras.
	longest = 4 << 20
)

// days lists the files of a volume's statements, oldest first. Strangers' files are passed over.
func days(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, Folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the signed heads: %w", err)
	}
	var names []string
	for _, e := range entries {
		if IsFile(e.Name()) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names) // ReadDir does it; the order matters here
	return names, nil
}

// IsFile says whether a name in Folder is one of ours.
func IsFile(name string) bool {
	day, ok := strings.CutSuffix(name, ending)
	if !ok {
		return false
	}
	t, err := time.Parse(dayLayout, day)
	return err == nil && t.Format(dayLayout) == day
}

// Append signs a statement about the volume in dir and makes it durable. What a power cut left of a line is cut off.
func (s *Signet) Append(dir string, st Statement) error {
	today := st.Time.UTC().Format(dayLayout) + ending
	if err := goOn(dir, days, today, func(before [32]byte) ([]byte, error) { return s.line(st, before) }); err != nil {
		return fmt.Errorf("write the signed heads: %w", err)
	}
	return nil
}

// goOn adds a line to the statements of one kind on the volume in dir. list gives their files, name is the one of now, and
// sign makes the line out of the hash of the one before it.
func goOn(dir string, list func(string) ([]string, error), name string, sign func(before [32]byte) ([]byte, error)) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	names, err := list(dir)
	if err != nil {
		return err
	}
	before, newest, err := lastOf(dir, names)
	if err != nil {
		return err
	}
	line, err := sign(before)
	if err != nil {
		return err
	}
	// After a clock went back, what is said goes on in the newest file: their order is that in which they were written.
	return appendLine(filepath.Join(dir, Folder, max(newest, name)), line)
}

// makeFolder makes the folder of a volume's statements. When the volume is not there, nothing is made in its place.
func makeFolder(dir string) error {
	folder := filepath.Join(dir, Folder)
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		return syncDir(filepath.Dir(folder))
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// appendLine writes a line behind the last whole one of a file, and makes it durable.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, at, err := tail(f)
	if err == nil {
		err = f.Truncate(at)
	}
	if err == nil {
		_, err = f.WriteAt(append(line, '\n'), at)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if at == 0 { // a new name
		return syncDir(filepath.Dir(path))
	}
	return nil
}

// lastOf gives the hash of the last whole line in a volume's files, zero when there is none, and the newest file's name.
func lastOf(dir string, names []string) (hash [32]byte, newest string, err error) {
	if len(names) == 0 {
		return hash, "", nil
	}
	newest = names[len(names)-1]
	for _, name := range slices.Backward(names) {
		f, err := os.Open(filepath.Join(dir, Folder, name))
		if err != nil {
			return hash, "", err
		}
		line, at, err := tail(f)
		f.Close()
		if err != nil {
			return hash, "", err
		}
		if at > 0 {
			return sha256.Sum256(line), newest, nil
		}
	}
	return hash, newest, nil
}

// tail gives a file's last whole line, and where that ends.
func tail(f *os.File) (line []byte, at int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	from := max(info.Size()-2*longest, 0)
	raw, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return nil, 0, err
	}
	end := bytes.LastIndexByte(raw, '\n')
	if end < 0 {
		return nil, from, nil
	}
	return raw[bytes.LastIndexByte(raw[:end], '\n')+1 : end], from + int64(end) + 1, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Examine reads all statements of the volume in dir, oldest first, and calls each for every line: with the statement,
// or with what is wrong about it: ErrStatement or ErrStranger. path is below dir, n the line in it, from 1. A last line
// that a power cut left unfinished is passed over. An error of each ends it.
func Examine(dir string, public ed25519.PublicKey, each func(path string, n int, st Statement, err error) error) error {
	names, err := days(dir)
	if err != nil {
		return err
	}
	var before [32]byte
	known := false // what the next line has to follow; the first may follow what was let go of
	for _, name := range names {
		path := filepath.Join(Folder, name)
		raw, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return fmt.Errorf("read the signed heads: %w", err)
		}
		for n := 1; len(raw) > 0; n++ {
			line, rest, ended := bytes.Cut(raw, []byte{'\n'})
			if !ended {
				break
			}
			raw = rest
			st, follows, err := Statement{}, [32]byte{}, error(nil)
			if len(line) > longest {
				err = fmt.Errorf("%w: it has %d bytes", ErrStatement, len(line))
			} else {
				st, follows, err = parse(public, line)
			}
			if err == nil && known && follows != before {
				err = fmt.Errorf("%w: the one before it is missing or changed", ErrStatement)
			}
			before, known = sha256.Sum256(line), true
			if err := each(path, n, st, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// Trim removes the statements of days that ended before a moment: all footage that they are about is gone.
func Trim(dir string, before time.Time) error {
	names, err := days(dir)
	if err != nil {
		return err
	}
	oldest := before.UTC().Format(dayLayout) + ending
	removed := false
	for _, name := range names {
		if name >= oldest {
			break
		}
		if err := os.Remove(filepath.Join(dir, Folder, name)); err != nil {
			return fmt.Errorf("let go of old signed heads: %w", err)
		}
		removed = true
	}
	if removed {
		return syncDir(filepath.Join(dir, Folder))
	}
	return nil
}
