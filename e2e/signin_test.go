package e2e

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestSignin adds second factors and passkeys, logs in with them and ends sessions on the page, in a real Chromium.
func TestSignin(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	given := page{
		Data: data, Origin: address(p.line(t, "listening", 15*time.Second)), Owner: owner{Name: ownerName, Password: ownerPassword},
	}
	t.Setenv("NODE_EXTRA_CA_CERTS", filepath.Join(data, "tls", "ca.pem")) // for what the script asks itself
	u, err := url.Parse(given.Origin)
	if err != nil {
		t.Fatal(err)
	}
	newBrowser(t, "signin.mjs", struct {
		page
		Home    string `json:"home"`
		ByName  string `json:"byName"`
		Changed owner  `json:"changed"` // after the page's step with a new password
	}{given, trusting(t, data), "https://" + net.JoinHostPort("localhost", u.Port()), owner{ownerName, ownerPassword + " two"}}).steps(t)
}

// trusting makes a home in which Chromium trusts the box's authority: it makes no passkeys where it had to be told to go
// on in spite of a certificate.
func trusting(t *testing.T, data string) string {
	t.Helper()
	home := t.TempDir()
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"-N", "-d", "sql:" + db, "--empty-password"},
		{"-A", "-d", "sql:" + db, "-n", "Hearth", "-t", "C,,", "-i", filepath.Join(data, "tls", "ca.pem")},
	} {
		if out, err := exec.Command("certutil", args...).CombinedOutput(); err != nil {
			t.Fatalf("certutil (libnss3-tools) %s: %v\n%s", args[0], err, out)
		}
	}
	return home
}
