//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// aims are what a confined copy of the test attacks.
type aims struct {
	Folder string   // with "footage" in it, which everybody may read and write
	Parent int      // as hearth is the parent of a worker
	Victim int      // another process of the same user
	TCP    int      // a port of 127.0.0.1
	Unix   []string // sockets, the second one abstract
	Death  string   // none of these: to end in a bad way instead
}

// attempt is something that a decoder that was taken over might try. Its arguments are such that it does no harm
// where it succeeds, or fails for another reason than that it is refused.
type attempt struct {
	name    string
	do      func() error
	files   bool // Landlock alone refuses it, in every version that this test runs on
	drivers bool // drivers of hardware may
}

// refused says whether it was the sandbox that kept something from being done.
func refused(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) }

func call(number uintptr, args ...uintptr) error {
	var a [6]uintptr
	copy(a[:], args)
	r, _, e := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5])
	if e != 0 {
		return e
	}
	switch number { // it is a file
	case unix.SYS_SOCKET, unix.SYS_IO_URING_SETUP, unix.SYS_PIDFD_OPEN, unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN,
		unix.SYS_INOTIFY_INIT1, unix.SYS_FANOTIFY_INIT, unix.SYS_MEMFD_CREATE:
		_ = unix.Close(int(r))
	}
	return nil
}

func opened(path string, flags int) func() error {
	return func() error {
		fd, err := unix.Open(path, flags, 0o600)
		if err == nil {
			_ = unix.Close(fd)
		}
		return err
	}
}

func connected(domain, kind int, to unix.Sockaddr) func() error {
	return func() error {
		fd, err := unix.Socket(domain, kind, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, to); err != nil {
			return err
		}
		if kind == unix.SOCK_DGRAM {
			_, err = unix.Write(fd, []byte("hello"))
		}
		return err
	}
}

