package access

import (
	"net"
	"net/netip"
)

// IsHome says whether an address is of this machine or its own network: loopback, link-local, private (RFC 1918, RFC
// 4193), or with a public IPv6 prefix that one of the machine's interfaces has too.
func IsHome(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return true
	}
	if !addr.Is6() || !addr.IsGlobalUnicast() {
		return false
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, a := range own {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ones, bits := n.Mask.Size()
		// A single address (/128) or a provider's whole range is no home network.
		if bits == 128 && ones >= 48 && ones < 128 && n.Contains(addr.AsSlice()) {
			return true
		}
	}
	return false
}
