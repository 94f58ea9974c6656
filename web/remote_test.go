package web

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/web/tunnel/tunneltest"
)

// freePort is a UDP port that nobody uses now.
func freePort(t testing.TB) int {
	t.Helper()
	c, err := net.ListenPacket("udp", ":0")
	must(t, err)
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// openRemote turns remote access on, at a free port.
func (h *house) openRemote() (port int) {
	h.t.Helper()
	port = freePort(h.t)
	h.owner.ok("PATCH", "/settings", map[string]any{"remote": map[string]any{"enabled": true, "port": port, "endpoint": "198.51.100.7"}}, nil)
	return port
}

// phone adds a device for somebody, and gives a browser on it.
func (h *house) phone(by *client, name string) (*client, newDeviceView) {
	h.t.Helper()
	var d newDeviceView
	by.ok("POST", "/remote/peers", map[string]any{"name": name}, &d)
	return h.browserOn(d), d
}

func (h *house) browserOn(d newDeviceView) *client {
	h.t.Helper()
	p := tunneltest.New(h.t, d.Config)
	c := h.client()
	transport := &http.Transport{TLSClientConfig: c.tls, ForceAttemptHTTP2: true, DialContext: p.Dial}
	h.t.Cleanup(transport.CloseIdleConnections)
	c.http.Transport = transport
	c.base = strings.TrimSuffix(d.URL, "/")
	return c
}

func login(c *client, name string) {
	c.t.Helper()
	c.ok("POST", "/session", map[string]string{"name": name, "password": password}, nil)
}

// From a phone with a key the page is there, over HTTPS with the box's certificate, and for one person only.
func TestPhoneInTheTunnel(t *testing.T) {
	h := build(t, nil)
	bo, _ := h.as("Bo", access.Adult)
	if resp, raw := h.owner.send("GET", "/remote", nil); resp.StatusCode != 200 || bytes.Contains(raw, []byte(`"enabled":true`)) {
		t.Errorf("it is on by itself: %s", raw)
	}
	port := h.openRemote()
	browser, d := h.phone(h.owner, "Ada's phone")
	if !strings.Contains(d.Config, "Endpoint = 198.51.100.7:"+strconv.Itoa(port)) || !strings.HasPrefix(d.QR, "<svg") || d.Pending || d.HomeOnly {
		t.Errorf("%+v", d.deviceView)
	}
	browser.refused(401, "GET", "/session", nil)
	browser.refused(401, "POST", "/session", map[string]string{"name": "Bo", "password": password})
	login(browser, "Ada")
	var me meView
	browser.ok("GET", "/session", nil, &me)
	if me.Name != "Ada" {
		t.Errorf("%+v", me)
	}
	var state remoteView
	browser.ok("GET", "/remote", nil, &state)
	if !state.Here || !state.Open || state.AtHome || state.URL != d.URL {
		t.Errorf("%+v", state)
	}
	browser.refused(404, "POST", "/setup", map[string]string{"name": "Eve", "password": password})
	browser.refused(404, "POST", "/join/look", map[string]string{"secret": "x"})
	browser.refused(404, "POST", "/join", map[string]string{"secret": "x", "password": password})

	// The session is good on this device only; one from elsewhere is not good here, nor is anybody else's token.
	stolen := func(r *http.Request) { r.Header.Set("Cookie", browser.cookies()) }
	h.client().refused(401, "GET", "/session", nil, stolen)
	lan := func(r *http.Request) { r.Header.Set("Cookie", h.owner.cookies()) }
	other, _ := h.phone(h.owner, "Tablet")
	other.refused(401, "GET", "/session", nil, lan)
	other.refused(401, "GET", "/session", nil, stolen)
	var token struct{ Token string }
	live := []map[string]any{{"camera": h.unreachable("Yard"), "verbs": []string{"live"}}}
	bo.ok("POST", "/tokens", map[string]any{"name": "Bo's", "grants": live}, &token)
	bearer := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) }
	}
	other.refused(401, "GET", "/cameras", nil, bearer(token.Token))
	h.owner.ok("POST", "/tokens", map[string]any{"name": "Ada's", "grants": live}, &token)
	if resp, raw := other.send("GET", "/cameras", nil, bearer(token.Token)); resp.StatusCode != 200 {
		t.Errorf("one's own token: %d %s", resp.StatusCode, raw)
	}
	// A new password goes on from this device, and the session stays the device's.
	browser.ok("PATCH", "/users/"+me.ID.String(), map[string]any{"password": password + "2", "current_password": password}, nil)
	browser.ok("GET", "/session", nil, nil)
	h.client().refused(401, "GET", "/session", nil, func(r *http.Request) { r.Header.Set("Cookie", browser.cookies()) })

	var list struct{ Items []deviceView }
	browser.ok("GET", "/remote/peers", nil, &list)
	at := slices.IndexFunc(list.Items, func(v deviceView) bool { return v.ID == d.ID })
	if v := list.Items[at]; !v.Online || v.Seen == nil || v.From != "127.0.0.1" || v.In == 0 || v.Out == 0 || v.Person != "Ada" {
		t.Errorf("%+v", v)
	}
}

