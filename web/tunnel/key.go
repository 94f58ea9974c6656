package tunnel

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
)

// KeySize is the size of every key of WireGuard, in bytes.
const KeySize = 32

// ErrKey says that something is no key, or none that can be used.
var ErrKey = errors.New("this is no WireGuard key")

// Key is a private, public or preshared key. It prints as nothing: see Text.
type Key [KeySize]byte

// NewPrivate makes a private key.
func NewPrivate() (k Key) {
	rand.Read(k[:])
	// Curve25519 (RFC 7748, 5): the bits that every private key has.
	k[0] &= 248
	k[31] = k[31]&127 | 64
	return k
}

// NewPreshared makes a preshared key.
func NewPreshared() (k Key) {
	rand.Read(k[:])
	return k
}

// Public is the public half of a private key. ErrKey for the zero Key.
func (k Key) Public() (Key, error) {
	private, err := ecdh.X25519().NewPrivateKey(k[:])
	if err != nil || k == (Key{}) {
		return Key{}, ErrKey
	}
	return Key(private.PublicKey().Bytes()), nil
}

// ParsePublic reads a public key as WireGuard writes it, 44 characters of Base64. ErrKey also for those few with which
// every secret would be the same.
func ParsePublic(text string) (Key, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != KeySize || len(text) != 44 {
		return Key{}, ErrKey
	}
	public, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return Key{}, ErrKey
	}
	any, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, KeySize))
	if err != nil {
		return Key{}, ErrKey
	}
	if _, err := any.ECDH(public); err != nil { // a point of small order
		return Key{}, ErrKey
	}
	return Key(raw), nil
}

// Text is the key as WireGuard writes it.
func (k Key) Text() string { return base64.StdEncoding.EncodeToString(k[:]) }

// String keeps keys out of logs.
func (Key) String() string { return "(key)" }

// GoString is String.
func (Key) GoString() string { return "(key)" }
