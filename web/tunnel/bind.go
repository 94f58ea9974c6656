package tunnel

import (
	"crypto/rand"
	"crypto/subtle"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/conn"
)

// probeSize is that of a packet which the box sends to itself, in bytes. No message of WireGuard's has it.
const probeSize = 40

// bind is WireGuard's own way to UDP, which also sees from where packets come before anybody looks at what they are.
type bind struct {
	conn.Bind
	ipv6 atomic.Bool // packets over IPv6 are taken
	home func(netip.Addr) bool

	mu      sync.Mutex
	looked  time.Time  // at an address from outside, last
	inside  netip.Addr // of the home, last
	outside time.Time  // when the last packet came from outside the home
	probe   [probeSize]byte
	waiting bool // for the probe
	arrived chan netip.AddrPort
}

func newBind(ipv6 bool, home func(netip.Addr) bool) *bind {
	b := &bind{Bind: conn.NewStdNetBind(), home: home, arrived: make(chan netip.AddrPort, 1)}
	b.ipv6.Store(ipv6)
	return b
}

// Open is conn.Bind's.
func (b *bind) Open(port uint16) ([]conn.ReceiveFunc, uint16, error) {
	receive, actual, err := b.Bind.Open(port)
	for i, next := range receive {
		receive[i] = func(packets [][]byte, sizes []int, from []conn.Endpoint) (int, error) {
			n, err := next(packets, sizes, from)
			for k := range n {
				if sizes[k] > 0 && !b.take(packets[k][:sizes[k]], from[k]) {
					sizes[k] = 0 // WireGuard passes over what is empty
				}
			}
			return n, err
		}
	}
	return receive, actual, err
}

// take looks at a packet that came in, and says whether it is for WireGuard.
func (b *bind) take(packet []byte, from conn.Endpoint) bool {
	address := from.DstIP().Unmap() // where an answer would go
	if address.Is6() && !b.ipv6.Load() {
		return false
	}
	b.note(address)
	return len(packet) != probeSize || !b.isProbe(packet, from)
}

// note remembers when something came from outside. It looks at that once a second only, and at an address of the home once:
// a flood costs nothing more.
func (b *bind) note(address netip.Addr) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if address == b.inside || now.Sub(b.looked) < time.Second {
		return
	}
	if b.home != nil && b.home(address) {
		b.inside = address
		return
	}
	b.outside, b.looked = now, now
}

func (b *bind) isProbe(packet []byte, from conn.Endpoint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.waiting || subtle.ConstantTimeCompare(packet, b.probe[:]) != 1 {
		return false
	}
	b.waiting = false
	at, _ := netip.ParseAddrPort(from.DstToString())
	select {
	case b.arrived <- at:
	default:
	}
	return true
}

// expect makes a packet of random bytes that is told about when it comes, until done is called.
func (b *bind) expect() (packet []byte, arrived <-chan netip.AddrPort, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rand.Read(b.probe[:])
	b.probe[0] |= 0x80 // no type of a message that there is
	b.waiting = true
	select {
	case <-b.arrived:
	default:
	}
	return append([]byte(nil), b.probe[:]...), b.arrived, func() {
		b.mu.Lock()
		b.waiting = false
		b.mu.Unlock()
	}
}

func (b *bind) lastOutside() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outside
}
