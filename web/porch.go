package web

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// What may stand before the box at once, and come in a second. A wall of 64 cameras in two windows is 130 connections.
const (
	porchMost      = 1024 // connections in all; fewer where the machine lets a program open few files
	porchOfAddress = 256  // of one address
	porchStrangers = 64   // of one address that nobody has logged in on yet
	plainMost      = 128  // over plain HTTP

	strangersBurst, strangersPerSecond = 400, 200 // new connections of addresses where nobody was logged in lately
	addressBurst, addressPerSecond     = 200, 40  // new connections of one address

	filesKept  = 256 // for cameras, footage and the database, beside half of what is left
	friendTime = 24 * time.Hour
	mostKnown  = 4096 // addresses that are remembered
)

// porch is a listener that bounds what waits before the box. Whoever is logged in on a connection keeps it; when there
// are too many, the address with the most connections of nobody gives up its oldest. So a flood from one place crowds out
// itself, one from many places crowds out strangers, and the family stays in.
type porch struct {
	net.Listener
	most int

	mu      sync.Mutex
	n       int
	corners map[netip.Addr]*corner
	comers  allowance // strangers, all together
}

// corner is what one address has and had. It is remembered a while after its last connection.
type corner struct {
	all     int
	unknown []*porchConn // nobody is logged in on these; the oldest first
	comers  allowance
	friend  time.Time // when somebody was logged in here last
	seen    time.Time
}

// porchConn is one connection before the box.
type porchConn struct {
	net.Conn
	from  netip.Addr
	known bool // under the porch's mu
	gone  bool
	porch *porch
}

// allowance lets so many through in a second, and a burst of them after a pause.
type allowance struct {
	burst, perSecond float64
	left             float64
	at               time.Time
}

func (a *allowance) take(now time.Time) bool {
	if a.at.IsZero() {
		a.left = a.burst
	} else {
		a.left = min(a.burst, a.left+a.perSecond*now.Sub(a.at).Seconds())
	}
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}

func newPorch(l net.Listener, most int) *porch {
	var files syscall.Rlimit // the runtime has raised it as far as it may
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil && files.Cur < 1<<30 {
		most = min(most, max(16, (int(files.Cur)-filesKept)/2))
	}
	return &porch{
		Listener: l, most: most, corners: make(map[netip.Addr]*corner),
		comers: allowance{burst: strangersBurst, perSecond: strangersPerSecond},
	}
}

// Accept gives the next connection that may stay. The others are closed without a word, before they cost a handshake.
func (p *porch) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		in, out := p.let(c)
		for _, conn := range out {
			_ = conn.Close() // it is not wanted, however its end goes
		}
		if in != nil {
			return in, nil
		}
	}
}

// let decides about a connection: whether it comes in, and which others have to go, itself maybe.
func (p *porch) let(c net.Conn) (in *porchConn, out []net.Conn) {
	from := addressOf(c)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.corner(from, now)
	// Strangers elsewhere do not use up what this machine may: the box asks itself whether its page answers.
	friend := from.IsLoopback() || now.Sub(k.friend) < friendTime
	if !k.comers.take(now) || !friend && !p.comers.take(now) {
		return nil, []net.Conn{c}
	}
	if len(k.unknown) >= porchStrangers || k.all >= porchOfAddress {
		out = append(out, p.evict(k))
	}
	if p.n >= p.most {
		out = append(out, p.evict(p.crowded()))
	}
	if k.all >= porchOfAddress || p.n >= p.most { // all of them are of somebody
		return nil, append(out, c)
	}
	in = &porchConn{Conn: c, from: from, porch: p}
	k.unknown = append(k.unknown, in)
	k.all++
	p.n++
	return in, out
}

// corner gives that of an address, and forgets about others when there are too many.
func (p *porch) corner(from netip.Addr, now time.Time) *corner {
	k := p.corners[from]
	if k == nil {
		if len(p.corners) >= mostKnown {
			p.forget(now)
		}
		k = &corner{comers: allowance{burst: addressBurst, perSecond: addressPerSecond}}
		p.corners[from] = k
	}
	k.seen = now
	return k
}

// forget drops empty corners: those where nobody was logged in lately and, if that is not enough, all.
func (p *porch) forget(now time.Time) {
	for _, all := range []bool{false, true} {
		for a, k := range p.corners {
			if k.all == 0 && (all || now.Sub(k.friend) >= friendTime) {
				delete(p.corners, a)
			}
		}
		if len(p.corners) < mostKnown {
			return
		}
	}
}

// crowded is the corner with the most connections of nobody; nil: there are none.
func (p *porch) crowded() (most *corner) {
	for _, k := range p.corners {
		if len(k.unknown) > 0 && (most == nil || len(k.unknown) > len(most.unknown)) {
			most = k
		}
	}
	return most
}

// evict takes the oldest connection of nobody out of a corner, for its caller to close. There may be none.
func (p *porch) evict(k *corner) net.Conn {
	if k == nil || len(k.unknown) == 0 {
		return closedConn{}
	}
	c := k.unknown[0]
	p.leave(c)
	return c.Conn
}

// leave counts a connection out, once.
func (p *porch) leave(c *porchConn) {
	if c.gone {
		return
	}
	c.gone = true
	k := p.corners[c.from]
	p.n--
	k.all--
	k.strike(c)
}

func (k *corner) strike(c *porchConn) {
	for i, u := range k.unknown {
		if u == c {
			k.unknown = append(k.unknown[:i], k.unknown[i+1:]...)
			return
		}
	}
}

// Close ends the connection, which then counts no longer.
func (c *porchConn) Close() error {
	c.porch.mu.Lock()
	c.porch.leave(c)
	c.porch.mu.Unlock()
	return c.Conn.Close()
}

// welcome notes that somebody is logged in on a connection.
func (c *porchConn) welcome() {
	p := c.porch
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.gone {
		return
	}
	k := p.corners[c.from]
	k.friend = time.Now()
	if !c.known {
		c.known = true
		k.strike(c)
	}
}

// closedConn stands for no connection.
type closedConn struct{ net.Conn }

func (closedConn) Close() error { return nil }

func addressOf(c net.Conn) netip.Addr {
	if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil {
		return a.Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

type porchKey struct{}

// withPorch is http.Server.ConnContext: what a request needs to know of its connection.
func withPorch(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if p, ok := c.(*porchConn); ok {
		return context.WithValue(ctx, porchKey{}, p)
	}
	return ctx
}

// welcomed notes that a request is of somebody who is logged in.
func welcomed(ctx context.Context) {
	if c, ok := ctx.Value(porchKey{}).(*porchConn); ok {
		c.welcome()
	}
}
