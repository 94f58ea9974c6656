package tunnel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
)

// A device reaches the page over both families, and the box knows whose request it is.
func TestDevicesReachThePage(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	first, second := b.add(2), b.add(3)
	for _, p := range []*phone{first, second} {
		for _, a := range []netip.Addr{b.place.V4, b.place.V6} {
			body, err := p.get(a)
			if err != nil || body != p.id.String() {
				t.Errorf("%s asked at %s: %q, %v", p.id, a, body, err)
			}
		}
	}
	all, err := b.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*phone{first, second} {
		s := all[p.id]
		if time.Since(s.Handshake) > time.Minute || s.In == 0 || s.Out == 0 || !s.From.Addr().IsLoopback() || s.Doubled || s.Backwards {
			t.Errorf("%+v", s)
		}
	}
}

// A device reaches one port of the box and nothing else: no other port, no other device, nothing behind the box.
func TestNothingElseIsReached(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	behind, err := net.Listen("tcp", "127.0.0.1:0") // as every service of the box's
	if err != nil {
		t.Fatal(err)
	}
	defer behind.Close()
	port := uint16(behind.Addr().(*net.TCPAddr).Port)
	p, other := b.add(2), b.add(3)
	if l, err := other.net.ListenTCP(&net.TCPAddr{Port: pagePort}); err != nil {
		t.Fatal(err)
	} else {
		defer l.Close()
	}
	if _, err := p.get(b.place.V4); err != nil { // the way is there
		t.Fatal(err)
	}
	for _, at := range []netip.AddrPort{
		netip.AddrPortFrom(b.place.V4, port), netip.AddrPortFrom(b.place.V6, port), netip.AddrPortFrom(b.place.V4, 22),
		netip.AddrPortFrom(b.place.V4, b.Port()),
		netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
		netip.AddrPortFrom(netip.MustParseAddr("::1"), port),
		netip.AddrPortFrom(netip.MustParseAddr("192.168.1.1"), 80),
		netip.AddrPortFrom(At(testV4, testV6, other.number).V4, pagePort),
		netip.AddrPortFrom(At(testV4, testV6, other.number).V6, pagePort),
		netip.AddrPortFrom(testV4.Masked().Addr(), pagePort),
	} {
		if err := p.reaches(at, 300*time.Millisecond); err == nil {
			t.Errorf("%s was reached", at)
		}
	}
	// UDP: the packet is taken to the box, and nobody there knows the protocol.
	c, err := p.net.DialUDPAddrPort(netip.AddrPort{}, netip.AddrPortFrom(b.place.V4, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.get(b.place.V6); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now())
	if n, err := c.Read(make([]byte, 100)); err == nil {
		t.Errorf("UDP was answered with %d bytes", n)
	}
}

// A device cannot pretend to be another one: the address in the tunnel goes with the key.
func TestAddressesGoWithKeys(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	honest := b.add(2)
	// The same key at the address of another device.
	other := b.add(3)
	liar := b.phone(honest.id, honest.private, honest.shared, other.number, strings.Replace("127.0.0.1:P", "P", itoa(b.Port()), 1))
	if err := liar.reaches(netip.AddrPortFrom(b.place.V4, pagePort), 500*time.Millisecond); err == nil {
		t.Error("a device came in under the address of another")
	}
	if body, err := other.get(b.place.V4); err != nil || body != other.id.String() {
		t.Errorf("%q, %v", body, err)
	}
}

// Whoever has no key gets no answer to anything, not even that there is something.
func TestStrangersGetSilence(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	known := b.add(2)
	address := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port())
	c, err := net.Dial("udp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, packet := range [][]byte{
		{0},
		make([]byte, 1), []byte("GET / HTTP/1.1\r\n\r\n"), make([]byte, 32), make([]byte, probeSize), make([]byte, 1400),
		append([]byte{1, 0, 0, 0}, make([]byte, 144)...), // a greeting with nothing in it
		append([]byte{2, 0, 0, 0}, make([]byte, 88)...),
		append([]byte{3, 0, 0, 0}, make([]byte, 60)...),
		append([]byte{4, 0, 0, 0}, make([]byte, 28)...),
	} {
		if _, err := c.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	stranger := b.stranger(9) // greets as it should, with a key that the box does not know
	if err := stranger.reaches(netip.AddrPortFrom(b.place.V4, pagePort), 300*time.Millisecond); err == nil {
		t.Error("a stranger came in")
	}
	// Afterwards the box has looked at all of that: it takes packets in order.
	if _, err := known.get(b.place.V4); err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 2000)); err == nil {
		t.Errorf("a stranger was answered with %d bytes", n)
	}
	text, err := stranger.dev.IpcGet()
	if err != nil || !strings.Contains(text, "rx_bytes=0\n") {
		t.Errorf("the stranger's WireGuard was answered: %v\n%s", err, text)
	}
}

