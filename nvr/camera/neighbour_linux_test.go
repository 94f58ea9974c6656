package camera

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// device is a process in a network namespace of its own: a simulated camera on all its addresses, or just a namespace.
type device struct {
	name string
	pid  string

	mu     sync.Mutex
	logins []string // names that were shown to it
}

// namespaced runs this test again in a network namespace of its own.
func namespaced(t *testing.T, role string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestKnownByTheirCards$", "-test.v")
	c.Env = append(os.Environ(), "HEARTH_TEST_NETWORK="+role)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return c
}

// Cameras on a link of the box are known by their network cards, one behind a router is not, and a card that is not the
// right one is not told a password.
func TestKnownByTheirCards(t *testing.T) {
	switch role, name, _ := strings.Cut(os.Getenv("HEARTH_TEST_NETWORK"), " "); role {
	case "":
		for _, tool := range []string{"ip", "nsenter"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("%s is not installed", tool)
			}
		}
		out, err := namespaced(t, "box").CombinedOutput()
		if errors.Is(err, syscall.EPERM) {
			t.Skip("making a network namespace is not permitted here")
		}
		if err != nil {
			t.Fatalf("in the namespace: %v\n%s", err, out)
		}
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("in the namespace: %s", out)
		}
	case "box":
		cardsInTheHouse(t)
	case "camera":
		beCamera(t, name)
	case "idle":
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

// beCamera serves a simulated camera on all addresses until standard input ends.
func beCamera(t *testing.T, name string) {
	c := &sim.Camera{
		Name: "stream", GOP: 8, User: name, Password: "secret of " + name, NoUDP: true,
		Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
		OnLogin: func(user string) { fmt.Println("login " + user) },
	}
	s := &sim.Server{Listen: ":8554", Cameras: []*sim.Camera{c}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-s.Ready()
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// begin starts a device.
func begin(t *testing.T, role, name string) *device {
	t.Helper()
	d := &device{name: name}
	c := namespaced(t, role+" "+name)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	d.pid = fmt.Sprint(c.Process.Pid)
	ready := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "ready" {
				close(ready)
			}
			if user, ok := strings.CutPrefix(lines.Text(), "login "); ok {
				d.mu.Lock()
				if !slices.Contains(d.logins, user) {
					d.logins = append(d.logins, user)
				}
				d.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		in.Close()
		<-read
		_ = c.Wait()
	})
	select {
	case <-ready:
	case <-read:
		t.Fatalf("%s does not start", name)
	}
	return d
}

func (d *device) shown() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.logins)
}

// in runs a command in the device's namespace.
func (d *device) in(t *testing.T, command string) {
	t.Helper()
	shell(t, "nsenter", "-t", d.pid, "-n", "sh", "-c", command)
}

// ip runs ip with some words.
func ip(t *testing.T, words string) { t.Helper(); shell(t, "ip", strings.Fields(words)...) }

func shell(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "not permitted") || strings.Contains(string(out), "Unknown device type") {
			t.Skipf("%s %v: %s", name, args, out)
		}
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// plug connects a device to the house's switch; mac is its card's.
func (d *device) plug(t *testing.T, mac string, addresses ...string) {
	t.Helper()
	port := "p" + d.pid
	ip(t, "link add "+port+" type veth peer name eth0 address "+mac+" netns "+d.pid)
	ip(t, "link set "+port+" master br0 up")
	d.in(t, "ip link set lo up && ip link set eth0 up")
	for _, a := range addresses {
		d.in(t, "ip addr add "+a+" dev eth0 nodad")
	}
}

