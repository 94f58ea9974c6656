package e2e

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestNotify stands in for systemd: it is told when the box is ready, while it lives, what it does, and that it stops.
func TestNotify(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	told := make(chan string, 1000)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				close(told)
				return
			}
			told <- string(b[:n])
		}
	}()
	var all []string
	// until reads what is told up to some text.
	until := func(text string) {
		t.Helper()
		late := time.After(30 * time.Second)
		for {
			select {
			case s := <-told:
				all = append(all, s)
				if strings.Contains(s, text) {
					return
				}
			case <-late:
				t.Fatalf("nobody said %q, only %q", text, all)
			}
		}
	}

	urls := sim(t, "--cameras", "1")
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "1500000")
	a := serve(t, "")
	until("READY=1")
	for range 3 {
		until("WATCHDOG=1")
	}
	id := a.add(t, map[string]any{"name": "Yard", "url": urls[0], "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true}})
	a.online(t, id, 30*time.Second)
	until("STATUS=One camera is being recorded.")
	for range 3 {
		until("WATCHDOG=1")
	}
	a.stop(t)
	until("STOPPING=1")
	if all[0] != "READY=1" || !slices.Contains(all, "STATUS=No camera is being recorded all the time.") || strings.Contains(strings.Join(all, "\n"), "stands still") {
		t.Errorf("systemd was told %q", all)
	}
}
