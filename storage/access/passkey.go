package access

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/box"
)

var (
	// ErrNoPasskey says that somebody has no such passkey.
	ErrNoPasskey = errors.New("there is no such passkey")
	// ErrWrongPasskey says that a passkey was not shown as it has to be: unknown, too late, without its holder's consent,
	// for another address, or signed by another key.
	ErrWrongPasskey = errors.New("this passkey does not open")
)

const (
	maxPasskeys    = 20 // of one person
	maxPasskeyName = 64 // characters

	forNewPasskey = "new passkey"
	forLogin      = "login by passkey"
)

// Passkey is a key pair (Web Authentication) whose private half is with its holder and logs them in without a password,
// under the one name of the box that it was made for.
type Passkey struct {
	ID      media.UUID `json:"id"`
	Name    string     `json:"name"`
	Host    string     `json:"host"`
	Created time.Time  `json:"created"`
	Used    time.Time  `json:"used,omitzero"`
}

type passkeyRecord struct {
	Passkey
	Credential []byte   `json:"credential"` // the authenticator's name for it
	PublicKey  []byte   `json:"public_key"` // COSE
	Transports []string `json:"transports,omitempty"`
	Signs      uint32   `json:"signs,omitempty"` // the authenticator's counter, of those that have one
	Synced     bool     `json:"synced,omitempty"`
}

// Site is the address under which a browser sees the box.
type Site struct {
	Host   string // the name alone
	Origin string // https://name:port
}

func (s Site) relyingParty() (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{RPID: s.Host, RPDisplayName: "Hearth", RPOrigins: []string{s.Origin}})
}

// keyHolder is a person as package webauthn asks for one.
type keyHolder struct {
	Person
	passkeys []passkeyRecord
}

// WebAuthnID is what an authenticator keeps beside the key, and says at the login.
func (h keyHolder) WebAuthnID() []byte { return h.ID[:] }

// WebAuthnName is what a browser shows when it asks which passkey.
func (h keyHolder) WebAuthnName() string { return h.Name }

// WebAuthnDisplayName is the same.
func (h keyHolder) WebAuthnDisplayName() string { return h.Name }

// WebAuthnCredentials are the keys of the site.
func (h keyHolder) WebAuthnCredentials() (list []webauthn.Credential) {
	for _, k := range h.passkeys {
		c := webauthn.Credential{
			ID: k.Credential, PublicKey: k.PublicKey,
			Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: k.Synced},
			Authenticator: webauthn.Authenticator{SignCount: k.Signs},
		}
		for _, t := range k.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		list = append(list, c)
	}
	return list
}

// newPasskey is what a ticket for one remembers.
type newPasskey struct {
	User    media.UUID           `json:"user"`
	Session webauthn.SessionData `json:"session"`
}

// BeginPasskey asks a browser to make a passkey, once password and code were right: a passkey opens without either. options are for
// navigator.credentials.create (as JSON); ticket goes to AddPasskey. Errors as of VerifyBoth, and *BadInput when there
// are too many.
func (a *Access) BeginPasskey(ctx context.Context, p Person, password, code string, from netip.Addr, at Site) (
	ticket string, options any, err error,
) {
	if err := a.VerifyBoth(ctx, p, password, code, from); err != nil {
		return "", nil, err
	}
	h, err := a.keyHolder(p.ID, at)
	if err != nil {
		return "", nil, err
	}
	site, err := at.relyingParty()
	if err != nil {
		return "", nil, err
	}
	var have []protocol.CredentialDescriptor
	for _, c := range h.WebAuthnCredentials() {
		have = append(have, c.Descriptor())
	}
	creation, session, err := site.BeginRegistration(h, webauthn.WithExclusions(have),
		webauthn.WithConveyancePreference(protocol.PreferNoAttestation),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		}))
	if err != nil {
		return "", nil, fmt.Errorf("begin a passkey: %w", err)
	}
	ticket, err = a.tickets.issue(forNewPasskey, newPasskey{p.ID, *session})
	return ticket, creation.Response, err
}

// AddPasskey keeps a passkey that a browser has made (its answer as JSON). Errors: ErrWrongPasskey, *BadInput.
func (a *Access) AddPasskey(p Person, ticket, name string, answer []byte, at Site) (Passkey, error) {
	name, err := passkeyName(name)
	if err != nil {
		return Passkey{}, err
	}
	var begun newPasskey
	if !a.tickets.read(forNewPasskey, ticket, &begun) || begun.User != p.ID {
		return Passkey{}, ErrWrongPasskey
	}
	site, err := at.relyingParty()
	if err != nil {
		return Passkey{}, err
	}
	h, err := a.keyHolder(p.ID, at)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, ErrWrongPasskey
	}
	c, err := site.CreateCredential(h, begun.Session, parsed)
	if err != nil || !c.Flags.UserVerified {
		return Passkey{}, ErrWrongPasskey
	}
	if !a.tickets.use(ticket) {
		return Passkey{}, ErrWrongPasskey
	}
	k := passkeyRecord{
		Passkey:    Passkey{ID: media.NewUUID(), Name: name, Host: at.Host, Created: time.Now().UTC()},
		Credential: c.ID, PublicKey: c.PublicKey, Signs: c.Authenticator.SignCount, Synced: c.Flags.BackupEligible,
	}
	for _, t := range c.Transport {
		k.Transports = append(k.Transports, string(t))
	}
	err = a.changeFactors(p.ID, func(f *factors) error {
		if len(f.Passkeys) >= maxPasskeys {
			return &BadInput{"name", fmt.Sprintf("there are %d passkeys already: remove one first", maxPasskeys)}
		}
		if slices.ContainsFunc(f.Passkeys, func(o passkeyRecord) bool { return bytes.Equal(o.Credential, k.Credential) }) {
			return ErrWrongPasskey
		}
		f.Passkeys = append(f.Passkeys, k)
		return nil
	})
	return k.Passkey, err
}

