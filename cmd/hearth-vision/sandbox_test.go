//go:build cgo

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"

	"hearth/hwaccel"
)

// confinedEnv tells a copy of this test how to confine itself: a case as JSON.
const confinedEnv = "HEARTH_TEST_CONFINED"

// confinement is how a copy of this test confines itself, and whom it then tries to harm.
type confinement struct {
	Open    bool    // not at all
	Drivers bool    // as if there were hardware, which is not sealed
	Sealed  bool    // as if there had been hardware, and software was chosen after all
	Off     []layer // left out
	Serve   bool    // and works, as the program does
	Aims    aims
}

// told is what the copy says.
type told struct {
	Closed, Missing string
	Results         map[string]string // of each attempt: what came of it, "" is success
}

// TestMain has a copy of the test do what it is told instead of testing.
func TestMain(m *testing.M) {
	if text := os.Getenv(confinedEnv); text != "" {
		var c confinement
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			panic(err)
		}
		os.Unsetenv(confinedEnv)
		if err := c.run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if made.Load() {
		if path, err := reachable(); err == nil {
			os.RemoveAll(filepath.Dir(path))
		}
	}
	os.Exit(code)
}

func (c confinement) run() error {
	runtime.GOMAXPROCS(1)
	box := &sandbox{}
	if !c.Open {
		var present []hwaccel.Hardware
		if c.Drivers || c.Sealed {
			present = []hwaccel.Hardware{{Name: "vaapi", Device: "/dev/dri/renderD128"}}
		}
		var err error
		if box, err = confine(present, c.Off...); err != nil {
			return err
		}
		if c.Sealed {
			box.seal()
		}
	}
	if c.Serve {
		return serve(input(), os.Stdout, box, lagLimit)
	}
	if c.Aims.Death != "" {
		die(c.Aims.Death)
	}
	t := told{Closed: box.String(), Missing: box.Missing(), Results: make(map[string]string)}
	for _, a := range attempts(c.Aims) {
		t.Results[a.name] = ""
		if err := a.do(); err != nil {
			t.Results[a.name] = err.Error()
			if refused(err) {
				t.Results[a.name] = "refused: " + err.Error()
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
		return err
	}
	if !c.Open {
		// What it is for still works: threads, memory, and a decoder for each codec.
		if err := live(); err != nil {
			return err
		}
	}
	fmt.Println("lives")
	_, err := io.Copy(io.Discard, os.Stdin) // until its threads were looked at
	return err
}

// live makes threads and garbage, and decodes.
func live() error {
	done := make(chan int)
	for i := range 12 {
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with it
			b := make([]byte, 4<<20)
			b[i] = 1
			done <- len(b)
		}()
	}
	for range 12 {
		<-done
	}
	runtime.GC()
	for _, s := range hwaccel.Samples {
		if trial := hwaccel.Try(hwaccel.Software(), s); !trial.Works {
			return fmt.Errorf("it cannot decode %s any more: %s", s, trial.Why)
		}
	}
	return nil
}

// user is who a copy runs as.
type user struct {
	name string
	uid  uint32
}

// users are this one, and nobody where that can be.
func users() []user {
	u := []user{{"as user " + strconv.Itoa(os.Getuid()), uint32(os.Getuid())}}
	if os.Getuid() == 0 {
		u = append(u, user{"as nobody", 65534})
	}
	return u
}

// copyOf starts a copy of this test; what it says goes to out.
func copyOf(t *testing.T, c confinement, as user) (cmd *exec.Cmd, stdin io.WriteCloser, out io.ReadCloser, errs *strings.Builder) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	path, err := reachable()
	if err != nil {
		t.Fatal(err)
	}
	made.Store(true)
	cmd = exec.Command(path)
	cmd.Dir = "/"
	cmd.Env = []string{confinedEnv + "=" + string(text), "GOTRACEBACK=single"}
	errs = &strings.Builder{}
	cmd.Stderr = errs
	if int(as.uid) != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.uid, Gid: as.uid}}
	}
	if stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdin, out, errs
}

// made says that there is such a copy.
var made atomic.Bool

// reachable copies this test's program to where everybody may run it, once.
var reachable = sync.OnceValues(func() (string, error) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "hearth-vision-test-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "copy")
	// A process that another test starts now would keep the file open, and a file that may be written does not run.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return path, os.WriteFile(path, program, 0o755)
})

