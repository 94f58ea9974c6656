package camera

import (
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// readSize is how much is asked of the kernel at once, in bytes. gortsplib reads 4 KiB at a time; with this
	// buffer in between, one system call fetches all that waits.
	readSize = 32 << 10
	// maxLowWater is the most that may wait in the kernel before we are woken, in bytes. At 64 KiB the sender's
	// queue ran over (docs/design/budget.md); at 16 KiB the work is half of that per packet.
	maxLowWater = 16 << 10
	// patience is how long what came may wait in the kernel at most, whatever the mark is. A key frame is most of what
	// some cameras send, and then the little pictures after it fill a mark very slowly.
	patience = 250 * time.Millisecond
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
	wanted  int    // the mark that was asked for
	low     int    // SO_RCVLOWAT as set last: 1 when patience ran out
	timer   *time.Timer
}

// newConn wraps a connection; reads counts how often data is fetched from the kernel.
func newConn(c net.Conn, plain bool, reads *atomic.Uint64) *conn {
	return &conn{Conn: c, plain: plain, reads: reads, room: make([]byte, readSize), wanted: 1, low: 1}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.buf) == 0 {
		c.mu.Lock()
		c.await()
		c.mu.Unlock()
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

// setLowWater asks to be woken only when n bytes wait, or some wait for longer than patience, or the connection ends. 1
// turns that off. A connection that cannot do this stays as it is.
func (c *conn) setLowWater(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n == c.wanted {
		return
	}
	c.wanted = n
	c.await()
}

// await sets the mark that was asked for, and what has patience with it; c.mu is held. All that came before has been
// read, or waits for as long again at most.
func (c *conn) await() {
	c.mark(c.wanted)
	switch {
	case c.wanted <= 1:
		if c.timer != nil {
			c.timer.Stop()
		}
	case c.timer == nil:
		c.timer = time.AfterFunc(patience, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.mark(1) // until the next read
		})
	default:
		c.timer.Reset(patience)
	}
}

// drain has whoever reads take what waits in the kernel before the connection is closed, and gives up after a while: a
// camera may send without end.
func (c *conn) drain(limit time.Duration) {
	c.setLowWater(1)
	for deadline := time.Now().Add(limit); c.unread() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond) // the kernel has no word for this
	}
}

// unread says how many bytes wait in the kernel.
func (c *conn) unread() (n int) {
	c.control(func(fd int) { n = unread(fd) })
	return n
}

// mark sets SO_RCVLOWAT; c.mu is held.
func (c *conn) mark(n int) {
	if n == c.low {
		return
	}
	c.low = n
	c.control(func(fd int) { setReceiveLowWater(fd, n) })
}

// control does something with the socket, where there is one.
func (c *conn) control(do func(fd int)) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { do(int(fd)) })
}
