package camera

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// pair gives both ends of a TCP connection, ours as a conn.
func pair(t *testing.T, plain bool) (*conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ours.Close()
		theirs.Close()
	})
	return newConn(ours, plain, new(atomic.Uint64)), theirs
}

func lowWaterOf(t *testing.T, c *conn) int {
	t.Helper()
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	_ = raw.Control(func(fd uintptr) { n, err = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLowWaterKeepsNothingBack(t *testing.T) {
	for name, end := range map[string]func(c *conn, theirs net.Conn){
		"until it is lowered":                 func(c *conn, _ net.Conn) { c.setLowWater(1) },
		"until the other end closes":          func(_ *conn, theirs net.Conn) { theirs.Close() },
		"until as much as asked for is there": func(_ *conn, theirs net.Conn) { theirs.Write(make([]byte, maxLowWater)) },
	} {
		t.Run(name, func(t *testing.T) {
			c, theirs := pair(t, false)
			c.setLowWater(maxLowWater)
			if n := lowWaterOf(t, c); n != maxLowWater {
				t.Fatalf("the mark is %d, want %d", n, maxLowWater)
			}
			read := make(chan []byte)
			go func() {
				b := make([]byte, 100)
				n, _ := io.ReadFull(c, b)
				read <- b[:n]
			}()
			if _, err := theirs.Write([]byte("a little")); err != nil {
				t.Fatal(err)
			}
			end(c, theirs)
			if name == "until it is lowered" {
				theirs.Write(make([]byte, 92))
			}
			select {
			case b := <-read:
				if len(b) < 8 || string(b[:8]) != "a little" {
					t.Errorf("read %q", b)
				}
			case <-time.After(10 * time.Second):
				t.Error("nothing was read")
			}
		})
	}
}

// A little that comes after much does not wait for more: after each read the mark is set again and falls again.
func TestLowWaterHasLittlePatience(t *testing.T) {
	c, _ := pair(t, false)
	c.setLowWater(maxLowWater)
	for range 3 {
		c.mu.Lock()
		c.await() // as a read does
		set := c.low
		c.mu.Unlock()
		if set != maxLowWater {
			t.Fatalf("a read waits for %d bytes, want %d", set, maxLowWater)
		}
		for deadline := time.Now().Add(10 * time.Second); lowWaterOf(t, c) != 1; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the mark does not fall")
			}
		}
	}
	c.setLowWater(1)
	if c.timer.Stop() {
		t.Error("the timer runs though there is nothing to be patient with")
	}
}

// What waits below the mark is read before the connection is closed, and a camera that never stops sending is not waited for.
func TestDrain(t *testing.T) {
	c, theirs := pair(t, false)
	c.setLowWater(maxLowWater)
	theirs.Write(make([]byte, 5000))
	for deadline := time.Now().Add(10 * time.Second); c.unread() < 5000; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes came", c.unread())
		}
	}
	c.drain(20 * time.Millisecond)
	if n := c.unread(); n != 5000 {
		t.Errorf("nobody reads, and %d bytes wait", n)
	}
	c.setLowWater(maxLowWater)
	c.timer.Stop() // patience must not do it
	go io.Copy(io.Discard, c)
	c.drain(10 * time.Second)
	if got := c.got.Load(); got != 5000 {
		t.Errorf("%d bytes were read, want 5000", got)
	}
}

func TestWaterline(t *testing.T) {
	c, _ := pair(t, false)
	var quick atomic.Bool
	s := &session{conn: c, quick: &quick}
	w := waterline{session: s}
	step := func(bytes uint64, want int) {
		t.Helper()
		c.got.Add(bytes)
		w.look(time.Second)
		if got := lowWaterOf(t, c); got != want {
			t.Errorf("after %d bytes in a second the mark is %d, want %d", bytes, got, want)
		}
	}
	step(500_000, 1) // the first look: when the sound and the picture are being placed
	step(500_000, maxLowWater)
	step(60_000, 15_000)
	step(5_000, 1) // less than a packet in a quarter of a second
	step(0, 1)
	step(500_000, maxLowWater)
	quick.Store(true) // somebody watches
	w.set()
	step(500_000, 1)
	quick.Store(false)
	w.set()
	if got := lowWaterOf(t, c); got != maxLowWater {
		t.Errorf("nobody watches any more, the mark is %d", got)
	}
}

func TestForeignServerIsNoticedAtOnce(t *testing.T) {
	for first, foreign := range map[string]bool{"RTSP/1.0 200 OK": false, "RT": false, "HTTP/1.1 400 Bad": true, "220 mail": true, "\x16\x03\x01": true} {
		c, theirs := pair(t, true)
		theirs.Write([]byte(first))
		_, err := c.Read(make([]byte, 1))
		if errors.Is(err, errForeign) != foreign {
			t.Errorf("%q: %v", first, err)
		}
	}
}
