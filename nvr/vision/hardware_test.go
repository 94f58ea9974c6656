package vision

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/hardware"
	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
	"hearth/nvr/vision/protocol"
	"hearth/nvr/vision/vatest"
)

// with is a machine whose hardware has proven itself for H.264.
func with(w protocol.Way) *hardware.Machine {
	software := protocol.Way{Name: protocol.Software}
	return hardware.Of(&protocol.Trials{Version: protocol.TrialsVersion, Trials: []protocol.Trial{
		{Codec: media.H264, Bits: 8, Way: w, Works: true, CPU: 1}, {Codec: media.H264, Bits: 8, Way: software, Works: true, CPU: 2},
	}})
}

// recorded stands where the recorder does, beside the worker, and counts what it gets.
type recorded struct {
	units   int
	slowest time.Duration // of handing a unit to all sinks
	late    time.Duration // how late a unit came, because the machine was busy
}

const gop = 2 * time.Second // of these clips

// live sends a clip at the pace of its camera, once, to a recorder and to the worker, as a camera does.
func (r *rig) live(c *clip.Clip) recorded {
	var rec recorded
	begun := time.Now()
	r.StartRun(c.Run)
	for i := range c.Units {
		u := shifted(c, i, 0)
		u.Camera = r.Camera
		time.Sleep(time.Until(begun.Add(u.Wall.Sub(c.Run.Start))))
		handed := time.Now()
		rec.late = max(rec.late, handed.Sub(begun.Add(u.Wall.Sub(c.Run.Start))))
		rec.units++
		r.WriteUnit(c.Run, &u)
		rec.slowest = max(rec.slowest, time.Since(handed))
	}
	r.EndRun(c.Run, "the clip is over")
	return rec
}

// Hardware that fails while it decodes is left for software: looks go on within one GOP of the one in which it failed,
// the recorder gets every unit, and the owner is told.
func TestHardwareThatFailsIsLeftForSoftware(t *testing.T) {
	scene := append(clip.Passing("640x360", 15, 13, 8, 10), coding...)
	scene = append(scene, "-pix_fmt", "yuv420p", "-threads", "1")
	c := clip.Make(t, scene...)
	d := vatest.New(t, c)
	for _, f := range []struct {
		kind     string
		n        int
		restarts uint64
		pause    time.Duration // between two looks, at most
		why      string
	}{
		// In a process's count of pictures, the first is that of the choice.
		{vatest.None, 0, 0, gop, ""},
		{vatest.Fail, 4, 0, gop, "vaapi"},
		{vatest.Gray, 4, 0, gop, "not what software makes of it"},
		{vatest.Hang, 4, 1, 2 * gop, "did not come back"},
		{vatest.Crash, 4, 1, 2 * gop, "when the worker ended"},
		{vatest.Gray, 1, 0, gop, ""}, // it never gets as far as being used
	} {
		t.Run(f.kind, func(t *testing.T) {
			d.Fault(t, f.kind, f.n)
			try := func() (wrong []string, busy bool) {
				wrongf := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
				r := newRig(t, func(w *Worker) { w.Machine, w.Hardware = with(d.Way), hardware.Auto })
				rec := r.live(c)
				last := c.Shown(len(c.Units) - 1).Add(-gop)
				r.until("the looks at the end of the clip", func() bool {
					r.mu.Lock()
					defer r.mu.Unlock()
					return len(r.looks) > 0 && !r.looks[len(r.looks)-1].At.Before(last)
				})
				r.until("what decodes", func() bool { return r.Status().Decoder != "" })

				s := r.Status()
				t.Logf("%d looks, slowest hand-over %s, %+v", s.Looks, rec.slowest, s)
				if rec.units != len(c.Units) || rec.slowest > time.Second {
					wrongf("the recorder got %d of %d units, one after %s", rec.units, len(c.Units), rec.slowest)
				}
				want, failures := protocol.Software, uint64(1)
				if f.kind == vatest.None {
					want, failures = protocol.VAAPI, 0
				}
				if f.n == 1 {
					failures = 0
				}
				if s.Decoder != want || s.HardwareFailures != failures || s.Restarts != f.restarts || !strings.Contains(s.DecoderWhy, f.why) {
					wrongf("%s decodes, %d failures, %d restarts, because %q", s.Decoder, s.HardwareFailures, s.Restarts, s.DecoderWhy)
				}
				if (s.RetryAt == nil) == (failures > 0) || failures > 0 && time.Until(*s.RetryAt) > firstRest {
					wrongf("it is tried again at %v", s.RetryAt)
				}
				r.mu.Lock()
				defer r.mu.Unlock()
				before, moved := c.Run.Start, false
				for _, l := range r.looks {
					if p := l.At.Sub(before); p > f.pause+200*time.Millisecond {
						wrongf("nothing was looked at for %s before %s", p, l.At.Sub(c.Run.Start))
					}
					before = l.At
					at := l.At.Sub(c.Run.Start)
					moved = moved || l.Moving
					if l.Moving && (at < 7500*time.Millisecond || at > 10500*time.Millisecond) {
						wrongf("it moved at %s: the failure was seen as motion", at)
					}
				}
				if !moved {
					wrongf("what moves was not seen")
				}
				return wrong, s.Skipped > 0 || rec.late > 200*time.Millisecond
			}
			// While the machine stands still looks are passed over, as they are meant to be: then once more.
			wrong, busy := try()
			for n := 1; len(wrong) > 0 && busy && n < 5; n++ {
				t.Logf("the machine was busy: %q", wrong)
				wrong, busy = try()
			}
			for _, w := range wrong {
				t.Error(w)
			}
		})
	}
}

