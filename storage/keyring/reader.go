package keyring

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
)

// Reader opens cameras' keys with a box's key alone, from the files in a media folder: for a disk whose box is gone. It
// never writes.
type Reader struct {
	media string
	k     Keyring
}

// WithKey gives the keys in a media folder that a box's key wrapped. ErrBoxKey when that is none by its size; whether
// it is the right one shows at the first camera.
func WithKey(boxKey []byte, mediaDir string) (*Reader, error) {
	if err := rightSize("the box's key", boxKey); err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.New(boxKey)
	if err != nil {
		return nil, err
	}
	return &Reader{media: mediaDir, k: Keyring{aead: aead}}, nil
}

// Key gives a camera's key. ErrNoKey: its file is not there; ErrSealed: it does not open with this box's key.
func (r *Reader) Key(id media.CameraID) (CameraKey, error) {
	wrapped, err := readKeyFile(filepath.Join(r.media, id.String(), keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return CameraKey{}, fmt.Errorf("camera %s: %w", id, ErrNoKey)
	}
	if err != nil {
		return CameraKey{}, err
	}
	return r.k.unwrap(id, wrapped)
}
