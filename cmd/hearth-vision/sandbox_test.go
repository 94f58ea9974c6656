//go:build cgo

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock"

	"hearth/hwaccel"
)

const confinedEnv = "HEARTH_TEST_CONFINED"

// TestConfined runs itself in a process of its own, since what is given up does not come back.
func TestConfined(t *testing.T) {
	if os.Getenv(confinedEnv) == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		cmd := exec.Command(os.Args[0], "-test.run=^TestConfined$", "-test.v")
		cmd.Env = append(os.Environ(), confinedEnv+"="+listener.Addr().String())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP") {
			t.Skipf("%s", out)
		}
		return
	}

	box, err := confine()
	if err != nil {
		t.Fatal(err)
	}
	box.seal()
	t.Logf("closed: %s", box)
	status, err := os.ReadFile("/proc/self/status")
	if err == nil && !strings.Contains(string(status), "NoNewPrivs:\t1") {
		t.Error("privileges can be gained")
	}
	if !strings.Contains(box.String(), "Landlock") || landlock.V1.RestrictPaths() != nil {
		t.Skip("SKIP: this kernel has no Landlock")
	}
	if err == nil {
		t.Error("/proc is open")
	}
	for _, path := range []string{"/etc/passwd", "/usr/bin", os.Args[0], "/dev/null"} {
		if f, err := os.Open(path); err == nil {
			f.Close()
			t.Errorf("%s can be opened", path)
		}
	}
	if err := os.WriteFile(os.TempDir()+"/hearth-vision-was-here", nil, 0o600); err == nil {
		t.Error("a file can be written")
	}
	if c, err := net.Dial("tcp", os.Getenv(confinedEnv)); err == nil {
		c.Close()
		t.Error("the network is open")
	}
	// What it is for still works.
	for _, trial := range hwaccel.Probe() {
		if trial.Codec == "h264" && trial.Name == "software" && !trial.Works {
			t.Errorf("it cannot decode any more: %s", trial.Why)
		}
	}
}
