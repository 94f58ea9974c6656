package media

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
)

// ErrBadID says that a text is no UUID in its canonical form.
var ErrBadID = errors.New("not a UUID")

// UUID is a random (version 4) identity as in RFC 9562. Its zero value means "none".
type UUID [16]byte

// CameraID is who a camera is. It is never used twice, also not after the camera was removed.
type CameraID UUID

// NewUUID draws a random UUID. It cannot fail: crypto/rand ends the program before it returns weak numbers.
func NewUUID() UUID {
	var u UUID
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return u
}

// NewCameraID draws a random camera identity.
func NewCameraID() CameraID { return CameraID(NewUUID()) }

// ParseUUID reads the canonical lower- or upper-case form with four dashes; anything else is ErrBadID.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return UUID{}, ErrBadID
	}
	plain := s[:8] + s[9:13] + s[14:18] + s[19:23] + s[24:]
	if _, err := hex.Decode(u[:], []byte(plain)); err != nil {
		return UUID{}, ErrBadID
	}
	return u, nil
}

// ParseCameraID is ParseUUID for a camera.
func ParseCameraID(s string) (CameraID, error) {
	u, err := ParseUUID(s)
	return CameraID(u), err
}

// String gives the canonical lower-case form.
func (u UUID) String() string {
	var b [36]byte
	hex.Encode(b[:8], u[:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:], u[10:])
	return string(b[:])
}

// IsZero says that this is no identity at all.
func (u UUID) IsZero() bool { return u == UUID{} }

// MarshalText and UnmarshalText make a UUID a plain string in JSON.
func (u UUID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText is ParseUUID.
func (u *UUID) UnmarshalText(b []byte) (err error) {
	*u, err = ParseUUID(string(b))
	return err
}

func (c CameraID) String() string { return UUID(c).String() }

// IsZero says that this is no camera at all.
func (c CameraID) IsZero() bool { return c == CameraID{} }

// MarshalText and UnmarshalText make a CameraID a plain string in JSON.
func (c CameraID) MarshalText() ([]byte, error) { return UUID(c).MarshalText() }

// UnmarshalText is ParseCameraID.
func (c *CameraID) UnmarshalText(b []byte) error { return (*UUID)(c).UnmarshalText(b) }
