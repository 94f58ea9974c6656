package power

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// Of the NBD protocol, what QEMU needs: the fixed newstyle handshake and simple replies.
// See https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md.
const (
	nbdMagic        = 0x4e42444d41474943 // "NBDMAGIC"
	nbdHaveOption   = 0x49484156454f5054 // "IHAVEOPT"
	nbdOptionReply  = 0x3e889045565a9
	nbdRequestMagic = 0x25609513
	nbdReplyMagic   = 0x67446698

	nbdFixedNewstyle = 1
	nbdNoZeroes      = 2

	nbdOptionExport = 1
	nbdOptionAbort  = 2
	nbdOptionInfo   = 6
	nbdOptionGo     = 7

	nbdReplyAck         = 1
	nbdReplyInfo        = 3
	nbdReplyUnsupported = 1<<31 + 1

	// What the disk can: it has flags and takes flushes. A client that wants a write to be durable at once flushes.
	nbdFlags = 1<<0 | 1<<2

	nbdRead       = 0
	nbdWrite      = 1
	nbdDisconnect = 2
	nbdFlush      = 3

	nbdIOError = 5
	nbdInvalid = 22

	nbdMostAtOnce = 32 << 20
)

// Serve answers one NBD client until it goes away: nil then, or when the disk's power went.
func (d *Disk) Serve(conn net.Conn) error {
	defer conn.Close()
	c := nbd{disk: d, r: bufio.NewReaderSize(conn, 256<<10), w: bufio.NewWriterSize(conn, 256<<10)}
	err := c.greet()
	if err == nil {
		err = c.serve()
	}
	var broken *net.OpError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrOff) || errors.As(err, &broken) {
		return nil // the client is gone, as a killed one is
	}
	return err
}

// nbd is one connection.
type nbd struct {
	disk *Disk
	r    *bufio.Reader
	w    *bufio.Writer
}

func (c *nbd) put(values ...any) error {
	for _, v := range values {
		if err := binary.Write(c.w, binary.BigEndian, v); err != nil {
			return err
		}
	}
	return nil
}

func (c *nbd) get(values ...any) error {
	for _, v := range values {
		if err := binary.Read(c.r, binary.BigEndian, v); err != nil {
			return err
		}
	}
	return nil
}

// greet shakes hands, until the client has chosen the one disk that there is.
func (c *nbd) greet() error {
	if err := c.put(uint64(nbdMagic), uint64(nbdHaveOption), uint16(nbdFixedNewstyle|nbdNoZeroes)); err != nil {
		return err
	}
	if err := c.w.Flush(); err != nil {
		return err
	}
	var flags uint32
	if err := c.get(&flags); err != nil {
		return err
	}
	for {
		var magic uint64
		var option, length uint32
		if err := c.get(&magic, &option, &length); err != nil {
			return err
		}
		if magic != nbdHaveOption || length > 1<<16 {
			return fmt.Errorf("nbd: an option with the magic %#x and %d bytes", magic, length)
		}
		if _, err := c.r.Discard(int(length)); err != nil {
			return err
		}
		chosen, err := c.option(option, flags)
		if err != nil {
			return err
		}
		if err := c.w.Flush(); err != nil || chosen {
			return err
		}
	}
}

// option answers an option, and says whether requests come next.
func (c *nbd) option(option, clientFlags uint32) (chosen bool, err error) {
	reply := func(kind uint32, data ...any) error {
		length := uint32(0)
		for _, v := range data {
			length += uint32(binary.Size(v))
		}
		if err := c.put(uint64(nbdOptionReply), option, kind, length); err != nil {
			return err
		}
		return c.put(data...)
	}
	switch option {
	case nbdOptionExport:
		err = c.put(uint64(c.disk.size), uint16(nbdFlags))
		if err == nil && clientFlags&nbdNoZeroes == 0 {
			_, err = c.w.Write(make([]byte, 124))
		}
		return true, err
	case nbdOptionInfo, nbdOptionGo:
		if err := reply(nbdReplyInfo, uint16(0), uint64(c.disk.size), uint16(nbdFlags)); err != nil {
			return false, err
		}
		return option == nbdOptionGo, reply(nbdReplyAck)
	case nbdOptionAbort:
		err := reply(nbdReplyAck)
		if err == nil {
			err = c.w.Flush()
		}
		return false, errors.Join(err, io.EOF)
	}
	return false, reply(nbdReplyUnsupported)
}

// serve answers requests one after the other.
func (c *nbd) serve() error {
	for {
		var magic uint32
		var flags, command uint16
		var handle, offset uint64
		var length uint32
		if err := c.get(&magic, &flags, &command, &handle, &offset, &length); err != nil {
			return err
		}
		if magic != nbdRequestMagic {
			return fmt.Errorf("nbd: a request with the magic %#x", magic)
		}
		if command == nbdDisconnect {
			return nil
		}
		data, err := c.do(command, offset, length)
		var failed *requestError
		code := uint32(0)
		switch {
		case errors.As(err, &failed):
			code = failed.code
		case err != nil:
			return err
		}
		if err := c.put(uint32(nbdReplyMagic), code, handle); err != nil {
			return err
		}
		if _, err := c.w.Write(data); err != nil {
			return err
		}
		if c.r.Buffered() == 0 { // else the answers to what is there already go with it
			if err := c.w.Flush(); err != nil {
				return err
			}
		}
	}
}

// requestError is told to the client; the connection goes on.
type requestError struct {
	code uint32
	why  error
}

func (e *requestError) Error() string { return e.why.Error() }

// do does what is asked and gives what was read.
func (c *nbd) do(command uint16, offset uint64, length uint32) ([]byte, error) {
	if length > nbdMostAtOnce || offset > uint64(c.disk.size) {
		return nil, fmt.Errorf("nbd: %d bytes at %d", length, offset)
	}
	var data []byte
	var err error
	switch command {
	case nbdRead:
		data = make([]byte, length)
		err = c.disk.Read(data, int64(offset))
	case nbdWrite:
		b := make([]byte, length)
		if _, err := io.ReadFull(c.r, b); err != nil {
			return nil, err
		}
		err = c.disk.Write(b, int64(offset))
	case nbdFlush:
		err = c.disk.Flush()
	default:
		return nil, &requestError{nbdInvalid, fmt.Errorf("nbd: command %d", command)}
	}
	if err != nil && !errors.Is(err, ErrOff) {
		err = &requestError{nbdIOError, err}
	}
	if err != nil {
		data = nil
	}
	return data, err
}
