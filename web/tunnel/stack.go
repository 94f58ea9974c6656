package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// What one connection may hold, in bytes. With maxConns they bound the memory of the tunnel.
const (
	sendDefault, sendMost       = 64 << 10, 512 << 10
	receiveDefault, receiveMost = 64 << 10, 64 << 10
)

const (
	nic       = 1
	queueSize = 512 // packets that wait to be sealed; whoever makes more waits
	batchSize = 32  // packets sealed at once
)

// userStack is TCP/IP in user space as WireGuard's tun.Device. It is the glue of golang.zx2c4.com/wireguard/tun/netstack
// (MIT licence) made anew, because that sets no bound to memory, hands over packets one by one, and knows UDP, ping
// sockets and DNS, which have no place here.
type userStack struct {
	ep     *channel.Endpoint
	stack  *stack.Stack
	events chan tun.Event
	handle *channel.NotificationHandle
	out    chan *stack.PacketBuffer
	ctx    context.Context
	cancel context.CancelFunc
}

func newUserStack(at Place) (*userStack, error) {
	n := &userStack{
		ep: channel.New(queueSize, MTU, ""),
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
			HandleLocal:        true,
		}),
		events: make(chan tun.Event, 4),
		out:    make(chan *stack.PacketBuffer, queueSize),
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := n.set(at); err != nil {
		n.Close()
		return nil, fmt.Errorf("make the tunnel's stack: %w", err)
	}
	n.handle = n.ep.AddNotify(n)
	n.events <- tun.EventUp
	return n, nil
}

func (n *userStack) set(at Place) error {
	sack, cubic := tcpip.TCPSACKEnabled(true), tcpip.CongestionControlOption("cubic")
	rest := tcpip.TCPTimeWaitTimeoutOption(5 * time.Second)
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&sack, &cubic, &rest,
		&tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: sendDefault, Max: sendMost},
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: receiveDefault, Max: receiveMost},
	} {
		if err := n.stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("%T: %s", o, err)
		}
	}
	if err := n.stack.CreateNIC(nic, n.ep); err != nil {
		return errors.New(err.String())
	}
	for _, a := range []netip.Addr{at.V4, at.V6} {
		address := tcpip.ProtocolAddress{Protocol: networkOf(a), AddressWithPrefix: tcpip.AddrFromSlice(a.AsSlice()).WithPrefix()}
		if err := n.stack.AddProtocolAddress(nic, address, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("address %s: %s", a, err)
		}
	}
	n.stack.AddRoute(tcpip.Route{Destination: header.IPv4EmptySubnet, NIC: nic})
	n.stack.AddRoute(tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nic})
	return nil
}

func networkOf(a netip.Addr) tcpip.NetworkProtocolNumber {
	if a.Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// WriteNotify takes a packet of the stack's, and waits where too many wait already: TCP then sends no more.
func (n *userStack) WriteNotify() {
	p := n.ep.Read()
	if p == nil {
		return
	}
	select {
	case n.out <- p:
	case <-n.ctx.Done():
		p.DecRef()
	}
}

// Read is tun.Device's: packets on their way out.
func (n *userStack) Read(bufs [][]byte, sizes []int, offset int) (count int, err error) {
	select {
	case p := <-n.out:
		sizes[0] = take(p, bufs[0][offset:])
	case <-n.ctx.Done():
		return 0, os.ErrClosed
	}
	for count = 1; count < min(len(bufs), batchSize); count++ {
		select {
		case p := <-n.out:
			sizes[count] = take(p, bufs[count][offset:])
		default:
			return count, nil
		}
	}
	return count, nil
}

// take copies a packet and lets it go; 0 when it does not fit.
func take(p *stack.PacketBuffer, to []byte) (size int) {
	defer p.DecRef()
	if p.Size() > len(to) {
		return 0
	}
	for _, part := range p.AsSlices() {
		size += copy(to[size:], part)
	}
	return size
}

// Write is tun.Device's: packets that came in.
func (n *userStack) Write(bufs [][]byte, offset int) (int, error) {
	for _, b := range bufs {
		b = b[offset:]
		if len(b) == 0 {
			continue
		}
		var protocol tcpip.NetworkProtocolNumber
		switch b[0] >> 4 {
		case 4:
			protocol = ipv4.ProtocolNumber
		case 6:
			protocol = ipv6.ProtocolNumber
		default:
			return 0, syscall.EAFNOSUPPORT
		}
		p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
		n.ep.InjectInbound(protocol, p)
		p.DecRef()
	}
	return len(bufs), nil
}

// Close is tun.Device's.
func (n *userStack) Close() error {
	n.cancel()
	n.stack.RemoveNIC(nic)
	n.stack.Close()
	if n.handle != nil {
		n.ep.RemoveNotify(n.handle)
	}
	n.ep.Close()
	close(n.events)
	return nil
}

// The rest of tun.Device.
func (n *userStack) MTU() (int, error)        { return MTU, nil }
func (n *userStack) BatchSize() int           { return batchSize }
func (n *userStack) Name() (string, error)    { return "hearth", nil }
func (n *userStack) File() *os.File           { return nil }
func (n *userStack) Events() <-chan tun.Event { return n.events }
