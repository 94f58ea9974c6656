package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const hearth = "/usr/bin/hearth"

// box is hearth on the disk.
type box struct {
	data string
}

func (b *box) do(step string) error {
	switch step {
	case "recover":
		return b.recover(step)
	case "twice":
		return b.twice()
	case "check":
		return b.check()
	case "record":
		return b.serve(step, untilAsked)
	case "install":
		return install()
	case "system":
		return system()
	case "off":
		return off()
	}
	return errors.New("no such step")
}

// recover starts hearth and stops it again.
func (b *box) recover(what string) error { return b.serve(what, func(<-chan struct{}) {}) }

// serve runs hearth. Once it listens, until returns when it is to be stopped; ended is closed when it ends by itself.
func (b *box) serve(what string, until func(ended <-chan struct{})) error {
	c := exec.CommandContext(context.Background(), hearth, "serve", "--data", b.data, "--listen", ":8443", "--listen-http", "",
		"--vision", "/usr/bin/hearth-vision")
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	c.Stdout, c.Stderr = w, w
	say("starting %s", what)
	began := time.Now()
	if err := c.Start(); err != nil {
		return err
	}
	w.Close()
	listens, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		told := false
		for lines := bufio.NewScanner(r); lines.Scan(); {
			fmt.Println(lines.Text())
			if !told && strings.Contains(lines.Text(), "listening") {
				told = true
				close(listens)
			}
		}
	}()
	select {
	case <-listens:
	case <-ended:
		return fmt.Errorf("hearth ended before it listened: %w", c.Wait())
	}
	say("serving %s after %d ms", what, time.Since(began).Milliseconds())
	until(ended)
	say("stopping %s", what)
	if err := c.Process.Signal(unix.SIGTERM); err != nil {
		return fmt.Errorf("stop hearth: %w", err)
	}
	<-ended
	if err := c.Wait(); err != nil {
		return fmt.Errorf("hearth: %w", err)
	}
	say("stopped %s", what)
	return nil
}

// untilAsked waits for somebody to connect to port 7000.
func untilAsked(ended <-chan struct{}) {
	l, err := net.Listen("tcp", ":7000")
	if err != nil {
		say("failed: %v", err)
		return
	}
	defer l.Close()
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		if c, err := l.Accept(); err == nil {
			c.Close()
		}
	}()
	select {
	case <-asked:
	case <-ended:
	}
}

// check runs hearth check, and says what it found.
func (b *box) check() error {
	began := time.Now()
	out, err := exec.CommandContext(context.Background(), hearth, "check", "--deep", "--data", b.data).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		say("check says %s", strings.TrimRight(line, "\n"))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	say("check gave %d after %d ms", code, time.Since(began).Milliseconds())
	return nil
}

// off leaves the file system clean behind.
func off() error {
	if err := unix.Unmount("/own", 0); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount the folder: %w", err)
	}
	if err := unix.Unmount("/disk", 0); err != nil {
		return fmt.Errorf("unmount the disk: %w", err)
	}
	say("off")
	return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
