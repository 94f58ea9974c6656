package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	imageCameras = 2
	imageFPS     = 10
	imageWidth   = 480
	imageHeight  = 270
	imageDisk    = 12 << 30 // a small card
	imageCuts    = 3        // HEARTH_IMAGE_CUTS says otherwise
	// What the image is measured against.
	imageRecording = 60 * time.Second // from power on to the first pictures
	imageIdle      = 250              // MiB of memory without cameras
	imageSize      = 400 << 20        // bytes of the image, compressed
)

// TestImage lives the card image through in a virtual machine that starts by UEFI: first start, page, recording, cuts of
// the power, a system that hangs, the files that an owner can put on its first partition. `make test-image` runs it.
func TestImage(t *testing.T) {
	k := newCard(t)
	info, err := os.Stat(os.Getenv("HEARTH_IMAGE") + ".zst")
	if err != nil {
		t.Fatal(err)
	}
	k.figure(info.Size() <= imageSize, "the image, compressed", "%d MB, want %d at most", info.Size()>>20, imageSize>>20)

	began := k.on(t)
	k.answers(t)
	k.figure(true, "first start: from power on to the page", "%.1f s", time.Since(began).Seconds())
	k.settled(t)
	t.Run("first start", k.firstStart)
	if t.Failed() {
		k.why(t)
		return
	}
	k.setUp(t)
	k.records(t, began)

	cuts := imageCuts
	if s := os.Getenv("HEARTH_IMAGE_CUTS"); s != "" {
		cuts = int(whole(t, s))
	}
	for n := range cuts {
		k.pull(t, time.Second+time.Duration(k.random.Int64N(int64(5*time.Second))))
		began := k.on(t)
		k.answers(t)
		page := time.Since(began)
		k.records(t, began)
		online := k.lives[len(k.lives)-1].online.Sub(began)
		k.figure(online <= k.slack(imageRecording), fmt.Sprintf("start %d, after a cut: from power on to recording", n+2),
			"%.1f s (the page: %.1f s), want %s at most", online.Seconds(), page.Seconds(), imageRecording)
	}
	t.Run("a system that hangs", k.hangs)
	k.account(t)
	t.Log(k.table())
	if t.Failed() {
		k.why(t)
	}
}

// firstStart looks at what a first start has made, before anybody was there.
func (k *card) firstStart(t *testing.T) {
	if out := k.run(t, "systemctl --failed --plain --no-legend"); strings.TrimSpace(out) != "" {
		t.Errorf("these did not start:\n%s", out)
	}
	names := strings.Fields(k.run(t, "lsblk -nro PARTLABEL /dev/vda"))
	if got := strings.Join(names, " "); got != "bootcfg boot-a root-a boot-b root-b data" {
		t.Errorf("the disk's partitions are %s", got)
	}
	size := whole(t, strings.TrimSpace(k.run(t, "df --output=size -B1 /data | tail -n 1")))
	k.figure(size > imageDisk-6<<30, "the data partition, on a disk of 12 GiB", "%.1f GiB; the image has none", float64(size)/(1<<30))
	if out := k.run(t, "touch /usr/x /x 2>&1; echo x >/data/x && rm /data/x && echo kept"); strings.Count(out, "Read-only") != 2 || !strings.Contains(out, "kept") {
		t.Errorf("the root shall be read-only, /data not: %s", out)
	}
	if out := k.run(t, `awk -F: '$2 !~ /^[!*]/' /etc/shadow`); out != "" {
		t.Errorf("these need no password, or have one: %s", out)
	}
	k.figure(true, "ports that listen", "%s", strings.Join(strings.Fields(k.run(t, `ss -Hltn | awk '{ sub(".*:", "", $4); print $4 }' | sort -nu`)), " "))
	if out := k.run(t, "systemctl is-active ssh.service ssh.socket; ss -Hltn 'sport = 22'"); strings.TrimSpace(out) != "inactive\ninactive" {
		t.Errorf("SSH: %q, want nothing of it", out)
	}
	if out := k.run(t, "busctl call org.freedesktop.Avahi / org.freedesktop.Avahi.Server GetHostNameFqdn"); !strings.Contains(out, `"hearth.local"`) {
		t.Errorf("avahi answers to %s", out)
	}
	if out := k.run(t, "cat /sys/class/watchdog/watchdog0/state /sys/class/watchdog/watchdog0/timeout"); strings.TrimSpace(out) != "active\n15" {
		t.Errorf("the watchdog: %q", out)
	}
	// As the kernel counts it, once what was only needed for the start is given back.
	var used, total int
	for deadline := time.Now().Add(k.slack(20 * time.Second)); ; time.Sleep(time.Second) {
		m := regexp.MustCompile(`MemTotal: +(\d+) kB\n.*\nMemAvailable: +(\d+)`).FindStringSubmatch(k.run(t, "cat /proc/meminfo"))
		if m == nil {
			t.Fatal("there is no /proc/meminfo")
		}
		total, _ = strconv.Atoi(m[1])
		available, _ := strconv.Atoi(m[2])
		if used = (total - available) >> 10; used <= imageIdle || time.Now().After(deadline) {
			break
		}
	}
	k.figure(used <= imageIdle, "memory in use without cameras", "%d MiB of %d, want %d at most", used, total>>10, imageIdle)
	t.Log("\n" + k.run(t, "systemd-analyze; systemd-analyze critical-chain hearth.service; ps -eo rss,comm --sort=-rss | head -n 15; cat /proc/meminfo"))
}

