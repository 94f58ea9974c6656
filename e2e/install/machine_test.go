package install

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// long is what is waited for at most that takes moments: a machine that does much else may need it.
const long = 5 * time.Minute

// machine is a Debian that has booted, with a network that leads nowhere.
type machine struct {
	t      *testing.T
	root   string
	name   string
	cmd    *exec.Cmd
	ended  chan struct{}
	log    *os.File
	client *http.Client
}

// boot unpacks a Debian and boots it in a container of systemd's.
func boot(t *testing.T, suite string) *machine {
	t.Helper()
	base, err := filepath.Abs(filepath.Join("..", "..", ".cache", "install", suite+".tar"))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, root: filepath.Join(t.TempDir(), "root"), name: fmt.Sprintf("hearth-%s-%d", suite, os.Getpid())}
	if err := os.Mkdir(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", m.root, "--numeric-owner", "-xf", base).CombinedOutput(); err != nil {
		t.Fatalf("unpack the Debian that make test-install makes: %v\n%s", err, out)
	}
	if m.log, err = os.Create(filepath.Join(t.TempDir(), "console")); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the journal:\n%s", m.try("journalctl", "--no-pager", "--unit", "hearth", "--lines", "40"))
		}
		_ = m.cmd.Process.Signal(unix.SIGTERM) // it tells the container to power off
		select {
		case <-m.ended:
		case <-time.After(30 * time.Second):
			_ = m.cmd.Process.Kill()
			<-m.ended
		}
		m.log.Close()
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	m.client = &http.Client{Jar: jar, Timeout: time.Minute, Transport: &http.Transport{
		DialContext: m.dial, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, //nolint:gosec // the box was just made
	}}
	m.up()
	return m
}

// start switches the machine on.
func (m *machine) start() {
	m.t.Helper()
	m.cmd = exec.Command("systemd-nspawn", "--register=no", "--keep-unit", "--private-network", "-D", m.root, "-M", m.name, "-b")
	m.cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.cmd.Stdout, m.cmd.Stderr = m.log, m.log
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.ended = make(chan struct{})
	go func() {
		_ = m.cmd.Wait() // what it ends with says ProcessState
		close(m.ended)
	}()
}

// reboot has the machine start anew: nspawn ends with 133 where it would.
func (m *machine) reboot() {
	m.t.Helper()
	_ = m.try("systemctl", "reboot") // it may be gone before it answers
	select {
	case <-m.ended:
	case <-time.After(long):
		m.t.Fatal("the machine does not go down")
	}
	if code := m.cmd.ProcessState.ExitCode(); code != 133 {
		m.t.Fatalf("asked to reboot, the machine ended with %d", code)
	}
	m.start()
	m.up()
}

// up waits until the machine has booted.
func (m *machine) up() {
	m.t.Helper()
	m.until(long, "the machine has booted", func() bool {
		out := m.try("systemctl", "is-system-running")
		return strings.Contains(out, "running") || strings.Contains(out, "degraded")
	})
}

// leader is the process that is number 1 in there; 0: there is none now.
func (m *machine) leader() int {
	pid := m.cmd.Process.Pid
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	for child := range strings.FieldsSeq(string(raw)) {
		n, err := strconv.Atoi(child)
		if err == nil {
			return n
		}
	}
	return 0
}

// inside makes a command that runs in the machine.
func (m *machine) inside(args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{"--target", strconv.Itoa(m.leader()), "--all", "--"}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	return cmd
}

// try runs a command in the machine and gives what it prints, whatever comes of it.
func (m *machine) try(args ...string) string {
	if m.leader() == 0 {
		return ""
	}
	out, _ := m.inside(args...).CombinedOutput()
	return string(out)
}

// run runs a command in the machine that has to succeed.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.inside(args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// put copies a file into the machine's /root.
func (m *machine) put(path string) string {
	m.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	name := filepath.Base(path)
	if err := os.WriteFile(filepath.Join(m.root, "root", name), b, 0o644); err != nil {
		m.t.Fatal(err)
	}
	return "/root/" + name
}

// dial connects from inside of the machine's network.
func (m *machine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", m.leader()))
	if err != nil {
		return nil, err
	}
	defer there.Close()
	type dialled struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialled, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- dialled{err: fmt.Errorf("enter the machine's network: %w", err)}
			return
		}
		host, port, err := net.SplitHostPort(address)
		if err != nil {
			done <- dialled{err: err}
			return
		}
		if host == "localhost" {
			host = "127.0.0.1" // looked up here and not on another thread
		}
		conn, err := new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(host, port))
		done <- dialled{conn, err}
	}()
	d := <-done
	return d.conn, d.err
}

// api asks the box. A status of 300 and above is an error.
func (m *machine) api(method, path string, body, out any) error {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		reader = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(context.Background(), method, "https://localhost:8443/api/v1"+path, reader)
	if err != nil {
		return err
	}
	r.Header.Set("Origin", "https://localhost:8443")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := m.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	if out != nil {
		return json.Unmarshal(b, out)
	}
	return nil
}

// must is api that has to succeed.
func (m *machine) must(method, path string, body, out any) {
	m.t.Helper()
	if err := m.api(method, path, body, out); err != nil {
		m.t.Fatal(err)
	}
}

// until waits until a condition holds.
func (m *machine) until(within time.Duration, what string, holds func() bool) {
	m.t.Helper()
	for deadline := time.Now().Add(within); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("%s: not within %s", what, within)
		}
	}
}
