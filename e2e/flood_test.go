package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const (
	floodCameras = 4
	floodTime    = 4 * time.Second // of each attack
	// floodAnswer is how long a member of the family may wait for an answer meanwhile, on a machine that has other work.
	floodAnswer = 15 * time.Second
	floodMemory = 400 << 20 // bytes that hearth may hold resident
)

// TestFlood attacks a box that records, from other addresses of this machine than the family's, in each way that
// somebody in the LAN could without a password, and in one with. Every picture that the cameras sent is recorded, by
// the numbers in the pictures; a member of the family gets answers all the while; and afterwards all is given back.
func TestFlood(t *testing.T) {
	sentLog := filepath.Join(t.TempDir(), "sent")
	urls := sim(t, "--cameras", strconv.Itoa(floodCameras), "--fps", strconv.Itoa(killFPS),
		"--size", fmt.Sprintf("%dx%d", killWidth, killHeight), "--sent", sentLog)
	sent := readSent(t, sentLog)
	one := &life{end: stopped, began: time.Now()}
	a := serve(t, "")
	var ids []string
	for i, url := range urls {
		ids = append(ids, a.add(t, map[string]any{
			"name": killName(i + 1), "url": url, "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true},
		}))
	}
	for _, id := range ids {
		a.online(t, id, 30*time.Second)
	}
	f := &flood{t: t, a: a, host: strings.TrimPrefix(a.url, "https://"), camera: ids[0], began: one.began}
	calm := f.files()

	for _, attack := range []struct {
		name string
		one  func(ctx context.Context, n int) // one of several that run at once, again and again until ctx ends
		many int
	}{
		{"idle connections", f.idle, 2000},
		{"headers that never end", f.slowHeaders, 300},
		{"bodies that never end", f.slowBodies, 300},
		{"TLS handshakes", f.handshakes, 6},
		{"logins", f.logins, 6},
		{"large requests", f.large, 4},
		{"reset streams", f.resets, 4},
		{"readers that do not read", f.slowReaders, 60},
	} {
		t.Run(attack.name, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), floodTime)
			defer stop()
			f.tries.Store(0)
			var parts sync.WaitGroup
			for n := range attack.many {
				parts.Go(func() {
					for ctx.Err() == nil {
						attack.one(ctx, n)
						f.tries.Add(1)
					}
				})
			}
			worst, answers, memory, files := time.Duration(0), 0, int64(0), 0
			for ctx.Err() == nil {
				began := time.Now()
				f.visit(t)
				worst, answers = max(worst, time.Since(began)), answers+1
				memory, files = max(memory, f.memory()), max(files, f.files())
				select {
				case <-ctx.Done():
				case <-time.After(200 * time.Millisecond):
				}
			}
			parts.Wait()
			t.Logf("%d tries; %d answers to the family, the slowest after %s; at most %d MiB and %d open files",
				f.tries.Load(), answers, worst.Round(time.Millisecond), memory>>20, files)
			if worst > floodAnswer {
				t.Errorf("the family waits %s", worst)
			}
			if memory > floodMemory {
				t.Errorf("hearth takes %d MiB", memory>>20)
			}
		})
	}
	eventually(t, time.Minute, "connections are given back", func() bool { return f.files() <= calm+20 })
	// A fresh phone comes in, too.
	f.a.client = newClient(t)
	a.do(t, "POST", "/session", map[string]string{"name": ownerName, "password": ownerPassword}, nil)

	for _, id := range ids {
		if c := a.camera(t, id); c.State != "online" {
			t.Errorf("%s is %s", c.Name, c.State)
		}
	}
	one.died = time.Now()
	a.stop(t)
	sent.more(t)
	for camera := uint16(1); camera <= floodCameras; camera++ {
		file := filepath.Join(t.TempDir(), "all.mp4")
		code, out, errs := runHearth(t, "export", "--data", a.data, "--camera", killName(int(camera)),
			"--from", one.began.Add(-time.Hour).UTC().Format(time.RFC3339), "--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), file)
		if code != 0 {
			t.Fatalf("export: exit %d\n%s%s", code, out, errs)
		}
		account(t, camera, []*life{one}, sent, numbers(t, file, killWidth, killHeight, camera))
		l := one.cameras[camera]
		t.Logf("camera %d: %d pictures sent, %d kept", camera, l.sent, l.kept)
		// The last ones may have been on their way when the box was told to stop.
		if l.missing > 2 || l.kept < killFPS*int(floodTime/time.Second)*8 {
			t.Errorf("camera %d: of %d pictures %d are missing", camera, l.sent, l.missing)
		}
	}
}

// flood attacks a box.
type flood struct {
	t      *testing.T
	a      *appliance
	host   string // its address and port
	camera string
	began  time.Time
	tries  atomic.Int64
}

// visit opens the page on a new connection, as a browser of the family does, and asks who is there.
func (f *flood) visit(t *testing.T) {
	t.Helper()
	c := &http.Client{Jar: f.a.client.Jar, Timeout: 2 * floodAnswer, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, //nolint:gosec // loopback
	}}
	for _, path := range []string{"/", "/api/v1/session", "/api/v1/cameras"} {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.a.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, resp.StatusCode, err)
		}
		resp.Body.Close()
	}
}

