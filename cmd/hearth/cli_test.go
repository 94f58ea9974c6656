package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestSecondInterrupt stops a process that does not come to its end, twice.
func TestSecondInterrupt(t *testing.T) {
	if os.Getenv("HEARTH_TEST_HANG") != "" {
		ctx, stop := untilInterrupted()
		defer stop()
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("stopping")
		time.Sleep(time.Hour)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestSecondInterrupt$")
	cmd.Env = append(os.Environ(), "HEARTH_TEST_HANG=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"ready", "stopping"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("said %q, want %q", lines.Text(), want)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	// The handler is taken away a moment after the first one: ask until it is heard.
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	limit, again := time.After(10*time.Second), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for {
		select {
		case err := <-over:
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
				t.Errorf("ended with %v, want by the signal", err)
			}
			return
		case <-again.C:
			_ = cmd.Process.Signal(os.Interrupt) // it may have ended this moment
		case <-limit:
			t.Error("a second interrupt does not end a process that hangs")
			_ = cmd.Process.Kill()
			<-over
			return
		}
	}
}
