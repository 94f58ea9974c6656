package camera

import "syscall"

// setReceiveLowWater sets SO_RCVLOWAT (socket(7)). Linux wakes a waiting reader when the mark is lowered below what
// waits already, and always when the connection ends.
func setReceiveLowWater(fd, bytes int) {
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
}

// clockTrusted says whether the kernel holds the box's clock for right: adjtimex(2) reports TIME_ERROR (5) while
// nothing has set it since the start.
func clockTrusted() bool {
	const timeError = 5
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	return err == nil && state != timeError
}