func ptr[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

func attempts(a aims) []attempt {
	text := func(s string) uintptr {
		b, _ := unix.BytePtrFromString(s)
		return ptr(b)
	}
	plain := func(number uintptr, args ...uintptr) func() error {
		return func() error { return call(number, args...) }
	}
	local := [4]byte{127, 0, 0, 1}
	var list []attempt
	list = append(list, fileAttempts(a)...)
	list = append(list, []attempt{
		// The network.
		{name: "connect by TCP", do: connected(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: a.TCP, Addr: local})},
		{name: "send by UDP", do: connected(unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 9, Addr: local})},
		{name: "connect to a socket in a folder", do: connected(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: first(a.Unix, 0)})},
		{name: "connect to an abstract socket", do: connected(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: first(a.Unix, 1)})},
		{name: "ask the kernel of the network", do: plain(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)},
		{name: "an IPv6 socket", do: plain(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_DGRAM, 0)},
		{name: "a socket of an unknown family", do: plain(unix.SYS_SOCKET, 77, unix.SOCK_STREAM, 0)},
		{name: "a pair of sockets", do: func() error {
			p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err == nil {
				_, _ = unix.Close(p[0]), unix.Close(p[1])
			}
			return err
		}},
		{name: "connect without a socket", do: plain(unix.SYS_CONNECT, 99, 0, 0)},
		{name: "receive a file", do: plain(unix.SYS_RECVMSG, 99, 0, 0)},

		// Other processes.
		{name: "signal hearth", do: func() error { return unix.Kill(a.Parent, 0) }},
		{name: "signal a process", do: func() error { return unix.Kill(a.Victim, 0) }},
		{name: "signal a thread of hearth", do: plain(unix.SYS_TGKILL, uintptr(a.Parent), uintptr(a.Parent), 0)},
		{name: "hold a process", do: plain(unix.SYS_PIDFD_OPEN, uintptr(a.Victim), 0)},
		{name: "read a process's memory", do: func() error {
			var b [8]byte
			here := []unix.Iovec{{Base: &b[0], Len: 8}}
			_, err := unix.ProcessVMReadv(a.Victim, here, []unix.RemoteIovec{{Base: 8, Len: 8}}, 0)
			return err
		}},
		{name: "write a process's memory", do: func() error {
			var b [8]byte
			here := []unix.Iovec{{Base: &b[0], Len: 8}}
			_, err := unix.ProcessVMWritev(a.Victim, here, []unix.RemoteIovec{{Base: 8, Len: 8}}, 0)
			return err
		}},
		{name: "trace a process", do: plain(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(a.Victim), 0, 0)},
		{name: "limit a process", do: plain(unix.SYS_SCHED_SETAFFINITY, uintptr(a.Victim), 0, 0)},
		{name: "start a program", do: func() error {
			p, err := os.StartProcess("/bin/true", []string{"true"}, &os.ProcAttr{})
			if err == nil {
				_, err = p.Wait()
			}
			return err
		}},
		{name: "become a program", do: plain(unix.SYS_EXECVE, text("/nonexistent"), 0, 0)},
		{name: "become what is in memory", do: func() error {
			fd, err := unix.MemfdCreate("program", 0)
			if err != nil {
				fd = 99 // as far as it got; the next step must be refused for itself
			} else {
				defer unix.Close(fd)
			}
			return call(unix.SYS_EXECVEAT, uintptr(fd), text(""), 0, 0, unix.AT_EMPTY_PATH)
		}},
		{name: "become two", do: fork},
		{name: "a thread in another namespace", do: plain(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_SIGHAND|unix.CLONE_VM|unix.CLONE_NEWUSER)},
		{name: "a process by clone3", do: func() error {
			err := call(unix.SYS_CLONE3, 0, 0)
			if errors.Is(err, unix.ENOSYS) {
				return fmt.Errorf("it is said not to exist: %w", unix.EPERM)
			}
			return err
		}},

		// Ways around.
		{name: "a ring of calls", do: func() error {
			var params [120]byte
			return call(unix.SYS_IO_URING_SETUP, 1, ptr(&params[0]))
		}},
		{name: "use a ring", do: plain(unix.SYS_IO_URING_ENTER, 99, 0, 0, 0, 0, 0)},
		{name: "namespaces of its own", do: plain(unix.SYS_UNSHARE, unix.CLONE_NEWUSER)},
		{name: "another's namespaces", do: plain(unix.SYS_SETNS, 99, 0)},
		{name: "mount", do: plain(unix.SYS_MOUNT, text("none"), text("/nonexistent"), text("tmpfs"), 0, 0)},
		{name: "unmount", do: plain(unix.SYS_UMOUNT2, text("/nonexistent"), 0)},
		{name: "mount the new way", do: plain(unix.SYS_FSOPEN, text("nonexistent"), 0)},
		{name: "another root", do: plain(unix.SYS_PIVOT_ROOT, text("/nonexistent"), text("/nonexistent"))},
		{name: "chroot", do: plain(unix.SYS_CHROOT, text("/nonexistent"))},
		{name: "load a program into the kernel", do: func() error {
			var attr [120]byte
			return call(unix.SYS_BPF, unix.BPF_PROG_LOAD, ptr(&attr[0]), 120)
		}},
		{name: "load a module", do: plain(unix.SYS_FINIT_MODULE, 99, text(""), 0)},
		{name: "load a kernel", do: plain(unix.SYS_KEXEC_LOAD, 0, 1<<20, 0, 1<<20)},
		{name: "watch performance", do: func() error {
			attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK}
			attr.Size = uint32(unsafe.Sizeof(attr))
			return call(unix.SYS_PERF_EVENT_OPEN, ptr(&attr), 0, ^uintptr(0), ^uintptr(0), 0)
		}},
		{name: "handle page faults", do: plain(unix.SYS_USERFAULTFD, unix.O_CLOEXEC)},
		{name: "the kernel's keys", do: plain(unix.SYS_KEYCTL, 99, 0, 0, 0, 0)},
		{name: "set the clock", do: plain(unix.SYS_CLOCK_SETTIME, 99, 0)},
		{name: "name the machine", do: plain(unix.SYS_SETHOSTNAME, 0, ^uintptr(0))},
		{name: "swap", do: plain(unix.SYS_SWAPOFF, text("/nonexistent"))},
		{name: "restart the machine", do: plain(unix.SYS_REBOOT, 1, 2, 3, 0)},
		{name: "memory for others", do: plain(unix.SYS_SHMGET, 1, ^uintptr(0), 0)},
		{name: "messages for others", do: plain(unix.SYS_MSGGET, 1, 0)},
		{name: "watch files", do: plain(unix.SYS_INOTIFY_INIT1, 0)},
		{name: "another user", do: plain(unix.SYS_SETRESUID, ^uintptr(0), ^uintptr(0), ^uintptr(0))},
		{name: "another personality", do: plain(unix.SYS_PERSONALITY, 0xffffffff)},
		{name: "a signal by the clock", do: plain(unix.SYS_TIMER_CREATE, 99, 0, 0)},
		{name: "core dumps again", do: plain(unix.SYS_PRCTL, unix.PR_GET_DUMPABLE), drivers: true},
		{name: "a terminal's keys", do: plain(unix.SYS_IOCTL, 0, unix.TIOCSTI, text("x"))},
		{name: "ask a device", do: plain(unix.SYS_IOCTL, 99, 0xc0106400), drivers: true},

		// Code of its own.
		{name: "a file in memory", do: plain(unix.SYS_MEMFD_CREATE, text("x"), 0), drivers: true},
		{name: "code in new memory", do: func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err == nil {
				err = unix.Munmap(b)
			}
			return err
		}, drivers: true},
		{name: "code in memory that was written", do: func() error {
			b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				return errors.New(err.Error()) // of another kind than what is to be shown
			}
			defer unix.Munmap(b)
			return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
		}, drivers: true},
	}...)
	return list
}

