package keyring

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
)

const cameraPurpose = "camera key"

// CameraKey is one camera's key together with whose it is. Its zero value opens nothing. It prints as the camera's
// identity only.
type CameraKey struct {
	camera media.CameraID
	secret *[keySize]byte
}

// Camera is the camera that everything sealed with this key belongs to.
func (c CameraKey) Camera() media.CameraID { return c.camera }

// Valid says that this is a key at all.
func (c CameraKey) Valid() bool { return c.secret != nil && !c.camera.IsZero() }

func (c CameraKey) String() string { return "key of camera " + c.camera.String() }

// GoString keeps the secret out of what %#v prints.
func (c CameraKey) GoString() string { return c.String() }

// LogValue keeps the secret out of logs.
func (c CameraKey) LogValue() slog.Value { return slog.StringValue(c.String()) }

// AEAD is the ChaCha20-Poly1305 of one segment: its key is HKDF-SHA256(camera key, salt, camera UUID ‖ segment UUID).
func (c CameraKey) AEAD(salt []byte, segment media.UUID) (cipher.AEAD, error) {
	if !c.Valid() {
		return nil, ErrNoKey
	}
	key, err := hkdf.Key(sha256.New, c.secret[:], salt, string(c.camera[:])+string(segment[:]), keySize)
	if err != nil {
		return nil, fmt.Errorf("derive the key of segment %s: %w", segment, err)
	}
	return chacha20poly1305.New(key)
}

// AddCamera makes the key of a new camera. It is durable in hearth.db and on the volume of the data folder when this
// returns nil; other volumes that cannot be written now get it with the next Spread. After a try that was cut short it
// may be called again.
func (k *Keyring) AddCamera(id media.CameraID) error {
	if id.IsZero() {
		return fmt.Errorf("make a key: %w: the camera has no identity", ErrNoKey)
	}
	k.change.Lock()
	defer k.change.Unlock()
	if _, err := k.box.WrappedKey(id); err == nil {
		return fmt.Errorf("make the key of camera %s: it has one", id)
	} else if !errors.Is(err, box.ErrNotFound) {
		return err
	}
	dirs := k.volumes()
	wrapped, err := readKeyFile(keyPath(dirs[0], id))
	if err == nil { // left by a try that was cut short; identities are never used twice
		_, err = k.unwrap(id, wrapped)
	}
	if errors.Is(err, fs.ErrNotExist) {
		var secret [keySize]byte
		rand.Read(secret[:])
		wrapped = k.Seal(cameraPurpose, media.UUID(id), secret[:])
		if err = os.MkdirAll(filepath.Join(dirs[0], "media"), 0o700); err == nil {
			err = writeKeyFile(dirs[0], id, wrapped)
		}
	}
	if err != nil {
		return fmt.Errorf("make the key of camera %s: %w", id, err)
	}
	for _, dir := range dirs[1:] {
		_ = writeKeyFile(dir, id, wrapped)
	}
	return k.box.PutWrappedKey(id, wrapped)
}

func (k *Keyring) unwrap(id media.CameraID, wrapped []byte) (CameraKey, error) {
	secret, err := k.Open(cameraPurpose, media.UUID(id), wrapped)
	if err != nil {
		return CameraKey{}, err
	}
	if len(secret) != keySize {
		return CameraKey{}, fmt.Errorf("key of camera %s: %w", id, ErrSealed)
	}
	return CameraKey{camera: id, secret: (*[keySize]byte)(secret)}, nil
}

// Unlock gives a person the key of the camera that their grant is for; the grant must be for events, footage or
// export. access.ErrDenied, ErrNoKey or ErrSealed.
func (k *Keyring) Unlock(g access.Grant) (CameraKey, error) {
	if !g.Allows(access.Events, access.Footage, access.Export) {
		return CameraKey{}, access.ErrDenied
	}
	return k.ForRecording(g.Camera())
}

// ForRecording gives the box itself a camera's key: for the recorder, for recovery and for checks. ErrNoKey when the
// camera has none (any more), ErrSealed when it does not unwrap.
func (k *Keyring) ForRecording(id media.CameraID) (CameraKey, error) {
	wrapped, err := k.box.WrappedKey(id)
	if errors.Is(err, box.ErrNotFound) {
		// A hearth.db from a backup may be older than the camera.
		for _, dir := range k.volumes() {
			if wrapped, err = readKeyFile(keyPath(dir, id)); !errors.Is(err, fs.ErrNotExist) {
				break
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return CameraKey{}, fmt.Errorf("camera %s: %w", id, ErrNoKey)
		}
	}
	if err != nil {
		return CameraKey{}, err
	}
	return k.unwrap(id, wrapped)
}

// DestroyCamera destroys a camera's key in all its places: what it sealed is noise from now on. It may be called again,
// as for a volume that was not there.
func (k *Keyring) DestroyCamera(id media.CameraID) error {
	k.change.Lock()
	defer k.change.Unlock()
	var errs []error
	for _, dir := range k.volumes() {
		path := keyPath(dir, id)
		// A power cut may have left one that was being written.
		unfinished, _ := filepath.Glob(filepath.Join(escape(filepath.Dir(path)), "."+keyFile+".new-*"))
		for _, path := range append(unfinished, path) {
			if err := wipe(path); err != nil {
				errs = append(errs, fmt.Errorf("destroy the key of camera %s: %w", id, err))
			}
		}
	}
	return errors.Join(append(errs, k.box.RemoveWrappedKey(id))...)
}
