package vision

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/vision/clip"
)

// program is hearth-vision, built for these tests: this package has no cgo of its own.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hearth-vision-test-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "hearth-vision")
	build := exec.Command("/bin/sh", "-c", `env=$(../../packaging/ffmpeg/env.sh) && eval "$env" && go build -o "$0" hearth/cmd/hearth-vision`, program)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build hearth-vision: %v\n%s", err, out)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// rig is a Worker that runs, and what it said so far.
type rig struct {
	*Worker
	t      *testing.T
	mu     sync.Mutex
	looks  []Look
	thumbs []Thumb
	news   chan struct{}
}

func newRig(t *testing.T, change func(*Worker)) *rig {
	r := &rig{t: t, news: make(chan struct{}, 1)}
	tell := func() {
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
	r.Worker = &Worker{
		Program: program, Camera: media.NewCameraID(), Hardware: "software", Backoff: 10 * time.Millisecond,
		Motion: media.MotionSettings{Sensitivity: 0.5},
		OnLook: func(l Look) {
			r.mu.Lock()
			r.looks = append(r.looks, l)
			r.mu.Unlock()
			tell()
		},
		OnThumb: func(th Thumb) {
			r.mu.Lock()
			r.thumbs = append(r.thumbs, th)
			r.mu.Unlock()
			tell()
		},
	}
	if change != nil {
		change(r.Worker)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if pid := r.process(); pid != 0 {
			t.Errorf("process %d is left over", pid)
		}
	})
	return r
}

func (r *rig) process() int {
	r.Worker.mu.Lock()
	defer r.Worker.mu.Unlock()
	return r.pid
}

func (r *rig) lookCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.looks)
}

// until waits for a condition, which is asked again with everything the worker says, and now and then.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.After(3 * time.Minute) // a slow machine takes its time
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-r.news:
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("waited in vain for %s: %+v", what, r.Status())
		}
	}
}

// stream sends a clip over and over, as one endless run, much faster than a camera would, until the test ends; on a machine
// that does not keep up, as fast as the process takes it.
func (r *rig) stream(c *clip.Clip) {
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	sending.Add(1)
	r.t.Cleanup(func() {
		cancel()
		sending.Wait()
	})
	go func() {
		defer sending.Done()
		pace := time.NewTicker(time.Second / 300)
		defer pace.Stop()
		r.StartRun(c.Run)
		for shift := time.Duration(0); ; shift += length(c) {
			for i := range c.Units {
				select {
				case <-ctx.Done():
					r.EndRun(c.Run, "the test is over")
					return
				case <-pace.C:
				}
				for r.waiting() > maxQueueUnits/2 && ctx.Err() == nil {
					<-pace.C
				}
				u := shifted(c, i, shift)
				u.Camera = r.Camera
				r.WriteUnit(c.Run, &u)
			}
		}
	}()
}

// waiting is how many units the process has not taken yet.
func (r *rig) waiting() int {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	return len(r.queue.items)
}

func length(c *clip.Clip) time.Duration {
	return c.Units[len(c.Units)-1].Wall.Sub(c.Units[0].Wall) + time.Second/15
}

func shifted(c *clip.Clip, i int, by time.Duration) media.AccessUnit {
	u := c.Units[i]
	ticks := int64(by) * media.VideoClockRate / int64(time.Second)
	u.DTS, u.PTS, u.Wall = u.DTS+ticks, u.PTS+ticks, u.Wall.Add(by)
	return u
}

var coding = []string{"-c:v", "libx264", "-preset", "veryfast", "-g", "30", "-sc_threshold", "0", "-bf", "0"}

func still(t testing.TB) *clip.Clip {
	return clip.Make(t, append(clip.Still("320x180", 15, 10), coding...)...)
}

