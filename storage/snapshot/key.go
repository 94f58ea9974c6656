package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// Key is an owner's recovery key: an X25519 identity of age. It prints as its public half only.
type Key struct{ identity *age.X25519Identity }

// NewKey makes a recovery key.
func NewKey() (Key, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return Key{}, fmt.Errorf("make a recovery key: %w", err)
	}
	return Key{id}, nil
}

// ErrKey says that a text is no recovery key, or that a letter in it is wrong.
var ErrKey = errors.New("this is no recovery key: it begins with AGE-SECRET-KEY-1 and has 74 characters; " +
	"a wrong letter is noticed, so compare it with the paper")

// ParseKey reads a recovery key out of a text such as a key file of age: lines that begin with # say nothing, and whoever
// types it from paper may use small letters and leave blanks and line breaks.
func ParseKey(text []byte) (Key, error) {
	var b strings.Builder
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); !bytes.HasPrefix(line, []byte("#")) {
			b.Write(bytes.Join(bytes.Fields(line), nil))
		}
	}
	id, err := age.ParseX25519Identity(strings.ToUpper(b.String()))
	if err != nil {
		return Key{}, ErrKey // age's own words would repeat parts of the key
	}
	return Key{id}, nil
}

// Secret is the key as its owner keeps it.
func (k Key) Secret() string { return k.identity.String() }

// Recipient is its public half, which the box keeps.
func (k Key) Recipient() string { return k.identity.Recipient().String() }

func (k Key) String() string {
	if k.identity == nil {
		return "no recovery key"
	}
	return "recovery key of " + k.Recipient()
}

// GoString keeps the secret out of what %#v prints.
func (k Key) GoString() string { return k.String() }

// ReadKeyFile reads what an owner has: a recovery key, or a box's key as it is (32 bytes). "-" is the standard input.
func ReadKeyFile(path string) (k Key, boxKey []byte, err error) {
	f := os.Stdin
	if path != "-" {
		if f, err = os.Open(path); err != nil {
			return Key{}, nil, err
		}
		defer f.Close()
	}
	raw, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return Key{}, nil, fmt.Errorf("read the key: %w", err)
	}
	if len(raw) == boxKeySize {
		return Key{}, raw, nil
	}
	k, err = ParseKey(raw)
	return k, nil, err
}

// boxKeySize is how long a box's key is, in bytes; a recovery key is always longer.
const boxKeySize = 32
