package tunnel

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func itoa(port uint16) string { return strconv.Itoa(int(port)) }

// Two devices with one key are noticed, as far as that shows: it comes back to where it was, again and again.
func TestDoubled(t *testing.T) {
	var h history
	wifi, mobile := netip.MustParseAddrPort("203.0.113.7:4000"), netip.MustParseAddrPort("198.51.100.9:5000")
	now := time.Now()
	for i := range 3 { // a phone that goes to and fro within an hour
		h.saw(wifi, now.Add(time.Duration(i)*20*time.Minute))
		h.saw(mobile, now.Add(time.Duration(i)*20*time.Minute+10*time.Minute))
	}
	if h.doubled(now.Add(50 * time.Minute)) {
		t.Error("somebody who went home and out again is taken for two")
	}
	now = now.Add(2 * time.Hour)
	for i := range 10 { // a router that gives it another port each time
		h.saw(netip.AddrPortFrom(wifi.Addr(), uint16(6000+i)), now)
		now = now.Add(5 * time.Second)
	}
	if h.doubled(now) {
		t.Error("another port each time is taken for two devices")
	}
	for range 3 {
		h.saw(wifi, now)
		h.saw(mobile, now.Add(7*time.Second))
		now = now.Add(15 * time.Second)
	}
	if !h.doubled(now) {
		t.Error("two devices in turn are not noticed")
	}
	if h.doubled(now.Add(returnsTime + time.Minute)) {
		t.Error("it is never forgotten")
	}
}

// Two real devices with one key.
func TestTwoPhonesOneKey(t *testing.T) {
	t.Parallel() // a device greets every five seconds at most
	b := openBox(t)
	b.serve(sayWhose)
	p := b.add(2)
	twin := b.phone(p.id, p.private, p.shared, 2, "127.0.0.1:"+itoa(b.Port()))
	found := false
	for range 4 {
		for _, x := range []*phone{p, twin} {
			if found {
				return
			}
			// Each greets anew, as it does when the answers went to the other.
			public := b.Public()
			if err := x.dev.IpcSet("private_key=" + hexOf(x.private) + "\n"); err != nil {
				t.Fatal(err)
			}
			x.dev.LookupPeer([32]byte(public)).ExpireCurrentKeypairs()
			if err := x.reaches(netip.AddrPortFrom(b.place.V4, pagePort), patience); err != nil {
				t.Fatal(err)
			}
			all, err := b.Peers()
			if err != nil {
				t.Fatal(err)
			}
			found = found || all[p.id].Doubled
		}
	}
	if !found {
		t.Error("two devices with one key are not noticed")
	}
}

func hexOf(k Key) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, x := range k {
		b.WriteByte(digits[x>>4])
		b.WriteByte(digits[x&15])
	}
	return b.String()
}

// A greeting with a time that is not after the one before: what a phone sends whose clock was set back.
func TestBackwards(t *testing.T) {
	b := openBox(t)
	b.serve(sayWhose)
	// On its way somebody keeps the first greeting, and says it again and again.
	relay, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	box := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), b.Port()))
	var phoneAt atomic.Pointer[net.UDPAddr]
	var greeting atomic.Pointer[[]byte]
	go func() {
		packet := make([]byte, 2000)
		for {
			n, from, err := relay.ReadFrom(packet)
			if err != nil {
				return
			}
			to := box
			if from.(*net.UDPAddr).Port == box.Port {
				to = phoneAt.Load()
			} else {
				phoneAt.Store(from.(*net.UDPAddr))
				if packet[0] == 1 {
					kept := append([]byte(nil), packet[:n]...)
					greeting.CompareAndSwap(nil, &kept)
				}
			}
			relay.WriteTo(packet[:n], to)
		}
	}()
	p := b.add(2)
	p = b.phone(p.id, p.private, p.shared, 2, relay.LocalAddr().String())
	if _, err := p.get(b.place.V4); err != nil {
		t.Fatal(err)
	}
	all, err := b.Peers()
	if err != nil || all[p.id].Backwards {
		t.Fatalf("%+v %v", all, err)
	}
	until(t, "a clock that went backwards is noticed", func() bool {
		relay.WriteTo(*greeting.Load(), box)
		all, err := b.Peers()
		return err == nil && all[p.id].Backwards
	})
}

