package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bin gives the path of a built program. The Makefile builds them before these tests run.
func bin(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/%s is not built; run `make build`, or the tests with `make test`", name)
	}
	return path
}

// process is a program under test, with what it has printed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error

	mu  sync.Mutex
	out bytes.Buffer
}

// start starts a program and stops it at the end of the test.
func start(t testing.TB, name string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	go func() {
		defer close(p.done)
		for s := bufio.NewReader(r); ; {
			line, err := s.ReadString('\n')
			p.mu.Lock()
			p.out.WriteString(line)
			p.mu.Unlock()
			if err != nil {
				break
			}
		}
		r.Close()
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop(t)
		if t.Failed() {
			t.Logf("%s printed:\n%s", filepath.Base(name), tail(p.output(), 60))
		}
	})
	return p
}

// stop asks the program to end, and insists after 15 s.
func (p *process) stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
		t.Errorf("%s did not stop within 15 s of SIGTERM", p.cmd.Path)
	}
}

// kill ends the program at once, as a crash would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// line waits for a line of output that contains text.
func (p *process) line(t testing.TB, text string, within time.Duration) string {
	t.Helper()
	var found string
	eventually(t, within, "the line "+text, func() bool {
		for l := range strings.SplitSeq(p.output(), "\n") {
			if strings.Contains(l, text) {
				found = l
				return true
			}
		}
		select {
		case <-p.done:
			t.Fatalf("%s ended before it printed %q: %v\n%s", p.cmd.Path, text, p.err, p.output())
		default:
		}
		return false
	})
	return found
}

// eventually waits until a condition holds, and fails the test when it does not in time.
func eventually(t testing.TB, within time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(within); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

func tail(s string, lines int) string {
	all := strings.Split(s, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// appliance is a running hearth with an owner logged in.
type appliance struct {
	*process
	url    string // https://127.0.0.1:port
	data   string
	client *http.Client
}

const (
	ownerName     = "Ada"
	ownerPassword = "correct horse battery"
)

// serve starts `hearth serve` on a fresh folder, or on the folder given, and logs the owner in.
func serve(t testing.TB, data string, args ...string) *appliance {
	t.Helper()
	fresh := data == ""
	if fresh {
		data = filepath.Join(t.TempDir(), "data")
	}
	args = append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", ""}, args...)
	a := &appliance{data: data, process: start(t, bin(t, "hearth"), nil, args...)}
	a.url = address(a.line(t, "listening", 15*time.Second))
	a.client = newClient(t)
	credentials := map[string]string{"name": ownerName, "password": ownerPassword}
	if fresh {
		a.do(t, "POST", "/setup", credentials, nil)
	} else {
		a.do(t, "POST", "/session", credentials, nil)
	}
	return a
}

// address finds the https:// address in a line.
func address(line string) string {
	i := strings.Index(line, "https://")
	if i < 0 {
		return ""
	}
	return strings.TrimRight(strings.FieldsFunc(line[i:], func(r rune) bool { return r == ' ' || r == '"' })[0], "/")
}

// newClient keeps cookies, and takes the box's own certificate: it is on this machine, made a moment ago.
func newClient(t testing.TB) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{
		Jar:       jar,
		Timeout:   2 * time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // loopback
	}
}

// request sends a request to the API and gives the answer's status and body.
func (a *appliance) request(t testing.TB, method, path string, body any) (int, []byte) {
	t.Helper()
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+"/api/v1"+path, reader)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Origin", a.url)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, b
}

// do sends a request that has to succeed, and reads its answer into out unless that is nil.
func (a *appliance) do(t testing.TB, method, path string, body, out any) {
	t.Helper()
	status, b := a.request(t, method, path, body)
	if status < 200 || status > 299 {
		t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

// camera is what these tests read of a camera.
type camera struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	State   string `json:"state"`
	Problem string `json:"problem"`
	Vision  struct {
		Decoder  string `json:"decoder"`
		Restarts int    `json:"restarts"`
		Looks    int    `json:"looks"`
		Problem  string `json:"problem"`
		Bad      int    `json:"bad"`
	} `json:"vision"`
}

// add adds a camera and gives its id.
func (a *appliance) add(t testing.TB, settings map[string]any) string {
	t.Helper()
	var c camera
	a.do(t, "POST", "/cameras", settings, &c)
	return c.ID
}

func (a *appliance) camera(t testing.TB, id string) camera {
	t.Helper()
	var c camera
	a.do(t, "GET", "/cameras/"+id, nil, &c)
	return c
}

func (a *appliance) online(t testing.TB, id string, within time.Duration) {
	t.Helper()
	eventually(t, within, "camera online", func() bool { return a.camera(t, id).State == "online" })
}

// span is a stretch of time as the API tells it.
type span struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

type timeline struct {
	Spans []span `json:"spans"`
	Gaps  []span `json:"gaps"`
}

func (a *appliance) timeline(t testing.TB, id string, from, to time.Time) timeline {
	t.Helper()
	var tl timeline
	a.do(t, "GET", fmt.Sprintf("/cameras/%s/timeline?%s", id, fromTo(from, to)), nil, &tl)
	return tl
}

// export saves a span of a camera's footage as MP4 and gives its path.
func (a *appliance) export(t testing.TB, id string, from, to time.Time) string {
	t.Helper()
	status, b := a.request(t, "GET", fmt.Sprintf("/cameras/%s/export.mp4?%s", id, fromTo(from, to)), nil)
	if status != http.StatusOK {
		t.Fatalf("export: %d %s", status, b)
	}
	path := filepath.Join(t.TempDir(), "export.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func fromTo(from, to time.Time) string {
	return url.Values{
		"from": {from.UTC().Format(time.RFC3339Nano)},
		"to":   {to.UTC().Format(time.RFC3339Nano)},
	}.Encode()
}
