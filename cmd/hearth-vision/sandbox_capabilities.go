//go:build cgo

package main

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// dropCapabilities empties the sets of all threads (capabilities(7)): root without them is a user like others.
func dropCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has, none [2]unix.CapUserData
	if unix.Capget(&head, &has[0]) == nil && has == none {
		return nil // as in the service, which may not even ask for this
	}
	_, _, e := psx.Syscall3(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&none)), 0)
	runtime.KeepAlive(&none)
	if e != 0 {
		return e
	}
	return nil
}
