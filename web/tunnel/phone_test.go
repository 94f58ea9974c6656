package tunnel

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/netstack"

	"hearth/nvr/media"
)

var (
	testV4 = netip.MustParsePrefix("10.77.3.0/24")
	testV6 = netip.MustParsePrefix("fd12:3456:789a::/64")
)

const (
	pagePort = 443
	patience = 20 * time.Second // for what happens at once on a machine that has the time
)

// box is a tunnel with a page in it.
type box struct {
	t       testing.TB
	private Key
	*Tunnel
	peers []Peer
}

func openBox(t testing.TB, change ...func(*Config)) *box {
	t.Helper()
	b := &box{t: t, private: NewPrivate()}
	c := Config{Private: b.private, IPv6: true, Place: At(testV4, testV6, 1), Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	var err error
	if b.Tunnel, err = Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// serve answers every request in the tunnel.
func (b *box) serve(h http.Handler) {
	b.t.Helper()
	l, err := b.Listen(pagePort)
	if err != nil {
		b.t.Fatal(err)
	}
	s := &http.Server{Handler: h, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, whose{}, c.(*Conn).Peer)
	}}
	go s.Serve(l)
	b.t.Cleanup(func() { s.Close() })
}

type whose struct{}

// sayWhose answers with the identity of the device that asks.
var sayWhose = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.Context().Value(whose{}))
})

// phone is a WireGuard that is not ours, with a stack in user space that is not ours.
type phone struct {
	t       testing.TB
	id      media.UUID
	private Key
	shared  Key
	number  int
	dev     *device.Device
	net     *netstack.Net
	http    *http.Client
	box     Place
}

// add makes a device and lets it in.
func (b *box) add(number int) *phone {
	b.t.Helper()
	p := b.stranger(number)
	public, err := p.private.Public()
	if err != nil {
		b.t.Fatal(err)
	}
	b.peers = append(b.peers, Peer{ID: p.id, Public: public, Preshared: p.shared, Place: At(testV4, testV6, number)})
	if err := b.Set(b.peers); err != nil {
		b.t.Fatal(err)
	}
	return p
}

// stranger is a phone that the box does not know, though it knows the box's key.
func (b *box) stranger(number int) *phone {
	b.t.Helper()
	return b.phone(media.NewUUID(), NewPrivate(), NewPreshared(), number, fmt.Sprintf("127.0.0.1:%d", b.Port()))
}

func (b *box) phone(id media.UUID, private, shared Key, number int, endpoint string) *phone {
	b.t.Helper()
	p := &phone{t: b.t, id: id, private: private, shared: shared, number: number, box: b.place}
	at := At(testV4, testV6, number)
	tun, stack, err := netstack.CreateNetTUN([]netip.Addr{at.V4, at.V6}, nil, MTU)
	if err != nil {
		b.t.Fatal(err)
	}
	p.net = stack
	p.dev = device.NewDevice(tun, conn.NewStdNetBind(), &device.Logger{Verbosef: device.DiscardLogf, Errorf: device.DiscardLogf})
	b.t.Cleanup(p.dev.Close)
	box := b.Public()
	// It asks for everything to go through the tunnel, as nobody is told to.
	if err := p.dev.IpcSet(fmt.Sprintf("private_key=%s\npublic_key=%s\npreshared_key=%s\nallowed_ip=0.0.0.0/0\nallowed_ip=::/0\nendpoint=%s\n",
		hex.EncodeToString(private[:]), hex.EncodeToString(box[:]), hex.EncodeToString(shared[:]), endpoint)); err != nil {
		b.t.Fatal(err)
	}
	if err := p.dev.Up(); err != nil {
		b.t.Fatal(err)
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return p.net.DialContextTCPAddrPort(ctx, netip.MustParseAddrPort(address))
	}}
	b.t.Cleanup(transport.CloseIdleConnections)
	p.http = &http.Client{Transport: transport, Timeout: patience}
	return p
}

// get asks for the page.
func (p *phone) get(address netip.Addr) (string, error) {
	r, err := p.http.Get("http://" + netip.AddrPortFrom(address, pagePort).String())
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	return string(body), err
}

// reaches says whether a TCP port answers within a time.
func (p *phone) reaches(at netip.AddrPort, within time.Duration) error {
	ctx, cancel := context.WithTimeout(p.t.Context(), within)
	defer cancel()
	c, err := p.net.DialContextTCPAddrPort(ctx, at)
	if err == nil {
		c.Close()
	}
	return err
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