// hangs stops the kernel dead, where it would not start anew by itself: only the board's watchdog can.
func (k *card) hangs(t *testing.T) {
	before := strings.TrimSpace(k.run(t, "cat /proc/sys/kernel/random/boot_id"))
	k.ends(t, whileRecording)
	began := time.Now()
	k.send(t, "echo 0 >/proc/sys/kernel/panic; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger")
	eventually(t, k.slack(time.Minute), "the kernel hangs", func() bool { return k.page() != nil })
	eventually(t, k.slack(2*time.Minute), "the page after a hang", func() bool { return k.page() == nil })
	k.began(began)
	if after := strings.TrimSpace(k.run(t, "cat /proc/sys/kernel/random/boot_id")); after == before {
		t.Error("it did not start anew")
	}
	k.figure(true, "a kernel that hangs: until the page answers again", "%.0f s (the watchdog's time is 15 s)", time.Since(began).Seconds())
	k.records(t, began)
}

// TestImageFiles puts on the first partition what an owner can put there, with a PC: SSH and Wi-Fi before the first start, a
// factory reset later.
func TestImageFiles(t *testing.T) {
	k := newCard(t)
	key := filepath.Join(t.TempDir(), "key")
	tool(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			k.why(t)
		}
	}()
	k.put(t, "authorized_keys.txt", strings.ReplaceAll(string(public), "\n", "\r\n"))
	k.put(t, "WIFI.TXT", "name=Küche 5\r\npassword=it's \"quoted\"\r\ncountry=DE\r\n")
	k.on(t)
	k.answers(t)
	k.settled(t)
	out := tool(t, "ssh", "-i", key, "-p", k.port(22), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes", "root@127.0.0.1", "id -un")
	if strings.TrimSpace(out) != "root" {
		t.Errorf("over SSH: %q", out)
	}
	want := "country=DE\nnetwork={\n\tssid=4bc3bc6368652035\n\tscan_ssid=1\n\tpsk=\"it's \"quoted\"\"\n\tkey_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tieee80211w=1\n}\n"
	if got := k.run(t, "cat /run/hearth-owner/wpa_supplicant.conf"); got != want {
		t.Errorf("of wifi.txt was made:\n%swant:\n%s", got, want)
	}
	k.setUp(t)
	id := k.run(t, "cat /etc/machine-id")
	k.off(t)

	k.put(t, "Factory-Reset.txt", "")
	k.take(t, "authorized_keys.txt")
	k.on(t)
	k.answers(t)
	if !k.waits(t) {
		t.Error("after a factory reset the box still knows its owner")
	}
	k.settled(t)
	if k.run(t, "cat /etc/machine-id") == id {
		t.Error("after a factory reset the box is still the same for its network")
	}
	if out := k.run(t, "systemctl is-active ssh.service; ss -Hltn 'sport = 22'"); strings.TrimSpace(out) != "inactive" {
		t.Errorf("SSH without authorized_keys: %q", out)
	}
	k.setUp(t) // and what is made after it stays
	k.off(t)
	if files := k.files(t); strings.Contains(files, "Factory-Reset") || !strings.Contains(files, "factory-reset.done") {
		t.Errorf("on the first partition are now %s", files)
	}
	k.on(t)
	k.answers(t)
	if k.waits(t) {
		t.Error("the box forgets again at the next start")
	}
	k.off(t)
}

// account holds what was recorded against what was sent.
func (k *card) account(t *testing.T) {
	t.Helper()
	k.sent.more(t)
	k.ends(t, stopped)
	missing, longest := 0, time.Duration(0)
	for i, id := range k.ids {
		file := k.box.export(t, id, k.lives[0].began, time.Now().Add(time.Minute))
		account(t, uint16(i+1), k.lives, k.sent, numbers(t, file, imageWidth, imageHeight, uint16(i+1)))
		for n, l := range k.lives[:len(k.lives)-1] {
			here := l.cameras[i+1]
			if here.kept < imageFPS {
				t.Errorf("life %d: %d pictures of camera %d were kept: this proves nothing", n, here.kept, i+1)
			}
			missing, longest = max(missing, here.missing), max(longest, here.time)
		}
	}
	promised := powerPromise
	if k.emulated() {
		promised += powerEmulated
	}
	k.figure(longest <= promised, fmt.Sprintf("%d lives ended by cuts of the power and a hang: lost at most", len(k.lives)-1), "%d pictures, %s, of a camera; want %s at most",
		missing, longest.Round(time.Millisecond), promised)
	if k.lost == 0 {
		t.Error("the disk lost nothing at the cuts: this proves nothing")
	}
}

func imageRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }
