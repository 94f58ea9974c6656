package away

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"hearth/web/tunnel/tunneltest"
)

const (
	password = "correct horse battery"
	udpPort  = 51820
	// watchFor is how long live video is watched; HEARTH_AWAY_WATCH says otherwise.
	watchFor = 20 * time.Second
	patience = time.Minute
)

// process is a program in one of the networks.
type process struct {
	*exec.Cmd
	lines chan string
}

// run starts a program, which ends with the test. Its output is kept to be waited for.
func (n *network) run(t *testing.T, name string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(name, args...), lines: make(chan string, 10_000)}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.Stderr = p.Stdout
	if err := n.within(p.Start); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := bufio.NewScanner(out); s.Scan(); {
			select {
			case p.lines <- s.Text():
			default:
			}
		}
		p.Wait()
	}()
	t.Cleanup(func() {
		p.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(patience):
			p.Process.Kill()
			t.Errorf("%s does not stop", name)
		}
	})
	return p
}

func (p *process) line(t *testing.T, with string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case l := <-p.lines:
			if strings.Contains(l, with) {
				return l
			}
		case <-timeout:
			t.Fatalf("no line with %q", with)
		}
	}
}

func program(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/%s is not built; run `make build`, or the tests with `make test`", name)
	}
	return path
}

// browser asks the box from one of the networks.
type browser struct {
	t    *testing.T
	base string
	on   *network
	http *http.Client
}

func (n *network) browser(t *testing.T, base string) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		// The certificate is web's tests' business.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, address string) (c net.Conn, err error) { return n.dial(ctx, address) },
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t, base, n, &http.Client{Jar: jar, Transport: transport}}
}

func (n *network) dial(ctx context.Context, address string) (c net.Conn, err error) {
	err = n.within(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return err
	})
	return c, err
}

// try sends a request under /api/v1.
func (b *browser) try(method, path string, body any) (int, []byte, error) {
	var in io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(raw)
	}
	ctx, done := context.WithTimeout(b.t.Context(), patience)
	defer done()
	r, err := http.NewRequestWithContext(ctx, method, b.base+"/api/v1"+path, in)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := b.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, raw, err
}

func (b *browser) ok(method, path string, body, out any) []byte {
	b.t.Helper()
	status, raw, err := b.try(method, path, body)
	if err != nil || status < 200 || status > 299 {
		b.t.Fatalf("%s %s: %d %v %s", method, path, status, err, raw)
	}
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
	return raw
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// phone is a device with WireGuard on a network card, as phones and computers have it.
type phone struct {
	*browser
	dev *device.Device
}

type code struct{ ID, Config, URL string }

// phone switches a tunnel on with what the box handed out. allowed are networks beyond what that says.
func (n *network) phone(t *testing.T, c code, to netip.AddrPort, card string, allowed ...netip.Prefix) *phone {
	t.Helper()
	config, err := tunneltest.Read(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	p := &phone{browser: n.browser(t, strings.TrimSuffix(c.URL, "/"))}
	if err := n.within(func() error {
		on, err := tun.CreateTUN(card, config.MTU)
		if err != nil {
			return err
		}
		p.dev, err = config.Device(on, to, append(allowed, config.Allowed...))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.dev.Close)
	for _, a := range config.Addresses {
		if a.Addr().Is4() { // the networks of the test have no IPv6
			n.ip(t, "addr", "add", a.String(), "dev", card)
		}
	}
	n.ip(t, "link", "set", card, "up")
	for _, a := range append(allowed, config.Allowed...) {
		if a.Addr().Is4() {
			n.ip(t, "route", "add", a.String(), "dev", card)
		}
	}
	return p
}

// used is the processor time that a process has used, and the memory that it has now, in bytes.
func (p *process) used(t *testing.T) (cpu time.Duration, memory int) {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	for _, i := range []int{11, 12} {
		ticks, err := strconv.Atoi(fields[i])
		if err != nil {
			t.Fatal(err)
		}
		cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	pages, err := strconv.Atoi(fields[21])
	if err != nil {
		t.Fatal(err)
	}
	return cpu, pages * os.Getpagesize()
}

// TestAway goes the whole way, as a family would.
func TestAway(t *testing.T) {
	if !inOwnNetworks(t) {
		return
	}
	box, gate, cell, alien, behind := newNetwork(t, "box"), newNetwork(t, "router"), newNetwork(t, "phone"), newNetwork(t, "stranger"), newNetwork(t, "behind")
	wire(t, gate, "192.168.77.1/24", box, "192.168.77.2/24")
	wire(t, gate, "203.0.113.1/24", cell, "203.0.113.2/24")
	wire(t, gate, "198.51.100.1/24", alien, "198.51.100.2/24")
	wire(t, box, "192.168.78.1/24", behind, "192.168.78.2/24")
	outside := netip.MustParseAddrPort(fmt.Sprintf("203.0.113.1:%d", udpPort))
	router := newRouter(t, gate, netip.AddrPortFrom(netip.IPv4Unspecified(), udpPort), netip.MustParseAddrPort(fmt.Sprintf("192.168.77.2:%d", udpPort)))
	watching := newCapture(t, gate, "to-box")

	// The box has no capability and cannot get one.
	args := []string{"--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", program(t, "hearth")}
	hearth := box.run(t, "setpriv", append(args, "serve", "--data", t.TempDir(), "--listen", "0.0.0.0:8443", "--listen-http", "",
		"--vision", program(t, "hearth-vision"))...)
	hearth.line(t, "listening")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", hearth.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{"CapEff", "CapPrm", "CapBnd"} {
		if !strings.Contains(string(status), set+":\t0000000000000000\n") {
			t.Errorf("the box has rights: %s", status)
		}
	}
	sim := box.run(t, program(t, "hearth"), "sim", "--cameras", "1", "--listen", "127.0.0.1:8554")
	line := sim.line(t, "rtsp://")
	camera := line[strings.Index(line, "rtsp://"):]
	camera = strings.Fields(camera)[0]

	home := gate.browser(t, "https://192.168.77.2:8443")
	home.ok("POST", "/setup", map[string]string{"name": "Ada", "password": password}, nil)
	var yard struct{ ID, State string }
	home.ok("POST", "/cameras", map[string]any{"name": "Yard", "url": camera}, &yard)

	t.Run("it is off by itself", func(t *testing.T) {
		if raw := home.ok("GET", "/settings", nil, nil); !strings.Contains(string(raw), `"remote":{"enabled":false`) {
			t.Errorf("%s", raw)
		}
		if udp, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/udp", hearth.Process.Pid)); err != nil || strings.Contains(string(udp), fmt.Sprintf(":%04X ", udpPort)) {
			t.Errorf("the port is open: %v", err)
		}
	})
	_, idle := hearth.used(t)
	home.ok("PATCH", "/settings", map[string]any{"remote": map[string]any{"enabled": true, "port": udpPort, "endpoint": outside.Addr().String()}}, nil)

	t.Run("a stranger gets silence", func(t *testing.T) {
		before := watching.seen()
		if err := alien.within(func() error {
			c, err := net.Dial("udp", fmt.Sprintf("198.51.100.1:%d", udpPort))
			if err != nil {
				return err
			}
			defer c.Close()
			for range 20 {
				for _, packet := range [][]byte{{0}, []byte("hello"), append([]byte{1, 0, 0, 0}, make([]byte, 144)...), make([]byte, 1200)} {
					if _, err := c.Write(packet); err != nil {
						return err
					}
				}
			}
			// The box has heard it.
			until(t, "the stranger is heard", func() bool {
				var state struct {
					Heard *time.Time `json:"heard_outside"`
				}
				home.ok("GET", "/remote", nil, &state)
				return state.Heard != nil || state.Heard == nil && router.packets.Load() >= 80
			})
			c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			if n, err := c.Read(make([]byte, 2000)); err == nil {
				t.Errorf("%d bytes came back", n)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		after := watching.seen()
		for what, n := range after {
			if n > before[what] && (strings.Contains(what, "udp from 192.168.77.2") || strings.Contains(what, "protocol 1 from 192.168.77.2")) {
				t.Errorf("the box answered: %d packets, %s", n-before[what], what)
			}
		}
		if sent := router.packets.Load(); sent < 80 {
			t.Fatalf("only %d packets were sent", sent)
		}
	})

	var c code
	home.ok("POST", "/remote/peers", map[string]any{"name": "Phone"}, &c)
	hidden := netip.MustParsePrefix("192.168.0.0/16") // the home, which the phone may like to see
	p := cell.phone(t, c, outside, "hearth0", hidden)
	t.Run("a phone has the page", func(t *testing.T) {
		p.ok("POST", "/session", map[string]string{"name": "Ada", "password": password}, nil)
		resp, err := p.http.Get(p.base + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if raw, err := io.ReadAll(resp.Body); err != nil || !bytes.Contains(raw, []byte("<script")) {
			t.Errorf("%v %s", err, raw)
		}
		if seen := watching.seen(); seen[fmt.Sprintf("udp from 192.168.77.2:%d", udpPort)] == 0 {
			t.Errorf("the capture sees nothing, so that the silence proves nothing: %v", seen)
		}
	})
	t.Run("and nothing else", func(t *testing.T) {
		l := listen(t, behind, "0.0.0.0:80")
		defer l.Close()
		for _, at := range []string{"192.168.78.2:80"} { // the box itself reaches it
			c, err := box.dial(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
		inside := strings.TrimPrefix(p.base, "https://")
		for _, at := range []string{
			"192.168.78.2:80", "192.168.78.1:8443", "192.168.77.2:8443", "192.168.77.1:80", inside + ":8443", inside + ":22", inside + ":80",
			inside + ":8554", inside + ":" + strconv.Itoa(udpPort),
		} {
			ctx, done := context.WithTimeout(t.Context(), 700*time.Millisecond)
			if c, err := cell.dial(ctx, at); err == nil {
				c.Close()
				t.Errorf("%s is reached", at)
			}
			done()
		}
		p.ok("GET", "/session", nil, nil) // the way was open all the time
	})

	until(t, "the camera is online", func() bool {
		home.ok("GET", "/cameras/"+yard.ID, nil, &yard)
		return yard.State == "online"
	})
	began := time.Now()
	watch := watchFor
	if s := os.Getenv("HEARTH_AWAY_WATCH"); s != "" {
		if watch, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("it watches live, through all that happens on the way", func(t *testing.T) {
		router.loss.Store(10) // 1 %
		router.delay.Store(int64(20 * time.Millisecond))
		defer router.loss.Store(0)
		defer router.delay.Store(0)
		ctx, done := context.WithTimeout(t.Context(), watch+patience)
		defer done()
		conn, _, err := websocket.Dial(ctx, strings.Replace(p.base, "https", "wss", 1)+"/api/v1/cameras/"+yard.ID+"/live",
			&websocket.DialOptions{HTTPClient: p.http, HTTPHeader: http.Header{"Origin": {p.base}}})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		conn.SetReadLimit(16 << 20)
		messages, size, longest, last := 0, 0, time.Duration(0), time.Now()
		steps := []func(){
			func() { // from Wi-Fi to mobile: another address
				cell.ip(t, "addr", "del", "203.0.113.2/24", "dev", "to-router")
				cell.ip(t, "addr", "add", "203.0.113.9/24", "dev", "to-router")
			},
			func() { // and back
				cell.ip(t, "addr", "del", "203.0.113.9/24", "dev", "to-router")
				cell.ip(t, "addr", "add", "203.0.113.2/24", "dev", "to-router")
			},
			func() { // the box gets another address, and the router follows
				box.ip(t, "addr", "del", "192.168.77.2/24", "dev", "to-router")
				box.ip(t, "addr", "add", "192.168.77.3/24", "dev", "to-router")
				to := netip.MustParseAddrPort(fmt.Sprintf("192.168.77.3:%d", udpPort))
				router.target.Store(&to)
			},
		}
		for i := 0; time.Since(began) < watch; {
			if i < len(steps) && time.Since(began) > watch*time.Duration(i+1)/time.Duration(len(steps)+1) {
				steps[i]()
				i++
			}
			_, raw, err := conn.Read(ctx)
			if err != nil {
				t.Fatalf("after %v and %d messages: %v", time.Since(began), messages, err)
			}
			longest, last = max(longest, time.Since(last)), time.Now()
			messages, size = messages+1, size+len(raw)
		}
		t.Logf("live for %v at 1 %% loss and 40 ms: %d messages, %d KB, the longest wait %v", watch, messages, size>>10, longest.Round(time.Millisecond))
		if messages < int(watch/time.Second) {
			t.Errorf("%d messages only", messages)
		}
	})
	home = gate.browser(t, "https://"+router.target.Load().Addr().String()+":8443")
	home.ok("POST", "/session", map[string]string{"name": "Ada", "password": password}, nil)

	span := fmt.Sprintf("?from=%s&to=%s", began.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	t.Run("it plays back", func(t *testing.T) {
		film := p.ok("GET", "/cameras/"+yard.ID+"/footage"+span, nil, nil)
		if len(film) < 10_000 || string(film[4:8]) != "ftyp" {
			t.Errorf("%d bytes", len(film))
		}
	})

	t.Run("figures", func(t *testing.T) {
		const requests, wanted = 200, 32 << 20
		start := time.Now()
		for range requests {
			p.ok("GET", "/healthz", nil, nil)
		}
		latency := time.Since(start) / requests
		_, light := hearth.used(t)
		before, _ := hearth.used(t)
		start = time.Now()
		got := 0
		for got < wanted {
			got += len(p.ok("GET", "/cameras/"+yard.ID+"/footage"+span, nil, nil))
		}
		took := time.Since(start)
		after, heavy := hearth.used(t)
		mb := float64(got) / 1e6
		t.Logf("remote access: %.1f MB/s, %v a request, %.1f ms of the box's processor per MB (reading and unsealing footage included); memory %d MB before, %d MB with light use, %d MB after %0.f MB",
			mb/took.Seconds(), latency.Round(10*time.Microsecond), (after-before).Seconds()*1000/mb, idle>>20, light>>20, heavy>>20, mb)
	})

	t.Run("revoked, it is out within a second", func(t *testing.T) {
		ctx, done := context.WithTimeout(t.Context(), patience)
		defer done()
		p.ok("GET", "/session", nil, nil)
		start := time.Now()
		home.ok("DELETE", "/remote/peers/"+c.ID, nil, nil)
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		before := watching.seen()["udp from "+router.target.Load().String()]
		short, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		defer cancel()
		r, err := http.NewRequestWithContext(short, http.MethodGet, p.base+"/api/v1/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := p.http.Do(r); err == nil {
			resp.Body.Close()
			t.Errorf("it was answered: %d", resp.StatusCode)
		}
		if after := watching.seen()["udp from "+router.target.Load().String()]; after != before {
			t.Errorf("%d packets went to it", after-before)
		}
	})
}

func listen(t *testing.T, on *network, at string) (l net.Listener) {
	t.Helper()
	if err := on.within(func() (err error) {
		l, err = net.Listen("tcp", at)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return l
}
