package vision

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// pipeSize is how much a pipe holds, in bytes: a second of a usual camera, so that one write hands it over. Memory is
// taken as it fills.
const pipeSize = 1 << 20

// widen makes room in the pipe. Where many pipes of this user are wide already it stays as it is.
func (p *pipe) widen() {
	_ = p.raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
}

// writeAll writes the parts one after the other, many with one call, without copying them together.
func (p *pipe) writeAll(parts [][]byte) error {
	const most = 1024 // IOV_MAX
	for len(parts) > 0 {
		var n int
		var err error
		waited := p.raw.Write(func(fd uintptr) bool {
			for {
				if n, err = unix.Writev(int(fd), parts[:min(len(parts), most)]); !errors.Is(err, unix.EINTR) {
					return !errors.Is(err, unix.EAGAIN)
				}
			}
		})
		if waited != nil {
			return fmt.Errorf("hand over units: %w", waited)
		}
		if err != nil {
			return fmt.Errorf("hand over units: %w", err)
		}
		for n > 0 && n >= len(parts[0]) {
			n -= len(parts[0])
			parts = parts[1:]
		}
		if n > 0 {
			parts[0] = parts[0][n:]
		}
	}
	return nil
}
