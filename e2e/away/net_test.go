package away

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// network is a network namespace: a machine's own cards, addresses and ports.
type network struct {
	name string
	fd   int
	pid  int // of a process in it
}

// within runs what is done in a network: sockets that it opens and programs that it starts are there for good.
func (n *network) within(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("go into the network %s: %w", n.name, err)
			return
		}
		done <- do()
	}()
	return <-done
}

// newNetwork makes an empty one, with its own loopback.
func newNetwork(t *testing.T, name string) *network {
	t.Helper()
	n := &network{name: name}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.fd, err = unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("make the network %s: %v", name, err)
	}
	keeper := exec.Command("sleep", "3600")
	if err := n.within(keeper.Start); err != nil {
		t.Fatal(err)
	}
	n.pid = keeper.Process.Pid
	t.Cleanup(func() {
		keeper.Process.Kill()
		keeper.Wait()
		unix.Close(n.fd)
	})
	n.ip(t, "link", "set", "lo", "up")
	return n
}

// ip runs ip(8) in the network.
func (n *network) ip(t *testing.T, args ...string) {
	t.Helper()
	var out []byte
	if err := n.within(func() (err error) {
		out, err = exec.Command("ip", args...).CombinedOutput()
		return err
	}); err != nil {
		t.Fatalf("ip %v in %s: %v %s", args, n.name, err, out)
	}
}

// wire joins two networks by a cable, with an address at each end.
func wire(t *testing.T, a *network, atA string, b *network, atB string) {
	t.Helper()
	nameA, nameB := "to-"+b.name, "to-"+a.name
	a.ip(t, "link", "add", nameA, "type", "veth", "peer", "name", nameB)
	a.ip(t, "link", "set", nameB, "netns", fmt.Sprint(b.pid))
	a.ip(t, "addr", "add", atA, "dev", nameA)
	b.ip(t, "addr", "add", atB, "dev", nameB)
	a.ip(t, "link", "set", nameA, "up")
	b.ip(t, "link", "set", nameB, "up")
}

// router forwards one UDP port to the box as a home's router does: every sender gets a port of its own on the inside. It
// loses packets and takes its time as it is told.
type router struct {
	outside *net.UDPConn
	target  atomic.Pointer[netip.AddrPort]
	loss    atomic.Int64 // of 1000 packets
	delay   atomic.Int64 // time.Duration, each way
	packets atomic.Int64

	mu     sync.Mutex
	inside map[netip.AddrPort]*net.UDPConn
}

func newRouter(t *testing.T, on *network, at netip.AddrPort, target netip.AddrPort) *router {
	t.Helper()
	r := &router{inside: make(map[netip.AddrPort]*net.UDPConn)}
	r.target.Store(&target)
	if err := on.within(func() (err error) {
		r.outside, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.outside.Close()
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range r.inside {
			c.Close()
		}
	})
	go r.run(on)
	return r
}

func (r *router) run(on *network) {
	packet := make([]byte, 1<<16)
	for {
		n, from, err := r.outside.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		r.mu.Lock()
		in := r.inside[from]
		if in == nil {
			if err := on.within(func() (err error) {
				in, err = net.ListenUDP("udp4", nil)
				return err
			}); err != nil {
				r.mu.Unlock()
				continue
			}
			r.inside[from] = in
			go r.back(in, from)
		}
		r.mu.Unlock()
		r.pass(in, packet[:n], *r.target.Load())
	}
}

func (r *router) back(in *net.UDPConn, to netip.AddrPort) {
	packet := make([]byte, 1<<16)
	for {
		n, _, err := in.ReadFromUDPAddrPort(packet)
		if err != nil {
			return
		}
		r.pass(r.outside, packet[:n], to)
	}
}

func (r *router) pass(by *net.UDPConn, packet []byte, to netip.AddrPort) {
	r.packets.Add(1)
	if rand.Int64N(1000) < r.loss.Load() {
		return
	}
	if d := time.Duration(r.delay.Load()); d > 0 {
		kept := append([]byte(nil), packet...)
		time.AfterFunc(d, func() { by.WriteToUDPAddrPort(kept, to) })
		return
	}
	by.WriteToUDPAddrPort(packet, to)
}

// capture sees every IP packet on a card, both ways.
type capture struct {
	fd int
	mu sync.Mutex
	of map[string]int // "udp from 192.0.2.1:5" → how many
}

func newCapture(t *testing.T, on *network, card string) *capture {
	t.Helper()
	c := &capture{of: make(map[string]int)}
	if err := on.within(func() error {
		const all = uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8)
		i, err := net.InterfaceByName(card)
		if err != nil {
			return err
		}
		if c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return err
		}
		return unix.Bind(c.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	}); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000})
	stop := make(chan struct{})
	go func() {
		defer close(stopped)
		packet := make([]byte, 1<<16)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if n, err := unix.Read(c.fd, packet); err == nil {
				c.note(packet[:n])
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		unix.Close(c.fd)
	})
	return c
}

func (c *capture) note(p []byte) {
	if len(p) < 28 || p[0]>>4 != 4 {
		return
	}
	from, _ := netip.AddrFromSlice(p[12:16])
	what := fmt.Sprintf("protocol %d from %s", p[9], from)
	if p[9] == 17 {
		head := int(p[0]&15) * 4
		what = fmt.Sprintf("udp from %s:%d", from, int(p[head])<<8|int(p[head+1]))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[what]++
}

func (c *capture) seen() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]int, len(c.of))
	for k, v := range c.of {
		all[k] = v
	}
	return all
}

// inOwnNetworks runs the calling test again as root of a user namespace, where it may make networks; it says whether it is that
// run. Where the system lets nobody do so the test is skipped.
func inOwnNetworks(t *testing.T) bool {
	t.Helper()
	if os.Getenv("HEARTH_AWAY_INSIDE") != "" {
		return true
	}
	enter := []string{"unshare", "--user", "--map-root-user", "--net"}
	if out, err := exec.Command(enter[0], append(enter[1:], "true")...).CombinedOutput(); err != nil {
		enter = []string{"unshare", "--net"}
		if out2, err := exec.Command(enter[0], append(enter[1:], "true")...).CombinedOutput(); err != nil {
			t.Skipf("this system lets nobody make networks: %s%s", out, out2)
		}
	}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skipf("there are no network cards in software here: %v", err)
	} else {
		f.Close()
	}
	cmd := exec.Command(enter[0], append(enter[1:], os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=10m")...)
	cmd.Env = append(os.Environ(), "HEARTH_AWAY_INSIDE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("inside: %v", err)
	}
	return false
}
