//go:build !linux

package camera

// Hearth runs on Linux; elsewhere every packet wakes us, and the clock is taken for right.
func setReceiveLowWater(int, int) {}

func clockTrusted() bool { return true }
