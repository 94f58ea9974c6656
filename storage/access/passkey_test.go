package access_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
)

// authenticator is a phone with one passkey, which can also do what a phone must not.
type authenticator struct {
	key     *ecdsa.PrivateKey
	id      []byte
	handle  []byte
	count   uint32
	flags   byte // 1: somebody was there; 4: it was them
	host    string
	origin  string
	another bool // signs with another key
}

var b64 = base64.RawURLEncoding

func bstr(b []byte) []byte { return append([]byte{0x58, byte(len(b))}, b...) } // CBOR, up to 255 bytes

func (p *authenticator) data(attested []byte) []byte {
	sum := sha256.Sum256([]byte(p.host))
	p.count++
	flags := p.flags
	if attested != nil {
		flags |= 0x40
	}
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), p.count), attested...)
}

func (p *authenticator) client(kind, challenge string) []byte {
	raw, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	return raw
}

// challenge takes it out of what the box asks.
func challenge(t testing.TB, options any) (c string, handle []byte) {
	t.Helper()
	raw, err := json.Marshal(options)
	must(t, err)
	var o struct {
		Challenge        string
		UserVerification string
		User             struct{ ID string }
		Selection        struct{ UserVerification, ResidentKey string } `json:"authenticatorSelection"`
	}
	must(t, json.Unmarshal(raw, &o))
	if o.UserVerification != "required" && o.Selection.UserVerification != "required" {
		t.Errorf("it is not asked who it is: %s", raw)
	}
	handle, err = b64.DecodeString(o.User.ID)
	must(t, err)
	return o.Challenge, handle
}

func (p *authenticator) create(t testing.TB, options any) []byte {
	t.Helper()
	c, handle := challenge(t, options)
	p.handle = handle
	var err error
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p.id = []byte("credential " + rand.Text())
	point, err := p.key.PublicKey.Bytes()
	must(t, err)
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21}, bstr(point[1:33])...)
	cose = append(append(cose, 0x22), bstr(point[33:])...)
	attested := append(make([]byte, 16), byte(0), byte(len(p.id)))
	data := p.data(append(append(attested, p.id...), cose...))
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData"), bstr(data)...)
	return p.answer(map[string]any{
		"clientDataJSON": b64.EncodeToString(p.client("webauthn.create", c)), "attestationObject": b64.EncodeToString(object),
	})
}

