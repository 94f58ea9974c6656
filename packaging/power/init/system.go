package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// install runs /packages/install of the system that lies on the disk, within it.
func install() error {
	for what, where := range map[string]string{"devtmpfs": "/disk/dev", "proc": "/disk/proc", "sysfs": "/disk/sys"} {
		if err := unix.Mount(what, where, what, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", where, err)
		}
		defer func() { _ = unix.Unmount(where, unix.MNT_DETACH) }()
	}
	c := exec.CommandContext(context.Background(), "/packages/install")
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: "/disk"}
	c.Dir = "/"
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	c.Stdout, c.Stderr = w, w
	say("installing")
	if err := errors.Join(c.Start(), w.Close()); err != nil {
		return err
	}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fmt.Println(lines.Text())
	}
	if err := c.Wait(); err != nil {
		return fmt.Errorf("/packages/install: %w", err)
	}
	if err := os.RemoveAll("/disk/packages"); err != nil {
		return err
	}
	say("installed")
	return nil
}

// system hands the machine over to the system that lies on the disk.
func system() error {
	for _, m := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(m, "/disk"+m, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", m, err)
		}
	}
	if err := unix.Chdir("/disk"); err != nil {
		return err
	}
	if err := unix.Mount("/disk", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the disk: %w", err)
	}
	if err := errors.Join(unix.Chroot("."), unix.Chdir("/")); err != nil {
		return fmt.Errorf("enter the disk: %w", err)
	}
	return fmt.Errorf("start /sbin/init: %w", unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=linux"}))
}