// cardsInTheHouse runs as the box: a switch with two cameras and a router, and a third camera behind that.
func cardsInTheHouse(t *testing.T) {
	const macA, macB, macR = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
	ip(t, "link set lo up")
	ip(t, "link add br0 type bridge")
	ip(t, "link set br0 up")
	ip(t, "addr add 10.9.0.1/24 dev br0")
	ip(t, "addr add fd09::1/64 dev br0 nodad")
	a, b := begin(t, "camera", "a"), begin(t, "camera", "b")
	a.plug(t, macA, "10.9.0.2/24", "fd09::2/64")
	b.plug(t, macB, "10.9.0.3/24")
	router, far := begin(t, "idle", "router"), begin(t, "camera", "far")
	router.plug(t, macR, "10.9.0.254/24")
	router.in(t, "ip link add eth1 type veth peer name eth0 netns "+far.pid+" && ip link set eth1 up && ip addr add 10.10.0.1/24 dev eth1 && echo 1 > /proc/sys/net/ipv4/ip_forward")
	far.in(t, "ip link set eth0 up && ip addr add 10.10.0.2/24 dev eth0 && ip route add default via 10.10.0.1")
	ip(t, "route add 10.10.0.0/24 via 10.9.0.254")

	type one struct {
		*Camera
		sink *watcher
		kept *keeping
	}
	add := func(host, user string) one {
		o := one{sink: newWatcher(t), kept: &keeping{}}
		tune := quickTuning()
		tune.noPicture, tune.dial = time.Second, 2*time.Second
		o.Camera = &Camera{
			Config: Config{ID: media.NewCameraID(), Name: user, URL: "rtsp://" + host + ":8554/stream", Username: user, Password: "secret of " + user},
			Main:   o.sink, Identity: NewIdentity(media.Pins{}, o.kept.keep), tune: tune,
		}
		start(t, o.Camera)
		o.sink.until("pictures of "+user+" at "+host, pictures(0, 5))
		return o
	}
	ca, cb, six, routed := add("10.9.0.2", "a"), add("10.9.0.3", "b"), add("[fd09::2]", "a"), add("10.10.0.2", "far")
	for _, c := range []struct {
		one
		mac string
	}{{ca, macA}, {cb, macB}, {six, macA}, {routed, ""}} {
		if pins := c.kept.now(); pins.MAC != c.mac || pins.Server == "" {
			t.Errorf("%s at %s: pins %+v, want the card %q", c.Name, c.URL, pins, c.mac)
		}
	}
	if to, err := cardTo(t, "127.0.0.1"); err != nil || to != (card{}) {
		t.Errorf("loopback: %+v, %v", to, err)
	}

	// The router answers for what lies behind it (proxy ARP): its card is no camera's.
	far.in(t, "ip addr add 10.9.0.77/32 dev eth0")
	router.in(t, "ip route add 10.9.0.77 dev eth1 && echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp")
	if to, err := cardTo(t, "10.9.0.77"); err != nil || to.MAC != "" {
		t.Errorf("behind proxy ARP: %+v, %v", to, err)
	}
	// One card with two addresses of the house, both in use, is nothing to tell cameras apart by.
	b.in(t, "ip addr add 10.9.0.33/24 dev eth0")
	if to, err := cardTo(t, "10.9.0.33"); err != nil || to != (card{macB, true}) {
		t.Errorf("a card with two addresses: %+v, %v", to, err)
	}
	b.in(t, "ip addr del 10.9.0.33/24 dev eth0")

	swap := func(fromA, fromB string) {
		a.in(t, "ip addr del "+fromA+"/24 dev eth0 && ip addr add "+fromB+"/24 dev eth0")
		b.in(t, "ip addr del "+fromB+"/24 dev eth0 && ip addr add "+fromA+"/24 dev eth0")
		ip(t, "neigh flush dev br0") // devices announce themselves when they get an address
	}
	swap("10.9.0.2", "10.9.0.3")
	for _, c := range []one{ca, cb} {
		waitFor(t, "quarantine of "+c.Name, func() bool { return c.State().Status == Quarantined })
		from := c.Counters(media.Main).Failures
		waitFor(t, "more tries", func() bool { return c.Counters(media.Main).Failures >= from+3 })
		if f := c.Identity.Found(); f == nil || f.Doubt != AnotherDevice || !slices.Equal(f.Differs, []string{"mac"}) {
			t.Errorf("%s: found %+v", c.Name, f)
		}
		c.sink.locked(func() {
			if len(c.sink.runs) != 1 {
				t.Errorf("%s: %d runs", c.Name, len(c.sink.runs))
			}
		})
	}
	if got := a.shown(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("a was shown %v", got)
	}
	if got := b.shown(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("b was shown %v", got)
	}
	swap("10.9.0.3", "10.9.0.2")
	for _, c := range []one{ca, cb} {
		c.sink.until("pictures again", pictures(1, 5))
	}
}

// cardTo connects to an address and gives the card that it leads to.
func cardTo(t *testing.T, host string) (card, error) {
	t.Helper()
	if host == "127.0.0.1" {
		l, err := net.Listen("tcp", host+":8554")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	c, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", host+":8554")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return cardAt(c)
}
