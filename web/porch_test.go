package web

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// caller is a connection from an address; it knows whether it was ended.
type caller struct {
	net.Conn
	from  string
	ended bool
}

func (c *caller) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.from), Port: 1} }
func (c *caller) Close() error         { c.ended = true; return nil }

// come lets somebody come from an address, as Accept does.
func (p *porch) come(from string) (*porchConn, *caller) {
	c := &caller{from: from}
	in, out := p.let(c)
	for _, o := range out {
		_ = o.Close()
	}
	return in, c
}

func TestPorch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPorch(nil, 300)
		p.most = 300 // whatever this machine has
		phone, phoneCall := p.come("192.168.1.20")
		phone.welcome()

		// One address takes all it can: it has its share, and crowds out itself.
		var first *caller
		for i := range 150 {
			_, c := p.come("192.168.1.66")
			if i == 0 {
				first = c
			}
		}
		if n := len(p.corners[at("192.168.1.66")].unknown); n != porchStrangers || !first.ended {
			t.Errorf("one address has %d", n)
		}
		// It calls too often: it is not even heard.
		refused := 0
		for range 200 {
			if in, c := p.come("192.168.1.66"); in == nil && c.ended {
				refused++
			}
		}
		if refused < 100 {
			t.Errorf("of 200 more at once only %d were refused", refused)
		}
		// Many addresses fill the porch: strangers go, who is logged in stays, and comes again.
		time.Sleep(10 * time.Second)
		for i := range 350 {
			p.come(fmt.Sprintf("10.0.%d.%d", i/200, i%200))
		}
		if p.n != 300 || phoneCall.ended {
			t.Errorf("%d connections; the phone's was ended: %v", p.n, phoneCall.ended)
		}
		for i := range 100 { // the strangers' allowance is used up
			p.come(fmt.Sprintf("10.1.0.%d", i))
		}
		if in, _ := p.come("192.168.1.21"); in != nil {
			t.Error("a stranger comes in though there are too many of them")
		}
		second, _ := p.come("192.168.1.20")
		if second == nil {
			t.Fatal("the family does not come in")
		}
		second.welcome()
		// What ends is counted out, once.
		n := p.n
		must(t, second.Close())
		must(t, second.Close())
		if p.n != n-1 {
			t.Errorf("%d connections after one of %d ended", p.n, n)
		}
		// One person's connections have an end too.
		in := 0
		time.Sleep(time.Minute)
		p.most = 1 << 20
		for range 40 {
			for range addressPerSecond {
				if c, _ := p.come("192.168.1.20"); c != nil {
					c.welcome()
					in++
				}
			}
			time.Sleep(time.Second)
		}
		if in != porchOfAddress-1 {
			t.Errorf("%d of one address", in)
		}
		// And what is remembered, too.
		for i := range 3 * mostKnown {
			if c, _ := p.come(fmt.Sprintf("2001:db8::%x", i)); c != nil {
				must(t, c.Close())
			}
			time.Sleep(10 * time.Millisecond)
		}
		if len(p.corners) > mostKnown {
			t.Errorf("%d addresses are remembered", len(p.corners))
		}
	})
}

func at(s string) netip.Addr { return netip.MustParseAddr(s) }
