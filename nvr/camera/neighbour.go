package camera

import (
	"net"
	"net/netip"
)

// card is the network card that a connection leads to.
type card struct {
	MAC string // "" where it cannot be said, or is not the other end's
	// Shared says that it answers for other addresses too, as what stands in between does (a Wi-Fi repeater): cameras behind
	// it cannot be told apart by it.
	Shared bool
}

// cardAt gives the network card that a connection leads to, if the other end is on a link of ours. It is never a router's.
func cardAt(c net.Conn) (card, error) {
	remote, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return card{}, nil // not IP
	}
	local, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return card{}, nil
	}
	to := remote.Addr().Unmap()
	if to.IsLoopback() || to == local.Addr().Unmap() {
		return card{}, nil
	}
	return cardOf(to, local.Addr().Unmap())
}
