package main

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// bringUp gives an interface its address and takes it into use. Everything else that is needed lies in the same network, so there
// is no route beyond it.
func bringUp(name, address, mask string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	for _, set := range []struct {
		what  uint
		value string
	}{{unix.SIOCSIFADDR, address}, {unix.SIOCSIFNETMASK, mask}} {
		if err := request.SetInet4Addr(net.ParseIP(set.value).To4()); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(s, set.what, request); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, set.value, err)
		}
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}
