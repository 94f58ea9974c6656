package sim_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"
	"github.com/pion/rtp"

	"hearth/nvr/media"
	"hearth/nvr/sim"
)

// homed is a small camera with an address of its own.
func homed(name, address string, secure bool) *sim.Camera {
	c := small(name)
	c.Address, c.TLS = address, secure
	return c
}

// key gives the hash of the TLS key that answers at a camera's address.
func key(t *testing.T, s *sim.Server, c *sim.Camera) [32]byte {
	t.Helper()
	u, err := url.Parse(s.URL(c, media.Main))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is looked at
	conn, err := dialer.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return sha256.Sum256(conn.(*tls.Conn).ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
}

// title asks for the description at an address, with the login of who should be there, and gives its title.
func title(t *testing.T, address string, play func(*rtp.Packet)) (string, *gortsplib.Client, error) {
	t.Helper()
	u, err := base.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	tcp := gortsplib.TransportTCP
	c := &gortsplib.Client{
		Scheme: u.Scheme, Host: u.Host, Transport: &tcp, ReadTimeout: 5 * time.Second,
		TLSConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is looked at elsewhere
	}
	if err := c.Start2(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	desc, _, err := c.Describe(u)
	if err != nil {
		return "", nil, err
	}
	if play != nil {
		if err := c.SetupAll(desc.BaseURL, desc.Medias); err != nil {
			t.Fatal(err)
		}
		c.OnPacketRTP(desc.Medias[0], desc.Medias[0].Formats[0], play)
		if _, err := c.Play(nil); err != nil {
			t.Fatal(err)
		}
	}
	return desc.Title, c, nil
}

// A camera with an address of its own shows its certificate there, and addresses can be handed around.
func TestAddressesAreHandedAround(t *testing.T) {
	t.Parallel()
	drive, nursery, plain := homed("drive", "127.0.1.1:0", true), homed("nursery", "127.0.1.2:0", true), homed("plain", "127.0.1.3:0", false)
	drive.User, drive.Password = "", ""
	nursery.User, nursery.Password = "", ""
	plain.User, plain.Password = "", ""
	shared := small("shared")
	s := serve(t, drive, nursery, plain, shared)
	for c, scheme := range map[*sim.Camera]string{drive: "rtsps://127.0.1.1:", nursery: "rtsps://127.0.1.2:", plain: "rtsp://127.0.1.3:", shared: "rtsp://owner"} {
		if u := s.URL(c, media.Sub); !strings.HasPrefix(u, scheme) || !strings.HasSuffix(u, "/sub") {
			t.Errorf("%s is at %s", c.Name, u)
		}
	}
	at := func(home *sim.Camera) string {
		name, _, err := title(t, s.URL(home, media.Main), nil)
		if err != nil {
			return err.Error()
		}
		return name
	}
	want := func(home *sim.Camera, name string) {
		t.Helper()
		if got := at(home); got != name {
			t.Errorf("at %s's address answers %s, want %s", home.Name, got, name)
		}
	}
	for _, c := range []*sim.Camera{drive, nursery, plain, shared} {
		want(c, c.Name)
	}
	driveKey, nurseryKey := key(t, s, drive), key(t, s, nursery)
	if driveKey == nurseryKey {
		t.Fatal("two cameras have one key")
	}

	packets := make(chan struct{}, 1)
	_, watching, err := title(t, s.URL(drive, media.Main), func(*rtp.Packet) {
		select {
		case packets <- struct{}{}:
		default:
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	<-packets
	s.Swap(drive, nursery)
	if err := watching.Wait(); err == nil {
		t.Error("who watched goes on watching")
	}
	want(drive, "nursery")
	want(nursery, "drive")
	want(shared, "shared")
	if key(t, s, drive) != nurseryKey || key(t, s, nursery) != driveKey {
		t.Error("the keys did not go with the cameras")
	}
	s.Deal(map[*sim.Camera]*sim.Camera{drive: drive, nursery: nursery})
	want(drive, "drive")
	want(nursery, "nursery")
	s.Answer(drive, nil)
	if name, _, err := title(t, s.URL(drive, media.Main), nil); err == nil {
		t.Errorf("%s answers where nobody should", name)
	}
	want(nursery, "nursery")

	u, _ := url.Parse(s.URL(plain, media.Main))
	var conns []net.Conn
	for _, address := range []string{u.Host, s.Addr().String()} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
		if _, err := c.Write([]byte("OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	s.DropAll()
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Error("a connection outlived DropAll")
		}
	}
	want(plain, "plain")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// The key follows from the serial, so that a camera is the same after a start, and another one with another part.
func TestCertificateIsStable(t *testing.T) {
	t.Parallel()
	keys := make(map[[32]byte]string)
	for _, serial := range []string{"", "", "A1", "A1", "A2"} {
		c := homed("drive", "127.0.1.1:0", true)
		c.Serial = serial
		s := serve(t, c)
		keys[key(t, s, c)] += serial + ","
	}
	if len(keys) != 3 {
		t.Errorf("keys by serial: %v", keys)
	}
}

func TestTLSNeedsAnAddress(t *testing.T) {
	c := small("drive")
	c.TLS = true
	if err := (&sim.Server{Cameras: []*sim.Camera{c}}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "address of its own") {
		t.Errorf("got %v", err)
	}
}
