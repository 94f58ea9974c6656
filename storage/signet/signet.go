package signet

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"hearth/nvr/media"
	"hearth/storage/box"
	"hearth/storage/keyring"
)

// ErrSignature says that a signature is not that of this key over these bytes for this purpose.
var ErrSignature = errors.New("the signature is not right")

const (
	keySetting  = "signing-key"
	sealPurpose = "signing key"
)

// kept is the key as hearth.db has it.
type kept struct {
	Public []byte `json:"public"`
	Sealed []byte `json:"sealed"` // the seed
}

// Signet is the box's key. Its methods may be called from several goroutines.
type Signet struct {
	private ed25519.PrivateKey
}

// Open reads the box's key from hearth.db, or makes it. keyring.ErrSealed: it was sealed by another box's key.
func Open(b *box.Box, k *keyring.Keyring) (*Signet, error) {
	var have kept
	ok, err := b.Setting(keySetting, &have)
	if err != nil {
		return nil, fmt.Errorf("read the box's signing key: %w", err)
	}
	if !ok {
		return create(b, k)
	}
	seed, err := k.Open(sealPurpose, media.UUID{}, have.Sealed)
	if err != nil {
		return nil, fmt.Errorf("the box's signing key: %w", err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("the box's signing key has %d bytes: %w", len(seed), keyring.ErrSealed)
	}
	s := &Signet{ed25519.NewKeyFromSeed(seed)}
	if !s.Public().Equal(ed25519.PublicKey(have.Public)) {
		return nil, fmt.Errorf("the box's signing key is not the one that its public half says: %w", keyring.ErrSealed)
	}
	return s, nil
}

func create(b *box.Box, k *keyring.Keyring) (*Signet, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	have := kept{Public: public, Sealed: k.Seal(sealPurpose, media.UUID{}, private.Seed())}
	if err := b.PutSetting(keySetting, have); err != nil {
		return nil, fmt.Errorf("keep the box's new signing key: %w", err)
	}
	return &Signet{private}, nil
}

// Public gives the public half.
func (s *Signet) Public() ed25519.PublicKey { return s.private.Public().(ed25519.PublicKey) }

// Fingerprint names the key for people; see Fingerprint.
func (s *Signet) Fingerprint() string { return Fingerprint(s.Public()) }

// Sign signs a message for a purpose, such as "hearth export 1".
func (s *Signet) Sign(purpose string, message []byte) []byte {
	return ed25519.Sign(s.private, signed(purpose, sha256.Sum256(message)))
}

// Verify checks a signature that Sign made; ErrSignature.
func Verify(public ed25519.PublicKey, purpose string, message, signature []byte) error {
	if len(public) != ed25519.PublicKeySize || !ed25519.Verify(public, signed(purpose, sha256.Sum256(message)), signature) {
		return ErrSignature
	}
	return nil
}

// signed is what is signed: the purpose, a line feed, and the message's SHA-256 in 32 bytes.
func signed(purpose string, sum [sha256.Size]byte) []byte {
	return append([]byte(purpose+"\n"), sum[:]...)
}

// SPKI gives a public key as everybody's tools read it (RFC 8410, DER, 44 bytes).
func SPKI(public ed25519.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil { // Ed25519 keys always go
		panic(err)
	}
	return der
}

// ParseSPKI reads what SPKI gave.
func ParseSPKI(der []byte) (ed25519.PublicKey, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("read the public key: %w", err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok || string(SPKI(public)) != string(der) {
		return nil, errors.New("read the public key: it is not an Ed25519 key")
	}
	return public, nil
}

// Fingerprint names a public key so that people can compare it: the first 128 bits of the SHA-256 of its SPKI form, in
// eight groups of four hexadecimal digits. A false key with the same one is beyond what anybody can compute.
func Fingerprint(public ed25519.PublicKey) string {
	sum := sha256.Sum256(SPKI(public))
	digits := hex.EncodeToString(sum[:16])
	groups := make([]string, 0, 8)
	for ; len(digits) > 0; digits = digits[4:] {
		groups = append(groups, digits[:4])
	}
	return strings.Join(groups, "-")
}

// SameFingerprint says whether text, as somebody typed it, is the fingerprint of a key. Case, blanks and how the digits
// are grouped do not matter; too few digits never are.
func SameFingerprint(public ed25519.PublicKey, text string) bool {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", ":", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(s)))
	}
	return plain(text) == plain(Fingerprint(public))
}
