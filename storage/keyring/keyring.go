package keyring

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

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

// Keyring is the box's keys. Its methods may be called from several goroutines.
type Keyring struct {
	box  *box.Box
	key  [keySize]byte // the box's
	aead cipher.AEAD   // of it

	change sync.Mutex // of the cameras' keys

	mu   sync.Mutex
	dirs []string // volumes' folders, the data folder first
}

// Open takes the box's key from where systemd hands it over ($CREDENTIALS_DIRECTORY/box.key), else from <dir>/box.key,
// which it makes when hearth.db is as new as it. The error is one line: ErrPermissions or ErrBoxKey with what to do
// about it.
func Open(dir string, b *box.Box) (*Keyring, error) { return OpenWith(nil, dir, b) }

// OpenWith is Open with the key that the caller has from systemd itself; nil: it has none.
func OpenWith(told []byte, dir string, b *box.Box) (*Keyring, error) {
	key, err := openBoxKey(dir, b, told)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	k := &Keyring{box: b, key: [keySize]byte(key), aead: aead, dirs: []string{dir}}
	return k, k.adopt()
}

// ForRecovery gives the box's key itself, for what is sealed to the owner's recovery key and for nothing else.
func (k *Keyring) ForRecovery() []byte { return bytes.Clone(k.key[:]) }

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