// openDir is a folder that everybody can read and write; t.TempDir lies in one of which that is not so.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "hearth-vision-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// hear has a copy try everything and returns what it said. While it still lives, its threads are looked at.
func hear(t *testing.T, c confinement, as user) told {
	t.Helper()
	cmd, stdin, out, errs := copyOf(t, c, as)
	in := json.NewDecoder(out)
	var said told
	err := in.Decode(&said)
	if err == nil {
		var word [8]byte
		_, err = io.ReadAtLeast(io.MultiReader(in.Buffered(), out), word[:], 6)
	}
	if err == nil && !c.Open {
		lookAtThreads(t, cmd.Process.Pid, c)
	}
	stdin.Close()
	if e := cmd.Wait(); err != nil || e != nil {
		t.Fatalf("the copy: %v, %v\n%s", err, e, errs)
	}
	return said
}

// lookAtThreads sees from outside what holds for each thread of a process.
func lookAtThreads(t *testing.T, pid int, c confinement) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) < 2 {
		t.Fatalf("threads %v, %v", tasks, err)
	}
	for _, task := range tasks {
		status, err := os.ReadFile(task + "/status")
		if err != nil {
			continue // that one has ended
		}
		has := func(l layer, line string) {
			if !slices.Contains(c.Off, l) && !strings.Contains(string(status), line+"\n") {
				t.Errorf("not so in %s: %s\n%s", task, line, status)
			}
		}
		none := "0000000000000000"
		has(capabilities, "NoNewPrivs:\t1")
		for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
			has(capabilities, set+":\t"+none)
		}
		if os.Getuid() == 0 && strings.Contains(string(status), "Uid:\t0") {
			has(capabilities, "CapBnd:\t"+none)
		}
		if seccomp.Supported() {
			has(calls, "Seccomp:\t2")
		}
		stat, err := os.ReadFile(task + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if nice, _ := strconv.Atoi(fields[16]); nice < niceness && !slices.Contains(c.Off, limits) {
			t.Errorf("%s has niceness %d", task, nice)
		}
	}
}

// TestConfined has the sandbox attacked from inside, in every form that it has.
func TestConfined(t *testing.T) {
	for _, as := range users() {
		t.Run(as.name, func(t *testing.T) {
			aims := aim(t, as)
			baseline := hear(t, confinement{Open: true, Aims: aims}, as).Results
			for name, c := range map[string]confinement{
				"at once":        {},
				"for drivers":    {Drivers: true},
				"then sealed":    {Sealed: true},
				"files alone":    {Off: []layer{capabilities, limits, calls}},
				"calls alone":    {Off: []layer{capabilities, limits, files}},
				"no files layer": {Drivers: true, Off: []layer{files}},
				"no calls layer": {Off: []layer{calls}},
			} {
				t.Run(name, func(t *testing.T) {
					if why := lacking(c); why != "" {
						t.Skip(why)
					}
					c.Aims = aims
					said := hear(t, c, as)
					t.Logf("closed: %s; missing: %s", said.Closed, said.Missing)
					if said.Missing != "" {
						t.Errorf("missing: %s", said.Missing)
					}
					c.judge(t, said.Results, baseline, as)
				})
			}
		})
	}
}

// lacking names the layer that a case is about and that this kernel does not have.
func lacking(c confinement) string {
	if !slices.Contains(c.Off, files) && landlockVersion() == 0 {
		return "this kernel has no Landlock: a lsm= without it on its command line, or older than 5.13"
	}
	if !slices.Contains(c.Off, calls) && !seccomp.Supported() {
		return "this kernel, or the container's own filter, has no seccomp(2)"
	}
	return ""
}

// judge compares what came of the attempts with what should. One that is refused without any sandbox shows nothing;
// as root none should be.
func (c confinement) judge(t *testing.T, got, baseline map[string]string, as user) {
	t.Helper()
	succeeded := 0
	for _, a := range attempts(c.Aims) {
		result := got[a.name]
		is := strings.HasPrefix(result, "refused: ")
		if !is {
			succeeded++
		}
		if strings.HasPrefix(baseline[a.name], "refused: ") {
			if as.uid == 0 {
				t.Logf("%s: shows nothing here, it is refused without a sandbox too: %s", a.name, baseline[a.name])
			}
			continue
		}
		if want := c.refuses(a); want && !is {
			t.Errorf("%s: %q, want it refused", a.name, result)
		}
		if c.Drivers && a.drivers && is {
			t.Errorf("%s: drivers need it: %s", a.name, result)
		}
	}
	// Else the layer would be for nothing, or the attempts none.
	if left := len(c.Off); left == 1 && succeeded == 0 {
		t.Errorf("without %v everything is refused too", c.Off)
	}
}

