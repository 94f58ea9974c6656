//go:build !linux

package camera

// Hearth runs on Linux; elsewhere every packet wakes us.
func setReceiveLowWater(int, int) {}

func unread(int) int { return 0 }
