package install

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	sealedKey = "/etc/credstore.encrypted/hearth.box.key"
	// mostStopping is how long the service may take to stop.
	mostStopping = 5 * time.Second
)

// refused runs a command in the machine that has to fail, and say certain things.
func (m *machine) refused(says []string, args ...string) {
	m.t.Helper()
	out, err := m.inside(args...).CombinedOutput()
	if err == nil {
		m.t.Errorf("%s succeeded:\n%s", strings.Join(args, " "), out)
	}
	for _, s := range says {
		if !strings.Contains(string(out), s) {
			m.t.Errorf("%s does not say %q:\n%s", strings.Join(args, " "), s, out)
		}
	}
}

// walls looks at the limits of the service, and stops it.
func (m *machine) walls() {
	m.t.Helper()
	limit := func(property string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(m.run("systemctl", "show", "--value", "--property="+property, "hearth")), 10, 64)
		if err != nil {
			m.t.Errorf("%s: %v", property, err)
		}
		return n
	}
	high, most := limit("MemoryHigh"), limit("MemoryMax")
	m.t.Logf("memory: %d MiB, then it is slowed down; %d MiB at most", high>>20, most>>20)
	if high == 0 || most <= high {
		m.t.Error("the service has no limit of memory")
	}
	began := time.Now()
	m.run("systemctl", "stop", "hearth")
	took := time.Since(began)
	m.t.Logf("stopped in %s", took.Round(time.Millisecond))
	if took > mostStopping || !strings.Contains(m.run("systemctl", "show", "--property=Result", "hearth"), "success") {
		m.t.Errorf("it took %s, %s may be: %s", took, mostStopping, m.try("systemctl", "status", "--no-pager", "hearth"))
	}
	if open := strings.TrimSpace(m.run("find", "/var/lib/hearth/media", "-name", "*.open")); open != "" {
		m.t.Errorf("after a stop there are unfinished files:\n%s", open)
	}
	m.run("systemctl", "start", "hearth")
}

// byHand does by hand what an owner may: as root, with the box stopped, with its key in the keeping of systemd.
func (m *machine) byHand(camera string) {
	m.t.Helper()
	const data = "--data=/var/lib/hearth"
	stop, start := func() { m.run("systemctl", "stop", "hearth") }, func() { m.run("systemctl", "start", "hearth") }
	for _, tool := range [][]string{{"check"}, {"rebuild"}, {"user", "list"}, {"recovery-key"}, {"go-back"}} {
		m.refused([]string{"systemctl stop hearth"}, append(append([]string{"hearth"}, tool...), data)...)
	}
	m.refused([]string{"recovery key"}, "hearth", "seal-key")
	stop()
	if !strings.Contains(m.run("hearth", "recovery-key", data), "AGE-SECRET-KEY-1") {
		m.t.Error("no recovery key was printed")
	}
	m.refused([]string{"does not run"}, "hearth", "seal-key")
	start()
	began := time.Now()
	m.records(camera)
	m.t.Log(strings.TrimSpace(m.run("hearth", "seal-key")))
	if m.exists("/var/lib/hearth/box.key") || m.exists("/var/lib/hearth/box.key.sealed") || !m.exists(sealedKey) {
		m.t.Error("the key was not moved")
	}
	m.records(camera)
	m.run("hearth", "seal-key") // once more does no harm
	stop()
	end := time.Now()
	if said := m.run("hearth", "check", "--deep", data); !strings.Contains(said, "clean") {
		m.t.Errorf("check says: %s", said)
	}
	m.run("hearth", "rebuild", data)
	if said := m.run("hearth", "user", "list", data); !strings.Contains(said, "Ada") {
		m.t.Errorf("user list says: %s", said)
	}
	m.run("hearth", "export", data, "--camera=Yard", "--from="+began.UTC().Format(time.RFC3339), "--to="+end.UTC().Format(time.RFC3339), "/root/yard.mp4")
	if s, err := os.Stat(filepath.Join(m.root, "root/yard.mp4")); err != nil || s.Size() == 0 {
		m.t.Errorf("no export: %v", err)
	}
	if others := strings.TrimSpace(m.run("find", "/var/lib/hearth", "!", "-user", "hearth")); others != "" {
		m.t.Errorf("root left files that the service cannot open:\n%s", others)
	}
	start()
	m.records(camera)
	m.reboot()
	m.simulate()
	m.records(camera)
	// Back into a file, and sealed again for what follows.
	m.run("hearth", "seal-key", "--undo")
	if !m.exists("/var/lib/hearth/box.key") || m.exists(sealedKey) {
		m.t.Error("the key was not put back")
	}
	m.records(camera)
	m.run("hearth", "seal-key")
	m.records(camera)
}

// andBack upgrades to a version whose hearth.db has another format, and goes back.
func (m *machine) andBack(later, before, camera string) {
	m.t.Helper()
	m.run("apt-get", "install", "--yes", "--quiet", later)
	if !m.exists("/var/lib/hearth/hearth.db.before-2") {
		m.t.Error("what hearth.db was before is not kept")
	}
	m.records(camera)
	m.refused([]string{"did not start", "hearth.db was written by Hearth 98.0 in format 2", "reads format 1", "hearth go-back --data /var/lib/hearth"},
		"apt-get", "install", "--yes", "--quiet", "--allow-downgrades", before)
	m.run("systemctl", "stop", "hearth")
	m.t.Log(lastLine(m.run("hearth", "go-back", "--data", "/var/lib/hearth")))
	m.run("dpkg", "--configure", "-a")
	m.records(camera)
}

// fails lets the service fail at its start, and sees it tried again and again, at growing intervals where systemd can.
func (m *machine) fails() {
	m.t.Helper()
	const tries = 6
	m.run("sh", "-c", "mkdir -p /run/systemd/system/hearth.service.d && printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >/run/systemd/system/hearth.service.d/fails.conf")
	m.run("systemctl", "daemon-reload")
	at := m.retries()
	before := len(at)
	m.try("systemctl", "restart", "hearth")
	m.until(long, "it is tried again", func() bool {
		at = m.retries()[before:]
		return len(at) >= tries
	})
	var waits []string
	for i := 1; i < tries; i++ {
		waits = append(waits, fmt.Sprint((at[i] - at[i-1]).Round(100*time.Millisecond)))
	}
	m.t.Logf("between tries: %s", strings.Join(waits, ", "))
	version, err := strconv.Atoi(strings.Fields(m.run("systemctl", "--version"))[1])
	if err != nil {
		m.t.Error(err)
	}
	if first, last := at[1]-at[0], at[tries-1]-at[tries-2]; version >= 254 && last < 3*first {
		m.t.Errorf("the waits do not grow: %v", waits)
	}
	m.run("rm", "-r", "/run/systemd/system/hearth.service.d")
	m.run("systemctl", "daemon-reload")
	m.run("systemctl", "restart", "hearth")
}

// retries are when systemd tried the service again since the machine booted.
func (m *machine) retries() (at []time.Duration) {
	m.t.Helper()
	for line := range strings.Lines(m.try("journalctl", "--no-pager", "--boot", "--unit", "hearth", "--output", "json", "--grep", "Scheduled restart job")) {
		var entry struct {
			At string `json:"__MONOTONIC_TIMESTAMP"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil {
			if us, err := strconv.ParseInt(entry.At, 10, 64); err == nil {
				at = append(at, time.Duration(us)*time.Microsecond)
			}
		}
	}
	return at
}
