package main

import "golang.org/x/sys/unix"

// noCores keeps a crash from writing what is in memory to the disk, or handing it to a program that collects such files: there
// are the box's key, passwords and pictures in it. It holds for the programs that this one starts as well.
func noCores() {
	// Neither can fail for a process that only takes from itself; and if it did, that were no reason not to record.
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
