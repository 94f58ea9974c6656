package index

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mincore says of each page of a mapping whether it is in memory.
func mincore(at, n uintptr, vector []byte) error {
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, at, n, uintptr(unsafe.Pointer(&vector[0]))); errno != 0 {
		return errno
	}
	return nil
}
