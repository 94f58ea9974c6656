package storage

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// meter is what this process, and the disk under a folder, have done since the start.
type meter struct {
	cpu      time.Duration // user and system
	wall     time.Time
	calls    int64 // reads: calls of the system
	written  int64 // bytes that this process made the kernel write, the file system's own not among them
	fromDisk int64 // bytes that were not in memory
	requests int64 // reads at the device, of whomever; -1: there is no device that counts them
}

func measure(b *testing.B, dir string) meter {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	io, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	return meter{
		cpu: time.Duration(u.Utime.Nano() + u.Stime.Nano()), wall: time.Now(), requests: requests(dir),
		calls: field(io, "syscr:"), written: field(io, "write_bytes:"), fromDisk: field(io, "read_bytes:"),
	}
}

func (m meter) since(before meter) meter {
	m.cpu -= before.cpu
	m.calls -= before.calls
	m.written -= before.written
	m.fromDisk -= before.fromDisk
	m.requests -= before.requests
	return m
}

func field(text []byte, name string) int64 {
	for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), name); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// requests counts the reads that the device under a folder has done.
func requests(dir string) int64 {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return -1
	}
	raw, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(st.Dev), unix.Minor(st.Dev)))
	if err != nil {
		return -1
	}
	n, _ := strconv.ParseInt(strings.Fields(string(raw))[0], 10, 64)
	return n
}

// mapping is a file that is mapped into this process, as bbolt does it.
type mapping struct {
	file  *os.File
	at, n uintptr
}

func mapped(b *testing.B, path string) *mapping {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		b.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.SplitSeq(string(maps), "\n") {
		var from, to uintptr
		if !strings.HasSuffix(line, " "+real) {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			b.Fatal(err)
		}
		return &mapping{file, from, min(to-from, uintptr(info.Size()))}
	}
	b.Fatalf("%s is not mapped", path)
	return nil
}

// drop lets the system forget the file.
func (m *mapping) drop(b *testing.B) {
	b.Helper()
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.at, m.n, unix.MADV_DONTNEED); errno != 0 {
		b.Fatal(errno)
	}
	if err := unix.Fadvise(int(m.file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// figure reports figures under a name, in pairs of value and unit.
func figure(b *testing.B, name string, pairs ...any) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportMetric(0, "ns/op") // it was measured before
		for i := 0; i+1 < len(pairs); i += 2 {
			v, ok := pairs[i].(float64)
			if !ok {
				b.Fatalf("%v is no figure", pairs[i])
			}
			b.ReportMetric(v, pairs[i+1].(string))
		}
	})
}

// at gives the value below which a part of a list lies.
func at[T int64 | float64 | time.Duration](list []T, part float64) float64 {
	list = slices.Clone(list)
	slices.Sort(list)
	return float64(list[min(int(float64(len(list))*part), len(list)-1)])
}
