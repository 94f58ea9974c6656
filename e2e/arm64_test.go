package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hearth/e2e/power"
)

const (
	arm64FPS = 5
	// arm64Port is where the page is: an owner has chosen it before the package came.
	arm64Port = 9443
	// An emulated processor has a tenth of the speed, and this machine may have other work.
	arm64Boot    = 10 * time.Minute
	arm64Install = 50 * time.Minute // of a whole Debian, once
	arm64Answer  = 5 * time.Minute
	// arm64Recorded is how much of the camera has to be there.
	arm64Recorded = 20 * time.Second
)

// TestArm64 tries the package of arm64 on a Debian 13 in a virtual machine of that architecture: it installs, says where it
// is, records a camera and looks at it, and goes on after the machine was off. `make test-arm64` runs it.
func TestArm64(t *testing.T) {
	cache, deb := os.Getenv("HEARTH_ARM64"), os.Getenv("HEARTH_DEB")
	if cache == "" {
		t.Skip("it takes a virtual machine and up to an hour: make test-arm64")
	}
	b := newBoard(t, cache)
	b.ready(t)
	b.put(t, deb, "/root/hearth.deb")

	b.on(t, "power.do=system")
	began := time.Now()
	b.run(t, fmt.Sprintf(`dir=/etc/systemd/system/hearth.service.d; mkdir -p $dir
		printf '[Service]\nEnvironment=HEARTH_LISTEN=:%d\n' >$dir/port.conf`, arm64Port), arm64Answer)
	said := b.run(t, "dpkg --install /root/hearth.deb; echo gave $?", arm64Boot)
	if !strings.Contains(said, "gave 0") || !strings.Contains(said, fmt.Sprintf("Hearth is at https://box:%d\n", arm64Port)) ||
		!regexp.MustCompile(`code: [A-Z0-9]{4}-[A-Z0-9]{4}`).MatchString(said) {
		t.Fatalf("the installation says\n%s", said)
	}
	t.Logf("installed in %.0f s; %s", time.Since(began).Seconds(),
		strings.TrimSpace(b.run(t, "uname -m; hearth version; systemd-analyze security --no-pager hearth | tail -n 1", arm64Answer)))

	a := &appliance{url: "https://" + b.port(arm64Port), client: newClient(t)}
	a.client.Timeout = arm64Answer
	a.do(t, "POST", "/setup", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
	log := filepath.Join(t.TempDir(), "sent")
	url := sim(t, "--cameras", "1", "--fps", fmt.Sprint(arm64FPS), "--size", "480x270", "--sub-size", "160x90", "--sent", log)[0]
	url = strings.Replace(url, "127.0.0.1", "10.0.2.2", 1) // so it is called in there
	id := a.add(t, map[string]any{"name": "Yard", "url": url, "detect_url": url + "/sub", "motion": map[string]any{"sensitivity": 0.5}})
	b.records(t, a, id)
	eventually(t, arm64Answer, "a worker looks at the camera", func() bool {
		var c struct{ Vision struct{ Mode string } }
		a.do(t, "GET", "/cameras/"+id, nil, &c)
		return c.Vision.Mode == "calm" || c.Vision.Mode == "watching"
	})
	t.Logf("it looks at the camera; of memory:\n%s", b.run(t, "systemctl show --property MemoryCurrent,MemoryPeak,TasksCurrent hearth", arm64Answer))
	if out := b.run(t, "journalctl --no-pager --unit hearth --grep 'ALARM|panic|denied|not permitted'", arm64Answer); !strings.Contains(out, "-- No entries --") {
		t.Errorf("the journal complains:\n%s", out)
	}

	b.off(t)
	b.on(t, "power.do=system")
	b.answers(t, a)
	b.records(t, a, id)
	b.off(t)
}

// board is the virtual machine.
type board struct {
	cache, disk string
	machine     *power.Machine
	storage     *power.Disk
	session     *power.Session
	console     *os.File
}

func newBoard(t *testing.T, cache string) *board {
	t.Helper()
	b := &board{cache: cache, disk: filepath.Join(cache, "disk")}
	var err error
	if b.console, err = os.Create(filepath.Join(cache, "console")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.pull()
		b.console.Close()
	})
	b.machine = &power.Machine{
		Architecture: "arm64", Accelerator: power.Emulated, Memory: 1024, Console: b.console, Dir: shortDir(t),
		Initramfs: filepath.Join(cache, "initramfs"),
		Ports:     map[int]int{int(whole(t, freePort(t))): arm64Port, int(whole(t, freePort(t))): 7000},
	}
	content := &power.Initramfs{
		Kernel: filepath.Join(cache, "kernel"), Modules: powerModules, Files: map[string]string{"/init": filepath.Join(cache, "init")},
	}
	if b.machine.Kernel, err = content.Image(); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(b.machine.Initramfs)
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return b
}