// connect comes from one of some addresses that are not the family's. Who is refused tries again a moment later.
func (f *flood) connect(ctx context.Context, n int) net.Conn {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 6, byte(2+n%20))}}
	c, err := d.DialContext(ctx, "tcp", f.host)
	if err != nil {
		pause(ctx, 50*time.Millisecond)
		return nil
	}
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	return c
}

func (f *flood) secure(ctx context.Context, n int, protocol string) net.Conn {
	c := f.connect(ctx, n)
	if c == nil {
		return nil
	}
	s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}) //nolint:gosec // loopback
	if s.HandshakeContext(ctx) != nil {
		_ = c.Close()
		pause(ctx, 50*time.Millisecond)
		return nil
	}
	return s
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// held waits until the other side or the attack ends, saying a little now and then.
func held(ctx context.Context, c net.Conn, say string) {
	defer c.Close()
	for ctx.Err() == nil {
		if _, err := io.WriteString(c, say); err != nil {
			return
		}
		pause(ctx, 300*time.Millisecond)
	}
}

func (f *flood) idle(ctx context.Context, n int) {
	if c := f.connect(ctx, n); c != nil {
		_, _ = c.Read(make([]byte, 1))
		_ = c.Close()
		pause(ctx, 300*time.Millisecond)
	}
}

func (f *flood) slowHeaders(ctx context.Context, n int) {
	if c := f.secure(ctx, n, "http/1.1"); c != nil {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n")
		held(ctx, c, "X: y\r\n")
	}
}

func (f *flood) slowBodies(ctx context.Context, n int) {
	if c := f.secure(ctx, n, "http/1.1"); c != nil {
		_, _ = io.WriteString(c, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30000\r\n\r\n{")
		held(ctx, c, " ")
	}
}

func (f *flood) handshakes(ctx context.Context, n int) {
	if c := f.secure(ctx, n, "h2"); c != nil {
		_ = c.Close()
	}
}

func (f *flood) logins(ctx context.Context, n int) {
	c := f.secure(ctx, n, "http/1.1")
	if c == nil {
		return
	}
	defer c.Close()
	answers := bufio.NewReader(c)
	for ctx.Err() == nil {
		body := fmt.Sprintf(`{"name":%q,"password":"guess %d"}`, ownerName, f.tries.Add(1))
		_, err := fmt.Fprintf(c, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			len(body), body)
		if err != nil {
			return
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusTooManyRequests {
			f.t.Errorf("a guess is answered with %d", resp.StatusCode)
		}
	}
}

func (f *flood) large(ctx context.Context, n int) {
	c := f.secure(ctx, n, "http/1.1")
	if c == nil {
		return
	}
	defer c.Close()
	chunk := strings.Repeat("x", 16<<10)
	if n%2 == 0 {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
	} else {
		_, _ = io.WriteString(c, "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
	}
	for ctx.Err() == nil {
		if _, err := io.WriteString(c, chunk); err != nil {
			return
		}
	}
}

func (f *flood) resets(ctx context.Context, n int) {
	c := f.secure(ctx, n, "h2")
	if c == nil {
		return
	}
	defer c.Close()
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/api/v1/setup"}} {
		_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}) // into memory
	}
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		return
	}
	fr := http2.NewFramer(c, nil)
	err := fr.WriteSettings()
	for id := uint32(1); err == nil && ctx.Err() == nil; id += 2 {
		err = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
		if err == nil {
			err = fr.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		f.tries.Add(1)
		if id > 1 { // the table of the first block's fields is the other side's now
			continue
		}
		block.Reset()
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/api/v1/setup"}} {
			_ = e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
		}
	}
}

// slowReaders are logged in, ask for all there is, and take nothing.
func (f *flood) slowReaders(ctx context.Context, n int) {
	c := f.secure(ctx, n, "http/1.1")
	if c == nil {
		return
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.a.url+"/api/v1/stream", nil)
	if err != nil {
		return
	}
	if n%2 == 0 {
		r.URL.Path = "/api/v1/cameras/" + f.camera + "/footage"
		r.URL.RawQuery = fromTo(f.began, time.Now())
	}
	for _, k := range f.a.client.Jar.Cookies(r.URL) {
		r.AddCookie(k)
	}
	if r.Write(c) == nil {
		<-ctx.Done()
	}
	_ = c.Close()
}

// memory is what hearth holds resident, in bytes.
func (f *flood) memory() int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.a.cmd.Process.Pid))
	if err != nil {
		f.t.Error(err)
	}
	for line := range strings.Lines(string(raw)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			return whole(f.t, fields[1]) << 10
		}
	}
	return 0
}

// files is how many files hearth has open, connections among them.
func (f *flood) files() int {
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.a.cmd.Process.Pid))
	if err != nil {
		f.t.Error(err)
	}
	return len(all)
}
