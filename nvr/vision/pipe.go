package vision

import (
	"fmt"
	"os"
	"syscall"
)

// pipe is the end of a process's standard input that is written to.
type pipe struct {
	*os.File
	raw syscall.RawConn
}

// newPipe makes a pipe and gives its other end too.
func newPipe() (in *pipe, other *os.File, err error) {
	other, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	in = &pipe{File: w}
	if in.raw, err = w.SyscallConn(); err != nil {
		w.Close()
		other.Close()
		return nil, nil, fmt.Errorf("make a pipe: %w", err)
	}
	in.widen()
	return in, other, nil
}
