package snapshot

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"

	"hearth/storage/bolt"
	"hearth/storage/format"
)

var (
	// ErrOtherKey says that a snapshot was sealed to another recovery key.
	ErrOtherKey = errors.New("sealed to another recovery key")
	// ErrDamaged says that a snapshot is cut off, changed, or not one at all.
	ErrDamaged = errors.New("damaged")
)

// smallFile is the most that a file in a snapshot may have that is not hearth.db.
const smallFile = 1 << 20

// Snapshot is an open snapshot: all of it is in memory, and whole.
type Snapshot struct {
	Manifest
	Path      string
	KeyOnly   bool // Restore found a hearth.db that only lacked its box.key, and put that back
	BoxKey    []byte
	authority []byte // nil: there is none
	db        *os.File
}

// Open opens a snapshot with its recovery key, and checks all of it. ErrOtherKey, ErrDamaged.
func Open(path string, k Key) (_ *Snapshot, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &Snapshot{Path: path}
	defer func() {
		if err != nil {
			s.Close()
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
	r, err := age.Decrypt(f, k.identity)
	var other *age.NoIdentityMatchError
	switch {
	case errors.As(err, &other):
		return nil, ErrOtherKey
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := s.read(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s, s.check()
}

func (s *Snapshot) read(r io.Reader) error {
	t := tar.NewReader(r)
	small := map[string]*[]byte{boxKeyFile: &s.BoxKey, authorityFile: &s.authority}
	var manifest []byte
	small[manifestFile] = &manifest
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch to := small[h.Name]; {
		case h.Name == databaseFile && s.db == nil:
			if s.db, err = memory(); err != nil {
				return err
			}
			_, err = io.Copy(s.db, t)
		case to != nil && *to == nil && h.Size <= smallFile:
			*to, err = io.ReadAll(t)
		default: // of a later version, which its format says
			continue
		}
		if err != nil {
			return err
		}
	}
	// Only the end of the file says that it was not cut off.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	if err := json.Unmarshal(manifest, &s.Manifest); err != nil {
		return fmt.Errorf("%s: %w", manifestFile, err)
	}
	return nil
}

// check compares what there is with the manifest.
func (s *Snapshot) check() error {
	if s.Format > snapshotFormat {
		return &format.NewerError{Format: s.Format, Reads: snapshotFormat}
	}
	if s.Format < 1 {
		return fmt.Errorf("%w: it does not say its format", ErrDamaged)
	}
	if s.db == nil || s.BoxKey == nil {
		return fmt.Errorf("%w: hearth.db or box.key is not in it", ErrDamaged)
	}
	info, err := s.db.Stat()
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, s.database()); err != nil {
		return err
	}
	for name, is := range map[string]string{
		databaseFile: hex.EncodeToString(h.Sum(nil)), boxKeyFile: sum(s.BoxKey), authorityFile: sum(s.authority),
	} {
		if want := s.Files[name]; want != is && (name != authorityFile || want != "" || s.authority != nil) {
			return fmt.Errorf("%w: %s is not what the manifest says", ErrDamaged, name)
		}
	}
	if err := bolt.Check(s.db, info.Size()); err != nil {
		return fmt.Errorf("hearth.db in it is %w", err)
	}
	return nil
}

func (s *Snapshot) database() io.Reader { return io.NewSectionReader(s.db, 0, 1<<62) }

// Box opens the hearth.db in it, in memory, for looking into it. The caller closes it.
func (s *Snapshot) Box() (*Reading, error) { return ReadBox(s.database()) }

// Close forgets it.
func (s *Snapshot) Close() error {
	clear(s.BoxKey)
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}