func (p *authenticator) get(t testing.TB, options any) []byte {
	t.Helper()
	c, _ := challenge(t, options)
	data, client := p.data(nil), p.client("webauthn.get", c)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	key := p.key
	if p.another {
		key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	must(t, err)
	return p.answer(map[string]any{
		"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(p.handle),
	})
}

func (p *authenticator) answer(response map[string]any) []byte {
	id := b64.EncodeToString(p.id)
	raw, _ := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	return raw
}

var (
	door     = access.Site{Host: "hearth.local", Origin: "https://hearth.local:8443"}
	sideDoor = access.Site{Host: "localhost", Origin: "https://localhost:8443"}
)

func phone() *authenticator {
	return &authenticator{flags: 5, host: door.Host, origin: door.Origin}
}

func enrolPasskey(t testing.TB, a *access.Access, p access.Person, k *authenticator) access.Passkey {
	t.Helper()
	ticket, options, err := a.BeginPasskey(context.Background(), p, accesstest.Password, "", home, door)
	must(t, err)
	kept, err := a.AddPasskey(p, ticket, " Phone ", k.create(t, options), door)
	must(t, err)
	return kept
}

func TestPasskey(t *testing.T) { synctest.Test(t, testPasskey) }

func testPasskey(t *testing.T) {
	a, _ := sealed(t)
	ada := accesstest.Person(t, a, "Ada", access.Owner)
	bo := accesstest.Person(t, a, "Bo", access.Adult)
	if _, _, err := a.BeginPasskey(context.Background(), ada, "wrong", "", home, door); !errors.Is(err, access.ErrWrongLogin) {
		t.Errorf("begun without the password: %v", err)
	}
	k := phone()
	kept := enrolPasskey(t, a, ada, k)
	if f, err := a.Factors(ada.ID); err != nil || len(f.Passkeys) != 1 || f.Passkeys[0] != kept || kept.Name != "Phone" {
		t.Errorf("%+v, %v", f, err)
	}
	login := func(at access.Site, answer func(options any) []byte) (string, access.Session, error) {
		time.Sleep(time.Minute) // longer than there is to wait after a wrong one
		ticket, options, err := a.BeginLogin(at)
		must(t, err)
		return a.LoginByPasskey(ticket, answer(options), at, home, "test", media.UUID{})
	}
	get := func(options any) []byte { return k.get(t, options) }
	token, s, err := login(door, get)
	if err != nil || s.Person != ada || s.Way != access.ByPasskey {
		t.Fatalf("%+v, %v", s, err)
	}
	if got, err := a.Session(token, home); err != nil || got.ID != s.ID {
		t.Errorf("%v", err)
	}
	if f, _ := a.Factors(ada.ID); f.Passkeys[0].Used.IsZero() {
		t.Error("it was not used")
	}

	// What must not open.
	change := func(f func(*authenticator)) func(any) []byte {
		return func(options any) []byte {
			other := *k
			other.count += 10
			f(&other)
			return other.get(t, options)
		}
	}
	for name, c := range map[string]struct {
		at     access.Site
		answer func(any) []byte
	}{
		"nobody was asked":      {door, change(func(k *authenticator) { k.flags = 1 })},
		"another key":           {door, change(func(k *authenticator) { k.another = true })},
		"another site's page":   {door, change(func(k *authenticator) { k.origin = "https://evil.example" })},
		"another port":          {door, change(func(k *authenticator) { k.origin = "https://hearth.local:9443" })},
		"for another name":      {door, change(func(k *authenticator) { k.host = "evil.example" })},
		"under another name":    {sideDoor, change(func(k *authenticator) { k.host, k.origin = sideDoor.Host, sideDoor.Origin })},
		"another's handle":      {door, change(func(k *authenticator) { k.handle = bo.ID[:] })},
		"nobody's handle":       {door, change(func(k *authenticator) { id := media.NewUUID(); k.handle = id[:] })},
		"no handle":             {door, change(func(k *authenticator) { k.handle = nil })},
		"an unknown credential": {door, change(func(k *authenticator) { k.id = []byte("another") })},
		"a copy of it":          {door, change(func(k *authenticator) { k.count = 0 })},
		"no answer":             {door, func(any) []byte { return []byte("{}") }},
		"no JSON":               {door, func(any) []byte { return nil }},
	} {
		if _, _, err := login(c.at, c.answer); !errors.Is(err, access.ErrWrongPasskey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, func() error { _, _, err := login(door, get); return err }())

	// A ticket opens once, for what it was made.
	ticket, options, err := a.BeginLogin(door)
	must(t, err)
	answer := k.get(t, options)
	_, _, err = a.LoginByPasskey(ticket, answer, door, home, "", media.UUID{})
	must(t, err)
	for name, text := range map[string]string{"used": ticket, "none": "", "changed": ticket[:len(ticket)-2] + "AA"} {
		if _, _, err := a.LoginByPasskey(text, answer, door, home, "", media.UUID{}); !errors.Is(err, access.ErrWrongPasskey) {
			t.Errorf("%s ticket: %v", name, err)
		}
	}
	ticket, options, err = a.BeginPasskey(context.Background(), ada, accesstest.Password, "", home, door)
	must(t, err)
	if _, err := a.AddPasskey(bo, ticket, "Bo's", phone().create(t, options), door); !errors.Is(err, access.ErrWrongPasskey) {
		t.Errorf("begun by Ada, ended by Bo: %v", err)
	}
	weak := phone()
	weak.flags = 1
	if _, err := a.AddPasskey(ada, ticket, "Weak", weak.create(t, options), door); !errors.Is(err, access.ErrWrongPasskey) {
		t.Errorf("a key that asks nobody: %v", err)
	}

	// Names and the end of one; and of a person.
	if _, err := a.RenamePasskey(bo, kept.ID, "Mine"); !errors.Is(err, access.ErrNoPasskey) {
		t.Errorf("another's: %v", err)
	}
	if _, err := a.RemovePasskey(bo, kept.ID); !errors.Is(err, access.ErrNoPasskey) {
		t.Errorf("another's: %v", err)
	}
	if got, err := a.RenamePasskey(ada, kept.ID, "Old phone"); err != nil || got.Name != "Old phone" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = a.RemovePasskey(ada, kept.ID)
	must(t, err)
	if _, _, err := login(door, get); !errors.Is(err, access.ErrWrongPasskey) {
		t.Errorf("removed: %v", err)
	}
	k = phone()
	enrolPasskey(t, a, bo, k)
	must(t, a.RemoveFactors(bo.ID))
	if _, _, err := login(door, get); !errors.Is(err, access.ErrWrongPasskey) {
		t.Errorf("taken away by an owner: %v", err)
	}
}

// A passkey is added with the second factor too, opens without it, and the ticket to do so is over after five minutes.
func TestPasskeyBesideTOTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := sealed(t)
		ada := accesstest.Person(t, a, "Ada", access.Owner)
		secret, _ := enrol(t, a, ada)
		if _, _, err := a.BeginPasskey(context.Background(), ada, accesstest.Password, "", home, door); !errors.Is(err, access.ErrCodeNeeded) {
			t.Errorf("without a code: %v", err)
		}
		k := phone()
		ticket, options, err := a.BeginPasskey(context.Background(), ada, accesstest.Password, accesstest.Code(secret, time.Now()), home, door)
		must(t, err)
		_, err = a.AddPasskey(ada, ticket, "Phone", k.create(t, options), door)
		must(t, err)
		for _, c := range []struct {
			after time.Duration
			want  error
		}{{4 * time.Minute, nil}, {5 * time.Minute, access.ErrWrongPasskey}} {
			ticket, options, err := a.BeginLogin(door)
			must(t, err)
			time.Sleep(c.after)
			if _, _, err := a.LoginByPasskey(ticket, k.get(t, options), door, home, "", media.UUID{}); !errors.Is(err, c.want) {
				t.Errorf("after %v: %v", c.after, err)
			}
		}
	})
}
