//go:build cgo

package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

const (
	// maxData bounds the memory that can be written to, in bytes, where drivers of hardware map a lot. Hearth ends a
	// worker long before; this is for the moment in between.
	maxData = 2 << 30
	// growth is how much more of that software may take than this program has when it is sealed, a sixth of it never
	// touched: so the memory that is really used stays below the 300 MB at which hearth ends a worker. A decoder that
	// asks for more is told that there is none, and its unit is a bad one.
	growth = 256 << 20
	// addresses is how many more addresses software may reserve. Go's heap fills what it has reserved, and Linux does
	// not count that as data that grew.
	addresses = 1 << 30

	niceness    = 5
	maxFiles    = 256 // drivers open several dozens
	sealedFiles = 16  // three pipes and what waits for them
	maxStack    = 32 << 20
	maxThreads  = 200 // drivers have some; with more, Go ends the program
)

// lower puts this program behind the recorder and the viewers, bounds what it can take, and has it leave nothing
// behind.
func (s *sandbox) lower() error {
	if s.without(limits) {
		return nil
	}
	if err := stepBack(); err != nil {
		return err
	}
	// When memory is short, this is what to end.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)

	debug.SetMaxStack(maxStack)
	debug.SetMaxThreads(maxThreads)

	// No core dumps, also not to a program that collects them: they would hold pictures.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("give up core dumps: %w", err)
	}
	err := limit(map[int]uint64{
		unix.RLIMIT_CORE: 0, unix.RLIMIT_DATA: maxData, unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_MSGQUEUE: 0,
	})
	if err != nil {
		return err
	}
	s.closed = append(s.closed, "no core dumps", "limits")
	return nil
}

// stepBack gives every thread a lower priority. Those that come later take over that of the thread that makes them.
func stepBack() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		// Without /proc there is nobody to ask; the thread that decodes is most likely this one.
		return unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, niceness) // it may have ended, or be nicer already
		}
	}
	return nil
}

// tighten limits what software alone can take. It reads how much there is now from /proc.
func tighten() error {
	text, err := os.ReadFile("/proc/self/statm") // proc(5)
	if err != nil {
		return fmt.Errorf("ask for the memory used: %w", err)
	}
	var size, resident, shared, code, lib, data uint64 // pages
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared, &code, &lib, &data); err != nil {
		return fmt.Errorf("ask for the memory used: %q: %w", text, err)
	}
	page := uint64(os.Getpagesize())
	return limit(map[int]uint64{
		unix.RLIMIT_DATA: data*page + growth, unix.RLIMIT_AS: size*page + addresses,
		unix.RLIMIT_NOFILE: sealedFiles, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_MEMLOCK: 0,
	})
}

func limit(of map[int]uint64) error {
	for what, most := range of {
		var now unix.Rlimit
		if err := unix.Getrlimit(what, &now); err != nil {
			return fmt.Errorf("limit resources: %w", err)
		}
		most = min(most, now.Max)
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limit resources: %w", err)
		}
	}
	return nil
}

// disown gives up privileges and ways to gain them, on all threads.
func (s *sandbox) disown() error {
	if s.without(capabilities) {
		return nil
	}
	if _, _, e := psx.Syscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); e != 0 {
		return fmt.Errorf("give up gaining privileges: %w", e)
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if _, _, e := psx.Syscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0); e != 0 {
			break // who is not root has none to give up, and older kernels know fewer
		}
	}
	_, _, _ = psx.Syscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0)
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("give up root's capabilities: %w", err)
	}
	s.closed = append(s.closed, "no_new_privs", "no capabilities")
	return nil
}