// Whoever is revoked is out when Set returns, whatever is under way.
func TestRevokedIsOut(t *testing.T) {
	b := openBox(t)
	started, ended := make(chan struct{}, 2), make(chan any, 2)
	b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/stream" {
			return
		}
		started <- struct{}{}
		for {
			if _, err := w.Write(make([]byte, 1000)); err != nil {
				ended <- r.Context().Value(whose{})
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				ended <- r.Context().Value(whose{})
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}))
	p, stays := b.add(2), b.add(3)
	p.http.Timeout, stays.http.Timeout = 0, 0 // what ends must not end by this
	open := func(p *phone) io.ReadCloser {
		r, err := p.http.Get("http://" + netip.AddrPortFrom(b.place.V4, pagePort).String() + "/stream")
		if err != nil {
			t.Fatal(err)
		}
		<-started
		return r.Body
	}
	gone, kept := open(p), open(stays)
	defer gone.Close()
	defer kept.Close()
	before, err := b.Peers()
	if err != nil || before[p.id].Conns != 1 {
		t.Fatalf("%+v %v", before, err)
	}
	if err := b.Set(b.peers[1:]); err != nil {
		t.Fatal(err)
	}
	after, err := b.Peers()
	if err != nil || len(after) != 1 || b.conns() != 1 {
		t.Fatalf("%+v %d %v", after, b.conns(), err)
	}
	if _, err := io.CopyN(io.Discard, kept, 20_000); err != nil {
		t.Errorf("the other device's stream: %v", err)
	}
	if err := p.reaches(netip.AddrPortFrom(b.place.V4, pagePort), 300*time.Millisecond); err == nil {
		t.Error("a revoked device came in")
	}
	select {
	case whose := <-ended:
		if whose != p.id {
			t.Error("the stream of another device ended")
		}
	case <-time.After(patience):
		t.Error("the revoked device's stream goes on")
	}
}

func (b *box) conns() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// Another address on the way, and the connection goes on: a phone that changes from Wi-Fi to mobile.
func TestAnotherAddress(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	p := b.add(2)
	c, err := p.net.DialContextTCPAddrPort(t.Context(), netip.AddrPortFrom(b.place.V4, pagePort))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func() {
		t.Helper()
		c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: box\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 500)
		if n, err := c.Read(answer); err != nil || !strings.Contains(string(answer[:n]), p.id.String()) {
			t.Fatalf("%q, %v", answer[:n], err)
		}
	}
	ask()
	before, err := b.Peers()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.dev.IpcSet("listen_port=0\n"); err != nil { // another port
		t.Fatal(err)
	}
	ask()
	after, err := b.Peers()
	if err != nil || after[p.id].From == before[p.id].From {
		t.Errorf("still from %s, %v", after[p.id].From, err)
	}
}

func TestPortInUse(t *testing.T) {
	b := openBox(t)
	_, err := Open(Config{Private: NewPrivate(), Port: b.Port(), Place: b.place, Log: b.log})
	var port *PortError
	if !errors.As(err, &port) || port.Port != b.Port() || !strings.Contains(err.Error(), "another program") {
		t.Errorf("%v", err)
	}
}