// A revoked device is out, with what it watches, within a second; so is one whose person is gone.
func TestRevokedDevice(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	noisy, query := h.noisy()
	h.openRemote()
	for _, way := range []struct {
		name string
		end  func(d newDeviceView, person media.UUID)
	}{
		{"device removed", func(d newDeviceView, _ media.UUID) { h.owner.ok("DELETE", "/remote/peers/"+d.ID.String(), nil, nil) }},
		{"new code", func(d newDeviceView, _ media.UUID) {
			h.owner.ok("POST", "/remote/peers/"+d.ID.String()+"/code", map[string]any{}, nil)
		}},
		{"person removed", func(_ newDeviceView, person media.UUID) { h.owner.ok("DELETE", "/users/"+person.String(), nil, nil) }},
		{"box with a new key", func(newDeviceView, media.UUID) { h.owner.ok("POST", "/remote/key", nil, nil) }},
		{"turned off", func(newDeviceView, media.UUID) {
			h.owner.ok("PATCH", "/settings", map[string]any{"remote": map[string]any{"enabled": false}}, nil)
		}},
	} {
		t.Run(way.name, func(t *testing.T) {
			_, id := h.as(way.name, access.Owner)
			var d newDeviceView
			h.owner.ok("POST", "/remote/peers", map[string]any{"name": way.name, "user": id}, &d)
			c := h.browserOn(d)
			login(c, way.name)
			c.http.Timeout = 0
			for _, what := range []string{"footage", "export.mp4"} {
				resp := c.open("GET", "/cameras/"+noisy.String()+"/"+what+"?"+query, nil)
				defer resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Fatalf("%s: %d", what, resp.StatusCode)
				}
			}
			h.until("it is connected", soon, func() bool { return h.srv.remote.states()[d.ID].Conns > 0 })
			began := time.Now()
			way.end(d, id)
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %v", took)
			}
			if s, ok := h.srv.remote.states()[d.ID]; ok && s.Conns > 0 {
				t.Errorf("still connected: %+v", s)
			}
			people, err := h.srv.access().People()
			must(t, err)
			for _, p := range people {
				sessions, err := h.srv.access().Sessions(p)
				must(t, err)
				for _, s := range sessions {
					if s.Via == d.ID && way.name != "turned off" {
						t.Error("its session is there still")
					}
				}
			}
		})
	}
}

// What somebody adds who is no owner at home waits for one; approving is done at home.
func TestPendingDevices(t *testing.T) {
	h := build(t, nil)
	h.openRemote()
	bo, boID := h.as("Bo", access.Adult)
	var d newDeviceView
	bo.ok("POST", "/remote/peers", map[string]any{"name": "Bo's phone"}, &d)
	if !d.Pending || len(h.srv.remote.states()) != 0 {
		t.Errorf("%+v", d.deviceView)
	}
	bo.refused(404, "POST", "/remote/peers/"+d.ID.String()+"/approve", nil)
	away, own := h.phone(h.owner, "Ada's phone")
	login(away, "Ada")
	away.refused(403, "POST", "/remote/peers/"+d.ID.String()+"/approve", nil)
	away.refused(403, "POST", "/remote/key", nil)
	var second newDeviceView
	away.ok("POST", "/remote/peers", map[string]any{"name": "Made away"}, &second)
	if !second.Pending {
		t.Error("a device that was made away is let in")
	}
	away.refused(409, "POST", "/remote/peers/"+own.ID.String()+"/code", map[string]any{})
	away.ok("POST", "/remote/peers/"+second.ID.String()+"/code", map[string]any{}, &second)
	if !second.Pending {
		t.Error("a code that was made away is let in")
	}
	h.owner.ok("POST", "/remote/peers/"+d.ID.String()+"/approve", nil, nil)
	c := h.browserOn(d)
	login(c, "Bo")
	// Somebody else's device is nothing to Bo.
	bo.refused(404, "DELETE", "/remote/peers/"+own.ID.String(), nil)
	bo.refused(404, "PATCH", "/remote/peers/"+own.ID.String(), map[string]any{"name": "Mine"})
	bo.refused(422, "POST", "/remote/peers", map[string]any{"name": "For Ada", "user": own.User})
	var list struct{ Items []deviceView }
	bo.ok("GET", "/remote/peers", nil, &list)
	if len(list.Items) != 1 || list.Items[0].User != boID {
		t.Errorf("%+v", list)
	}
	var state map[string]any
	bo.ok("GET", "/remote", nil, &state)
	for _, k := range []string{"port", "endpoint", "public_key", "trouble", "assumed_endpoint"} {
		if _, told := state[k]; told {
			t.Errorf("who is no owner is told the %s", k)
		}
	}
}

