package signet_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hearth/storage/box"
	"hearth/storage/keyring"
	"hearth/storage/signet"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the signet of the box in a folder.
func open(t testing.TB, dir string) (*signet.Signet, error) {
	t.Helper()
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	defer func() { must(t, b.Close()) }()
	k, err := keyring.Open(dir, b)
	must(t, err)
	return signet.Open(b, k)
}

func made(t testing.TB) *signet.Signet {
	t.Helper()
	s, err := open(t, t.TempDir())
	must(t, err)
	return s
}

func TestKeyIsMadeOnceAndSealed(t *testing.T) {
	dir := t.TempDir()
	one, err := open(t, dir)
	must(t, err)
	two, err := open(t, dir)
	must(t, err)
	if !one.Public().Equal(two.Public()) || one.Fingerprint() != two.Fingerprint() {
		t.Error("two keys")
	}
	if other := made(t); other.Fingerprint() == one.Fingerprint() {
		t.Error("two boxes have the same key")
	}
	// Under another box's key it does not open, and no new one is made in its place.
	raw := make([]byte, 32)
	rand.Read(raw)
	b, err := box.Open(filepath.Join(dir, "hearth.db"))
	must(t, err)
	must(t, b.RemoveSetting("box-key-id"))
	must(t, os.Remove(filepath.Join(dir, "box.key")))
	defer func() { must(t, b.Close()) }()
	k, err := keyring.Open(dir, b)
	must(t, err)
	if _, err := signet.Open(b, k); !errors.Is(err, keyring.ErrSealed) {
		t.Errorf("under another key: %v", err)
	}
}

func TestSignatures(t *testing.T) {
	s, other := made(t), made(t)
	sig := s.Sign("hearth test 1", []byte("message"))
	must(t, signet.Verify(s.Public(), "hearth test 1", []byte("message"), sig))
	for name, err := range map[string]error{
		"other key":     signet.Verify(other.Public(), "hearth test 1", []byte("message"), sig),
		"other purpose": signet.Verify(s.Public(), "hearth test 2", []byte("message"), sig),
		"other message": signet.Verify(s.Public(), "hearth test 1", []byte("massage"), sig),
		"no key":        signet.Verify(nil, "hearth test 1", []byte("message"), sig),
		"no signature":  signet.Verify(s.Public(), "hearth test 1", []byte("message"), nil),
	} {
		if !errors.Is(err, signet.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFingerprints(t *testing.T) {
	s := made(t)
	f := s.Fingerprint()
	if len(f) != 39 || strings.Count(f, "-") != 7 {
		t.Errorf("%q", f)
	}
	for _, typed := range []string{f, strings.ToUpper(f), strings.ReplaceAll(f, "-", ""), " " + strings.ReplaceAll(f, "-", " ") + "\n"} {
		if !signet.SameFingerprint(s.Public(), typed) {
			t.Errorf("%q is not the same", typed)
		}
	}
	for _, typed := range []string{"", f[:38], f[:4], f + "0", made(t).Fingerprint()} {
		if signet.SameFingerprint(s.Public(), typed) {
			t.Errorf("%q is the same", typed)
		}
	}
	public, err := signet.ParseSPKI(signet.SPKI(s.Public()))
	if err != nil || !public.Equal(s.Public()) {
		t.Errorf("%v", err)
	}
	if _, err := signet.ParseSPKI(append(signet.SPKI(s.Public()), 0)); err == nil {
		t.Error("a key with something behind it")
	}
}

// OpenSSL reads the key, checks the signature and finds the same fingerprint.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	s, dir := made(t), t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: signet.SPKI(s.Public())}), 0o600))
	must(t, os.WriteFile(at("message"), []byte("message"), 0o600))
	must(t, os.WriteFile(at("sig"), s.Sign("hearth test 1", []byte("message")), 0o600))
	script := `set -e; cd "$1"
(echo "hearth test 1"; "$0" dgst -sha256 -binary message) > signed
"$0" pkeyutl -verify -pubin -inkey key.pem -rawin -in signed -sigfile sig >&2
"$0" pkey -pubin -in key.pem -outform DER | "$0" dgst -sha256 -r | cut -c1-32`
	run := func() (string, error) {
		out, err := exec.Command("bash", "-c", script, openssl, dir).Output()
		return strings.TrimSpace(string(out)), err
	}
	if got, err := run(); err != nil || got != strings.ReplaceAll(s.Fingerprint(), "-", "") {
		t.Errorf("%v: fingerprint %q, want %q", err, got, s.Fingerprint())
	}
	must(t, os.WriteFile(at("sig"), make([]byte, ed25519.SignatureSize), 0o600))
	if _, err := run(); err == nil {
		t.Error("openssl takes any signature")
	}
}
