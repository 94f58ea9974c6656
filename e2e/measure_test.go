package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// usage is what a group of processes has used: since their start, or between two readings after sub.
type usage struct {
	cpu        time.Duration // user and system, of the processes themselves without their children
	memory     int64         // bytes: proportional set size, so that what processes share counts once
	written    int64         // bytes handed to write calls
	writeCalls int64
}

// ticksPerSecond is USER_HZ, which is 100 on every Linux that Go runs on.
const ticksPerSecond = 100

// read adds up what processes have used so far.
func read(pids ...int) (usage, error) {
	var sum usage
	for _, pid := range pids {
		u, err := readOne(pid)
		if err != nil {
			return usage{}, err
		}
		sum.cpu += u.cpu
		sum.memory += u.memory
		sum.written += u.written
		sum.writeCalls += u.writeCalls
	}
	return sum, nil
}

func readOne(pid int) (usage, error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return usage{}, err
	}
	// The name in parentheses can hold spaces; utime and stime are the 12th and 13th field after it.
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	ticks := atoi(fields[11]) + atoi(fields[12])

	u := usage{cpu: time.Duration(ticks) * time.Second / ticksPerSecond}
	if u.memory, err = field(dir+"smaps_rollup", "Pss:"); err != nil {
		return usage{}, err
	}
	u.memory <<= 10
	if u.written, err = field(dir+"io", "wchar:"); err != nil {
		return usage{}, err
	}
	u.writeCalls, err = field(dir+"io", "syscw:")
	return u, err
}

// field finds a number behind a name in a file of /proc.
func field(path, name string) (int64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return atoi(strings.Fields(rest)[0]), nil
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

func atoi(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// since is what was used between two readings; memory is the later one's.
func (u usage) since(before usage) usage {
	return usage{u.cpu - before.cpu, u.memory, u.written - before.written, u.writeCalls - before.writeCalls}
}

// syncs counts for ten seconds how often processes ask for something to be made durable, per second. It stops them at each
// of these calls, so it comes behind what is measured. -1: strace is not there.
func syncs(b *testing.B, pids []int) float64 {
	b.Helper()
	program, err := exec.LookPath("strace")
	if err != nil {
		return -1
	}
	const span = 10 * time.Second
	out := filepath.Join(b.TempDir(), "calls")
	args := []string{"-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,sync,sync_file_range,msync", "-o", out}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		return -1
	}
	<-time.After(span)
	_ = cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	raw, err := os.ReadFile(out)
	if err != nil {
		return -1
	}
	n := 0
	for line := range strings.SplitSeq(string(raw), "\n") {
		if strings.Contains(line, "sync") && !strings.Contains(line, "resumed>") {
			n++
		}
	}
	return float64(n) / span.Seconds()
}