// What cannot be taken is refused with a line, and changes nothing; the page at home is served all the same.
func TestRemoteBadInput(t *testing.T) {
	h := build(t, nil)
	taken, err := net.ListenPacket("udp", ":0")
	must(t, err)
	defer taken.Close()
	busy := taken.LocalAddr().(*net.UDPAddr).Port
	set := func(remote map[string]any) map[string]any { return map[string]any{"remote": remote} }
	p := h.owner.refused(409, "PATCH", "/settings", set(map[string]any{"enabled": true, "port": busy}))
	if p.field() != "body.remote.port" || !strings.Contains(p.Detail, "another program") {
		t.Errorf("%+v", p)
	}
	var state remoteView
	h.owner.ok("GET", "/remote", nil, &state)
	if state.Enabled || state.Port != remotePort {
		t.Errorf("something was kept: %+v", state)
	}
	for _, bad := range []string{"https://home.example.org", "home example", "host:0", "host:99999", "0.0.0.0", "fe80::1%eth0", "ff02::1", "-x", "a:b:c"} {
		if p := h.owner.refused(422, "PATCH", "/settings", set(map[string]any{"endpoint": bad})); p.field() != "body.remote.endpoint" {
			t.Errorf("%q: %+v", bad, p)
		}
	}
	for _, port := range []int{0, -1, 65536} {
		h.owner.refused(422, "PATCH", "/settings", set(map[string]any{"port": port}))
	}
	h.openRemote()
	_, d := h.phone(h.owner, "Phone")
	h.owner.refused(422, "POST", "/remote/peers", map[string]any{"name": "phone"})
	h.owner.refused(422, "POST", "/remote/peers", map[string]any{"name": ""})
	h.owner.refused(422, "POST", "/remote/peers", map[string]any{"name": "Other", "user": media.NewUUID()})
	c, err := tunneltest.Read(d.Config)
	must(t, err)
	for what, key := range map[string]string{
		"no key": "x", "the box's": c.Secret("PublicKey"), "of small order": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	} {
		if p := h.owner.refused(422, "POST", "/remote/peers", map[string]any{"name": what, "public_key": key}); p.field() != "body.public_key" {
			t.Errorf("%s: %+v", what, p)
		}
	}
	const own = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
	var made newDeviceView
	h.owner.ok("POST", "/remote/peers", map[string]any{"name": "Own key", "public_key": own}, &made)
	if strings.Contains(made.Config, "PrivateKey") {
		t.Error("the box made up a private key")
	}
	if p := h.owner.refused(422, "POST", "/remote/peers", map[string]any{"name": "Again", "public_key": own}); p.field() != "body.public_key" {
		t.Errorf("a key used twice: %+v", p)
	}
	missing := "/remote/peers/" + media.NewUUID().String()
	h.owner.refused(404, "DELETE", missing, nil)
	h.owner.refused(404, "PATCH", missing, map[string]any{"name": "x"})
	h.owner.refused(404, "POST", missing+"/approve", nil)
	h.owner.refused(404, "POST", missing+"/code", map[string]any{})
}

// The port of a box that starts may be in use: the page at home is there, says so, and the way in opens when it can.
func TestPortInUseAtTheStart(t *testing.T) {
	h := build(t, nil)
	port := h.openRemote()
	h.srv.remote.change.Lock()
	h.srv.remote.shut()
	taken, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
	must(t, err)
	h.srv.remote.reopen(h.srv.remote.record)
	h.srv.remote.change.Unlock()
	var state remoteView
	h.owner.ok("GET", "/remote", nil, &state)
	if state.Open || !state.Enabled || !strings.Contains(state.Trouble, strconv.Itoa(port)) {
		t.Errorf("%+v", state)
	}
	var check reachView
	h.owner.ok("POST", "/remote/check", nil, &check)
	if check.Verdict != "closed" || check.Trouble == "" {
		t.Errorf("%+v", check)
	}
	h.owner.ok("PATCH", "/settings", map[string]any{"remote": map[string]any{"endpoint": "home.example.org"}}, nil)
	taken.Close()
	h.srv.remote.mu.Lock()
	h.srv.remote.tried = time.Time{}
	h.srv.remote.mu.Unlock()
	h.until("it opens by itself", 2*patience, func() bool {
		state = remoteView{}
		h.owner.ok("GET", "/remote", nil, &state)
		return state.Open && state.Trouble == ""
	})
}

