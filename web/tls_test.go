package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func mustRequest(t *testing.T, method, path, cookies string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Host = "hearth.local"
	r.Header.Set("Cookie", cookies)
	return r
}

func TestAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	a, err := openAuthority(dir, time.Time{})
	must(t, err)
	leaf := a.leaf.Leaf
	pool := x509.NewCertPool()
	pool.AddCert(a.ca)
	for _, name := range []string{"localhost", "hearth.local", "127.0.0.1", "::1"} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore); life > 397*24*time.Hour {
		t.Errorf("the leaf lives %v", life)
	}
	for _, f := range []string{"ca.pem", "leaf.pem"} {
		info, err := os.Stat(filepath.Join(dir, f))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info.Mode(), err)
		}
	}
	again, err := openAuthority(dir, time.Time{})
	must(t, err)
	if !again.ca.Equal(a.ca) || !again.leaf.Leaf.Equal(leaf) {
		t.Error("made again though it was there")
	}
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("junk"), 0o600))
	if _, err := openAuthority(dir, time.Time{}); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a damaged authority: %v", err)
	}
}

// Whoever steals the authority's key cannot use it for a bank.
func TestAuthorityIsConstrained(t *testing.T) {
	a, err := openAuthority(t.TempDir(), time.Time{})
	must(t, err)
	trusted, err := x509.ParseCertificate(a.ca.Raw)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	a.ca.PermittedDNSDomains = append(a.ca.PermittedDNSDomains, "bank.example") // only for what it is asked to sign
	a.ca.PermittedIPRanges = append(a.ca.PermittedIPRanges, &net.IPNet{IP: net.IPv4(203, 0, 113, 0), Mask: net.CIDRMask(24, 32)})
	for _, name := range []string{"www.bank.example", "203.0.113.5"} {
		a.names = func() []string { return []string{"hearth.local", name} }
		must(t, a.refresh())
		if _, err := a.leaf.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err == nil {
			t.Errorf("a certificate for %s is taken", name)
		}
	}
	if !a.ca.PermittedDNSDomainsCritical {
		t.Error("the constraints are not critical")
	}
}

func TestLeafIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := openAuthority(t.TempDir(), time.Time{})
		must(t, err)
		first := a.leaf.Leaf
		names := localNames()
		time.Sleep(300 * 24 * time.Hour)
		must(t, a.refresh())
		if !a.leaf.Leaf.Equal(first) {
			t.Error("renewed too early")
		}
		time.Sleep(70 * 24 * time.Hour)
		must(t, a.refresh())
		if a.leaf.Leaf.Equal(first) || time.Until(a.leaf.Leaf.NotAfter) < 300*24*time.Hour {
			t.Error("not renewed")
		}
		second := a.leaf.Leaf
		a.names = func() []string { return append(slices.Clone(names), "192.168.77.5", "8.8.8.8", "other.example") }
		must(t, a.refresh())
		if a.leaf.Leaf.Equal(second) || a.leaf.Leaf.VerifyHostname("192.168.77.5") != nil || a.leaf.Leaf.VerifyHostname("8.8.8.8") == nil {
			t.Errorf("for new addresses: %v", a.leaf.Leaf.IPAddresses)
		}
	})
}

func TestPlainHTTPLeadsToHTTPS(t *testing.T) {
	h := build(t, nil)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	base := "http://" + h.srv.AddrHTTP().String()
	for path, want := range map[string]int{"/": 307, "/events?x=1": 307, "/api/v1/session": 307, "/healthz": 200} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
		must(t, err)
		resp, err := client.Do(r)
		must(t, err)
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, raw)
		}
		if want == 307 && resp.Header.Get("Location") != h.srv.URL()+path {
			t.Errorf("%s leads to %s", path, resp.Header.Get("Location"))
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/session",
		strings.NewReader(`{"name":"Ada","password":"`+password+`"}`))
	must(t, err)
	resp, err := client.Do(r)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != 403 || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("a password in the clear: %d", resp.StatusCode)
	}
}

