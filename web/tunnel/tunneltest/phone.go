// Package tunneltest is a phone: WireGuard's own program, as a test drives it, from the very text that the box hands out.
package tunneltest

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/netstack"
)

// Config is what a device reads in what the box hands out.
type Config struct {
	Addresses []netip.Prefix
	Allowed   []netip.Prefix
	Endpoint  string
	MTU       int
	lines     map[string]string
}

// Read reads what the box hands out.
func Read(text string) (c Config, err error) {
	c.lines = make(map[string]string)
	scan := bufio.NewScanner(strings.NewReader(text))
	for scan.Scan() {
		name, value, ok := strings.Cut(scan.Text(), " = ")
		if !ok {
			continue
		}
		c.lines[name] = value
		switch name {
		case "Address", "AllowedIPs":
			for _, p := range strings.Split(value, ", ") {
				prefix, err := netip.ParsePrefix(p)
				if err != nil {
					return c, err
				}
				if name == "Address" {
					c.Addresses = append(c.Addresses, prefix)
				} else {
					c.Allowed = append(c.Allowed, prefix)
				}
			}
		case "Endpoint":
			c.Endpoint = value
		case "MTU":
			if _, err := fmt.Sscan(value, &c.MTU); err != nil {
				return c, err
			}
		}
	}
	return c, scan.Err()
}

// Secret is a value as it stands in the text, for tests that look where it must not be.
func (c Config) Secret(name string) string { return c.lines[name] }

// Orders are what WireGuard is told: allowed replaces the networks that the box says, unless it is nil.
func (c Config) Orders(endpoint netip.AddrPort, allowed []netip.Prefix) (string, error) {
	var b strings.Builder
	for _, x := range []struct{ name, order string }{{"PrivateKey", "private_key"}, {"PublicKey", "public_key"}, {"PresharedKey", "preshared_key"}} {
		raw, err := base64.StdEncoding.DecodeString(c.lines[x.name])
		if err != nil {
			return "", fmt.Errorf("%s: %w", x.name, err)
		}
		fmt.Fprintf(&b, "%s=%s\n", x.order, hex.EncodeToString(raw))
	}
	if allowed == nil {
		allowed = c.Allowed
	}
	for _, p := range allowed {
		fmt.Fprintf(&b, "allowed_ip=%s\n", p)
	}
	fmt.Fprintf(&b, "endpoint=%s\n", endpoint)
	return b.String(), nil
}

// Device is WireGuard on a device of any kind.
func (c Config) Device(on tun.Device, endpoint netip.AddrPort, allowed []netip.Prefix) (*device.Device, error) {
	orders, err := c.Orders(endpoint, allowed)
	if err != nil {
		return nil, err
	}
	d := device.NewDevice(on, conn.NewStdNetBind(), &device.Logger{Verbosef: device.DiscardLogf, Errorf: device.DiscardLogf})
	if err := d.IpcSet(orders); err != nil {
		d.Close()
		return nil, err
	}
	if err := d.Up(); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Phone is a device with a stack in user space.
type Phone struct {
	Config
	*device.Device
	Net *netstack.Net
}

// New makes a phone of what the box hands out, which reaches the box on this machine.
func New(t testing.TB, text string) *Phone {
	t.Helper()
	c, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	var addresses []netip.Addr
	for _, p := range c.Addresses {
		addresses = append(addresses, p.Addr())
	}
	on, stack, err := netstack.CreateNetTUN(addresses, nil, c.MTU)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(c.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.Device(on, netip.MustParseAddrPort("127.0.0.1:"+port), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return &Phone{c, d, stack}
}

// Dial is for http.Transport and its like. It takes addresses only.
func (p *Phone) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return p.Net.DialContextTCPAddrPort(ctx, at)
}
