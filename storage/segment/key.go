package segment

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"

	"hearth/nvr/media"
)

var (
	// ErrDamaged says that bytes are missing, changed or out of bounds: a checksum or a length is wrong.
	ErrDamaged = errors.New("damaged")
	// ErrForged says that the checksums are right but the seal is not: the bytes were not written for this camera, or
	// were changed by someone.
	ErrForged = errors.New("sealed for another camera, or changed")
	// ErrGone says that a record's bytes are all zero: it was let go of, and a hole is where it was.
	ErrGone = errors.New("let go of")
	// ErrUnfinished says that a file has no footer (yet).
	ErrUnfinished = errors.New("no footer")
	// ErrTooLarge says that a payload or a file would outgrow the format.
	ErrTooLarge = errors.New("too large")
)

// Key opens and seals one camera's segments; keyring.CameraKey is one. Camera is who the caller may see: it goes into
// every seal.
type Key interface {
	Camera() media.CameraID
	// AEAD gives ChaCha20-Poly1305 under the key of one segment, made from its salt and identity.
	AEAD(salt []byte, segment media.UUID) (cipher.AEAD, error)
}

const (
	tagSize   = 16
	nonceSize = 12
)

// The spaces of nonces within a segment's key. A footer's number is the count of records it lists, so that a
// recovery that cuts at another place, after another power cut, does not use a nonce again.
const (
	recordSpace    = 0
	footerSpace    = 1
	recoveredSpace = 2
)

// opener is what seals and opens under one segment's key; its arrays keep the per-record work free of allocation.
type opener struct {
	aead   cipher.AEAD
	camera media.CameraID
	header [32]byte // SHA-256 of the header
	nonce  [nonceSize]byte
	aad    [32 + trailerAuth + 16]byte
}

func newOpener(key Key, h Header) (*opener, error) {
	aead, err := key.AEAD(h.Salt[:], h.Segment)
	if err != nil {
		return nil, err
	}
	if aead.NonceSize() != nonceSize || aead.Overhead() != tagSize {
		return nil, errors.New("the key's cipher is not ChaCha20-Poly1305")
	}
	return &opener{aead: aead, camera: key.Camera(), header: h.Hash()}, nil
}

func (o *opener) numbered(space byte, n uint64) []byte {
	o.nonce[0] = space
	binary.BigEndian.PutUint64(o.nonce[4:], n)
	return o.nonce[:]
}

// bound joins what a seal is bound to: the header, the clear part before the sealed bytes, and the camera.
func (o *opener) bound(clear []byte) []byte {
	n := copy(o.aad[:], o.header[:])
	n += copy(o.aad[n:], clear)
	n += copy(o.aad[n:], o.camera[:])
	return o.aad[:n]
}
