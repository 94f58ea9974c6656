package e2e

import (
	"path/filepath"
	"testing"
	"time"
)

// TestSignin adds second factors, logs in with them and ends sessions on the page, in a real Chromium.
func TestSignin(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	given := page{
		Data: data, Origin: address(p.line(t, "listening", 15*time.Second)), Owner: owner{Name: ownerName, Password: ownerPassword},
	}
	newBrowser(t, "signin.mjs", given).steps(t)
}
