package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"hearth/e2e/power"
)

const (
	powerCameras = 4
	powerWatched = 2 // of them are looked at for motion, so that there are events and thumbnails
	powerFPS     = 10
	powerWidth   = 480
	powerHeight  = 270
	powerDisk    = 1 << 30
	// powerPromise and powerRotating are what may be lost of each camera, on a disk that rotates the latter.
	powerPromise  = 2 * time.Second
	powerRotating = 3 * time.Second
	// powerEmulated is what an emulated processor may take longer.
	powerEmulated = 2 * time.Second
	powerFlush    = 8 * time.Millisecond // a flush of the disk at most: a slow SSD
	// powerCutsByDefault is how often each file system loses power while all cameras are recorded; every fourth time it loses
	// it again while it starts.
	powerCutsByDefault = 20
)

// TestPower pulls the plug of a machine that records, at random instants, and counts by the numbers in the pictures what
// is lost. The machine is a virtual one; its disk loses, tears and reorders what it was not told to flush. The cameras
// are a process outside of it. `make test-power` runs it: it takes long, and needs QEMU and a kernel.
//
// After each cut the next boot must recover, with nothing gone that was seen before: footage on the timeline, events,
// settings that were answered, lines of the audit log. HEARTH_POWER_CUTS says how often, HEARTH_SEED where the random
// instants begin, HEARTH_RANDOM begins anywhere. With HEARTH_POWER_LIE=1 the disk says that it flushes and does not, and the
// test has to fail.
func TestPower(t *testing.T) {
	cache := os.Getenv("HEARTH_POWER")
	if cache == "" {
		t.Skip("it takes a virtual machine and half an hour: make test-power")
	}
	cuts := powerCutsByDefault
	if s := os.Getenv("HEARTH_POWER_CUTS"); s != "" {
		cuts = int(whole(t, s))
	}
	systems := []string{"ext4", "xfs"}
	if s := os.Getenv("HEARTH_POWER_FS"); s != "" {
		systems = []string{s}
	}
	seed := powerSeed(t)
	for _, system := range systems {
		t.Run(system, func(t *testing.T) {
			p := newPlug(t, cache, system, rand.New(rand.NewPCG(seed, 0)))
			for n := range cuts {
				p.boot(t, whileRecording)
				if n%4 == 3 {
					p.boot(t, whileStarting)
				}
				t.Logf("%s: %d of %d cuts; %s", system, n+1, cuts, p.last())
			}
			p.boot(t, stopped)
			p.account(t)
			t.Log(p.table())
			if p.judge(t); !t.Failed() {
				p.clean(t)
			}
		})
	}
}

// powerSeed begins at a fixed place, or at another one with HEARTH_RANDOM or HEARTH_SEED.
func powerSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(1)
	if os.Getenv("HEARTH_RANDOM") != "" {
		seed = rand.Uint64() & (1<<62 - 1)
	}
	if s := os.Getenv("HEARTH_SEED"); s != "" {
		seed = uint64(whole(t, s))
	}
	t.Logf("the cuts are drawn from HEARTH_SEED=%d", seed)
	return seed
}

// powerModules are what the kernel's package has as modules: the bus, the disk, the network, the file system.
var powerModules = []string{
	"virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "virtio_net", "ext4", "xfs", "crc32c_generic", "crc32c_intel",
}

// newPlug makes the machine, an empty file system of a kind on its disk, and the cameras.
func newPlug(t *testing.T, cache, system string, random *rand.Rand) *plug {
	t.Helper()
	p := &plug{system: system, random: random, kept: filepath.Join(cache, "run", system)}
	if err := os.RemoveAll(p.kept); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(p.kept, 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(p.kept, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, powerDisk); err != nil {
		t.Fatal(err)
	}
	tool(t, inSbin("mkfs."+system), map[string]string{"ext4": "-qF", "xfs": "-qf"}[system], image)
	var err error
	if p.disk, err = power.Open(image); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.disk.Close() })
	p.disk.FlushTime = powerFlush
	if system == "xfs" {
		// As disks have it by now. Half a block of a directory, with the newer beginning, is more than XFS recovers from: its
		// log is not replayed over what looks newer, and what is left of the block has a wrong checksum.
		p.disk.Whole = 4096
	}
	if os.Getenv("HEARTH_POWER_LIE") != "" {
		p.disk.Lie()
	}
	if p.console, err = os.Create(filepath.Join(p.kept, "console")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.console.Close() })

	p.machine = &power.Machine{
		Memory: 512, Disk: p.disk, Console: p.console, Dir: shortDir(t), Initramfs: filepath.Join(p.kept, "initramfs"),
		Ports: map[int]int{int(whole(t, freePort(t))): 8443, int(whole(t, freePort(t))): 7000},
	}
	content := &power.Initramfs{
		Kernel: filepath.Join(cache, "kernel"), Modules: powerModules,
		Files: map[string]string{
			"/init": filepath.Join(cache, "init"), "/usr/bin/hearth": bin(t, "hearth"), "/usr/bin/hearth-vision": bin(t, "hearth-vision"),
		},
	}
	if p.machine.Kernel, err = content.Image(); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(p.machine.Initramfs)
	if err != nil {
		t.Fatal(err)
	}
	if err := content.Write(archive); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	p.accelerate(t)

	log := filepath.Join(t.TempDir(), "sent")
	p.urls = sim(t, "--cameras", strconv.Itoa(powerCameras), "--fps", strconv.Itoa(powerFPS),
		"--size", fmt.Sprintf("%dx%d", powerWidth, powerHeight), "--sub-size", "160x90", "--sent", log)
	p.sent = readSent(t, log)
	return p
}

// inSbin finds a program that is not for everybody's path.
func inSbin(name string) string {
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path := filepath.Join(dir, name); fileExists(path) {
			return path
		}
	}
	return name
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// shortDir is a folder in which names of sockets are not too long.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "power")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// accelerate finds out what QEMU can do here, by switching the machine on and letting it go off by itself.
func (p *plug) accelerate(t *testing.T) {
	t.Helper()
	for _, p.machine.Accelerator = range power.Accelerators {
		began := time.Now()
		s, err := p.machine.Start("power.disk=vda", "power.fs="+p.system, "power.do=off")
		if err != nil {
			t.Fatal(err)
		}
		if _, err = s.Await("power: off", 0, 40*time.Second); err == nil {
			err = s.Off(20 * time.Second)
		}
		if err == nil {
			t.Logf("%s: the machine runs with %s; on and off in %s", p.system, p.machine.Accelerator,
				time.Since(began).Round(100*time.Millisecond))
			return
		}
		t.Logf("%s: the machine does not run with %s: %v", p.system, p.machine.Accelerator, err)
		if err := s.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the machine does not run; %s has what it printed", p.console.Name())
}
