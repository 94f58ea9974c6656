package camera

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// setReceiveLowWater sets SO_RCVLOWAT (socket(7)). Linux wakes a waiting reader when the mark is lowered below what
// waits already, and always when the connection ends.
func setReceiveLowWater(fd, bytes int) {
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
}

// unread says how many bytes have come and were not read yet (tcp(7), SIOCINQ).
func unread(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
