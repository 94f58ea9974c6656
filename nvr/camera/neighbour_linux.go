package camera

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// What of netlink package syscall does not name (linux/neighbour.h, linux/rtnetlink.h).
const (
	ndaDst    = 1
	ndaLLAddr = 2
	ndmSize   = 12

	nudIncomplete = 0x01
	nudStale      = 0x04
	nudFailed     = 0x20
	nudNoARP      = 0x40

	ntfRouter = 0x80 // an IPv6 neighbour that says it is a router

	rtaVia = 18
)

// cardOf asks the kernel which card it sends packets for an address to. Just after a connection was made, that is the one
// that answered.
func cardOf(to, from netip.Addr) (card, error) {
	link, direct, err := routeTo(to, from)
	if err != nil || !direct || !onPrefixOf(link, to) {
		return card{}, err
	}
	table, err := neighbours(to)
	if err != nil {
		return card{}, err
	}
	var c card
	for _, n := range table {
		if n.link == link && n.address == to.WithZone("") {
			if n.router {
				return card{}, nil
			}
			c.MAC = n.mac.String()
		}
	}
	if c.MAC == "" {
		return card{}, nil
	}
	gateways, err := gatewaysOn(link, to)
	if err != nil {
		return card{}, err
	}
	for _, n := range table {
		if n.link != link || n.address == to.WithZone("") || n.mac.String() != c.MAC {
			continue
		}
		if n.router || slices.Contains(gateways, n.address) {
			return card{}, nil // a router that answers for others (proxy ARP)
		}
		// A device has several addresses of IPv6, and one of IPv4.
		c.Shared = c.Shared || to.Is4() && n.fresh
	}
	return c, nil
}

// onPrefixOf says whether an address is on a network that the link is part of.
func onPrefixOf(link int, to netip.Addr) bool {
	i, err := net.InterfaceByIndex(link)
	if err != nil || i.Flags&(net.FlagPointToPoint|net.FlagLoopback) != 0 {
		return false
	}
	addrs, err := i.Addrs()
	if err != nil {
		return false
	}
	return slices.ContainsFunc(addrs, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Contains(to.WithZone("")) && p.Addr() != to.WithZone("")
	})
}

// routeTo asks which link packets to an address leave by, and whether they go there without a gateway.
func routeTo(to, from netip.Addr) (link int, direct bool, err error) {
	family, bits := familyOf(to), byte(to.BitLen())
	body := make([]byte, syscall.SizeofRtMsg)
	body[0], body[1] = family, bits
	body = attribute(body, syscall.RTA_DST, to.AsSlice())
	if from.IsValid() && from.Is4() == to.Is4() {
		body[2] = bits
		body = attribute(body, syscall.RTA_SRC, from.AsSlice())
	}
	if zone := to.Zone(); zone != "" {
		i, err := net.InterfaceByName(zone)
		if err != nil {
			return 0, false, nil
		}
		body = attribute(body, syscall.RTA_OIF, binary.NativeEndian.AppendUint32(nil, uint32(i.Index)))
	}
	messages, err := ask(syscall.RTM_GETROUTE, 0, body)
	if err != nil {
		return 0, false, fmt.Errorf("ask for the way to a camera: %w", err)
	}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < syscall.SizeofRtMsg || m.Data[7] != syscall.RTN_UNICAST {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return 0, false, err
		}
		direct = true
		for _, a := range attrs {
			switch a.Attr.Type {
			case syscall.RTA_OIF:
				if len(a.Value) == 4 {
					link = int(binary.NativeEndian.Uint32(a.Value))
				}
			case syscall.RTA_GATEWAY, rtaVia, syscall.RTA_MULTIPATH:
				direct = false
			}
		}
		return link, direct && link != 0, nil
	}
	return 0, false, nil
}

// neighbour is an entry of the kernel's table of who has which address on a link.
type neighbour struct {
	link    int
	address netip.Addr
	mac     net.HardwareAddr
	router  bool
	fresh   bool // heard of lately
}