func fileAttempts(a aims) []attempt {
	footage := a.Folder + "/footage"
	return []attempt{
		{name: "read /etc/passwd", do: opened("/etc/passwd", unix.O_RDONLY), files: true},
		{name: "read footage", do: opened(footage, unix.O_RDONLY), files: true},
		{name: "write footage", do: opened(footage, unix.O_WRONLY), files: true},
		{name: "make a file", do: opened(a.Folder+"/new", unix.O_CREAT|unix.O_WRONLY), files: true},
		{name: "list a folder", do: opened("/etc", unix.O_RDONLY|unix.O_DIRECTORY), files: true},
		{name: "open by openat2", do: func() error {
			fd, err := unix.Openat2(unix.AT_FDCWD, footage, &unix.OpenHow{Flags: unix.O_RDONLY})
			if err == nil {
				_ = unix.Close(fd)
			}
			return err
		}, files: true},
		{name: "hearth's memory", do: opened(fmt.Sprintf("/proc/%d/mem", a.Parent), unix.O_RDONLY), files: true},
		{name: "hearth's environment", do: opened(fmt.Sprintf("/proc/%d/environ", a.Parent), unix.O_RDONLY), files: true},
		{name: "a process's memory", do: opened(fmt.Sprintf("/proc/%d/mem", a.Victim), unix.O_RDWR), files: true},
		{name: "the kernel's settings", do: opened("/proc/sys/kernel/hostname", unix.O_RDONLY), files: true},
		{name: "rename footage", do: func() error {
			if err := unix.Rename(footage, footage+"2"); err != nil {
				return err
			}
			return unix.Rename(footage+"2", footage)
		}, files: true},
		{name: "remove a file", do: func() error { return unix.Unlink(a.Folder + "/nonexistent") }},
		{name: "change rights", do: func() error { return unix.Chmod(a.Folder+"/nonexistent", 0o777) }},
		{name: "change the owner", do: func() error { return unix.Chown(a.Folder+"/nonexistent", 0, 0) }},
		{name: "link", do: func() error { return unix.Symlink("/etc", a.Folder+"/none/link") }},
		{name: "go somewhere", do: func() error { return unix.Chdir("/") }},
		{name: "by a handle", do: func() error { return call(unix.SYS_OPEN_BY_HANDLE_AT, 99, 0, 0) }},
		{name: "an attribute", do: func() error {
			_, err := unix.Getxattr("/nonexistent", "user.x", nil)
			return err
		}},
		{name: "ask of a file", do: func() error {
			var s unix.Stat_t
			return unix.Stat("/etc/passwd", &s)
		}, drivers: true},
		{name: "read what drivers read", do: opened("/proc/self/maps", unix.O_RDONLY), drivers: true},
	}
}

// fork is fork(2) itself. What comes of it ends at once, without touching what Go has there.
func fork() error {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	pid, _, e := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if e != 0 {
		return e
	}
	for pid == 0 {
		_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
	}
	_, _ = syscall.Wait4(int(pid), nil, 0, nil) // which is refused for itself
	return nil
}

func first(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}
