//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// What may be asked of the kernel. All else is answered with "operation not permitted", not with death: it is refused
// either way, and a library that asks for something new and can do without goes on.

// plainCalls are needed by Go's runtime and the C library, with whatever arguments: to read and write what is open
// already, wait, take and give back memory, handle signals, and end. Names that an architecture does not have are left
// out on it.
var plainCalls = []string{
	"read", "readv", "write", "writev", "close", "fstat",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2",
	"futex", "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "restart_syscall",
	"sched_yield", "sched_getaffinity", "getcpu", "membarrier",
	"munmap", "mremap", "madvise", "brk",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
	"getpid", "gettid", "getrusage", "getrandom", "sysinfo",
	"set_robust_list", "rseq", "exit", "exit_group",
}

// driverCallNames are what drivers of hardware need besides: to read files, find and talk to devices, and run code
// that they load or make. Sockets and processes are not among it.
var driverCallNames = []string{
	"open", "openat", "openat2", "stat", "lstat", "newfstatat", "fstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "lseek", "pread64", "pwrite64", "dup", "dup2", "dup3",
	"pipe2", "poll", "ppoll", "select", "pselect6", "mmap", "mprotect", "msync", "mincore", "memfd_create", "ftruncate",
	"fallocate", "flock", "eventfd", "timerfd_create", "timerfd_settime", "uname", "getuid", "geteuid", "getgid", "getegid",
	"getresuid", "getresgid", "getppid", "getpriority", "sched_get_priority_min", "sched_get_priority_max",
	"sched_getparam", "sched_getscheduler", "get_mempolicy", "mbind", "kcmp", "prlimit64", "getrlimit", "setrlimit",
	"fcntl", "prctl", "arch_prctl", "tkill",
	// For seal.
	"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self",
}

// Kinds of ioctl, the second byte of their numbers, that drivers need: DRM, V4L2, media controllers, DMA heaps and
// buffers, NVIDIA's, and the one of WSL. NVIDIA's memory driver numbers its own from 0 on, and from 0x30000000.
var driverIoctls = []byte{'d', 'V', '|', 'H', 'b', 'F', 'G', 'N', 0}

// errNoSeccomp says that this kernel has no filters for system calls.
var errNoSeccomp = errors.New("this kernel has no seccomp")

func sealedCalls() []seccomp.SyscallGroup {
	// Code that is there already is all that runs: what was written to memory is never executed.
	data := seccomp.ArgumentConditions{{Argument: 2, Operation: seccomp.BitsNotSet, Value: unix.PROT_EXEC}}
	return groups(plainCalls, append([]seccomp.NameWithConditions{
		{Name: "mmap", Conditions: data},
		{Name: "mprotect", Conditions: data},
		when("fcntl", 1, unix.F_GETFL),
		when("fcntl", 1, unix.F_SETFL),
	}, ownThreads()...))
}

func driverCalls() []seccomp.SyscallGroup {
	some := ownThreads()
	for _, kind := range driverIoctls {
		c := seccomp.ArgumentConditions{{Argument: 1, Operation: seccomp.BitsNotSet, Value: uint64(^kind) << 8}}
		for bit := 1; bit < 1<<8; bit <<= 1 {
			if int(kind)&bit != 0 {
				c = append(c, seccomp.Condition{Argument: 1, Operation: seccomp.BitsSet, Value: uint64(bit) << 8})
			}
		}
		some = append(some, seccomp.NameWithConditions{Name: "ioctl", Conditions: c})
	}
	return groups(append(append([]string(nil), plainCalls...), driverCallNames...), some)
}

// ownThreads lets this process make threads, in no other namespace, and send signals to them.
func ownThreads() []seccomp.NameWithConditions {
	const apart = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER |
		unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_VFORK | unix.CLONE_PTRACE | unix.CLONE_PIDFD
	return []seccomp.NameWithConditions{
		{Name: "clone", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.BitsSet, Value: unix.CLONE_THREAD},
			{Argument: 0, Operation: seccomp.BitsNotSet, Value: apart},
		}},
		when("tgkill", 0, uint64(os.Getpid())),
	}
}

func when(name string, argument uint32, is uint64) seccomp.NameWithConditions {
	return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{
		{Argument: argument, Operation: seccomp.Equal, Value: is},
	}}
}

// groups is the whole list. A filter cannot look at the arguments of clone3, which lie in memory: it is said not to
// exist, and the C library takes clone.
func groups(plain []string, some []seccomp.NameWithConditions) []seccomp.SyscallGroup {
	return []seccomp.SyscallGroup{
		{Action: seccomp.ActionAllow, Names: plain, NamesWithCondtions: some},
		{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}},
	}
}

// allow lets all threads ask for nothing else from now on. What was closed before stays closed.
func allow(list []seccomp.SyscallGroup) error {
	if !seccomp.Supported() {
		return errNoSeccomp
	}
	here, err := arch.GetInfo("")
	if err != nil {
		return fmt.Errorf("for %s: %w", runtime.GOARCH, err)
	}
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy:     seccomp.Policy{DefaultAction: seccomp.ActionErrno, Syscalls: known(list, here)},
	})
}

// known leaves out the names that an architecture does not have.
func known(list []seccomp.SyscallGroup, here *arch.Info) []seccomp.SyscallGroup {
	var out []seccomp.SyscallGroup
	for _, g := range list {
		k := seccomp.SyscallGroup{Action: g.Action}
		for _, n := range g.Names {
			if _, ok := here.SyscallNames[n]; ok {
				k.Names = append(k.Names, n)
			}
		}
		for _, n := range g.NamesWithCondtions {
			if _, ok := here.SyscallNames[n.Name]; ok {
				k.NamesWithCondtions = append(k.NamesWithCondtions, n)
			}
		}
		out = append(out, k)
	}
	return out
}
