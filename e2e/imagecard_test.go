package e2e

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"hearth/e2e/power"
)

// card is the image on the disk of a virtual machine, with cameras that send outside of it.
type card struct {
	image   string
	test    *testing.T // the whole one
	random  *rand.Rand
	machine *power.Machine
	disk    *power.Disk
	session *power.Session
	console *os.File
	sent    *sentLog
	urls    []string

	tried bool // whether the accelerator works
	box   *appliance
	ids   []string
	lives []*life
	lost  int // sectors, at the cuts
	text  bytes.Buffer
	lines *tabwriter.Writer
}

// probe is a unit that the virtual machine's firmware hands to systemd: a shell behind a port. The image has no such thing.
const (
	probeSocket = "[Socket]\nListenStream=7000\nAccept=yes\n"
	probeShell  = "[Unit]\nCollectMode=inactive-or-failed\n[Service]\nExecStart=-/bin/sh\nStandardInput=socket\nStandardOutput=socket\nStandardError=socket\n"
	probeWanted = "[Unit]\nWants=probe.socket\n"
)

// newCard copies the image to a disk, as an owner would, and makes the machine and the cameras.
func newCard(t *testing.T) *card {
	t.Helper()
	image := os.Getenv("HEARTH_IMAGE")
	if image == "" {
		t.Skip("it takes the card image and a virtual machine: make test-image")
	}
	dir := filepath.Join(filepath.Dir(image), "run", t.Name())
	for _, err := range []error{os.RemoveAll(dir), os.MkdirAll(dir, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	k := &card{image: filepath.Join(dir, "disk"), test: t, random: imageRandom()}
	k.lines = tabwriter.NewWriter(&k.text, 0, 0, 2, ' ', 0)
	tool(t, "cp", "--sparse=always", "--reflink=auto", image, k.image)
	if err := os.Truncate(k.image, imageDisk); err != nil {
		t.Fatal(err)
	}
	var err error
	if k.console, err = os.Create(filepath.Join(dir, "console")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.console.Close() })

	firmware := &power.Firmware{Code: "/usr/share/OVMF/OVMF_CODE_4M.fd", Variables: filepath.Join(dir, "variables")}
	tool(t, "cp", "/usr/share/OVMF/OVMF_VARS_4M.fd", firmware.Variables)
	unit := func(name, content string) string {
		return "type=11,value=io.systemd.credential.binary:" + name + "=" + base64.StdEncoding.EncodeToString([]byte(content))
	}
	k.machine = &power.Machine{
		Memory: 1024, Dir: shortDir(t), Console: k.console, Firmware: firmware,
		Ports: map[int]int{int(whole(t, freePort(t))): 8443, int(whole(t, freePort(t))): 7000, int(whole(t, freePort(t))): 22},
		Devices: []string{
			"-device", "i6300esb", "-action", "watchdog=reset",
			"-smbios", unit("systemd.extra-unit.probe.socket", probeSocket), "-smbios", unit("systemd.extra-unit.probe@.service", probeShell),
			"-smbios", unit("systemd.unit-dropin.multi-user.target", probeWanted),
		},
	}
	k.machine.Accelerator = "tcg"
	if fileExists("/dev/kvm") {
		k.machine.Accelerator = "kvm"
	}
	t.Cleanup(func() {
		if k.session != nil {
			_ = k.session.Kill()
		}
	})

	log := filepath.Join(t.TempDir(), "sent")
	k.urls = sim(t, "--cameras", strconv.Itoa(imageCameras), "--fps", strconv.Itoa(imageFPS),
		"--size", fmt.Sprintf("%dx%d", imageWidth, imageHeight), "--sub-size", "160x90", "--sent", log)
	k.sent = readSent(t, log)
	return k
}

func (k *card) emulated() bool { return k.machine.Accelerator == power.Emulated }

// slack is a span of the table for a machine that runs at full speed, and a long one for an emulated one.
func (k *card) slack(d time.Duration) time.Duration {
	if k.emulated() {
		return 10 * d
	}
	return d
}

// on switches the machine on, and says when.
func (k *card) on(t *testing.T) time.Time {
	t.Helper()
	disk, err := power.Open(k.image)
	if err != nil {
		t.Fatal(err)
	}
	if k.disk != nil { // what it counted is of all lives
		k.disk.Close()
	}
	disk.FlushTime = powerFlush
	k.disk, k.machine.Disk = disk, disk
	for {
		fmt.Fprintln(k.console, "--- on")
		began := time.Now()
		if k.session, err = k.machine.Start(); err != nil {
			t.Fatal(err)
		}
		if k.tried || k.emulated() {
			k.tried = true
			k.began(began)
			return began
		}
		// A machine inside of a machine often cannot use KVM although it is there.
		if _, err := k.session.Await("BdsDxe", 0, 20*time.Second); err == nil {
			k.tried = true
			k.began(began)
			return began
		}
		t.Log("the machine does not run with KVM")
		if err := k.session.Kill(); err != nil {
			t.Fatal(err)
		}
		k.machine.Accelerator = power.Emulated
	}
}

// port gives the port here that leads to one of the machine's.
func (k *card) port(there int) string {
	for here, to := range k.machine.Ports {
		if to == there {
			return strconv.Itoa(here)
		}
	}
	return ""
}

// page asks whether the page answers.
func (k *card) page() error {
	client := newClient(k.test)
	client.Timeout = 5 * time.Second
	resp, err := client.Get("https://127.0.0.1:" + k.port(8443) + "/healthz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// answers waits for the page.
func (k *card) answers(t *testing.T) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(k.slack(2 * time.Minute)); ; time.Sleep(100 * time.Millisecond) {
		if err = k.page(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the page does not answer: %v; see %s", err, k.console.Name())
		}
	}
}

// settled waits until systemd has started everything.
func (k *card) settled(t *testing.T) {
	t.Helper()
	k.run(t, "systemctl is-system-running --wait")
}

// setUp makes the first owner and adds the cameras.
func (k *card) setUp(t *testing.T) {
	t.Helper()
	k.box = &appliance{url: "https://127.0.0.1:" + k.port(8443), client: newClient(t)}
	k.box.do(t, "POST", "/setup", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
	k.ids = nil
	for i, url := range k.urls {
		// From inside of the machine, this one's loopback is 10.0.2.2.
		url = strings.Replace(url, "127.0.0.1", "10.0.2.2", 1)
		k.ids = append(k.ids, k.box.add(t, map[string]any{
			"name": fmt.Sprintf("Camera %d", i+1), "url": url, "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true},
		}))
	}
}

// waits says whether the box waits for its first owner.
func (k *card) waits(t *testing.T) bool {
	t.Helper()
	var state struct {
		Needed bool `json:"needed"`
	}
	(&appliance{url: "https://127.0.0.1:" + k.port(8443), client: newClient(t)}).do(t, "GET", "/setup", nil, &state)
	return state.Needed
}

// records waits until all cameras send to a box that began at a moment, and the box has footage of then.
func (k *card) records(t *testing.T, began time.Time) {
	t.Helper()
	l := k.lives[len(k.lives)-1]
	eventually(t, k.slack(time.Minute), "all cameras are recorded", func() bool {
		k.sent.more(t)
		n, last := k.sent.since(began)
		l.online = last
		return n == imageCameras
	})
	eventually(t, k.slack(time.Minute), "footage of all cameras", func() bool {
		for _, id := range k.ids {
			if len(k.box.timeline(t, id, l.online, time.Now().Add(time.Minute)).Spans) == 0 {
				return false
			}
		}
		return true
	})
}

// began is the start of a life.
func (k *card) began(at time.Time) {
	k.lives = append(k.lives, &life{end: stopped, began: at, died: time.Now()})
}

// ends is the end of one.
func (k *card) ends(t *testing.T, how string) {
	t.Helper()
	l := k.lives[len(k.lives)-1]
	l.end, l.died = how, time.Now()
}

// pull pulls the plug after a while of recording.
func (k *card) pull(t *testing.T, after time.Duration) {
	t.Helper()
	select {
	case <-time.After(after):
	case <-k.session.Ended():
		t.Fatalf("the machine went off by itself; see %s", k.console.Name())
	}
	k.ends(t, whileRecording)
	died, way, err := k.session.Pull(k.random)
	if err != nil {
		t.Fatal(err)
	}
	k.session = nil
	k.lives[len(k.lives)-1].died = died
	fmt.Fprintf(k.console, "--- cut; of the disk's cache there is left: %s\n", way)
	k.lost += k.disk.Stats().Lost
}

// off shuts the machine down.
func (k *card) off(t *testing.T) {
	t.Helper()
	k.ends(t, stopped)
	k.send(t, "systemctl poweroff")
	if err := k.session.Off(k.slack(time.Minute)); err != nil {
		t.Fatalf("%v; see %s", err, k.console.Name())
	}
	k.session = nil
}

// send has the shell in the machine run something, and does not wait for it.
func (k *card) send(t *testing.T, script string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+k.port(7000), 10*time.Second)
	if err == nil {
		_, err = io.WriteString(c, script+"\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run has the shell in the machine run something and gives what it prints.
func (k *card) run(t *testing.T, script string) string {
	t.Helper()
	c := k.send(t, "{ "+script+"\n}; printf '\\004'; exit")
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(k.slack(2 * time.Minute))); err != nil {
		t.Fatal(err)
	}
	out, err := bufio.NewReader(c).ReadString(4)
	if err != nil {
		t.Fatalf("%s: %v: %s; see %s", script, err, out, k.console.Name())
	}
	return out[:len(out)-1]
}

// fat runs one of mtools on the first partition of the disk of a machine that is off.
func (k *card) fat(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, append([]string{"-i", k.image + "@@1M"}, args...)...)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (k *card) put(t *testing.T, name, content string) {
	t.Helper()
	from := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	k.fat(t, "mcopy", from, "::"+name)
}

func (k *card) take(t *testing.T, name string) {
	t.Helper()
	k.fat(t, "mdel", "::"+name)
}

func (k *card) files(t *testing.T) string {
	t.Helper()
	return k.fat(t, "mdir", "-b")
}

// figure is a line of the table.
func (k *card) figure(good bool, what, format string, args ...any) {
	k.test.Helper()
	text := fmt.Sprintf(format, args...)
	if !good {
		k.test.Errorf("%s: %s", what, text)
	}
	fmt.Fprintf(k.lines, "%s\t%s\t\n", what, text)
}

func (k *card) table() string {
	k.lines.Flush()
	return "(" + k.machine.Accelerator + ")\n" + k.text.String()
}

// why logs the end of the journal, and of the console.
func (k *card) why(t *testing.T) {
	t.Helper()
	if b, err := os.ReadFile(k.console.Name()); err == nil {
		t.Logf("the console, %s:\n%s", k.console.Name(), tail(string(b), 40))
	}
	if k.session != nil && k.page() == nil {
		t.Logf("the journal:\n%s", k.run(t, "journalctl --no-pager -b -p notice -n 60; journalctl --no-pager -b -u 'hearth*' -n 60"))
	}
}
