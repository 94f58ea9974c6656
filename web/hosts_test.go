package web

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// A site that lets its own name point to the box (DNS rebinding) gets nothing; the family gets in by every address, and
// by the names of a home.
func TestHosts(t *testing.T) {
	h := build(t, nil)
	h.srv.Hosts = []string{"cameras.example.org"}
	_, port, _ := strings.Cut(strings.TrimPrefix(h.srv.URL(), "https://"), ":")
	as := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	own := []string{
		"127.0.0.1:" + port, "192.168.1.5", "203.0.113.9:8443", "[::1]:8443", "[fe80::1]", "localhost", "LOCALHOST:1", "hearth.local",
		"box.home.arpa:8443", "a.b.local.", "cameras.example.org", "Cameras.Example.org:443",
	}
	if name, err := os.Hostname(); err == nil && hostname.MatchString(name) {
		own = append(own, name)
	}
	for _, host := range own {
		if resp, raw := h.owner.send("GET", "/setup", nil, as(host)); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", host, resp.StatusCode, raw)
		}
	}
	for _, host := range []string{
		"attacker.example", "attacker.example:" + port, "local", "hearth.local.attacker.example", "127.0.0.1.attacker.example",
		"x.cameras.example.org", "xlocal", "0x7f.1", "2130706433", "127.1", "a_b.local", "..local",
	} {
		p := h.owner.refused(421, "GET", "/setup", nil, as(host))
		if !strings.Contains(p.Detail, h.srv.URL()) {
			t.Errorf("%s: %q does not say how to go on", host, p.Detail)
		}
		if resp, _ := h.owner.send("GET", "root:/", nil, as(host)); resp.StatusCode != 421 {
			t.Errorf("%s: the page: %d", host, resp.StatusCode)
		}
	}
	for said, want := range map[string]string{"Cam.Example.org.": "cam.example.org", "https://x": "", "a:1": "", "192.168.1.5": "", "*.x": "", "": ""} {
		if got, err := HostName(said); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", said, got, err)
		}
	}
}
