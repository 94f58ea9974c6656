package keyring

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
	"hearth/storage/box"
)

var (
	// ErrPermissions says that others than its owner can read or change box.key.
	ErrPermissions = errors.New("permissions are too loose")
	// ErrBoxKey says that box.key is missing, damaged, or not the one of this hearth.db.
	ErrBoxKey = errors.New("box.key does not fit")
	// ErrNoKey says that a camera has no key, or has none any more.
	ErrNoKey = errors.New("no key")
	// ErrSealed says that a sealed value was not sealed here for this purpose and owner, or was changed.
	ErrSealed = errors.New("cannot be unsealed")
)

// keySize is the size of the box's key and of every camera's key, in bytes.
const keySize = chacha20poly1305.KeySize

// keyIDSetting names the box key that hearth.db goes with.
const keyIDSetting = "box-key-id"

// Keyring is the box's keys. Its methods may be called from several goroutines.
type Keyring struct {
	dir  string
	box  *box.Box
	aead cipher.AEAD // of the box's key
}

// Open reads <dir>/box.key, or makes it when hearth.db is as new as it. The error is one line: ErrPermissions or
// ErrBoxKey with what to do about it.
func Open(dir string, b *box.Box) (*Keyring, error) {
	path := filepath.Join(dir, "box.key")
	key, err := readBoxKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		key, err = makeBoxKey(path, b)
	case err == nil:
		err = fits(path, key, b)
	}
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	return &Keyring{dir: dir, box: b, aead: aead}, nil
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
	if len(key) != keySize {
		return nil, fmt.Errorf("%s: %w: it has %d bytes instead of %d; put it back from a backup", path, ErrBoxKey, len(key), keySize)
	}
	return key, nil
}

// makeBoxKey makes the key of a new box. hearth.db learns its identity first: if the power fails in between, there
// is no file and no wrapped key, and the next start makes another.
func makeBoxKey(path string, b *box.Box) ([]byte, error) {
	used, err := b.HasWrappedKeys()
	if err != nil {
		return nil, err
	}
	if used {
		return nil, fmt.Errorf("%s: %w: it is missing, and without it no footage can be opened; put it back from a backup", path, ErrBoxKey)
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

// fits refuses a key beside a hearth.db that does not know it: one of the two was lost or is another box's, and going
// on would give the footage of this key to whoever sets up that box.
func fits(path string, key []byte, b *box.Box) error {
	var id string
	if _, err := b.Setting(keyIDSetting, &id); err != nil {
		return err
	}
	if id != keyID(key) {
		return fmt.Errorf("%s: %w: it belongs to another hearth.db than %s; put the right one back, or move box.key away to begin anew",
			path, ErrBoxKey, b.Path())
	}
	return nil
}

func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("hearth box key identity\x00"), key...))
	return hex.EncodeToString(sum[:8])
}

// writeFile makes a file of mode 0600 that is whole and durable when it has its name.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Seal seals a small secret of a purpose and an owner, such as a camera's password.
func (k *Keyring) Seal(purpose string, owner media.UUID, plain []byte) []byte {
	nonce := make([]byte, chacha20poly1305.NonceSize, chacha20poly1305.NonceSize+len(plain)+chacha20poly1305.Overhead)
	rand.Read(nonce)
	return k.aead.Seal(nonce, nonce, plain, bound(purpose, owner))
}

// Open gives back what Seal sealed for the same purpose and owner, or ErrSealed.
func (k *Keyring) Open(purpose string, owner media.UUID, sealed []byte) ([]byte, error) {
	if len(sealed) < chacha20poly1305.NonceSize {
		return nil, fmt.Errorf("%s of %s: %w", purpose, owner, ErrSealed)
	}
	nonce, text := sealed[:chacha20poly1305.NonceSize], sealed[chacha20poly1305.NonceSize:]
	plain, err := k.aead.Open(nil, nonce, text, bound(purpose, owner))
	if err != nil {
		return nil, fmt.Errorf("%s of %s: %w", purpose, owner, ErrSealed)
	}
	return plain, nil
}

// bound is the associated data. The zero byte keeps one purpose from running into the identity of another.
func bound(purpose string, owner media.UUID) []byte {
	return append(append([]byte(purpose), 0), owner[:]...)
}
