// Package vatest gives tests a VA-API device on machines that have none: a driver for libva whose hardware is a list of
// pictures, and which comes to harm when it is told to. What is in front of it is real: libva, FFmpeg, the worker and its
// sandbox; only libdrm is another, since it would ask the kernel for a card. Only tests import it.
package vatest

import (
	"bytes"
	"embed"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
)

//go:embed testdata
var sources embed.FS

// Faults that the driver can have.
const (
	None  = "none"
	Fail  = "fail"  // it says that it cannot decode a picture
	Hang  = "hang"  // it does not come back
	Gray  = "gray"  // it shows gray
	Crash = "crash" // it writes to where there is no memory
)

// Driver is a folder with the driver in it.
type Driver struct {
	Dir string
	// Way is the device: some node, since nobody asks it for anything.
	Way protocol.Way
}

// New builds the driver and has it know the pictures of a clip of H.264. The test's processes use it from then on.
func New(t testing.TB, c *clip.Clip) *Driver {
	t.Helper()
	d := &Driver{Dir: t.TempDir(), Way: protocol.Way{Name: protocol.VAAPI, Device: node(t)}}
	for dir := d.Dir; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) { // the worker may be another user
		if err := os.Chmod(dir, 0o755); err != nil {
			break
		}
	}
	build(t, "testdata/driver.c", filepath.Join(d.Dir, "hearth_drv_video.so"))
	build(t, "testdata/card.c", filepath.Join(d.Dir, "libdrm.so.2"))
	d.know(t, c)
	d.Fault(t, None, 0)
	t.Setenv("LIBVA_DRIVERS_PATH", d.Dir)
	t.Setenv("LIBVA_DRIVER_NAME", "hearth")
	t.Setenv("LD_LIBRARY_PATH", d.Dir)
	return d
}

// build makes a library.
func build(t testing.TB, name, library string) {
	t.Helper()
	source, err := sources.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cc := exec.CommandContext(t.Context(), "gcc", "-O1", "-Wall", "-shared", "-fPIC", "-Wl,-soname,"+filepath.Base(library), "-o", library, "-x", "c", "-")
	cc.Stdin = bytes.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("build %s (libva-dev): %v\n%s", name, err, out)
	}
}

// Fault says what happens from the n-th picture of each process on, counted from 1.
func (d *Driver) Fault(t testing.TB, kind string, n int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.Dir, "fault"), fmt.Appendf(nil, "%s %d\n", kind, n), 0o644); err != nil {
		t.Fatal(err)
	}
}

// node is a device node that anybody may open.
func node(t testing.TB) string {
	t.Helper()
	for _, n := range []string{"/dev/fuse", "/dev/net/tun"} {
		if f, err := os.OpenFile(n, os.O_RDWR, 0); err == nil {
			f.Close()
			return n
		}
	}
	t.Skip("no device node to take for a graphics card's: neither /dev/fuse nor /dev/net/tun can be opened")
	return ""
}

// know writes the driver's list: ffmpeg's pixels of each unit.
func (d *Driver) know(t testing.TB, c *clip.Clip) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", c.Path, "-pix_fmt", "nv12", "-fps_mode", "passthrough", "-f", "rawvideo", "-")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	pixels, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, complaint.Bytes())
	}
	track := c.Track()
	size := track.Width * track.Height * 3 / 2
	if len(pixels) != size*len(c.Units) {
		t.Fatalf("%d bytes of pixels for %d units of %d", len(pixels), len(c.Units), size)
	}
	list := binary.LittleEndian.AppendUint32(nil, uint32(track.Width))
	list = binary.LittleEndian.AppendUint32(list, uint32(track.Height))
	for i, u := range c.Units { // without reordering: as they are shown
		list = binary.LittleEndian.AppendUint64(list, firstSlice(t, u.Data))
		list = append(list, pixels[i*size:(i+1)*size]...)
	}
	if err := os.WriteFile(filepath.Join(d.Dir, "pictures"), list, 0o644); err != nil {
		t.Fatal(err)
	}
}

// firstSlice is the hash of the first slice in an MP4 sample of H.264, the zeros at its end left out.
func firstSlice(t testing.TB, b []byte) uint64 {
	t.Helper()
	for len(b) > 4 {
		n := int(binary.BigEndian.Uint32(b))
		nal := b[4:min(4+n, len(b))]
		b = b[4+len(nal):]
		if kind := nal[0] & 31; kind == 1 || kind == 5 {
			h := fnv.New64a()
			h.Write(bytes.TrimRight(nal, "\x00"))
			return h.Sum64()
		}
	}
	t.Fatal("a unit without a slice")
	return 0
}
