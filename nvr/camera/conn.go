package camera

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	// readSize is how much is asked of the kernel at once, in bytes. gortsplib reads 4 KiB at a time; with this
	// buffer in between, one system call fetches all that waits.
	readSize = 32 << 10
	// maxLowWater is the most that may wait in the kernel before we are woken, in bytes. At 64 KiB the sender's
	// queue ran over (docs/design/budget.md); at 16 KiB the work is half of that per packet.
	maxLowWater = 16 << 10
)

// errForeign is what a conn returns when the first bytes it reads are no RTSP.
var errForeign = errors.New("the first bytes are no RTSP")

// conn is a TCP connection that reads in large pieces, remembers what speaks at the other end, and can ask the
// kernel to wake us less often.
type conn struct {
	net.Conn
	plain bool // RTSP without TLS: what is read can be understood

	buf  []byte // read and not yet taken
	room []byte

	got   atomic.Uint64 // bytes read
	reads *atomic.Uint64

	mu      sync.Mutex
	checked bool
	opening string // the first bytes read, at most 8
	low     int    // SO_RCVLOWAT as set last
}

// newConn wraps a connection; reads counts how often data is fetched from the kernel.
func newConn(c net.Conn, plain bool, reads *atomic.Uint64) *conn {
	return &conn{Conn: c, plain: plain, reads: reads, room: make([]byte, readSize), low: 1}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.buf) == 0 {
		n, err := c.Conn.Read(c.room)
		if n == 0 {
			return 0, err
		}
		c.got.Add(uint64(n))
		c.reads.Add(1)
		c.buf = c.room[:n]
		if !c.checked {
			if err := c.check(c.buf); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, c.buf)
	c.buf = c.buf[n:]
	return n, nil
}

// check looks at the first bytes that ever came: a camera answers our first request with "RTSP/".
func (c *conn) check(b []byte) error {
	c.checked = true
	c.mu.Lock()
	c.opening = string(b[:min(len(b), 8)])
	c.mu.Unlock()
	if c.plain && !strings.HasPrefix("RTSP/", string(b[:min(len(b), 5)])) {
		return errForeign
	}
	return nil
}

// opened gives the first bytes that came; "" if none did.
func (c *conn) opened() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opening
}

// setLowWater asks to be woken only when n bytes wait, or the connection ends. 1 turns that off. A connection that
// cannot do this stays as it is.
func (c *conn) setLowWater(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n == c.low {
		return
	}
	c.low = n
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { setReceiveLowWater(int(fd), n) })
}
