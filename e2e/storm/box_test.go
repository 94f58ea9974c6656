package storm

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// box is the real program, started again and again on one data folder.
type box struct {
	program, data, port string
	args                []string
	log                 *os.File

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan error
	up    chan struct{} // closed while it answers
	spent time.Duration // processor time of the lives before
}

func newBox(t *testing.T, args ...string) *box {
	t.Helper()
	program, err := filepath.Abs(filepath.Join("..", "..", "bin", "hearth"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("bin/hearth is not built; run `make build`, or the tests with `make test`")
	}
	b := &box{program: program, data: filepath.Join(t.TempDir(), "data"), args: args, up: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, b.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	if b.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.kill()
		b.log.Close()
	})
	return b
}

func (b *box) url() string { return "https://127.0.0.1:" + b.port }

// start starts the program and waits until it answers.
func (b *box) start() error {
	fmt.Fprintf(b.log, "--- started at %s\n", time.Now().Format(time.StampMilli))
	cmd := exec.Command(b.program, append([]string{"serve", "--data", b.data, "--listen", "127.0.0.1:" + b.port, "--listen-http", ""}, b.args...)...)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	b.mu.Lock()
	b.cmd, b.ended = cmd, ended
	b.mu.Unlock()
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+b.port, time.Second)
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("hearth ended by itself: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("hearth does not answer a minute after its start: %w", err)
		}
	}
	b.mu.Lock()
	close(b.up)
	b.mu.Unlock()
	return nil
}

// kill ends the program at once, as a power cut would.
func (b *box) kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return
	}
	select {
	case <-b.up:
		b.up = make(chan struct{})
	default:
	}
	_ = b.cmd.Process.Kill()
	<-b.ended
	b.spent += b.cmd.ProcessState.UserTime() + b.cmd.ProcessState.SystemTime()
	b.cmd = nil
}

// alive says that the program still runs, by itself.
func (b *box) alive() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return nil
	}
	select {
	case err := <-b.ended:
		b.ended <- err
		return fmt.Errorf("hearth ended by itself: %w", err)
	default:
		return nil
	}
}

// wait waits until the program answers; false is the end of ctx.
func (b *box) wait(ctx context.Context) bool {
	b.mu.Lock()
	up := b.up
	b.mu.Unlock()
	select {
	case <-up:
		return true
	case <-ctx.Done():
		return false
	}
}

// workers lists the processes of hearth-vision that the running program started.
func (b *box) workers() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cmd == nil {
		return nil
	}
	return children(b.cmd.Process.Pid, "hearth-vision")
}

// children lists the processes with a name that another one started.
func children(of int, name string) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it is gone
		}
		// pid (name) state ppid …
		head, rest, _ := strings.Cut(string(raw), " (")
		comm, rest, _ := strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if len(fields) < 2 || fields[1] != strconv.Itoa(of) || comm != name {
			continue
		}
		if pid, err := strconv.Atoi(head); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// cpu is the processor time of the program in all its lives, without its workers; and of this test.
func (b *box) cpu() (hearth, test time.Duration) {
	b.mu.Lock()
	hearth = b.spent
	if b.cmd != nil {
		if raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.cmd.Process.Pid)); err == nil {
			_, rest, _ := strings.Cut(string(raw), ") ")
			f := strings.Fields(rest)
			user, _ := strconv.Atoi(f[11])
			system, _ := strconv.Atoi(f[12])
			hearth += time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
		}
	}
	b.mu.Unlock()
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) == nil {
		test = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return hearth, test
}

// said gives the last lines of the log that contain any of the words; no words: all.
func (b *box) said(lines int) string {
	raw, err := os.ReadFile(b.log.Name())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(string(raw), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