// After its rest hardware is tried again, without another process; and when the owner says so it is not used at all.
func TestHardwareIsTriedAgain(t *testing.T) {
	c := clip.Make(t, append(clip.Still("640x360", 15, 10), append(coding, "-pix_fmt", "yuv420p", "-threads", "1")...)...)
	d := vatest.New(t, c)
	d.Fault(t, vatest.Fail, 3)
	r := newRig(t, func(w *Worker) { w.Machine, w.Hardware = with(d.Way), hardware.Auto })
	r.stream(c)
	r.until("a failure", func() bool { return r.Status().HardwareFailures == 1 && r.Status().RetryAt != nil })
	pid := r.process()

	// The driver has gone on counting in this process, so that it is refused again, and rests for longer.
	due := func() {
		r.Worker.mu.Lock()
		r.failed[d.Way].until = time.Now()
		r.planned = nil
		r.Worker.mu.Unlock()
	}
	due()
	r.until("a longer rest", func() bool {
		r.Worker.mu.Lock()
		defer r.Worker.mu.Unlock()
		return r.failed[d.Way].rest == 2*firstRest
	})
	if s := r.Status(); s.Decoder != protocol.Software || s.HardwareFailures != 1 || r.process() != pid {
		t.Errorf("status %+v, process %d, before %d", s, r.process(), pid)
	}

	// A process that begins anew finds a driver that is well.
	d.Fault(t, vatest.None, 0)
	due()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.until("hardware again", func() bool { return r.Status().Decoder == protocol.VAAPI && r.Status().RetryAt == nil })
	if s := r.Status(); s.Device != d.Way.Device || s.DecoderWhy != "" {
		t.Errorf("status %+v", s)
	}
	r.SetHardware(protocol.Software)
	r.until("software", func() bool { return r.Status().Decoder == protocol.Software })
	r.SetHardware(protocol.CUDA)
	r.until("why there is none", func() bool { return strings.Contains(r.Status().DecoderWhy, "no NVIDIA card") })
	// The process has closed itself off from the device, so that this one is another.
	r.SetHardware(protocol.VAAPI)
	r.until("hardware once more", func() bool { return r.Status().Decoder == protocol.VAAPI })
}

// Decoders are tried in processes of their own: one that is wrong, hangs or crashes is refused with why.
func TestTryingADriver(t *testing.T) {
	if testing.Short() {
		t.Skip("hangs take their time")
	}
	units := sampleClip(t)
	d := vatest.New(t, units)
	for _, f := range []struct {
		kind  string
		n     int
		works bool
		why   string
	}{
		{vatest.None, 0, true, ""},
		{vatest.Gray, 1, false, "not what software makes of it"},
		{vatest.Gray, 5, false, "picture 4"},
		{vatest.Fail, 1, false, "decode"},
		{vatest.Fail, 6, false, "decode"},
		{vatest.Crash, 2, false, ""},
	} {
		d.Fault(t, f.kind, f.n)
		cmd := exec.CommandContext(t.Context(), program, "--try-hw", d.Way.Name, d.Way.Device, "h264-8")
		cmd.Env = hardware.Environment()
		out, err := cmd.Output()
		if f.kind == vatest.Crash {
			if err == nil {
				t.Errorf("a driver that crashed left no trace: %s", out)
			}
			continue
		}
		var tr protocol.Trial
		if err := json.Unmarshal(out, &tr); err != nil {
			t.Fatalf("%s %d: %v: %s", f.kind, f.n, err, out)
		}
		if tr.Works != f.works || !strings.Contains(tr.Why, f.why) || tr.Wrong != (f.kind == vatest.Gray) {
			t.Errorf("%s from %d on: works %v, wrong %v, %q", f.kind, f.n, tr.Works, tr.Wrong, tr.Why)
		}
		t.Logf("%s from %d on: %+v", f.kind, f.n, tr)
	}
}

// sampleClip is the built-in clip of H.264 as a file.
func sampleClip(t *testing.T) *clip.Clip {
	t.Helper()
	b, err := os.ReadFile("../../hwaccel/probe/h264-8.units")
	if err != nil {
		t.Fatal(err)
	}
	var stream []byte
	for len(b) > 4 {
		n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		stream = append(stream, b[4:4+n]...)
		b = b[4+n:]
	}
	path := t.TempDir() + "/sample.h264"
	if err := os.WriteFile(path, stream, 0o600); err != nil {
		t.Fatal(err)
	}
	return clip.Make(t, "-r", "15", "-i", path, "-c", "copy")
}

func TestFailuresAreRememberedForLonger(t *testing.T) {
	w := protocol.Way{Name: protocol.VAAPI, Device: "/dev/dri/renderD128"}
	other := protocol.Way{Name: protocol.CUDA, Device: "0"}
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f := make(failures)
	for _, rest := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 240, 240} {
		f.note(w, "hung", now)
		left, why, until := f.without([]protocol.Way{w, other}, now)
		if !slices.Equal(left, []protocol.Way{other}) || why == "" || until.Sub(now) != rest*time.Minute {
			t.Fatalf("left %v, %q until %v, want %d minutes", left, why, until.Sub(now), rest)
		}
		if left, _, _ := f.without([]protocol.Way{w}, until); len(left) != 1 {
			t.Fatal("it is never tried again")
		}
		now = until.Add(time.Minute)
	}
	now = now.Add(wellBehave)
	f.note(w, "hung", now)
	if got := f[w].until.Sub(now); got != firstRest {
		t.Errorf("after a good while it rests for %s", got)
	}
}
