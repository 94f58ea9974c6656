package tunnel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"hearth/nvr/media"
)

// How many connections there may be at once. A wall of 16 cameras is 17 of them.
const (
	maxConns     = 96
	connsOfAPeer = 40
	backlog      = 32
)

// A device that is gone without a word is noticed after this time without an answer, asked after quiet.
const (
	quiet  = 45 * time.Second
	giveUp = 60 * time.Second
)

// Conn is a connection of a device.
type Conn struct {
	*gonet.TCPConn
	// Peer is whose it is: the key proves it.
	Peer media.UUID

	ep tcpip.Endpoint
	t  *Tunnel
}

// Close ends it, and gives up its place.
func (c *Conn) Close() error {
	c.t.forget(c)
	return c.TCPConn.Close()
}

// listener is one TCP port of the tunnel, on both of the box's addresses.
type listener struct {
	t     *Tunnel
	addr  net.Addr
	eps   []tcpip.Endpoint
	conns chan *Conn
	done  chan struct{}
	once  sync.Once
}

// Listen listens on a TCP port in the tunnel. What Accept gives is a *Conn.
func (t *Tunnel) Listen(port uint16) (net.Listener, error) {
	l := &listener{
		t: t, conns: make(chan *Conn), done: make(chan struct{}),
		addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.place.V4, port)),
	}
	for _, a := range []netip.Addr{t.place.V4, t.place.V6} {
		wq := new(waiter.Queue)
		ep, err := t.net.stack.NewEndpoint(tcp.ProtocolNumber, networkOf(a), wq)
		if err == nil {
			l.eps = append(l.eps, ep)
			err = ep.Bind(tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFromSlice(a.AsSlice()), Port: port})
		}
		if err == nil {
			err = ep.Listen(backlog)
		}
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("listen in the tunnel on port %d: %s", port, err)
		}
		go l.accept(ep, wq)
	}
	return l, nil
}

func (l *listener) accept(ep tcpip.Endpoint, wq *waiter.Queue) {
	entry, ready := waiter.NewChannelEntry(waiter.ReadableEvents)
	wq.EventRegister(&entry)
	defer wq.EventUnregister(&entry)
	for {
		var from tcpip.FullAddress
		in, queue, err := ep.Accept(&from)
		if _, wait := err.(*tcpip.ErrWouldBlock); wait {
			select {
			case <-ready:
				continue
			case <-l.done:
				return
			}
		}
		if err != nil {
			return
		}
		if c := l.t.admit(in, queue, from); c != nil {
			select {
			case l.conns <- c:
			case <-l.done:
				c.ep.Abort()
				return
			}
		}
	}
}

// admit makes a connection of an endpoint, if its device is known and has not too many.
func (t *Tunnel) admit(ep tcpip.Endpoint, queue *waiter.Queue, from tcpip.FullAddress) *Conn {
	address, _ := netip.AddrFromSlice(from.Addr.AsSlice())
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.byAddress[address]
	if p == nil || len(p.conns) >= connsOfAPeer || t.open >= maxConns {
		ep.Abort()
		return nil
	}
	ep.SocketOptions().SetKeepAlive(true)
	ep.SocketOptions().SetDelayOption(false)
	idle, interval, timeout := tcpip.KeepaliveIdleOption(quiet), tcpip.KeepaliveIntervalOption(quiet/3), tcpip.TCPUserTimeoutOption(giveUp)
	for _, o := range []tcpip.SettableSocketOption{&idle, &interval, &timeout} {
		if err := ep.SetSockOpt(o); err != nil {
			t.log.Debug("an option of a connection in the tunnel is not taken", "error", err.String())
		}
	}
	c := &Conn{TCPConn: gonet.NewTCPConn(queue, ep), Peer: p.ID, ep: ep, t: t}
	p.conns[c] = struct{}{}
	t.open++
	return c
}

// forget counts a connection out, once.
func (t *Tunnel) forget(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.peers[c.Peer]; p != nil {
		if _, there := p.conns[c]; there {
			delete(p.conns, c)
			t.open--
		}
	}
}

// Accept is net.Listener's.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		for _, ep := range l.eps {
			ep.Close()
		}
	})
	return nil
}

// Addr is the box's IPv4 address in the tunnel.
func (l *listener) Addr() net.Addr { return l.addr }

var errClosed = errors.New("the tunnel is closed")