// ready puts a Debian on the disk. The first time the machine installs it from its packages.
func (b *board) ready(t *testing.T) {
	t.Helper()
	installed := filepath.Join(b.cache, "installed")
	if !fileExists(installed) {
		t.Log("the machine installs Debian's packages, which the next time are there")
		began := time.Now()
		tool(t, "cp", "--sparse=always", "--reflink=auto", filepath.Join(b.cache, "unpacked"), b.disk)
		b.start(t, "power.do=install,off")
		if _, err := b.session.Await("power: installed", 0, arm64Install); err != nil {
			t.Fatalf("%v; see %s", err, b.console.Name())
		}
		b.wait(t)
		if err := os.Rename(b.disk, installed); err != nil {
			t.Fatal(err)
		}
		t.Logf("Debian installed itself in %.0f s", time.Since(began).Seconds())
	}
	tool(t, "cp", "--sparse=always", "--reflink=auto", installed, b.disk)
}

// put writes a file onto the disk of a machine that is off.
func (b *board) put(t *testing.T, from, to string) {
	t.Helper()
	tool(t, inSbin("debugfs"), "-w", "-R", "write "+from+" "+to, b.disk)
	if out := tool(t, inSbin("debugfs"), "-R", "stat "+to, b.disk); !strings.Contains(out, "Type: regular") { // it never fails
		t.Fatalf("%s is not on the disk: %s", from, out)
	}
}

// start switches the machine on.
func (b *board) start(t *testing.T, arguments ...string) {
	t.Helper()
	var err error
	if b.storage, err = power.Open(b.disk); err != nil {
		t.Fatal(err)
	}
	b.storage.On()
	b.machine.Disk = b.storage
	if b.session, err = b.machine.Start(append(arguments, "power.disk=vda", "power.fs=ext4")...); err != nil {
		t.Fatal(err)
	}
}

// on switches the machine on and waits until its Debian is up.
func (b *board) on(t *testing.T, arguments ...string) {
	t.Helper()
	began := time.Now()
	b.start(t, arguments...)
	eventually(t, arm64Boot, "the machine is up", func() bool {
		select {
		case <-b.session.Ended():
			t.Fatalf("the machine went off by itself; see %s", b.console.Name())
		default:
		}
		_, err := power.Shell(b.port(7000), "systemctl is-system-running --wait", arm64Boot)
		return err == nil
	})
	t.Logf("up after %.0f s", time.Since(began).Seconds())
}

// run has the machine run a script, and gives what it prints.
func (b *board) run(t *testing.T, script string, within time.Duration) string {
	t.Helper()
	out, err := power.Shell(b.port(7000), script, within)
	if err != nil {
		t.Fatalf("%v; see %s", err, b.console.Name())
	}
	return out
}

// answers waits until the box answers its owner.
func (b *board) answers(t *testing.T, a *appliance) {
	t.Helper()
	eventually(t, arm64Answer, "the box answers", func() bool {
		return a.try("GET", "/cameras", nil, nil) == nil
	})
}

// records waits until there is enough of the camera, and has ffmpeg read it.
func (b *board) records(t *testing.T, a *appliance, id string) {
	t.Helper()
	began := time.Now()
	var from, to time.Time
	eventually(t, arm64Answer, "the camera is recorded", func() bool {
		spans := a.timeline(t, id, began, time.Now().Add(time.Minute)).Spans
		if len(spans) == 0 {
			return false
		}
		from, to = spans[0].From, spans[len(spans)-1].To
		return to.Sub(from) > arm64Recorded
	})
	file := a.export(t, id, from, to)
	readsSilently(t, file)
	t.Logf("%.1f s are recorded in one piece or in several; ffmpeg reads them", to.Sub(from).Seconds())
}

// off switches the machine off as its owner would.
func (b *board) off(t *testing.T) {
	t.Helper()
	c, err := net.Dial("tcp", b.port(7000))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("systemctl poweroff\n")); err != nil {
		t.Fatal(err)
	}
	b.wait(t)
}

// wait waits until the machine has switched itself off.
func (b *board) wait(t *testing.T) {
	t.Helper()
	if err := b.session.Off(arm64Boot); err != nil {
		t.Fatalf("%v; see %s", err, b.console.Name())
	}
	b.session = nil
	if err := b.storage.Close(); err != nil {
		t.Fatal(err)
	}
}

// pull switches the machine off, however it is.
func (b *board) pull() {
	if b.session == nil {
		return
	}
	_, _, _ = b.session.Pull(rand.New(rand.NewPCG(1, 1)))
	b.storage.Close()
	b.session = nil
}

// port gives the address here that leads to one of the machine's ports.
func (b *board) port(there int) string {
	for here, to := range b.machine.Ports {
		if to == there {
			return fmt.Sprintf("127.0.0.1:%d", here)
		}
	}
	return ""
}
