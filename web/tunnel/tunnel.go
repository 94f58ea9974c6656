package tunnel

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"hearth/nvr/media"
)

// PortError says that a UDP port cannot be opened, and why in words.
type PortError struct {
	Port   uint16
	Reason string
}

func (e *PortError) Error() string {
	return fmt.Sprintf("UDP port %d cannot be opened: %s", e.Port, e.Reason)
}

// ErrKeyTaken says that another peer has this key, or the box itself.
var ErrKeyTaken = errors.New("this key is another device's already")

// Config is what a tunnel is made with.
type Config struct {
	Private Key
	Port    uint16 // UDP; 0 takes a free one
	IPv6    bool   // whether devices may come over IPv6
	Place   Place  // the box's
	// Home says whether an address outside of the tunnel is of the home; nil: none is.
	Home func(netip.Addr) bool
	Log  *slog.Logger
}

// Peer is a device that may come in.
type Peer struct {
	ID        media.UUID
	Public    Key
	Preshared Key
	Place     Place
}

// Tunnel is open until Close. Its methods may be called from several goroutines.
type Tunnel struct {
	public Key
	port   uint16
	place  Place
	log    *slog.Logger

	net  *userStack
	dev  *device.Device
	bind *bind

	change sync.Mutex // one at a time changes peers

	mu        sync.Mutex
	closed    bool
	peers     map[media.UUID]*peer
	byAddress map[netip.Addr]*peer
	open      int // connections
}

type peer struct {
	Peer
	conns map[*Conn]struct{}
	past  history
}

// Open opens the UDP port and answers peers, of which there are none yet. *PortError.
func Open(c Config) (*Tunnel, error) {
	public, err := c.Private.Public()
	if err != nil {
		return nil, err
	}
	n, err := newUserStack(c.Place)
	if err != nil {
		return nil, err
	}
	t := &Tunnel{
		public: public, place: c.Place, log: c.Log, net: n, bind: newBind(c.IPv6, c.Home),
		peers: make(map[media.UUID]*peer), byAddress: make(map[netip.Addr]*peer),
	}
	// What WireGuard says of peers goes by keys and addresses: it is for whoever looks closely only.
	t.dev = device.NewDevice(n, t.bind, &device.Logger{Verbosef: t.heard, Errorf: func(format string, args ...any) {
		t.log.Debug("the tunnel: " + fmt.Sprintf(format, args...))
	}})
	err = t.dev.IpcSet(fmt.Sprintf("private_key=%s\nlisten_port=%d\n", hex.EncodeToString(c.Private[:]), c.Port))
	if err == nil {
		err = t.dev.Up()
	}
	if err != nil {
		t.dev.Close()
		return nil, portError(c.Port, err)
	}
	if t.port, err = t.listenPort(); err != nil {
		t.dev.Close()
		return nil, err
	}
	return t, nil
}

func portError(port uint16, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &PortError{port, "another program on this box uses it"}
	case errors.Is(err, syscall.EACCES):
		return &PortError{port, "the system keeps it for programs with more rights; take one from 1024 on"}
	}
	return &PortError{port, err.Error()}
}

// listenPort is the port that was opened.
func (t *Tunnel) listenPort() (uint16, error) {
	text, err := t.dev.IpcGet()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "listen_port="); ok {
			var port uint16
			_, err := fmt.Sscan(value, &port)
			return port, err
		}
	}
	return 0, errors.New("the tunnel does not say its port")
}

// heard gets WireGuard's own lines. One of them is worth more: a greeting that is older than one before.
func (t *Tunnel) heard(format string, args ...any) {
	if !strings.Contains(format, "handshake replay") || len(args) == 0 {
		return
	}
	from, ok := args[0].(*device.Peer)
	if !ok {
		return
	}
	// Called within WireGuard, with its locks held.
	go func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, p := range t.peers {
			if t.dev.LookupPeer(device.NoisePublicKey(p.Public)) == from {
				p.past.replayed(time.Now())
			}
		}
	}()
}

// Public is the box's public key.
func (t *Tunnel) Public() Key { return t.public }

// Port is the UDP port.
func (t *Tunnel) Port() uint16 { return t.port }

// SetIPv6 says whether devices may come over IPv6.
func (t *Tunnel) SetIPv6(take bool) { t.bind.ipv6.Store(take) }

// Outside is when a packet came from outside of the home last, from whomever; zero: none did.
func (t *Tunnel) Outside() time.Time { return t.bind.lastOutside() }

// Set makes the peers these and no others. Those that are gone, or have another key, are out when it returns: their
// connections are cut. ErrKeyTaken, and nothing is changed.
func (t *Tunnel) Set(peers []Peer) error {
	t.change.Lock()
	defer t.change.Unlock()
	keys := map[Key]bool{t.public: true}
	want := make(map[media.UUID]Peer, len(peers))
	for _, p := range peers {
		if keys[p.Public] {
			return ErrKeyTaken
		}
		keys[p.Public], want[p.ID] = true, p
	}
	var orders strings.Builder
	var cut []*Conn
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return errClosed
	}
	for id, p := range t.peers {
		if w, ok := want[id]; ok && w == p.Peer {
			delete(want, id)
			continue
		}
		fmt.Fprintf(&orders, "public_key=%s\nremove=true\n", hex.EncodeToString(p.Public[:]))
		for c := range p.conns {
			cut = append(cut, c)
			t.open--
		}
		delete(t.peers, id)
		delete(t.byAddress, p.Place.V4)
		delete(t.byAddress, p.Place.V6)
	}
	for id, w := range want {
		fmt.Fprintf(&orders, "public_key=%s\npreshared_key=%s\nreplace_allowed_ips=true\nallowed_ip=%s/32\nallowed_ip=%s/128\n",
			hex.EncodeToString(w.Public[:]), hex.EncodeToString(w.Preshared[:]), w.Place.V4, w.Place.V6)
		p := &peer{Peer: w, conns: make(map[*Conn]struct{})}
		t.peers[id], t.byAddress[w.Place.V4], t.byAddress[w.Place.V6] = p, p, p
	}
	t.mu.Unlock()
	for _, c := range cut {
		c.ep.Abort()
	}
	if orders.Len() == 0 {
		return nil
	}
	if err := t.dev.IpcSet(orders.String()); err != nil {
		return fmt.Errorf("tell the tunnel who may come in: %w", err)
	}
	return nil
}

// Probe sends a packet of random bytes to an address as anybody could, and waits for it to arrive at the tunnel's own
// port: then the way there is open. It gives from where it came. Nothing answers it. The context's error when nothing came.
func (t *Tunnel) Probe(ctx context.Context, to netip.AddrPort) (from netip.AddrPort, err error) {
	packet, arrived, done := t.bind.expect()
	defer done()
	c, err := new(net.Dialer).DialContext(ctx, "udp", to.String())
	if err != nil {
		return from, err
	}
	defer c.Close()
	again := time.NewTicker(time.Second) // UDP gets lost
	defer again.Stop()
	for {
		if _, err := c.Write(packet); err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
			return from, err
		}
		select {
		case from = <-arrived:
			return from, nil
		case <-again.C:
		case <-ctx.Done():
			return from, ctx.Err()
		}
	}
}

// Close cuts all connections and gives the port free.
func (t *Tunnel) Close() {
	t.mu.Lock()
	t.closed = true
	var cut []*Conn
	for _, p := range t.peers {
		for c := range p.conns {
			cut = append(cut, c)
		}
	}
	t.mu.Unlock()
	for _, c := range cut {
		c.ep.Abort()
	}
	t.dev.Close()
}