const patience = 10 * time.Second

// The test of the way in says what is so.
func TestRemoteCheck(t *testing.T) {
	h := build(t, nil)
	check := func() (v reachView) {
		t.Helper()
		h.owner.ok("POST", "/remote/check", nil, &v)
		return v
	}
	if v := check(); v.Verdict != "off" {
		t.Errorf("%+v", v)
	}
	h.openRemote()
	point := func(endpoint string) {
		t.Helper()
		h.owner.ok("PATCH", "/settings", map[string]any{"remote": map[string]any{"endpoint": endpoint}}, nil)
	}
	for endpoint, want := range map[string]string{
		"192.168.1.5": "home", "100.64.7.7:4000": "carrier", "localhost": "home", "nowhere.invalid": "unresolved",
	} {
		point(endpoint)
		if v := check(); v.Verdict != want || want == "unresolved" && !strings.Contains(v.Trouble, endpoint) {
			t.Errorf("%s: %+v", endpoint, v)
		}
	}
	// A device that came in from outside is the proof that one can.
	_, d := h.phone(h.owner, "Phone")
	must(t, h.srv.access().SawDevice(d.ID, time.Now().Add(-time.Hour), "203.0.113.9"))
	point("198.51.100.7")
	if v := check(); v.Verdict != "reached" || v.Device != "Phone" || v.When == nil {
		t.Errorf("%+v", v)
	}
}

// No key of anybody's stands in hearth.db, in the log, in the audit log or in what a helper gets.
func TestKeysStayHidden(t *testing.T) {
	h := build(t, nil)
	h.openRemote()
	c, d := h.phone(h.owner, "Phone")
	login(c, "Ada")
	config, err := tunneltest.Read(d.Config)
	must(t, err)
	var state remoteView
	h.owner.ok("GET", "/remote", nil, &state)
	if state.Public != config.Secret("PublicKey") {
		t.Errorf("public key %q", state.Public)
	}
	var shown struct{ ID media.UUID }
	h.owner.ok("GET", "/diagnostics", nil, &shown)
	_, bundle := h.owner.send("GET", "/diagnostics", nil)
	_, audit := h.owner.send("GET", "/audit", nil)
	_, again := h.owner.send("GET", "/remote/peers", nil)
	db, err := os.ReadFile(filepath.Join(h.dir, "hearth.db"))
	must(t, err)
	own, err := h.srv.remote.private(h.srv.remote.record)
	must(t, err)
	for what, secret := range map[string]string{
		"the device's private key": config.Secret("PrivateKey"), "the preshared key": config.Secret("PresharedKey"), "the box's private key": own.Text(),
	} {
		if len(secret) != 44 {
			t.Fatalf("%s: %q", what, secret)
		}
		raw, err := json.Marshal(secret)
		must(t, err)
		for where, text := range map[string][]byte{
			"the log": []byte(h.logs.String()), "the diagnostics": bundle, "the audit log": audit, "the list": again, "hearth.db": db,
		} {
			if bytes.Contains(text, []byte(secret)) || bytes.Contains(text, bytes.Trim(raw, `"`)) {
				t.Errorf("%s stands in %s", what, where)
			}
		}
	}
	for _, raw := range [][]byte{own[:]} {
		if bytes.Contains(db, raw) {
			t.Error("the box's key lies in hearth.db as it is")
		}
	}
}

// The networks of the tunnel are none that the box is in.
func TestNewNetworks(t *testing.T) {
	var avoid []netip.Prefix
	for i := range 255 {
		avoid = append(avoid, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), 16))
	}
	for range 50 {
		v4, v6 := newNetworks(avoid)
		if b := v4.Addr().As4(); b[0] != 10 || b[1] != 255 || v4.Bits() != 24 || !v6.Addr().IsPrivate() || v6.Bits() != 64 {
			t.Errorf("%s %s", v4, v6)
		}
	}
}

// An endpoint is taken apart, or refused; what is taken can be put together again.
func FuzzSplitEndpoint(f *testing.F) {
	for _, s := range []string{"", "home.example.org", "home.example.org:51821", "[2001:db8::1]:5", "2001:db8::1", "1.2.3.4:x", "[::1", "a]b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, said string) {
		host, port, err := splitEndpoint(said)
		if err != nil || said == "" {
			return
		}
		if strings.ContainsAny(host, " \n\t/@%[]=#") || host == "" {
			t.Errorf("%q is taken for the host %q", said, host)
		}
		again, same, err := splitEndpoint(net.JoinHostPort(host, strconv.Itoa(max(int(port), 1))))
		if err != nil || again != host || port != 0 && same != port {
			t.Errorf("%q: %q %d, then %q %d %v", said, host, port, again, same, err)
		}
	})
}
