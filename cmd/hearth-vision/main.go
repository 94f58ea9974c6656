//go:build cgo

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"hearth/hwaccel"
	"hearth/nvr/vision/protocol"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hearth-vision:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "--probe-hw":
		return probeHW(os.Stdout)
	case len(args) == 1 && args[0] == "--identify-hw":
		return indented(os.Stdout, hwaccel.Machine())
	case len(args) == 4 && args[0] == "--try-hw": // one of those of --probe-hw
		tidy()
		return tryHW(os.Stdout, protocol.Way{Name: args[1], Device: args[2]}, args[3])
	}

	given, err := ways(args)
	if err != nil {
		return err
	}

	tidy()
	box, err := confine(given)
	if err != nil {
		return err
	}
	return serve(input(), os.Stdout, box, lagLimit)
}

// tidy sets Go's runtime up for a process of which there is one per camera.
func tidy() {
	// Its goroutines wait for each other; waking further threads for them costs more than it brings.
	runtime.GOMAXPROCS(1)
	// Compressed GOPs are most of the heap; there is no room for as much garbage again.
	debug.SetGCPercent(40)
	debug.SetMemoryLimit(160 << 20)
}

// input is standard input such that who reads it waits without a thread of its own.
func input() *os.File {
	fd := os.Stdin.Fd()
	if err := unix.SetNonblock(int(fd), true); err != nil {
		return os.Stdin
	}
	return os.NewFile(fd, os.Stdin.Name())
}

func newWorker(out io.Writer, box *sandbox, lag time.Duration) *worker {
	w := &worker{in: newInbox(), out: bufio.NewWriterSize(out, 64<<10), box: box, lag: lag}
	w.hw = hardware{w: w, dog: watchdog{out: out, die: func() { os.Exit(1) }}}
	return w
}

// serve answers until the input ends. Units that have waited for longer than lag are passed over.
func serve(in io.Reader, out io.Writer, box *sandbox, lag time.Duration) error {
	w := newWorker(out, box, lag)
	go w.in.read(in)
	err := w.run()
	if errors.Is(err, io.EOF) {
		return nil
	}
	// Best effort: who sent nonsense may not be reading either.
	_ = protocol.Write(w.out, protocol.Error{Mixed: errors.Is(err, errMixed), Text: err.Error()})
	_ = w.out.Flush()
	return err
}