func TestLooksAndThumbsArrive(t *testing.T) {
	c := clip.Make(t, append(clip.Passing("640x360", 15, 30, 14, 18), coding...)...)
	r := newRig(t, nil)
	r.stream(c)
	r.until("two spells", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.looks) > 0 && r.looks[len(r.looks)-1].Spell == 2 && len(r.thumbs) > 1
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, l := range r.looks {
		if i > 0 && !l.At.After(r.looks[i-1].At) {
			t.Errorf("look %d at %v comes after one at %v", i, l.At, r.looks[i-1].At)
		}
		if at := l.At.Sub(c.Run.Start) % length(c); l.Moving && (at < 13900*time.Millisecond || at > 18500*time.Millisecond) {
			t.Errorf("moving at %v", at)
		}
	}
	if s := r.Status(); s.Decoded == 0 || s.Received <= s.Decoded || s.Why == "" || s.Hint.Why == "" || s.Cost.Received == 0 || s.Cost.CPU <= 0 {
		t.Errorf("what it does, why, and at what cost: %+v", s)
	}
	if s := r.Status(); s.Decoder != "software" || s.Restarts != 0 || s.Dropped != 0 || s.RSS < 5<<20 || s.Looks == 0 || s.Problem != "" ||
		!strings.Contains(s.Sandbox, "no files") || !strings.Contains(s.Sandbox, "no system calls but a few") || s.Unprotected != "" {
		t.Errorf("status: %+v", s)
	}
}

func TestTheWorkerComesBack(t *testing.T) {
	for name, harm := range map[string]func(*rig){
		"killed":  func(r *rig) { r.signal(syscall.SIGKILL) },
		"stopped": func(r *rig) { r.signal(syscall.SIGSTOP) },
		"crashed": func(r *rig) { r.signal(syscall.SIGSEGV) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(w *Worker) { w.Patience = 5 * time.Second })
			r.stream(still(t))
			r.until("the first look", func() bool { return r.lookCount() > 0 })
			harm(r)
			r.until("the restart", func() bool { return r.Status().Restarts == 1 && r.Status().Mode != "stopped" })
			n := r.lookCount()
			r.until("looks after it", func() bool { return r.lookCount() > n+2 })
			if s := r.Status(); s.Restarts != 1 || s.Problem != "" {
				t.Errorf("status: %+v", s)
			}
		})
	}
}

func (r *rig) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.process(), s); err != nil {
		r.t.Fatal(err)
	}
}

// script writes a program that does something else on its first start, and is hearth-vision afterwards.
func script(t *testing.T, first string) string {
	dir := t.TempDir()
	path := filepath.Join(dir, "vision")
	text := fmt.Sprintf("#!/bin/sh\nif [ ! -e %[1]s/started ]; then\n  : >%[1]s/started\n  %[2]s\nfi\nexec %[3]s\n", dir, first, program)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNonsenseIsNotListenedTo(t *testing.T) {
	for name, first := range map[string]string{
		"random bytes":     "exec head -c 100000 /dev/urandom",
		"endless text":     "exec yes",
		"endless wailing":  "exec 3>&1; exec yes >&2",
		"our own words":    "exec cat",
		"silence":          "exec sleep 1000",
		"silence and deaf": "exec sleep 1000 <&-",
		"an end at once":   "exit 3",
		"another version":  `printf '\024\000\000\000A\021\000{"version": 12345}'; exec sleep 1000`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := script(t, first)
			r := newRig(t, func(w *Worker) { w.Program, w.Patience = path, 5*time.Second })
			r.stream(still(t))
			r.until("looks", func() bool { return r.lookCount() > 2 })
			if s := r.Status(); s.Restarts == 0 { // on a machine with other work to do, what came after may have been too slow as well
				t.Errorf("status: %+v", s)
			}
		})
	}
}

func TestGarbageFromTheCamera(t *testing.T) {
	c := still(t)
	r := newRig(t, nil)
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(i * i >> 3)
	}
	for i := range 300 {
		u := shifted(c, i%len(c.Units), 0)
		switch i % 3 {
		case 0: // lengths that do not add up
			u.Data = noise[i : i+500]
		case 1: // well-formed units of noise
			u.Data = append([]byte{0, 0, 3, 0xe8, 0x65}, noise[i:i+999]...)
		}
		u.Camera = r.Camera
		r.WriteUnit(c.Run, &u)
	}
	r.stream(c)
	r.until("looks", func() bool { return r.lookCount() > 2 })
	if s := r.Status(); s.Restarts != 0 {
		t.Errorf("status: %+v", s)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	r := newRig(t, func(w *Worker) { w.MemoryLimit, w.Patience = 1<<20, time.Second })
	r.stream(still(t))
	r.until("a restart", func() bool { return r.Status().Restarts > 0 })
	if s := r.Status(); s.Problem == "" {
		t.Errorf("status: %+v", s)
	}
}

func TestAMissingProgramIsAProblemAndNoMore(t *testing.T) {
	r := newRig(t, func(w *Worker) { w.Program = "/nonexistent/hearth-vision" })
	r.stream(still(t))
	r.until("the problem", func() bool { return r.Status().Restarts > 1 && r.Status().Problem != "" })
}

