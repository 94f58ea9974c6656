package install

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mostLost is how long nothing may be recorded because of an upgrade.
const mostLost = 5 * time.Second

type camera struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Vision struct {
		Mode string `json:"mode"`
	} `json:"vision"`
}

type span struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// TestInstall lives through the life of a package, on each Debian that HEARTH_INSTALL names.
func TestInstall(t *testing.T) {
	suites := strings.Fields(os.Getenv("HEARTH_INSTALL"))
	if len(suites) == 0 {
		t.Skip("it boots whole Debians: run it with make test-install")
	}
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) { life(t, suite) })
	}
}

// life is a package's, from its installation to its end.
func life(t *testing.T, suite string) {
	older, newer, broken, tomorrow := debs(t)
	m := boot(t, suite)

	// Installed, it runs, and says where.
	older = m.put(older)
	said := m.run("apt-get", "install", "--yes", "--quiet", older)
	if !strings.Contains(said, "https://"+m.name+":8443") || !regexp.MustCompile(`code: [A-Z0-9]{4}-[A-Z0-9]{4}`).MatchString(said) {
		t.Fatalf("the installation does not say where the page is, and the code:\n%s", said)
	}
	m.must("POST", "/setup", map[string]string{"name": "Ada", "password": "correct horse battery"}, nil)
	t.Log(strings.TrimSpace(lastLine(m.run("systemd-analyze", "security", "--no-pager", "hearth"))))

	// A camera is recorded and looked at, within all that the service may not do.
	m.simulate()
	var added camera
	m.must("POST", "/cameras", map[string]any{
		"name": "Yard", "url": m.cameraURL(), "record": "continuous", "motion": map[string]any{"sensitivity": 0.5},
	}, &added)
	m.records(added.ID)
	m.until(long, "a worker looks at the camera", func() bool {
		mode := m.camera(added.ID).Vision.Mode
		return mode == "calm" || mode == "watching"
	})
	if alarm := m.try("journalctl", "--no-pager", "--unit", "hearth", "--grep", "ALARM|panic|denied|not permitted"); !strings.Contains(alarm, "-- No entries --") && strings.Contains(alarm, "hearth") {
		t.Errorf("the journal complains:\n%s", alarm)
	}

	// After a reboot it goes on by itself.
	m.reboot()
	m.simulate()
	m.records(added.ID)

	m.walls()
	m.byHand(added.ID)

	// An upgrade costs a moment, and nothing that was set.
	m.upgrade(m.put(newer), added.ID)

	// One to a version with another format keeps what was before, and there is a way back.
	m.andBack(m.put(tomorrow), "/root/"+filepath.Base(newer), added.ID)

	// A version that does not start says why, and the one before goes back on.
	out, err := m.inside("apt-get", "install", "--yes", "--quiet", m.put(broken)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "did not start") || !strings.Contains(string(out), "this version is broken on purpose") {
		t.Errorf("an upgrade to what does not start: %v\n%s", err, out)
	}
	m.run("apt-get", "install", "--yes", "--quiet", "--allow-downgrades", "/root/"+filepath.Base(newer))
	m.records(added.ID)
	m.fails()
	m.records(added.ID)

	// Removed, its data stays; installed again, all is as it was.
	m.run("apt-get", "remove", "--yes", "--quiet", "hearth")
	if m.exists("/usr/bin/hearth") || !m.exists("/var/lib/hearth/hearth.db") || strings.TrimSpace(m.try("systemctl", "is-active", "hearth")) == "active" {
		t.Error("after the removal the program is there, its data is not, or it runs")
	}
	m.run("apt-get", "install", "--yes", "--quiet", "/root/"+filepath.Base(newer))
	m.records(added.ID)

	// Purged, its settings go, and what is on other disks stays.
	m.run("sh", "-c", "mkdir -p /var/lib/hearth/other && mount -t tmpfs other /var/lib/hearth/other && touch /var/lib/hearth/other/kept")
	m.run("apt-get", "purge", "--yes", "--quiet", "hearth")
	if m.exists("/var/lib/hearth/hearth.db") || m.exists("/etc/default/hearth") || m.exists(sealedKey) || strings.TrimSpace(m.try("ls", "/var/lib/hearth/other")) != "kept" {
		t.Errorf("after the purge:\n%s", m.try("ls", "-laR", "/var/lib/hearth", "/etc/default"))
	}
}

