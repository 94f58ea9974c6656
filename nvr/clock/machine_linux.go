package clock

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// machine is the Linux that we run on.
type machine struct{}

func (machine) now() (moment, shown time.Time) {
	t := time.Now()
	return t, t.Round(0)
}

// inStep asks adjtimex(2), which reports TIME_ERROR (5) while nothing keeps the clock in step. In a container that is the
// host's clock, which is the container's too. Where asking is forbidden, as in the service, systemd is asked, which asks
// the same.
func (machine) inStep() bool {
	const timeError = 5
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	if err == nil {
		return state != timeError
	}
	return timedate.inStep()
}

// hardware reads the clocks that Linux found (Documentation/ABI/testing/sysfs-class-rtc).
func (machine) hardware() (time.Time, bool) {
	found, _ := filepath.Glob("/sys/class/rtc/rtc*/since_epoch") // the pattern is a right one
	for _, path := range found {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if s, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil {
			return time.Unix(s, 0), true
		}
	}
	return time.Time{}, false
}

// host looks for the flag by which a hypervisor makes itself known to what it runs (CPUID leaf 1, ECX bit 31; on ARM the
// device tree of QEMU and the like).
func (machine) host() bool {
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
				for f := range strings.FieldsSeq(flags) {
					if f == "hypervisor" {
						return true
					}
				}
				break
			}
		}
	}
	_, err := os.Stat("/proc/device-tree/hypervisor")
	return err == nil
}
