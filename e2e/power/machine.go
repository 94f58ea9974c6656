package power

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Machine is a virtual machine. Fill in the exported fields, then Start it as often as you like.
type Machine struct {
	Kernel, Initramfs string // paths
	Architecture      string // as Debian names it: amd64 or arm64; "" is amd64
	Accelerator       string // see Accelerators
	Memory            int    // MiB
	Disk              *Disk
	// Rotating makes the disk one that says that it rotates, on SCSI: /dev/sda. Otherwise it is a virtio disk, /dev/vda.
	Rotating bool
	Dir      string      // for sockets; short, since their names are limited to 108 bytes
	Ports    map[int]int // from a port of 127.0.0.1 here to one of the machine's
	Console  io.Writer   // gets all that the machine prints
	// Firmware, if there is one, starts what lies on the disk, and there is no Kernel.
	Firmware *Firmware
	Devices  []string // more arguments of QEMU's
}

// Firmware is a UEFI's. A machine that starts by it starts anew when it is reset, and does not end.
type Firmware struct {
	Code, Variables string // paths; the machine writes to the variables
}

// computer gives the arguments that make the machine without its disk and network.
func (m *Machine) computer(arguments []string) (program string, args []string) {
	program, board, processor, console := "qemu-system-x86_64", "q35", "max", "ttyS0"
	if m.Architecture == "arm64" {
		program, board, processor, console = "qemu-system-aarch64", "virt", "cortex-a72", "ttyAMA0"
	}
	args = []string{
		"-machine", board, "-accel", m.Accelerator, "-cpu", processor, "-m", fmt.Sprint(m.Memory),
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
	}
	if m.Firmware != nil {
		return program, append(args, "-smp", "2",
			"-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+m.Firmware.Code,
			"-drive", "if=pflash,format=raw,unit=1,file="+m.Firmware.Variables)
	}
	return program, append(args, "-smp", "1", "-no-reboot", "-kernel", m.Kernel, "-initrd", m.Initramfs,
		// An emulated machine that gets no processor for a moment fails the kernel's check of its timer.
		"-append", strings.Join(append([]string{"console=" + console + " quiet panic=-1 no_timer_check"}, arguments...), " "))
}

// Session is a machine that is on.
type Session struct {
	cmd    *exec.Cmd
	disk   *Disk
	listen net.Listener
	serve  chan error // the disk's server ended
	ended  chan struct{}
	endErr error

	mu    sync.Mutex
	lines []Line
	more  chan struct{} // closed and replaced at every line
}

// Line is a line of the console, and when it came.
type Line struct {
	At   time.Time
	Text string
}

// Accelerators are tried in this order: a machine inside of a machine often cannot use KVM although it is there.
var Accelerators = []string{"kvm", Emulated}

// Emulated is the one of them that does without the help of the processor.
const Emulated = "tcg"

// Start switches the machine on; arguments are for the kernel's command line.
func (m *Machine) Start(arguments ...string) (*Session, error) {
	socket := filepath.Join(m.Dir, "disk")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	s := &Session{disk: m.Disk, serve: make(chan error, 1), ended: make(chan struct{}), more: make(chan struct{})}
	program, args := m.computer(arguments)
	var err error
	if s.listen, err = new(net.ListenConfig).Listen(context.Background(), "unix", socket); err != nil {
		return nil, err
	}
	go func() {
		conn, err := s.listen.Accept()
		if err == nil {
			err = m.Disk.Serve(conn)
		}
		s.serve <- err
	}()
	args = append(args, "-drive", "if=none,id=disk,format=raw,cache=none,file=nbd+unix:///?socket="+socket)
	drive := fmt.Sprintf("drive=disk,physical_block_size=%d", max(m.Disk.Whole, SectorSize))
	if m.Rotating {
		args = append(args, "-device", "virtio-scsi-pci", "-device", "scsi-hd,rotation_rate=7200,"+drive)
	} else {
		args = append(args, "-device", "virtio-blk-pci,"+drive)
	}
	network := "user,id=net"
	for here, there := range m.Ports {
		network += fmt.Sprintf(",hostfwd=tcp:127.0.0.1:%d-:%d", here, there)
	}
	// No option ROM: it boots from here, and the package with the ROMs may be missing.
	args = append(args, "-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile=")
	s.cmd = exec.CommandContext(context.Background(), program, append(args, m.Devices...)...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, s.release())
	}
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close(), w.Close(), s.release())
	}
	w.Close()
	go s.read(r, m.Console)
	return s, nil
}

// read takes the console's lines until the machine is off.
func (s *Session) read(r io.ReadCloser, copyTo io.Writer) {
	defer close(s.ended)
	began := time.Now()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		l := Line{time.Now(), strings.TrimRight(lines.Text(), "\r")}
		if copyTo != nil {
			fmt.Fprintf(copyTo, "%8.3f %s\n", l.At.Sub(began).Seconds(), l.Text)
		}
		s.mu.Lock()
		s.lines = append(s.lines, l)
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
	}
	r.Close()
	s.endErr = s.cmd.Wait()
}

// Await waits for a line that contains text, at the place given among those that do: 0 for the first.
func (s *Session) Await(text string, place int, within time.Duration) (Line, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		more, found := s.more, 0
		for _, l := range s.lines {
			if !strings.Contains(l.Text, text) {
				if strings.HasPrefix(l.Text, "power: failed") {
					s.mu.Unlock()
					return l, fmt.Errorf("the machine says: %s", l.Text)
				}
				continue
			}
			if found++; found > place {
				s.mu.Unlock()
				return l, nil
			}
		}
		s.mu.Unlock()
		select {
		case <-more:
		case <-s.ended:
			if s.count(text) <= place {
				return Line{}, fmt.Errorf("the machine went off before it said %q: %w", text, errors.Join(s.endErr, io.ErrUnexpectedEOF))
			}
		case <-deadline.C:
			return Line{}, fmt.Errorf("the machine did not say %q within %s", text, within)
		}
	}
}

func (s *Session) count(text string) (n int) {
	for _, l := range s.Lines() {
		if strings.Contains(l.Text, text) {
			n++
		}
	}
	return n
}

// Lines gives what the console has shown so far.
func (s *Session) Lines() []Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[:len(s.lines):len(s.lines)]
}

// Ended is closed when the machine is off.
func (s *Session) Ended() <-chan struct{} { return s.ended }

// Kill ends QEMU. The disk keeps its power.
func (s *Session) Kill() error {
	_ = s.cmd.Process.Kill()
	<-s.ended
	return s.release()
}

// Pull pulls the plug: it ends QEMU at once, whose machine loses what it had in memory, and takes the power of its disk
// away, which loses of its cache what Disk.Cut says. It gives the instant.
func (s *Session) Pull(random *rand.Rand) (at time.Time, way string, err error) {
	at = time.Now()
	_ = s.cmd.Process.Kill()
	way, err = s.disk.Cut(random) // before a flush that is under way ends well
	<-s.ended
	return at, way, errors.Join(err, s.release())
}

// Off waits until the machine has switched itself off.
func (s *Session) Off(within time.Duration) error {
	select {
	case <-s.ended:
	case <-time.After(within):
		return fmt.Errorf("the machine did not switch itself off within %s", within)
	}
	return errors.Join(s.endErr, s.release())
}

// release waits for the disk's server, which ends with QEMU.
func (s *Session) release() error {
	s.listen.Close()
	err := <-s.serve
	if errors.Is(err, net.ErrClosed) { // QEMU ended before it connected
		return nil
	}
	return err
}
