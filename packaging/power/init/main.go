package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		say("failed: %v", err)
	}
	for { // process 1 must not end
		time.Sleep(time.Hour)
	}
}

func run() error {
	for _, m := range []struct{ what, where string }{
		{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(m.where, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.what, m.where, m.what, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.where, err)
		}
	}
	told, err := commandLine()
	if err != nil {
		return err
	}
	if err := loadModules(); err != nil {
		return err
	}
	if err := bringUp("lo", "127.0.0.1", "255.0.0.0"); err != nil {
		return err
	}
	if err := bringUp("eth0", "10.0.2.15", "255.255.255.0"); err != nil {
		return err
	}
	// What the file system says from here on is worth a line.
	if err := os.WriteFile("/proc/sys/kernel/printk", []byte("7"), 0); err != nil {
		return err
	}
	say("mounting")
	data, err := mount("/dev/"+told["power.disk"], told["power.fs"], told["power.own"] == "1")
	if err != nil {
		return err
	}
	say("mounted")
	box := &box{data: data}
	for step := range strings.SplitSeq(told["power.do"], ",") {
		if err := box.do(step); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	return nil
}

// commandLine gives the settings on the kernel's command line.
func commandLine() (map[string]string, error) {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, err
	}
	told := make(map[string]string)
	for word := range strings.FieldsSeq(string(line)) {
		name, value, _ := strings.Cut(word, "=")
		told[name] = value
	}
	return told, nil
}

// loadModules loads the kernel's modules.
func loadModules() error {
	order, err := os.ReadFile("/modules/order")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(order)) {
		f, err := os.Open("/modules/" + name)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil {
			return fmt.Errorf("load the module %s: %w", name, err)
		}
	}
	return nil
}

// mount mounts the disk and gives hearth's folder on it.
func mount(device, fs string, own bool) (string, error) {
	const disk, folder = "/disk", "/disk/hearth"
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return "", err
	}
	if err := waitFor(device, 10*time.Second); err != nil {
		return "", err
	}
	if err := unix.Mount(device, disk, fs, unix.MS_NOATIME, ""); err != nil {
		return "", fmt.Errorf("mount %s as %s: %w", device, fs, err)
	}
	if _, err := os.Stat(disk + "/usr"); err == nil { // a system, which says itself where things are
		return "", nil
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	if !own {
		return folder, nil
	}
	if err := os.MkdirAll("/own", 0o755); err != nil {
		return "", err
	}
	return "/own", unix.Mount(folder, "/own", "", unix.MS_BIND, "")
}

// waitFor waits until a file is there: devices come up while the modules of their bus are loaded already.
func waitFor(path string, most time.Duration) error {
	for deadline := time.Now().Add(most); ; time.Sleep(10 * time.Millisecond) {
		_, err := os.Stat(path)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// say prints a line for who switches this machine off.
func say(format string, args ...any) {
	fmt.Printf("power: "+format+"\n", args...)
}