// Time goes by and the box moves to another network, while it runs: clients that trust only the authority go on
// coming in, without a start of the box in between.
func TestLeafIsRenewedWhileServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := openAuthority(t.TempDir(), time.Time{})
		must(t, err)
		s := &Server{authority: a, looks: newLooks(nil, slog.Default()), Log: slog.Default()}
		pool := x509.NewCertPool()
		pool.AddCert(a.ca)
		visit := func(name string) (*x509.Certificate, error) {
			here, there := net.Pipe()
			go func() {
				server := tls.Server(there, s.tlsConfig())
				_ = server.Handshake() // the client says what went wrong
				there.Close()
			}()
			defer here.Close()
			client := tls.Client(here, &tls.Config{RootCAs: pool, ServerName: name})
			if err := client.Handshake(); err != nil {
				return nil, err
			}
			return client.ConnectionState().PeerCertificates[0], nil
		}
		first, err := visit("hearth.local")
		must(t, err)
		if _, err := visit("192.168.77.5"); err == nil {
			t.Error("taken for an address that the box does not have")
		}
		time.Sleep(leafLife - 10*24*time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		var tending sync.WaitGroup
		tending.Go(func() { s.tend(ctx) })
		time.Sleep(time.Minute)
		stop()
		tending.Wait()
		time.Sleep(11 * 24 * time.Hour)
		second, err := visit("hearth.local")
		must(t, err)
		if second.Equal(first) {
			t.Error("served beyond its end")
		}

		ctx, stop = context.WithCancel(t.Context())
		a.mu.Lock()
		a.names = func() []string { return localNames("192.168.77.5") }
		a.mu.Unlock()
		tending.Go(func() { s.tend(ctx) })
		time.Sleep(time.Minute)
		_, err = visit("192.168.77.5")
		must(t, err)
		stop()
		tending.Wait()
	})
}

// A box without a clock battery starts in 1970, one with a wrong clock in the future: neither makes certificates that
// phones refuse once the time is known.
func TestAuthorityOfABoxThatDoesNotKnowTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it is 2000
		built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		a, err := openAuthority(t.TempDir(), built)
		must(t, err)
		if a.ca.NotAfter.Year() < 2046 || a.leaf.Leaf.NotAfter.Before(built.Add(300*24*time.Hour)) {
			t.Errorf("until %v and %v", a.ca.NotAfter, a.leaf.Leaf.NotAfter)
		}
		dir := t.TempDir()
		ahead, err := openAuthority(dir, built.AddDate(5, 0, 0))
		must(t, err)
		back, err := openAuthority(dir, built)
		must(t, err)
		if back.leaf.Leaf.Equal(ahead.leaf.Leaf) || back.leaf.Leaf.NotBefore.After(built) {
			t.Error("a leaf that begins years from now is served on")
		}
		if ahead.ca.NotBefore.After(built) {
			t.Errorf("the authority begins in %v", ahead.ca.NotBefore)
		}
	})
}

// The same as other libraries see it.
func TestAuthorityWithOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl here")
	}
	dir := t.TempDir()
	a, err := openAuthority(dir, time.Time{}, "cameras.example.org")
	must(t, err)
	verify := func(more ...string) (string, error) {
		ca := filepath.Join(dir, "trusted.pem")
		must(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.ca.Raw}), 0o600))
		leaf := filepath.Join(dir, "served.pem")
		must(t, os.WriteFile(leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.leaf.Certificate[0]}), 0o600))
		args := append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-CAfile", ca}, more...)
		out, err := exec.CommandContext(t.Context(), openssl, append(args, leaf)...).CombinedOutput()
		return string(out), err
	}
	for _, name := range []string{"hearth.local", "localhost", "cameras.example.org"} {
		if out, err := verify("-verify_hostname", name); err != nil {
			t.Errorf("%s: %s", name, out)
		}
	}
	if out, err := verify("-verify_ip", "127.0.0.1"); err != nil {
		t.Errorf("127.0.0.1: %s", out)
	}
	if out, err := verify("-verify_hostname", "www.bank.example"); err == nil {
		t.Errorf("a name that is not there: %s", out)
	}
	text, err := exec.CommandContext(t.Context(), openssl, "x509", "-in", filepath.Join(dir, "trusted.pem"), "-noout", "-text").Output()
	must(t, err)
	for _, want := range []string{"X509v3 Name Constraints: critical", "X509v3 Basic Constraints: critical", "CA:TRUE, pathlen:0"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	// With the authority's key in foreign hands.
	a.ca.PermittedDNSDomains = append(a.ca.PermittedDNSDomains, "bank.example")
	for _, name := range []string{"www.bank.example", "8.8.8.8"} {
		a.ca.PermittedIPRanges = append(a.ca.PermittedIPRanges, &net.IPNet{IP: net.IPv4(8, 8, 8, 8).To4(), Mask: net.CIDRMask(32, 32)})
		a.names = func() []string { return []string{"hearth.local", name} }
		must(t, a.refresh())
		if out, err := verify(); err == nil || !strings.Contains(out, "permitted subtree violation") {
			t.Errorf("for %s: %v %s", name, err, out)
		}
	}
}
