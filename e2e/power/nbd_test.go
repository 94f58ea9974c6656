package power

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// client speaks NBD as QEMU does, a step at a time.
type client struct {
	t    *testing.T
	conn net.Conn
}

func (c client) send(values ...any) {
	c.t.Helper()
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, binary.BigEndian, v); err != nil {
			c.t.Fatal(err)
		}
	}
	if _, err := c.conn.Write(b.Bytes()); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads exactly these values.
func (c client) expect(values ...any) {
	c.t.Helper()
	var want bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&want, binary.BigEndian, v); err != nil {
			c.t.Fatal(err)
		}
	}
	got := make([]byte, want.Len())
	if _, err := io.ReadFull(c.conn, got); err != nil {
		c.t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		c.t.Fatalf("got  %x\nwant %x", got, want.Bytes())
	}
}

// connect serves a disk to a client that has greeted it.
func connect(t *testing.T, d *Disk) (client, <-chan error) {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	ended := make(chan error, 1)
	go func() { ended <- d.Serve(there) }()
	c := client{t, here}
	c.expect([]byte("NBDMAGIC"), []byte("IHAVEOPT"), uint16(3))
	c.send(uint32(3))
	return c, ended
}

const testHandle = uint64(0xfeed)

func (c client) request(command uint16, at uint64, length uint32, data ...any) {
	c.t.Helper()
	c.send(append([]any{uint32(0x25609513), uint16(0), command, testHandle, at, length}, data...)...)
}

func (c client) answer(code uint32, data ...any) {
	c.t.Helper()
	c.expect(append([]any{uint32(0x67446698), code, testHandle}, data...)...)
}

func TestNBD(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 64)
	c, ended := connect(t, d)

	// An option that is not known, then the choice, as QEMU makes it.
	c.send([]byte("IHAVEOPT"), uint32(8), uint32(0))
	c.expect(uint64(0x3e889045565a9), uint32(8), uint32(1<<31+1), uint32(0))
	c.send([]byte("IHAVEOPT"), uint32(7), uint32(6), uint32(0), uint16(0))
	c.expect(uint64(0x3e889045565a9), uint32(7), uint32(3), uint32(12), uint16(0), uint64(64*SectorSize), uint16(5))
	c.expect(uint64(0x3e889045565a9), uint32(7), uint32(1), uint32(0))

	c.request(1, 1024, SectorSize, sector(9))
	c.answer(0)
	c.request(0, 512, 3*SectorSize)
	c.answer(0, sector(0), sector(9), sector(0))
	if d.Unflushed() != SectorSize {
		t.Errorf("%d bytes are not flushed, want %d", d.Unflushed(), SectorSize)
	}
	c.request(3, 0, 0)
	c.answer(0)
	if d.Unflushed() != 0 {
		t.Errorf("%d bytes are not flushed after a flush", d.Unflushed())
	}
	c.request(4, 0, 512) // TRIM was not offered
	c.answer(22)
	c.request(0, 64*SectorSize, SectorSize) // beyond the end
	c.answer(5)
	c.request(2, 0, 0)
	if err := <-ended; err != nil {
		t.Errorf("a client that says goodbye: %v", err)
	}
}

func TestNBDOldChoice(t *testing.T) {
	t.Parallel()
	c, _ := connect(t, newDisk(t, 64))
	c.send([]byte("IHAVEOPT"), uint32(1), uint32(0))
	c.expect(uint64(64*SectorSize), uint16(5))
	c.request(0, 0, SectorSize)
	c.answer(0, sector(0))
}

// TestNBDEnds: a client that is killed, and a disk whose power goes, end the service without an error; nonsense is one.
func TestNBDEnds(t *testing.T) {
	t.Parallel()
	c, ended := connect(t, newDisk(t, 64))
	c.conn.Close()
	if err := <-ended; err != nil {
		t.Errorf("a client that is gone: %v", err)
	}

	d := newDisk(t, 64)
	c, ended = connect(t, d)
	c.send([]byte("IHAVEOPT"), uint32(1), uint32(0))
	c.expect(uint64(64*SectorSize), uint16(5))
	d.mu.Lock()
	d.on = false
	d.mu.Unlock()
	c.request(3, 0, 0)
	if err := <-ended; err != nil {
		t.Errorf("the power is off: %v", err)
	}

	c, ended = connect(t, newDisk(t, 64))
	c.send([]byte("NOOPTION"), uint32(1), uint32(0))
	if err := <-ended; err == nil {
		t.Error("an option with a wrong magic is taken")
	}
}