func TestKeys(t *testing.T) {
	private := NewPrivate()
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParsePublic(public.Text()); err != nil || got != public {
		t.Errorf("%v %v", got, err)
	}
	zero := Key{}
	one := Key{1}
	for _, bad := range []string{"", "x", public.Text()[:43], public.Text() + "=", zero.Text(), one.Text(), strings.Repeat("A", 44), "\n" + public.Text()[:43]} {
		if _, err := ParsePublic(bad); err == nil {
			t.Errorf("%q was taken for a key", bad)
		}
	}
	if _, err := zero.Public(); err == nil {
		t.Error("zero is a key")
	}
	if s := private.String(); strings.Contains(s, private.Text()) {
		t.Error("a key prints itself")
	}
}

// What is handed to a device is what WireGuard's own program reads, and reaches the box alone.
func TestProfile(t *testing.T) {
	private, box := NewPrivate(), NewPrivate()
	public, _ := box.Public()
	text := Profile{
		Private: &private, Preshared: Key{7}, Place: At(testV4, testV6, 2), Box: public, BoxPlace: At(testV4, testV6, 1),
		Endpoint: "[2001:db8::1]:51820",
	}.Text()
	want := "[Interface]\nPrivateKey = " + private.Text() + "\nAddress = 10.77.3.2/32, fd12:3456:789a::2/128\nMTU = 1280\n\n" +
		"[Peer]\nPublicKey = " + public.Text() + "\nPresharedKey = " + Key{7}.Text() +
		"\nAllowedIPs = 10.77.3.1/32, fd12:3456:789a::1/128\nEndpoint = [2001:db8::1]:51820\n"
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// Whatever WireGuard says of itself is read or refused.
func FuzzReport(f *testing.F) {
	f.Add("private_key=00\nlisten_port=51820\npublic_key=" + strings.Repeat("ab", 32) + "\nendpoint=1.2.3.4:5\nlast_handshake_time_sec=1\n" +
		"last_handshake_time_nsec=2\ntx_bytes=3\nrx_bytes=4\nprotocol_version=1\nerrno=0\n")
	f.Add("public_key=\n")
	f.Add("=\n=\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseReport(strings.NewReader(text))
		if err != nil {
			return
		}
		if n := strings.Count(text, "public_key="); len(all) > n || len(all) > Hosts {
			t.Errorf("%d peers of %d", len(all), n)
		}
	})
}

// Whatever comes in by UDP goes on to WireGuard, unless it is the very packet that is waited for.
func FuzzTake(f *testing.F) {
	f.Add([]byte{}, true)
	f.Add(make([]byte, probeSize), true)
	f.Add(make([]byte, 148), false)
	f.Fuzz(func(t *testing.T, packet []byte, six bool) {
		b := newBind(true, nil)
		probe, arrived, done := b.expect()
		defer done()
		address := "198.51.100.1:5"
		if six {
			address = "[2001:db8::1]:5"
		}
		from, err := b.ParseEndpoint(address)
		if err != nil {
			t.Fatal(err)
		}
		if !b.take(packet, from) && string(packet) != string(probe) {
			t.Errorf("%x was kept back", packet)
		}
		select {
		case at := <-arrived:
			t.Errorf("%x counts as the probe, from %s", packet, at)
		default:
		}
		if b.take(probe, from) {
			t.Error("the probe went on")
		}
		if at := <-arrived; at.String() != address {
			t.Errorf("it came from %s", at)
		}
		if !b.take(probe, from) {
			t.Error("the probe counts twice")
		}
	})
}
