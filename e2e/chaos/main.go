// Command chaos stands between hearth and hearth-vision for a test: it passes on what hearth sends, and mixes
// random bytes in on SIGUSR1. The real worker lies beside it.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(max(exit.ExitCode(), 1))
		}
		os.Exit(1)
	}
}

func run() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	worker := exec.Command(filepath.Join(filepath.Dir(self), "hearth-vision"), os.Args[1:]...)
	worker.Stdout, worker.Stderr = os.Stdout, os.Stderr
	// When hearth kills this program, the worker may not stay behind. The signal comes when the thread ends that
	// started it, so that thread has to last.
	runtime.LockOSThread()
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := worker.StdinPipe()
	if err != nil {
		return err
	}
	if err := worker.Start(); err != nil {
		return err
	}

	var poison atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		for range signals {
			poison.Store(true)
		}
	}()

	go func() {
		defer stdin.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := os.Stdin.Read(buffer)
			if n > 0 {
				if poison.Swap(false) {
					if _, err := io.CopyN(stdin, rand.Reader, 64<<10); err != nil {
						return
					}
				}
				if _, err := stdin.Write(buffer[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return worker.Wait()
}
