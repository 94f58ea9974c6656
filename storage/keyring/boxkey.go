package keyring

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hearth/storage/box"
)

const (
	// BoxKeyFile is the box's key: in the data folder, and what systemd calls what it hands over.
	BoxKeyFile = "box.key"
	// keyIDSetting names the box key that hearth.db goes with.
	keyIDSetting = "box-key-id"
	// credentials is where systemd says that a service finds what LoadCredential= and its like give it.
	credentials = "CREDENTIALS_DIRECTORY"
)

// openBoxKey finds the box's key, or makes it for a new box. told is one that the caller has from systemd; nil: none.
func openBoxKey(dir string, b *box.Box, told []byte) ([]byte, error) {
	path := filepath.Join(dir, BoxKeyFile)
	key, err := readBoxKey(path)
	given, from, credErr := credential()
	if given == nil && credErr == nil && told != nil {
		given, from = told, "the sealed key"
		credErr = rightSize(from, told)
	}
	switch {
	case credErr != nil:
		return nil, credErr
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case given != nil && err == nil && !bytes.Equal(given, key):
		return nil, fmt.Errorf("%s and %s: %w: they differ; take away the one that is not this box's (%s)",
			from, path, ErrBoxKey, whichFits(b, given, key))
	case given != nil && err != nil:
		return given, handed(from, given, dir, b)
	case err != nil:
		return makeBoxKey(path, dir, b)
	}
	return key, fits(path, key, b)
}

// credential reads the key that systemd hands over; nil: it hands over none. Its mode is systemd's, and not looked at:
// the folder is the service's alone, in memory.
func credential() (key []byte, path string, err error) {
	dir := os.Getenv(credentials)
	if dir == "" {
		return nil, "", nil
	}
	path = filepath.Join(dir, BoxKeyFile)
	key, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the box's key from systemd: %w", err)
	}
	return key, path, rightSize(path, key)
}

func rightSize(path string, key []byte) error {
	if len(key) != keySize {
		return fmt.Errorf("%s: %w: it has %d bytes instead of %d; put it back from a backup", path, ErrBoxKey, len(key), keySize)
	}
	return nil
}

// ReadBoxKey reads the file of the box's key in a data folder: fs.ErrNotExist, ErrPermissions, ErrBoxKey.
func ReadBoxKey(dir string) ([]byte, error) { return readBoxKey(filepath.Join(dir, BoxKeyFile)) }

// WipeBoxKey writes over a file of the box's key and removes it. Of a file that holds anything else it is ErrBoxKey.
func WipeBoxKey(path string, key []byte) error {
	there, err := readBoxKey(path)
	if err != nil {
		return err
	}
	if !bytes.Equal(there, key) {
		return fmt.Errorf("%s: %w: it is another one", path, ErrBoxKey)
	}
	return wipe(path)
}

func readBoxKey(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: it is not a regular file", path, ErrBoxKey)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("%s: %w (%04o): others could read every camera's footage; run: chmod 600 %s",
			path, ErrPermissions, perm, path)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return key, rightSize(path, key)
}

// makeBoxKey makes the key of a new box. hearth.db learns its identity first: if the power fails in between, there
// is no file and no wrapped key, and the next start makes another.
func makeBoxKey(path, dir string, b *box.Box) ([]byte, error) {
	used, err := used(dir, b)
	if err != nil {
		return nil, err
	}
	if used {
		return nil, fmt.Errorf("%s: %w: it is missing, and systemd hands over none; without it no footage can be opened: "+
			"put it back from a backup, or with the recovery key (hearth restore)", path, ErrBoxKey)
	}
	key := make([]byte, keySize)
	rand.Read(key)
	if err := b.PutSetting(keyIDSetting, keyID(key)); err != nil {
		return nil, err
	}
	if err := writeFile(path, key); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return key, nil
}

// used says whether something was sealed for this box already, in hearth.db or beside it.
func used(dir string, b *box.Box) (bool, error) {
	if used, err := b.HasWrappedKeys(); used || err != nil {
		return used, err
	}
	files, err := keyFiles(dir)
	return len(files) > 0, err
}

// handed takes the key that systemd hands over. A hearth.db that knows no key yet is a new box's, and learns it, but
// not beside footage: that would be a hearth.db that was lost, see fits.
func handed(path string, key []byte, dir string, b *box.Box) error {
	var id string
	known, err := b.Setting(keyIDSetting, &id)
	if err != nil {
		return err
	}
	if !known {
		there, err := used(dir, b)
		if err != nil {
			return err
		}
		if !there {
			return b.PutSetting(keyIDSetting, keyID(key))
		}
	}
	return fits(path, key, b)
}

// fits refuses a key beside a hearth.db that does not know it: one of the two was lost or is another box's, and going
// on would give the footage of this key to whoever sets up that box.
func fits(path string, key []byte, b *box.Box) error {
	ok, err := Fits(key, b)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w: it belongs to another hearth.db than %s; put the right one back, or move box.key away to begin anew",
			path, ErrBoxKey, b.Path())
	}
	return err
}

// Fits says whether a box key is the one that hearth.db goes with.
func Fits(key []byte, b *box.Box) (bool, error) {
	var id string
	_, err := b.Setting(keyIDSetting, &id)
	return err == nil && id == keyID(key), err
}

func whichFits(b *box.Box, given, file []byte) string {
	if ok, err := Fits(given, b); err == nil && ok {
		return "hearth.db goes with the one from systemd"
	}
	if ok, err := Fits(file, b); err == nil && ok {
		return "hearth.db goes with the file"
	}
	return "hearth.db goes with neither"
}

func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("hearth box key identity\x00"), key...))
	return hex.EncodeToString(sum[:8])
}

// PutBoxKey puts a box's key into a data folder that has none, as a restore does; it is whole and durable then. Where
// the same one lies already nothing is done; another one is ErrBoxKey and stays.
func PutBoxKey(dir string, key []byte) error {
	path := filepath.Join(dir, BoxKeyFile)
	if err := rightSize("the snapshot's box.key", key); err != nil {
		return err
	}
	there, err := readBoxKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return writeFile(path, key)
	case err != nil:
		return err
	case !bytes.Equal(there, key):
		return fmt.Errorf("%s: %w: it is another box's; move it away, or choose another data folder", path, ErrBoxKey)
	}
	return nil
}
