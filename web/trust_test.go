package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"encoding/xml"
	"net/http"
	"strings"
	"testing"
)

// plain is a browser on the side of plain HTTP; it follows nothing.
func (h *house) plain() *client {
	c := h.client()
	c.base = "http://" + h.srv.AddrHTTP().String()
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c
}

// Whoever knows nothing yet gets the certificate, in each form, on both sides; and with it alone comes in.
func TestTrust(t *testing.T) {
	h := build(t, nil)
	for side, c := range map[string]*client{"HTTPS": h.client(), "HTTP": h.plain()} {
		get := func(path, kind string) []byte {
			resp, raw := c.send("GET", "root:"+path, nil)
			if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s %s: %d %v", side, path, resp.StatusCode, resp.Header)
			}
			head, none := c.send("HEAD", "root:"+path, nil)
			if head.StatusCode != 200 || head.Header.Get("Content-Type") != kind || len(none) > 0 {
				t.Errorf("%s HEAD %s: %d %v", side, path, head.StatusCode, head.Header)
			}
			return raw
		}
		der := get("/trust/hearth.crt", "application/x-x509-ca-cert")
		ca, err := x509.ParseCertificate(der)
		must(t, err)
		block, _ := pem.Decode(get("/trust/hearth.pem", "application/x-pem-file"))
		if block == nil || !bytes.Equal(block.Bytes, der) {
			t.Errorf("%s: the two forms differ", side)
		}
		if got := inProfile(t, get("/trust/hearth.mobileconfig", "application/x-apple-aspen-config")); !bytes.Equal(got, der) {
			t.Errorf("%s: the profile has another certificate", side)
		}
		get("/trust/trust.css", "text/css; charset=utf-8")

		page := string(get("/trust", "text/html; charset=utf-8"))
		sum := sha256.Sum256(der)
		shown := strings.NewReplacer(":", "", "<span>", "", "</span>", "", " ", "", "\n", "").Replace(page)
		if !strings.Contains(shown, strings.ToUpper(hex.EncodeToString(sum[:]))) {
			t.Errorf("%s: the fingerprint is not on the page", side)
		}
		for _, want := range []string{`href="` + h.srv.URL() + `/"`, "*.local", "192.168.0.0/16", "Certificate Trust Settings", "update-ca-certificates"} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q on the page", side, want)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "style=") {
			t.Errorf("%s: a script or a style that the policy forbids", side)
		}
		if resp, _ := c.send("GET", "root:/trust/leaf.pem", nil); resp.StatusCode != 404 && side == "HTTP" {
			t.Errorf("%s: what is not there: %d", side, resp.StatusCode)
		}

		pool := x509.NewCertPool()
		pool.AddCert(ca)
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: pool}}).DialContext(t.Context(), "tcp", h.srv.Addr().String())
		must(t, err)
		must(t, conn.Close())
	}
}

// inProfile reads a profile as a device does, and gives the certificate in it.
func inProfile(t *testing.T, raw []byte) []byte {
	t.Helper()
	var plist struct {
		Strings []string `xml:"dict>string"`
		Inner   struct {
			Strings []string `xml:"string"`
			Data    string   `xml:"data"`
		} `xml:"dict>array>dict"`
	}
	must(t, xml.Unmarshal(raw, &plist))
	if len(plist.Strings) == 0 || plist.Strings[0] != "Configuration" || plist.Inner.Strings[0] != "com.apple.security.root" {
		t.Errorf("%+v", plist)
	}
	der, err := base64.StdEncoding.DecodeString(plist.Inner.Data)
	must(t, err)
	return der
}

func TestTrustKnowsTheDevice(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1":   "ios",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 FxiOS/140.0 Mobile/15E148 Safari/605.1.15": "ios",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36":                           "android",
		"Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0":                                                  "firefox",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15":                     "macos",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36":                           "windows",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36":                                     "linux",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                "firefox",
		"curl/8.14.1": "",
	} {
		got := platformsFor(agent)
		if len(got) != 6 || want != "" && (got[0].ID != want || !got[0].Here) || want == "" && (got[0].ID != "ios" || got[0].Here) {
			t.Errorf("%s: %+v", agent, got)
		}
	}
}

// Nothing but the way to HTTPS, what it takes to trust it, and a word that the box is there.
func TestPlainHTTPTellsNothing(t *testing.T) {
	h := build(t, nil)
	c := h.plain()
	for _, path := range []string{"/", "/events?x=1", "/api/v1/session", "/api/v1/openapi.json", "/metrics", "//elsewhere.example/x", "/%2e%2e/trust"} {
		for _, method := range []string{"GET", "HEAD"} {
			resp, raw := c.send(method, "root:"+path, nil)
			if resp.StatusCode != 307 || resp.Header.Get("Location") != h.srv.URL()+path || len(raw) > 0 {
				t.Errorf("%s %s: %d to %q, %q", method, path, resp.StatusCode, resp.Header.Get("Location"), raw)
			}
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
		for _, path := range []string{"/", "/api/v1/session", "/trust", "/healthz"} {
			resp, _ := c.send(method, "root:"+path, `{"name":"Ada","password":"`+password+`"}`)
			if resp.StatusCode != 403 || !resp.Close {
				t.Errorf("%s %s: %d", method, path, resp.StatusCode)
			}
		}
	}
	resp, _ := c.send("GET", "root:/", nil, func(r *http.Request) { r.Host = "attacker.example" })
	if resp.StatusCode != 421 || resp.Header.Get("Location") != "" {
		t.Errorf("a foreign name: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
}
