package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkerAbuse kills, freezes and feeds random bytes to a camera's worker for a minute. Not one recorded picture
// may be missing, and the worker has to be back at its work afterwards.
func TestWorkerAbuse(t *testing.T) {
	dir := t.TempDir()
	chaos := filepath.Join(dir, "chaos")
	tool(t, "go", "build", "-o", chaos, "./chaos")
	if err := os.Symlink(bin(t, "hearth-vision"), filepath.Join(dir, "hearth-vision")); err != nil {
		t.Fatal(err)
	}

	urls := sim(t, "--cameras", "1")
	a := serve(t, "", "--vision", chaos)
	id := a.add(t, map[string]any{"name": "Yard", "url": urls[0], "record": "continuous"})
	a.online(t, id, 15*time.Second)
	began := time.Now()

	eventually(t, 20*time.Second, "the worker decodes", func() bool { return a.camera(t, id).Vision.Decoder != "" })

	abuse := []struct {
		name string
		do   func(pid int) error
	}{
		{"SIGKILL", func(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }},
		{"random bytes", func(pid int) error { return syscall.Kill(pid, syscall.SIGUSR1) }},
		{"SIGSTOP", func(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }},
	}
	done := make(map[string]int)
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for i := 0; time.Since(began) < time.Minute; <-tick.C {
		between := children(t, a.cmd.Process.Pid)
		if len(between) == 0 {
			continue // just dead: the next one is on its way
		}
		workers := children(t, between[0])
		if len(workers) == 0 {
			continue
		}
		kind := abuse[i%len(abuse)]
		pid := workers[0]
		if kind.name == "random bytes" {
			pid = between[0]
		}
		if err := kind.do(pid); err != nil {
			continue // it ended by itself in this moment
		}
		done[kind.name]++
		i++
		if kind.name == "SIGSTOP" {
			eventually(t, 30*time.Second, "the frozen worker is given up", func() bool {
				return !slices.Contains(children(t, a.cmd.Process.Pid), between[0])
			})
		}
	}
	for _, kind := range abuse {
		if done[kind.name] < 2 {
			t.Errorf("%s was done %d times, want at least 2", kind.name, done[kind.name])
		}
	}
	restarts := a.camera(t, id).Vision.Restarts
	t.Logf("abuse: %v; the worker was started again %d times", done, restarts)
	if restarts < 3 {
		t.Errorf("%d restarts, want at least 3", restarts)
	}
	eventually(t, 45*time.Second, "the worker is back", func() bool {
		v := a.camera(t, id).Vision
		return v.Decoder != "" && v.Restarts >= 3 && len(children(t, a.cmd.Process.Pid)) == 1
	})
	ended := time.Now().Add(-3 * time.Second)

	consecutive(t, marks(t, a.export(t, id, began, ended)), int(ended.Sub(began).Seconds())*15)
}

// consecutive checks that marked pictures follow each other without a hole, and that there are at least so many.
func consecutive(t testing.TB, all []marked, least int) {
	t.Helper()
	for i, m := range all {
		switch {
		case !m.ok:
			t.Fatalf("picture %d has no readable mark", i)
		case i > 0 && (m.frame != all[i-1].frame+1 || m.camera != all[0].camera):
			t.Fatalf("after picture %d of camera %d comes picture %d of camera %d", all[i-1].frame, all[i-1].camera, m.frame, m.camera)
		}
	}
	if len(all) < least {
		t.Fatalf("%d pictures recorded, want at least %d; none is missing between them", len(all), least)
	}
	t.Logf("%d pictures without a hole, %d to %d", len(all), all[0].frame, all[len(all)-1].frame)
}

var rtspURL = regexp.MustCompile(`rtsp://\S+`)

// sim starts simulated cameras in a process of their own and gives their addresses, name and password in them.
func sim(t testing.TB, args ...string) []string {
	t.Helper()
	p := start(t, bin(t, "hearth"), nil, append([]string{"sim", "--listen", "127.0.0.1:0"}, args...)...)
	want := 1
	for i, arg := range args {
		if arg == "--cameras" {
			want, _ = strconv.Atoi(args[i+1])
		}
	}
	var urls []string
	eventually(t, 20*time.Second, "the cameras' addresses", func() bool {
		urls = rtspURL.FindAllString(p.output(), -1)
		return len(urls) >= want
	})
	return urls
}

// children lists the processes that a process has started and that still live.
func children(t testing.TB, parent int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		var pid, ppid int
		var state string
		_, after, ok := strings.Cut(string(b), ") ")
		if !ok {
			continue
		}
		fmt.Sscan(string(b), &pid)
		fmt.Sscan(after, &state, &ppid)
		if ppid == parent && state != "Z" {
			pids = append(pids, pid)
		}
	}
	return pids
}