// neighbours gives the table of the family of an address, as far as it has cards.
func neighbours(like netip.Addr) (table []neighbour, err error) {
	body := make([]byte, ndmSize)
	body[0] = familyOf(like)
	messages, err := ask(syscall.RTM_GETNEIGH, syscall.NLM_F_DUMP, body)
	if err != nil {
		return nil, fmt.Errorf("read the table of neighbours: %w", err)
	}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWNEIGH || len(m.Data) < ndmSize || m.Data[0] != body[0] {
			continue
		}
		state := binary.NativeEndian.Uint16(m.Data[8:])
		if state&(nudIncomplete|nudFailed|nudNoARP) != 0 || state == 0 {
			continue
		}
		n := neighbour{
			link: int(int32(binary.NativeEndian.Uint32(m.Data[4:]))), router: m.Data[10]&ntfRouter != 0,
			fresh: state&nudStale == 0,
		}
		for b := m.Data[ndmSize:]; len(b) >= syscall.SizeofRtAttr; {
			size := int(binary.NativeEndian.Uint16(b))
			if size < syscall.SizeofRtAttr || size > len(b) {
				break
			}
			value := b[syscall.SizeofRtAttr:size]
			switch binary.NativeEndian.Uint16(b[2:]) {
			case ndaDst:
				n.address, _ = netip.AddrFromSlice(value)
			case ndaLLAddr:
				n.mac = slices.Clone(value)
			}
			b = b[min(len(b), (size+3)&^3):]
		}
		if n.address.IsValid() && len(n.mac) == 6 && !slices.Equal(n.mac, make([]byte, 6)) {
			table = append(table, n)
		}
	}
	return table, nil
}

// gatewaysOn gives the gateways on a link, of the family of an address.
func gatewaysOn(link int, like netip.Addr) (list []netip.Addr, err error) {
	body := make([]byte, syscall.SizeofRtMsg)
	body[0] = familyOf(like)
	messages, err := ask(syscall.RTM_GETROUTE, syscall.NLM_F_DUMP, body)
	if err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	for _, m := range messages {
		if m.Header.Type != syscall.RTM_NEWROUTE || len(m.Data) < syscall.SizeofRtMsg {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil {
			return nil, err
		}
		on, gateway := 0, netip.Addr{}
		for _, a := range attrs {
			switch {
			case a.Attr.Type == syscall.RTA_OIF && len(a.Value) == 4:
				on = int(binary.NativeEndian.Uint32(a.Value))
			case a.Attr.Type == syscall.RTA_GATEWAY:
				gateway, _ = netip.AddrFromSlice(a.Value)
			}
		}
		if gateway.IsValid() && on == link {
			list = append(list, gateway)
		}
	}
	return list, nil
}

func familyOf(a netip.Addr) byte {
	if a.Is4() {
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

// attribute appends an attribute to a message.
func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(syscall.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// ask sends one question to the kernel and gives the messages of its answer.
func ask(kind, flags uint16, body []byte) (all []syscall.NetlinkMessage, err error) {
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, syscall.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(fd)
	if err := syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &syscall.Timeval{Sec: 2}); err != nil {
		return nil, err
	}
	to := &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}
	if err := syscall.Bind(fd, to); err != nil {
		return nil, err
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(syscall.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, syscall.NLM_F_REQUEST|flags)
	b = append(binary.NativeEndian.AppendUint32(b, 1), 0, 0, 0, 0) // sequence number and port
	if err := syscall.Sendto(fd, append(b, body...), 0, to); err != nil {
		return nil, err
	}
	buf := make([]byte, 64<<10)
	for {
		n, sender, err := syscall.Recvfrom(fd, buf, 0)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if s, ok := sender.(*syscall.SockaddrNetlink); !ok || s.Pid != 0 {
			continue // not the kernel
		}
		messages, err := syscall.ParseNetlinkMessage(slices.Clone(buf[:n]))
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case syscall.NLMSG_DONE:
				return all, nil
			case syscall.NLMSG_ERROR:
				if len(m.Data) >= 4 {
					if errno := -int32(binary.NativeEndian.Uint32(m.Data)); errno != 0 {
						return nil, syscall.Errno(errno)
					}
				}
				return all, nil
			}
			all = append(all, m)
		}
		if flags&syscall.NLM_F_DUMP == 0 {
			return all, nil
		}
	}
}
