package camera

import "syscall"

// setReceiveLowWater sets SO_RCVLOWAT (socket(7)). Linux wakes a waiting reader when the mark is lowered below what
// waits already, and always when the connection ends.
func setReceiveLowWater(fd, bytes int) {
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, bytes)
}