// refuses says whether an attempt has to be refused by what is there.
func (c confinement) refuses(a attempt) bool {
	if slices.Contains(c.Off, calls) {
		return a.files && !slices.Contains(c.Off, files)
	}
	if c.Drivers {
		return !a.drivers && !(slices.Contains(c.Off, files) && a.files)
	}
	return true
}

// The lists name calls of Linux, and each architecture has what Go and the C library need to live there.
func TestTheListsAreOfThisKernel(t *testing.T) {
	legacy := "open stat lstat access readlink pipe2 poll select dup2 eventfd epoll_wait arch_prctl getrlimit setrlimit newfstatat fstatat"
	for _, on := range []*arch.Info{arch.X86_64, arch.AARCH64} {
		for name, list := range map[string][]seccomp.SyscallGroup{"sealed": sealedCalls(), "drivers": driverCalls()} {
			k := known(list, on)
			for i, g := range list {
				for _, n := range g.Names {
					if !slices.Contains(k[i].Names, n) && !slices.Contains(strings.Fields(legacy), n) {
						t.Errorf("%s: %s has no %s", name, on.Name, n)
					}
				}
				if len(k[i].NamesWithCondtions) != len(g.NamesWithCondtions) {
					t.Errorf("%s: %s has not all of %v", name, on.Name, g.NamesWithCondtions)
				}
			}
		}
		for _, never := range []string{"socket", "execve", "execveat", "fork", "ptrace", "io_uring_setup", "unshare", "mount", "kill"} {
			for _, g := range append(sealedCalls(), driverCalls()...) {
				if slices.Contains(g.Names, never) {
					t.Errorf("%s is in a list", never)
				}
			}
		}
	}
}

// A worker that comes to harm ends, and says why, as it would without walls.
func TestItDiesAsItShould(t *testing.T) {
	if why := lacking(confinement{}); why != "" {
		t.Skip(why)
	}
	for _, c := range []struct{ death, says string }{
		{"panic", "panic: on purpose"},
		{"nil", "nil pointer dereference"},
		// Go's collector does not always look whether it got the memory that it asked for itself.
		{"heap", `out of memory|SIGSEGV[^$]*runtime\.\(\*spanQueue\)`},
		{"abort", "SIGABRT"},
		{"segv", "SIGSEGV"},
		{"stack", "stack overflow"},
		{"threads", "thread"},
	} {
		t.Run(c.death, func(t *testing.T) {
			t.Parallel()
			cmd, stdin, out, errs := copyOf(t, confinement{Aims: aims{Death: c.death}}, users()[0])
			defer stdin.Close()
			if _, err := io.Copy(io.Discard, out); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil || !regexp.MustCompile(c.says).MatchString(errs.String()) {
				t.Errorf("it ended with %v and wrote %.500s", err, errs)
			}
			if rss := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10; rss > 300<<20 {
				t.Errorf("it took %d MB", rss>>20)
			}
		})
	}
}

// die ends this process in a bad way.
func die(how string) {
	switch how {
	case "panic":
		panic("on purpose")
	case "nil":
		var p *confinement
		fmt.Println(p.Open)
	case "heap":
		var keep [][]byte
		for {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			keep = append(keep, b)
			runtime.KeepAlive(keep)
		}
	case "abort":
		_ = syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGABRT)
	case "segv":
		_ = syscall.Tgkill(os.Getpid(), syscall.Gettid(), syscall.SIGSEGV)
	case "stack":
		var deeper func(int) int
		deeper = func(n int) int { return deeper(n+1) + 1 }
		fmt.Println(deeper(0))
	case "threads":
		for {
			go func() {
				runtime.LockOSThread()
				select {}
			}()
			runtime.Gosched()
		}
	}
	select {}
}

// aim sets up what is to be attacked.
func aim(t *testing.T, as user) aims {
	t.Helper()
	dir := openDir(t)
	a := aims{Folder: dir, Parent: os.Getpid()}
	if err := os.WriteFile(dir+"/footage", []byte("a family's"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/footage", 0o666); err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	a.TCP = tcp.Addr().(*net.TCPAddr).Port
	for _, path := range []string{dir + "/socket", "@hearth-vision-" + strconv.Itoa(os.Getpid())} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		a.Unix = append(a.Unix, path)
	}
	if err := os.Chmod(dir+"/socket", 0o777); err != nil {
		t.Fatal(err)
	}
	victim := exec.Command("sleep", "1000")
	victim.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.uid, Gid: as.uid, NoSetGroups: true}}
	if int(as.uid) == os.Getuid() {
		victim.SysProcAttr = nil
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = victim.Process.Kill()
		_ = victim.Wait()
	})
	a.Victim = victim.Process.Pid
	return a
}