// RenamePasskey gives one of a person's passkeys another name. Errors: ErrNoPasskey, *BadInput.
func (a *Access) RenamePasskey(p Person, id media.UUID, name string) (k Passkey, err error) {
	if name, err = passkeyName(name); err != nil {
		return Passkey{}, err
	}
	err = a.changeFactors(p.ID, func(f *factors) error {
		for i := range f.Passkeys {
			if f.Passkeys[i].ID == id {
				f.Passkeys[i].Name = name
				k = f.Passkeys[i].Passkey
				return nil
			}
		}
		return ErrNoPasskey
	})
	return k, err
}

// RemovePasskey makes one of a person's passkeys open nothing any more. Error: ErrNoPasskey.
func (a *Access) RemovePasskey(p Person, id media.UUID) (k Passkey, err error) {
	err = a.changeFactors(p.ID, func(f *factors) error {
		for i := range f.Passkeys {
			if f.Passkeys[i].ID == id {
				k = f.Passkeys[i].Passkey
				f.Passkeys = slices.Delete(f.Passkeys, i, i+1)
				return nil
			}
		}
		return ErrNoPasskey
	})
	return k, err
}

// BeginLogin asks a browser for any passkey of the site. It tells nothing of who has one. options are for
// navigator.credentials.get (as JSON); ticket goes to LoginByPasskey.
func (a *Access) BeginLogin(at Site) (ticket string, options any, err error) {
	site, err := at.relyingParty()
	if err != nil {
		return "", nil, err
	}
	assertion, session, err := site.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return "", nil, fmt.Errorf("begin a login: %w", err)
	}
	ticket, err = a.tickets.issue(forLogin, session)
	return ticket, assertion.Response, err
}

// LoginByPasskey opens a session for whose passkey a browser shows (its answer as JSON). Its holder was asked by their
// device for a finger, a face or a PIN, so no second factor is asked for. Errors: ErrWrongPasskey, *BusyError.
func (a *Access) LoginByPasskey(ticket string, answer []byte, at Site, from netip.Addr, device string, via media.UUID) (
	token string, s Session, err error,
) {
	if wait := a.attempts.begin(forLogin, from); wait > 0 {
		return "", Session{}, &BusyError{RetryAfter: wait}
	}
	var begun webauthn.SessionData
	if !a.tickets.read(forLogin, ticket, &begun) {
		return "", Session{}, ErrWrongPasskey
	}
	begun.UserVerification = protocol.VerificationRequired
	site, err := at.relyingParty()
	if err != nil {
		return "", Session{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return "", Session{}, ErrWrongPasskey
	}
	var who keyHolder
	var failed error
	c, err := site.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
		var id media.UUID
		if len(handle) != len(id) {
			return nil, ErrNoPerson
		}
		copy(id[:], handle)
		who, failed = a.keyHolder(id, at)
		return who, failed
	}, begun, parsed)
	switch {
	case failed != nil && !errors.Is(failed, ErrNoPerson):
		return "", Session{}, failed
	case err != nil, c.Authenticator.CloneWarning, !a.tickets.use(ticket):
		return "", Session{}, ErrWrongPasskey
	}
	err = a.changeFactors(who.ID, func(f *factors) error {
		for i := range f.Passkeys {
			if k := &f.Passkeys[i]; bytes.Equal(k.Credential, c.ID) && k.Host == at.Host {
				k.Signs, k.Used = c.Authenticator.SignCount, time.Now().UTC()
				return nil
			}
		}
		return ErrWrongPasskey // removed meanwhile
	})
	if err != nil {
		return "", Session{}, err
	}
	a.attempts.succeeded(forLogin, from)
	token, s, err = a.newSession(who.Person, from, device, ByPasskey, via)
	if errors.Is(err, ErrWrongLogin) { // it is not their device
		err = ErrWrongPasskey
	}
	return token, s, err
}

// keyHolder reads a person with the passkeys of a site.
func (a *Access) keyHolder(user media.UUID, at Site) (h keyHolder, err error) {
	err = a.box.View(func(tx *bbolt.Tx) error {
		var p person
		if err := readPerson(tx, user, &p); err != nil {
			return err
		}
		var f factors
		if _, err := box.Get(tx, box.FactorsBucket, user[:], &f); err != nil {
			return err
		}
		h.Person = p.Person
		for _, k := range f.Passkeys {
			if k.Host == at.Host {
				h.passkeys = append(h.passkeys, k)
			}
		}
		return nil
	})
	return h, err
}

func passkeyName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if n := utf8.RuneCountInString(name); n == 0 || n > maxPasskeyName {
		return "", &BadInput{"name", fmt.Sprintf("must have 1 to %d characters", maxPasskeyName)}
	}
	return checkName(name)
}

// AnswerOf is what a browser answered, as the functions above take it.
func AnswerOf(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // then it is no answer
	}
	return raw
}