func TestAKeyIsOfOneDevice(t *testing.T) {
	b := openBox(t)
	p := b.add(2)
	twice := append([]Peer{{ID: media.NewUUID(), Public: b.peers[0].Public, Place: At(testV4, testV6, 3)}}, b.peers...)
	if err := b.Set(twice); !errors.Is(err, ErrKeyTaken) {
		t.Errorf("%v", err)
	}
	if err := b.Set([]Peer{{ID: media.NewUUID(), Public: b.Public(), Place: At(testV4, testV6, 3)}}); !errors.Is(err, ErrKeyTaken) {
		t.Errorf("%v", err)
	}
	b.serve(sayWhose)
	if _, err := p.get(b.place.V4); err != nil { // nothing was changed
		t.Error(err)
	}
}

// One device's connections are bounded, and those of all: the others are refused, and it goes on when some end.
func TestConnectionsAreBounded(t *testing.T) {
	b := openBox(t)
	l, err := b.Listen(pagePort)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var in []net.Conn
	taken := make(chan net.Conn)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			taken <- c
		}
	}()
	dial := func(p *phone) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := p.net.DialContextTCPAddrPort(ctx, netip.AddrPortFrom(b.place.V4, pagePort))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	p, other, third := b.add(2), b.add(3), b.add(4)
	fill := func(p *phone, n int) {
		t.Helper()
		for range n {
			dial(p)
			in = append(in, <-taken)
		}
	}
	full := func(p *phone) {
		t.Helper()
		dial(p) // the stack takes it, and then it is cut
		select {
		case <-taken:
			t.Fatal("there was room for one more")
		case <-time.After(100 * time.Millisecond):
		}
	}
	fill(p, connsOfAPeer)
	full(p)
	fill(other, connsOfAPeer)
	fill(third, maxConns-2*connsOfAPeer)
	full(third)
	for range 3 {
		in[0].Close() // twice does no harm
	}
	fill(third, 1)
	if n := b.conns(); n != maxConns {
		t.Errorf("%d connections", n)
	}
}

// The packet that the box sends to itself arrives, and WireGuard does not see it; one that it did not send is nothing.
func TestProbe(t *testing.T) {
	b := openBox(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	from, err := b.Probe(ctx, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port()))
	if err != nil || !from.Addr().IsLoopback() {
		t.Errorf("%v %v", from, err)
	}
	elsewhere, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	short, done := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer done()
	if from, err := b.Probe(short, elsewhere.LocalAddr().(*net.UDPAddr).AddrPort()); err == nil {
		t.Errorf("what went elsewhere came from %s", from)
	}
}

// Over IPv6 nobody comes in where the owner does not want it.
func TestWithoutIPv6(t *testing.T) {
	b := openBox(t, func(c *Config) { c.IPv6 = false })
	b.serve(sayWhose)
	p := b.add(2)
	over6 := b.phone(p.id, p.private, p.shared, 2, "[::1]:"+itoa(b.Port()))
	if err := over6.reaches(netip.AddrPortFrom(b.place.V4, pagePort), 500*time.Millisecond); err == nil {
		t.Error("IPv6 was taken")
	}
	b.SetIPv6(true)
	again := b.phone(p.id, p.private, p.shared, 2, "[::1]:"+itoa(b.Port()))
	if _, err := again.get(b.place.V4); err != nil {
		t.Error(err)
	}
}

// When something came from outside is known, whatever it was; what comes from the home does not count.
func TestOutside(t *testing.T) {
	home := true
	b := openBox(t, func(c *Config) { c.Home = func(netip.Addr) bool { return home } })
	b.serve(sayWhose)
	p := b.add(2)
	if _, err := p.get(b.place.V4); err != nil {
		t.Fatal(err)
	}
	if !b.Outside().IsZero() {
		t.Error("the home is not outside")
	}
	away := openBox(t)
	c, err := net.Dial("udp", "127.0.0.1:"+itoa(away.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "something came from outside", func() bool {
		c.Write([]byte("hello?"))
		return !away.Outside().IsZero()
	})
}

func TestCloseGivesThePortBack(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	p := b.add(2)
	if _, err := p.get(b.place.V4); err != nil {
		t.Fatal(err)
	}
	port := b.Port()
	b.Close()
	if err := b.Set(nil); err == nil {
		t.Error("a closed tunnel took peers")
	}
	again, err := Open(Config{Private: b.private, Port: port, Place: b.place, Log: b.log})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