// The recorder's goroutine is the one that writes units: it never waits, whatever the process does.
func TestWriteUnitNeverBlocks(t *testing.T) {
	c := clip.Make(t, append(clip.Still("640x360", 15, 10), append(coding, "-b:v", "2M", "-minrate", "2M")...)...)
	r := newRig(t, func(w *Worker) { w.Patience = time.Minute })
	u := shifted(c, 0, 0)
	u.Camera = r.Camera
	r.WriteUnit(c.Run, &u)
	r.until("the first look", func() bool { return r.lookCount() > 0 })
	r.signal(syscall.SIGSTOP)
	begun := time.Now()
	const writes = 20000
	for i := range writes {
		u := shifted(c, i%len(c.Units), time.Duration(i/len(c.Units)+1)*length(c))
		u.Camera = r.Camera
		r.WriteUnit(c.Run, &u)
	}
	if took := time.Since(begun); took > 20*time.Second { // who waited for the process would wait for a minute, its patience
		t.Errorf("%d writes took %v", writes, took)
	}
	r.queue.mu.Lock()
	n, bytes := len(r.queue.items), r.queue.bytes
	r.queue.mu.Unlock()
	if n > maxQueueUnits || bytes > maxQueueBytes {
		t.Errorf("%d units of %d bytes wait", n, bytes)
	}
	if s := r.Status(); s.Dropped < writes-2*maxQueueUnits-1000 || s.Dropped >= writes {
		t.Errorf("%d of %d units were dropped", s.Dropped, writes)
	}
	r.signal(syscall.SIGCONT)
	before := r.lookCount()
	r.until("looks after the jam", func() bool { return r.lookCount() > before })
}

// Attention is switched on and off while it runs. While it is on, motion is told of with the pictures of the first 300 ms: nothing
// later has to come for it. How long that takes is the machine's matter, but it does not wait for a sign of life to go out with.
func TestAttentive(t *testing.T) {
	const begins = 14 * time.Second // of each pass
	c := clip.Make(t, append(clip.Passing("320x180", 15, 24, begins.Seconds(), begins.Seconds()+4), coding...)...)
	first := make(chan uint64, 100)
	var spell uint64
	r := newRig(t, func(w *Worker) {
		looked := w.OnLook
		w.OnLook = func(l Look) {
			if l.Moving && l.Spell != spell {
				spell = l.Spell
				first <- spell
			}
			looked(l)
		}
	})
	send := func(pass, from, to int) {
		tick := time.NewTicker(time.Second / 300)
		defer tick.Stop()
		for i := from; i < to; i++ {
			<-tick.C
			for r.waiting() > maxQueueUnits/2 {
				<-tick.C
			}
			u := shifted(c, i, time.Duration(pass)*length(c))
			u.Camera = r.Camera
			r.WriteUnit(c.Run, &u)
		}
	}
	const comes = int(begins/time.Second) * 15 // the first unit with the box
	const within = comes + 300*15/1000         // and the last that it may take
	r.SetMotion(media.MotionSettings{Sensitivity: 0.5, Attentive: true})
	best := time.Hour
	pass := 0
	for ; pass < 8 && best > time.Second; pass++ { // other programs may take the processor for a while
		send(pass, 0, comes)
		r.until("attention", func() bool { return r.Status().Mode == "attentive" && r.sawLately(c, pass, comes-1) })
		for len(first) > 0 {
			<-first
		}
		shown := time.Now()
		send(pass, comes, within)
		select {
		case <-first:
			best = min(best, time.Since(shown))
			t.Logf("pass %d: told after %v", pass, time.Since(shown))
		case <-time.After(time.Minute):
			t.Fatalf("pass %d: not told: %+v", pass, r.Status())
		}
		send(pass, within, len(c.Units))
	}
	if best > time.Second {
		t.Errorf("in %d passes motion was told of after %v at best", pass, best)
	}

	r.SetMotion(media.MotionSettings{Sensitivity: 0.5})
	send(pass, 0, comes-8)
	r.until("calm", func() bool { return r.Status().Mode == "calm" })
}

// sawLately says whether unit i of a pass, or one less than 200 ms before it, was looked at.
func (r *rig) sawLately(c *clip.Clip, pass, i int) bool {
	u := shifted(c, i, time.Duration(pass)*length(c))
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.looks) > 0 && u.Wall.Sub(r.looks[len(r.looks)-1].At) < 200*time.Millisecond
}
