package web

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func mustRequest(t *testing.T, method, path, cookies string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Cookie", cookies)
	return r
}

func TestAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	a, err := openAuthority(dir)
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
	again, err := openAuthority(dir)
	must(t, err)
	if !again.ca.Equal(a.ca) || !again.leaf.Leaf.Equal(leaf) {
		t.Error("made again though it was there")
	}
	must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("junk"), 0o600))
	if _, err := openAuthority(dir); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a damaged authority: %v", err)
	}
}

// Whoever steals the authority's key cannot use it for a bank.
func TestAuthorityIsConstrained(t *testing.T) {
	a, err := openAuthority(t.TempDir())
	must(t, err)
	trusted, err := x509.ParseCertificate(a.ca.Raw)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	a.ca.PermittedDNSDomains = append(a.ca.PermittedDNSDomains, "bank.example") // only for what it is asked to sign
	a.ca.PermittedIPRanges = append(a.ca.PermittedIPRanges, &net.IPNet{IP: net.IPv4(203, 0, 113, 0), Mask: net.CIDRMask(24, 32)})
	for _, name := range []string{"www.bank.example", "203.0.113.5"} {
		must(t, a.refresh([]string{"hearth.local", name}))
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
		a, err := openAuthority(t.TempDir())
		must(t, err)
		first := a.leaf.Leaf
		names := localNames()
		time.Sleep(300 * 24 * time.Hour)
		must(t, a.refresh(names))
		if !a.leaf.Leaf.Equal(first) {
			t.Error("renewed too early")
		}
		time.Sleep(70 * 24 * time.Hour)
		must(t, a.refresh(names))
		if a.leaf.Leaf.Equal(first) || time.Until(a.leaf.Leaf.NotAfter) < 300*24*time.Hour {
			t.Error("not renewed")
		}
		second := a.leaf.Leaf
		must(t, a.refresh(append(slices.Clone(names), "192.168.77.5", "8.8.8.8", "other.example")))
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
