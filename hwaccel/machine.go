//go:build cgo

package hwaccel

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"hearth/nvr/vision/protocol"
)

// Machine tells what the result of trials hangs on. It asks the kernel only, no driver: one that hangs does not hang this.
func Machine() protocol.Machine {
	m := protocol.Machine{FFmpeg: Version(), Kernel: kernel(), Devices: []protocol.Device{}}
	for _, h := range Present() {
		m.Devices = append(m.Devices, protocol.Device{Way: h.Way(), Driver: h.driver()})
	}
	return m
}

func kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// driver is what drives a device: the kernel's driver and the chip, and what of user space belongs to it.
func (h Hardware) driver() string {
	switch h.Name {
	case protocol.VAAPI:
		card := "/sys/class/drm/" + filepath.Base(h.Device) + "/device"
		return words(link(card+"/driver"), chip(card), userSpace())
	case protocol.CUDA:
		return words("nvidia", line("/sys/module/nvidia/version"))
	case protocol.V4L2:
		nodes, _ := filepath.Glob("/sys/class/video4linux/video*/name")
		var names []string
		for _, n := range nodes {
			names = append(names, line(n))
		}
		return strings.Join(names, ", ")
	}
	return ""
}

// userSpace tells the VA-API drivers that are installed from others: they are exchanged without the kernel.
func userSpace() string {
	dirs := filepath.SplitList(os.Getenv("LIBVA_DRIVERS_PATH"))
	if len(dirs) == 0 {
		dirs, _ = filepath.Glob("/usr/lib/*/dri")
	}
	sum := fnv.New32a()
	for _, d := range dirs {
		files, _ := filepath.Glob(filepath.Join(d, "*_drv_video.so"))
		for _, f := range files {
			if i, err := os.Stat(f); err == nil {
				fmt.Fprintln(sum, f, i.Size(), i.ModTime().Unix())
			}
		}
	}
	return fmt.Sprintf("drivers %08x %s", sum.Sum32(), os.Getenv("LIBVA_DRIVER_NAME"))
}

func chip(device string) string {
	vendor, model := line(device+"/vendor"), line(device+"/device")
	if vendor == "" {
		return ""
	}
	return strings.TrimPrefix(vendor, "0x") + ":" + strings.TrimPrefix(model, "0x")
}

func link(path string) string {
	to, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// line is a file's first line, 100 bytes of it at most.
func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.ToValidUTF8(s[:min(len(s), 100)], "?")
}

func words(list ...string) string { return strings.Join(strings.Fields(strings.Join(list, " ")), " ") }

// DriverFolders are folders outside the usual ones that drivers of user space lie in, as the environment says. They are
// only read.
func DriverFolders() []string {
	return append(filepath.SplitList(os.Getenv("LIBVA_DRIVERS_PATH")), filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))...)
}
