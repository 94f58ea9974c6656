//go:build cgo

package main

import (
	"errors"
	"path/filepath"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"

	"hearth/hwaccel"
)

// errNoLandlock says that this kernel has no Landlock, or that it was not switched on when it started.
var errNoLandlock = errors.New("this kernel has no Landlock")

// landlockVersion asks for the kernel's version of Landlock; 0 where there is none.
func landlockVersion() int {
	const askVersion = 1 // LANDLOCK_CREATE_RULESET_VERSION
	v, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, askVersion)
	if e != 0 {
		return 0
	}
	return int(v)
}

// What drivers of hardware read: themselves, their settings, and what the kernel says of the hardware. Nobody's data
// lies there. /proc/self is this process's own folder.
var (
	driverFolders = []string{
		"/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/usr/share", "/opt/amdgpu", "/opt/intel", "/opt/rocm",
		"/etc/ld.so.conf.d", "/etc/glvnd", "/etc/OpenCL", "/etc/vulkan", "/etc/nvidia", "/etc/drirc.d",
		"/sys/class", "/sys/bus", "/sys/dev", "/sys/devices", "/sys/module", "/run/udev/data",
		"/proc/self", "/proc/driver", "/dev/dri/by-path",
	}
	driverFiles = []string{
		"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/drirc", "/etc/libva.conf",
		"/proc/cpuinfo", "/proc/meminfo", "/proc/modules", "/proc/devices", "/proc/version", "/proc/stat",
	}
)

// driverDevices are patterns of the device files that each kind of hardware is reached by.
var driverDevices = map[string][]string{
	"vaapi":   {"/dev/dri/renderD*"},
	"v4l2m2m": {"/dev/video*", "/dev/media*", "/dev/dma_heap/*"},
	"cuda": {
		"/dev/nvidia[0-9]*", "/dev/nvidiactl", "/dev/nvidia-uvm*", "/dev/nvidia-modeset", "/dev/nvidia-caps/*",
		"/dev/nvhost-*", "/dev/nvmap", "/dev/dxg",
	},
}

// devices lists the device files of the hardware that is there, and no other.
func devices(present []hwaccel.Hardware) []string {
	all := []string{"/dev/null", "/dev/zero", "/dev/urandom"}
	for _, h := range present {
		if h.Name == "vaapi" {
			all = append(all, h.Device)
			continue
		}
		for _, p := range driverDevices[h.Name] {
			found, _ := filepath.Glob(p) // its only error is a bad pattern
			all = append(all, found...)
		}
	}
	return all
}

// onlyDrivers closes all files but those of drivers, all TCP, and signals and abstract sockets to the outside.
func onlyDrivers(present []hwaccel.Hardware) error {
	if landlockVersion() == 0 {
		return errNoLandlock
	}
	return landlock.V11.BestEffort().Restrict(
		landlock.RODirs(append(hwaccel.DriverFolders(), driverFolders...)...).IgnoreIfMissing(),
		landlock.ROFiles(driverFiles...).IgnoreIfMissing(),
		landlock.RWFiles(devices(present)...).WithIoctlDev().IgnoreIfMissing(),
	)
}

// noFiles closes the file system altogether, and all that onlyDrivers does.
func noFiles() error {
	if landlockVersion() == 0 {
		return errNoLandlock
	}
	return landlock.V11.BestEffort().Restrict()
}
