package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

var (
	// ErrHasTOTP says that somebody has an authenticator already.
	ErrHasTOTP = errors.New("there is an authenticator already: remove it first")
	// ErrNoTOTP says that somebody has no authenticator, or has not begun to add one.
	ErrNoTOTP = errors.New("there is no authenticator")

	errNoSealer = errors.New("second factors cannot be read without the box's key")
)

const (
	// totpPurpose is what secrets of authenticators are sealed for.
	totpPurpose = "authenticator"
	// recoveryCodes is how many codes somebody gets for the day when the phone is gone. Each has 80 random bits: a plain
	// hash of it cannot be searched.
	recoveryCodes    = 10
	recoveryCodeSize = 10 // bytes
	// pendingFor is how long adding an authenticator may take.
	pendingFor = 15 * time.Minute
)

// factors is the record in hearth.db of how somebody logs in beyond their password.
type factors struct {
	TOTP    *totpRecord `json:"totp,omitempty"`
	Pending *totpRecord `json:"pending,omitempty"` // counts only once a first code was right
	Codes   [][]byte    `json:"codes,omitempty"`   // SHA-256 of each recovery code that is left

	Passkeys []passkeyRecord `json:"passkeys,omitempty"`
}

type totpRecord struct {
	Sealed []byte    `json:"sealed"`
	Since  time.Time `json:"since"`
	Last   int64     `json:"last,omitempty"` // the step of the newest code that was taken
}

// Factors says how somebody logs in beyond their password.
type Factors struct {
	TOTP          bool
	Since         time.Time // of the authenticator
	RecoveryCodes int       // that are left
	Passkeys      []Passkey
}

// Factors reads those of a person; of nobody there are none.
func (a *Access) Factors(user media.UUID) (Factors, error) {
	var f factors
	err := a.box.View(func(tx *bbolt.Tx) (err error) {
		f, err = readFactors(tx, user)
		return err
	})
	out := Factors{TOTP: f.TOTP != nil, RecoveryCodes: len(f.Codes)}
	for _, k := range f.Passkeys {
		out.Passkeys = append(out.Passkeys, k.Passkey)
	}
	if f.TOTP != nil {
		out.Since = f.TOTP.Since
	}
	return out, err
}

func readFactors(tx *bbolt.Tx, user media.UUID) (f factors, err error) {
	_, err = box.Get(tx, box.FactorsBucket, user[:], &f)
	return f, err
}

// changeFactors changes those of somebody who is there, or nothing when change fails.
func (a *Access) changeFactors(user media.UUID, change func(*factors) error) error {
	return a.box.Update(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, user, &p); err != nil {
			return err
		}
		f, err := readFactors(tx, user)
		if err != nil {
			return err
		}
		if err := change(&f); err != nil {
			return err
		}
		return box.Put(tx, box.FactorsBucket, user[:], f)
	})
}

// BeginTOTP makes the secret of an authenticator (base32), once the password was right. It does not count until
// ConfirmTOTP has seen a code of it; until then each call makes another. Errors as of Verify, and ErrHasTOTP.
func (a *Access) BeginTOTP(ctx context.Context, p Person, password string, from netip.Addr) (secret string, err error) {
	if err := a.Verify(ctx, p, password, from); err != nil {
		return "", err
	}
	if a.sealer == nil {
		return "", errNoSealer
	}
	raw := newTOTPSecret()
	sealed := a.sealer.Seal(totpPurpose, p.ID, raw)
	err = a.changeFactors(p.ID, func(f *factors) error {
		if f.TOTP != nil {
			return ErrHasTOTP
		}
		f.Pending = &totpRecord{Sealed: sealed, Since: time.Now().UTC()}
		return nil
	})
	return totpText(raw), err
}

