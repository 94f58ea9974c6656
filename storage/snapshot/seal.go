package snapshot

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"

	"hearth/nvr/media"
	"hearth/storage/box"
)

// What lies in a snapshot.
const (
	manifestFile  = "manifest.json"
	databaseFile  = "hearth.db"
	boxKeyFile    = "box.key"
	authorityFile = "tls/ca.pem"
)

// snapshotFormat is the version of a snapshot; a newer one is refused. That of the hearth.db in it is its own.
const snapshotFormat = 1

// volumeSetting is under which name hearth.db keeps its volume.
const volumeSetting = "volume"

// Manifest says what is in a snapshot.
type Manifest struct {
	Format  int               `json:"format"`
	Made    time.Time         `json:"made"`
	Volume  media.UUID        `json:"volume"` // of the data folder
	Cameras int               `json:"cameras"`
	Files   map[string]string `json:"files"` // SHA-256 of each, in hex
}

// Contents are what a snapshot is made of.
type Contents struct {
	Box      *box.Box
	BoxKey   []byte
	Dir      string         // the data folder, for the page's certificate authority
	Settings map[string]any // to be in the copy of hearth.db in place of what is there
	Made     time.Time
}

// Seal writes a snapshot, sealed to a recipient, and says what is in it.
func (c Contents) Seal(w io.Writer, recipient string) (m Manifest, err error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return m, fmt.Errorf("seal a snapshot: %w", err)
	}
	db, err := copyInMemory(c.Box, c.Settings)
	if err != nil {
		return m, err
	}
	defer db.Close()
	authority, err := os.ReadFile(filepath.Join(c.Dir, authorityFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("take the page's certificate authority along: %w", err)
	}
	if m, err = c.manifest(db, authority); err != nil {
		return m, err
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	sealed, err := age.Encrypt(w, to)
	if err != nil {
		return m, fmt.Errorf("seal a snapshot: %w", err)
	}
	t := &tape{w: tar.NewWriter(sealed), made: c.Made}
	t.bytes(manifestFile, append(text, '\n'))
	t.file(databaseFile, db)
	t.bytes(boxKeyFile, c.BoxKey)
	if authority != nil {
		t.bytes(authorityFile, authority)
	}
	if err := errors.Join(t.err, t.w.Close(), sealed.Close()); err != nil {
		return m, fmt.Errorf("seal a snapshot: %w", err)
	}
	return m, nil
}

func (c Contents) manifest(db *os.File, authority []byte) (Manifest, error) {
	m := Manifest{Format: snapshotFormat, Made: c.Made.UTC().Truncate(time.Second), Files: make(map[string]string)}
	cameras, err := c.Box.Cameras()
	if err != nil {
		return m, err
	}
	m.Cameras = len(cameras)
	if _, err := c.Box.Setting(volumeSetting, &m.Volume); err != nil {
		return m, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(db, 0, 1<<62)); err != nil {
		return m, err
	}
	m.Files[databaseFile] = hex.EncodeToString(h.Sum(nil))
	m.Files[boxKeyFile] = sum(c.BoxKey)
	if authority != nil {
		m.Files[authorityFile] = sum(authority)
	}
	return m, nil
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// tape writes files into a tar and remembers the first error.
type tape struct {
	w    *tar.Writer
	made time.Time
	err  error
}

func (t *tape) head(name string, size int64) {
	if t.err == nil {
		t.err = t.w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: t.made, Format: tar.FormatUSTAR})
	}
}

func (t *tape) bytes(name string, b []byte) {
	if t.head(name, int64(len(b))); t.err == nil {
		_, t.err = t.w.Write(b)
	}
}

func (t *tape) file(name string, f *os.File) {
	info, err := f.Stat()
	if err != nil {
		t.err = errors.Join(t.err, err)
		return
	}
	if t.head(name, info.Size()); t.err == nil {
		_, t.err = io.Copy(t.w, io.NewSectionReader(f, 0, info.Size()))
	}
}
