//go:build cgo

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"

	"hearth/hwaccel"
)

// maxData bounds the memory that can be written to, in bytes. Hearth ends a worker long before; this is for the
// moment in between.
const maxData = 2 << 30

// sandbox is what is closed already.
type sandbox struct {
	words  []string
	sealed bool
}

func (s *sandbox) String() string { return strings.Join(s.words, ", ") }

// confine gives up what no decoder needs, before the first byte of the camera is read. What drivers of hardware
// need stays open until seal.
func confine() (*sandbox, error) {
	s := &sandbox{}
	// The recorder and the viewers come first; and when memory is short, this is what to end.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 5)
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)

	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("give up gaining privileges: %w", err)
	}
	// No core dumps, also not to a program that collects them: they would hold pictures.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("give up core dumps: %w", err)
	}
	for _, l := range []struct {
		what int
		max  uint64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_DATA, maxData}} {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return nil, fmt.Errorf("limit resources: %w", err)
		}
	}
	s.words = append(s.words, "no_new_privs", "no core dumps", "memory limit")

	ll := landlock.V6.BestEffort()
	if err := ll.Restrict(
		landlock.RODirs("/usr", "/lib", "/lib64", "/etc", "/opt", "/sys", "/proc", "/run/udev").IgnoreIfMissing(),
		landlock.RWDirs("/dev").WithIoctlDev().IgnoreIfMissing(),
	); err != nil {
		s.words = append(s.words, "no Landlock: "+err.Error())
		return s, nil
	}
	s.words = append(s.words, "Landlock")
	if len(hwaccel.Present()) == 0 {
		s.seal()
	}
	return s, nil
}

// seal closes the file system altogether, once it is known that no hardware is used.
func (s *sandbox) seal() {
	if s.sealed {
		return
	}
	s.sealed = true
	if err := landlock.V6.BestEffort().RestrictPaths(); err == nil {
		s.words = append(s.words, "no files")
	}
}