// ConfirmTOTP makes the authenticator count that BeginTOTP began, with its first code, and gives the recovery codes, which
// are shown once. Errors: ErrNoTOTP when nothing was begun in the last minutes, ErrWrongCode.
func (a *Access) ConfirmTOTP(p Person, code string) (codes []string, err error) {
	now := time.Now().UTC()
	codes, hashes := newRecoveryCodes()
	err = a.changeFactors(p.ID, func(f *factors) error {
		if f.Pending == nil || now.Sub(f.Pending.Since) > pendingFor || f.Pending.Since.After(now) {
			return ErrNoTOTP
		}
		if err := a.takeTOTP(p.ID, f.Pending, code, now); err != nil {
			return err
		}
		f.Pending.Since = now
		f.TOTP, f.Pending, f.Codes = f.Pending, nil, hashes
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// RemoveTOTP removes somebody's authenticator with its recovery codes. It takes the password and a code. Errors as of
// VerifyBoth, and ErrNoTOTP.
func (a *Access) RemoveTOTP(ctx context.Context, p Person, password, code string, from netip.Addr) error {
	if err := a.VerifyBoth(ctx, p, password, code, from); err != nil {
		return err
	}
	return a.changeFactors(p.ID, func(f *factors) error {
		if f.TOTP == nil {
			return ErrNoTOTP
		}
		f.TOTP, f.Pending, f.Codes = nil, nil, nil
		return nil
	})
}

// NewRecoveryCodes makes the recovery codes anew; the ones before open nothing any more. Errors as of RemoveTOTP.
func (a *Access) NewRecoveryCodes(ctx context.Context, p Person, password, code string, from netip.Addr) ([]string, error) {
	if err := a.VerifyBoth(ctx, p, password, code, from); err != nil {
		return nil, err
	}
	codes, hashes := newRecoveryCodes()
	err := a.changeFactors(p.ID, func(f *factors) error {
		if f.TOTP == nil {
			return ErrNoTOTP
		}
		f.Codes = hashes
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// RemoveFactors leaves somebody with the password alone: for who has lost what the rest was on. Errors: ErrNoPerson.
func (a *Access) RemoveFactors(user media.UUID) error {
	return a.changeFactors(user, func(f *factors) error {
		*f = factors{}
		return nil
	})
}

// second asks for the second factor of somebody whose password was right, if they have one, and says what it was.
func (a *Access) second(p Person, code string, from netip.Addr) (way Way, err error) {
	has, err := a.Factors(p.ID)
	if err != nil || !has.TOTP {
		return ByPassword, err
	}
	code = plainCode(code)
	if code == "" {
		return "", ErrCodeNeeded
	}
	if wait := a.attempts.beginCode(p.ID, from); wait > 0 {
		return "", &BusyError{RetryAfter: wait}
	}
	err = a.changeFactors(p.ID, func(f *factors) error {
		way = ByCode
		if f.TOTP == nil {
			return nil // removed meanwhile
		}
		if len(code) == totpDigits {
			return a.takeTOTP(p.ID, f.TOTP, code, time.Now())
		}
		way = ByRecovery
		return f.takeRecoveryCode(code)
	})
	if err != nil {
		return "", err
	}
	a.attempts.rightCode(p.ID, from)
	return way, nil
}

// takeTOTP takes a code that is right now, and none of its step or of one before it again. A last step that lies ahead is
// from a clock that was wrong.
func (a *Access) takeTOTP(user media.UUID, t *totpRecord, code string, now time.Time) error {
	if a.sealer == nil {
		return errNoSealer
	}
	secret, err := a.sealer.Open(totpPurpose, user, t.Sealed)
	if err != nil {
		return err
	}
	step, ok := matchTOTP(secret, plainCode(code), now)
	if !ok || step <= t.Last && t.Last <= totpStep(now)+totpSkew {
		return ErrWrongCode
	}
	t.Last = step
	return nil
}

func (f *factors) takeRecoveryCode(code string) error {
	sum := sha256.Sum256([]byte(code))
	for i, c := range f.Codes {
		if string(c) == string(sum[:]) { // of hashes: how far they agree says nothing about a code
			f.Codes = slices.Delete(f.Codes, i, i+1)
			return nil
		}
	}
	return ErrWrongCode
}

// newRecoveryCodes gives codes as they are shown, "abcd-efgh-ijkl-mnop", and their hashes.
func newRecoveryCodes() (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		raw := make([]byte, recoveryCodeSize)
		rand.Read(raw)
		text := strings.ToLower(base32.StdEncoding.EncodeToString(raw))
		sum := sha256.Sum256([]byte(text))
		hashes = append(hashes, sum[:])
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
	}
	return codes, hashes
}

// plainCode is a code as somebody typed it without what makes it readable.
func plainCode(code string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "\t", "", "\u00a0", "").Replace(code))
}