// debs gives the package that stands in dist, the same with a lower version, and with a higher one that does not start,
// and one with a program whose hearth.db has another format.
func debs(t *testing.T) (older, newer, broken, tomorrow string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join("..", "..", "dist", "hearth_*_amd64.deb"))
	if err != nil || len(all) == 0 {
		t.Fatalf("there is no package in dist: make deb makes it (%v)", err)
	}
	newest := time.Time{}
	for _, path := range all {
		if s, err := os.Stat(path); err == nil && s.ModTime().After(newest) {
			newer, newest = path, s.ModTime()
		}
	}
	dir := t.TempDir()
	again := func(name, version string, program []byte) string {
		work := filepath.Join(dir, name)
		shell(t, "dpkg-deb -R "+newer+" "+work+" && sed -i 's/^Version: .*/Version: "+version+"/' "+work+"/DEBIAN/control")
		if program != nil {
			if err := os.WriteFile(filepath.Join(work, "usr/bin/hearth"), program, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name+".deb")
		shell(t, "dpkg-deb --root-owner-group -Zgzip -b "+work+" "+path)
		return path
	}
	later, err := os.ReadFile(filepath.Join("..", "..", ".cache", "install", "hearth-tomorrow"))
	if err != nil {
		t.Fatalf("make test-install builds it: %v", err)
	}
	return again("older", "0.0.1", nil), newer, again("broken", "99.0", []byte("#!/bin/sh\necho this version is broken on purpose >&2\nexit 1\n")),
		again("tomorrow", "98.0", later)
}

func shell(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// simulate starts a simulated camera in the machine.
func (m *machine) simulate() {
	m.t.Helper()
	m.run("systemd-run", "--unit", "yard", "--collect", "/usr/bin/hearth", "sim", "--cameras", "1", "--listen", "127.0.0.1:8554")
	m.until(long, "the camera is there", func() bool { return m.cameraURL() != "" })
}

var rtsp = regexp.MustCompile(`rtsp://\S+`)

// cameraURL is where the simulated camera is. Its password is another one after each start.
func (m *machine) cameraURL() string {
	return rtsp.FindString(lastLine(m.try("journalctl", "--no-pager", "--boot", "--unit", "yard", "--output", "cat", "--grep", "rtsp://")))
}

func (m *machine) camera(id string) (c camera) {
	_ = m.api("GET", "/cameras/"+id, nil, &c) // it may not be there yet
	return c
}

// records waits until what the camera shows now is recorded.
func (m *machine) records(id string) {
	m.t.Helper()
	began := time.Now()
	login := map[string]string{"name": "Ada", "password": "correct horse battery"}
	m.until(long, "the owner gets in", func() bool { return m.api("POST", "/session", login, nil) == nil })
	if u, err := url.Parse(m.cameraURL()); err == nil && u.User != nil {
		password, _ := u.User.Password()
		m.must("PATCH", "/cameras/"+id, map[string]any{"url": m.cameraURL(), "username": u.User.Username(), "password": password}, nil)
	}
	m.until(long, "the camera is recorded", func() bool {
		spans, _ := m.timeline(id, began)
		return len(spans) > 0 && spans[len(spans)-1].To.Sub(began) > 2*time.Second
	})
}

func (m *machine) timeline(id string, from time.Time) (spans, gaps []span) {
	var line struct {
		Spans []span `json:"spans"`
		Gaps  []span `json:"gaps"`
	}
	q := url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}, "to": {time.Now().Add(time.Minute).UTC().Format(time.RFC3339Nano)}}
	if m.api("GET", "/cameras/"+id+"/timeline?"+q.Encode(), nil, &line) != nil {
		return nil, nil
	}
	return line.Spans, line.Gaps
}

// upgrade installs a package while a camera is recorded, and holds what is missing against mostLost.
func (m *machine) upgrade(deb, id string) {
	m.t.Helper()
	began := time.Now()
	m.until(long, "some seconds are recorded", func() bool {
		spans, _ := m.timeline(id, began)
		return len(spans) > 0 && spans[0].To.Sub(began) > 3*time.Second
	})
	m.run("apt-get", "install", "--yes", "--quiet", deb)
	upgraded := time.Now()
	m.until(long, "it is recorded after the upgrade", func() bool {
		spans, _ := m.timeline(id, began)
		return len(spans) > 0 && spans[len(spans)-1].To.Sub(upgraded) > 3*time.Second
	})
	spans, gaps := m.timeline(id, began)
	var lost time.Duration
	for i := 1; i < len(spans); i++ {
		lost += spans[i].From.Sub(spans[i-1].To)
	}
	m.t.Logf("the upgrade cost %s of the recording (the timeline shows what is longer than a second): %v", lost.Round(time.Millisecond), gaps)
	if lost > mostLost {
		m.t.Errorf("%s were not recorded, %s may be", lost, mostLost)
	}
	if c := m.camera(id); c.Name != "Yard" {
		m.t.Errorf("after the upgrade the camera is %+v", c)
	}
}

func (m *machine) exists(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return fmt.Sprint(lines[len(lines)-1])
}
