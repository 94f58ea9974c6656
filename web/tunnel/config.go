package tunnel

import (
	"fmt"
	"net/netip"
	"strings"
)

// MTU is the largest packet in the tunnel, in bytes: what IPv6 guarantees on every way (RFC 8200, 5).
const MTU = 1280

// Place is where a device or the box is in the tunnel: an address of each family.
type Place struct{ V4, V6 netip.Addr }

// Hosts are how many devices a network has room for: the box is number 1.
const Hosts = 250

// At gives the place of the box (1) or of a device (2 to Hosts+1) in the networks of a tunnel, a /24 and a /64.
func At(v4, v6 netip.Prefix, number int) Place {
	a, b := v4.Masked().Addr().As4(), v6.Masked().Addr().As16()
	a[3] += byte(number)
	b[15] += byte(number)
	return Place{netip.AddrFrom4(a), netip.AddrFrom16(b)}
}

// Profile is what a device has to know, as its WireGuard reads it.
type Profile struct {
	Private   *Key // nil: the device has made its own, and knows it
	Preshared Key
	Place     Place
	Box       Key    // the box's public key
	BoxPlace  Place  // all that the device can reach
	Endpoint  string // host:port
}

// Text is the profile as a file for WireGuard's programs. It holds secrets.
func (p Profile) Text() string {
	var b strings.Builder
	b.WriteString("[Interface]\n")
	if p.Private != nil {
		fmt.Fprintf(&b, "PrivateKey = %s\n", p.Private.Text())
	}
	fmt.Fprintf(&b, "Address = %s/32, %s/128\nMTU = %d\n\n", p.Place.V4, p.Place.V6, MTU)
	fmt.Fprintf(&b, "[Peer]\nPublicKey = %s\nPresharedKey = %s\n", p.Box.Text(), p.Preshared.Text())
	fmt.Fprintf(&b, "AllowedIPs = %s/32, %s/128\nEndpoint = %s\n", p.BoxPlace.V4, p.BoxPlace.V6, p.Endpoint)
	return b.String()
}
