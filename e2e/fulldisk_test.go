package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// smallDisk makes a block device of so many MiB with an ext4 on it, out of a file, and mounts it until the test ends.
func smallDisk(t testing.TB, mib int) (mountPoint, device string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("this test makes a small file system and mounts it, which only root may do")
	}
	for _, name := range []string{"mkfs.ext4", "losetup", "mount", "umount"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("this test makes a small file system, and there is no %s here", name)
		}
	}
	dir := t.TempDir()
	image, mountPoint := filepath.Join(dir, "disk.ext4"), filepath.Join(dir, "disk")
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(int64(mib)<<20), f.Close(), os.Mkdir(mountPoint, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.ext4", "-q", "-F", image)
	out, err := exec.Command("losetup", "--find", "--show", image).Output()
	if err != nil {
		t.Skipf("this test makes a block device out of a file, and that cannot be done here: %v", err)
	}
	device = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		unmount(mountPoint)
		_ = exec.Command("losetup", "--detach", device).Run()
	})
	if err := mount(device, mountPoint); err != nil {
		t.Skipf("this test mounts a file system of its own, and that cannot be done here: %v", err)
	}
	return mountPoint, device
}

func mount(device, at string, options ...string) error {
	if out, err := exec.Command("mount", append(options, device, at)...).CombinedOutput(); err != nil {
		return fmt.Errorf("mount %s: %w: %s", device, err, out)
	}
	return nil
}

// unmount takes away all that is mounted somewhere, in use or not.
func unmount(at string) {
	for exec.Command("umount", "-l", at).Run() == nil {
	}
}

// glutton is another program that takes every block of a disk, those kept for root too, and goes on taking what becomes
// free.
type glutton struct {
	f     *os.File
	taken atomic.Int64
	ate   atomic.Int64 // when it last got something, Unix nanoseconds
	stop  chan struct{}
	done  chan struct{}
}

func newGlutton(t testing.TB, dir string) *glutton {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "somebody else's"))
	if err != nil {
		t.Fatal(err)
	}
	g := &glutton{f: f, stop: make(chan struct{}), done: make(chan struct{})}
	g.eat(t)
	go func() {
		defer close(g.done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-g.stop:
				return
			case <-tick.C:
				g.eat(t)
			}
		}
	}()
	t.Cleanup(func() {
		g.rest()
		f.Close()
	})
	return g
}

// eat takes all that is free, to the last block.
func (g *glutton) eat(t testing.TB) {
	piece := make([]byte, 1<<20)
	for len(piece) >= 512 {
		n, err := g.f.Write(piece)
		if n > 0 {
			g.taken.Add(int64(n))
			g.ate.Store(time.Now().UnixNano())
		}
		switch {
		case errors.Is(err, syscall.ENOSPC):
			piece = piece[:len(piece)/2]
		case err != nil:
			t.Errorf("fill the disk: %v", err)
			return
		}
	}
	if err := g.f.Sync(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("fill the disk: %v", err)
	}
}

// rest takes nothing more and keeps what it has.
func (g *glutton) rest() {
	select {
	case <-g.stop:
	default:
		close(g.stop)
	}
	<-g.done
}

// free gives everything back.
func (g *glutton) free(t testing.TB) {
	t.Helper()
	g.rest()
	if err := os.Remove(g.f.Name()); err != nil {
		t.Fatal(err)
	}
	if err := g.f.Truncate(0); err != nil {
		t.Fatal(err)
	}
}

// freeBytes is what programs can still have of a disk. ext4 keeps a fiftieth for itself beyond that.
func freeBytes(t testing.TB, dir string) int64 {
	t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// watcher watches a camera live and counts what comes.
type watcher struct {
	messages atomic.Int64
	ended    atomic.Pointer[error]
	close    func()
}

func (a *appliance) watch(t testing.TB, id string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conn, _, err := websocket.Dial(ctx, strings.Replace(a.url, "https", "wss", 1)+"/api/v1/cameras/"+id+"/live", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: a.client.Transport, Jar: a.client.Jar},
		HTTPHeader: http.Header{"Origin": {a.url}},
	})
	if err != nil {
		cancel()
		t.Fatalf("watch live: %v", err)
	}
	conn.SetReadLimit(16 << 20)
	w := &watcher{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			kind, _, err := conn.Read(ctx)
			if err != nil {
				w.ended.Store(&err)
				return
			}
			if kind == websocket.MessageBinary {
				w.messages.Add(1)
			}
		}
	}()
	w.close = func() {
		cancel()
		<-done
	}
	t.Cleanup(w.close)
	return w
}

// page asks for the page as a browser does.
func (a *appliance) page(t testing.TB) (int, error) {
	t.Helper()
	resp, err := a.client.Get(a.url + "/")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(b), "<html") {
		err = fmt.Errorf("no page but %q", b[:min(len(b), 100)])
	}
	return resp.StatusCode, err
}

type auditLine struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Name   string    `json:"user_name"`
	Action string    `json:"action"`
	Camera string    `json:"camera"`
}

// audit gives the lines of the audit log from a moment on, newest first.
func (a *appliance) audit(t testing.TB, from time.Time) []auditLine {
	t.Helper()
	var list struct {
		Items []auditLine `json:"items"`
	}
	a.do(t, "GET", "/audit?limit=500&"+fromTo(from, time.Now().Add(time.Hour)), nil, &list)
	return list.Items
}

// storage is what these tests read of GET /storage.
type storageState struct {
	Full bool  `json:"full"`
	Free int64 `json:"free_bytes"`
}

func (a *appliance) storage(t testing.TB) storageState {
	t.Helper()
	var s storageState
	a.do(t, "GET", "/storage", nil, &s)
	return s
}

// newest gives the end of a camera's newest footage; zero: there is none.
func (a *appliance) newest(t testing.TB, id string, since time.Time) time.Time {
	t.Helper()
	spans := a.timeline(t, id, since, time.Now().Add(time.Minute)).Spans
	if len(spans) == 0 {
		return time.Time{}
	}
	return spans[len(spans)-1].To
}

// TestFullDisk fills the disk that is recorded on to the last block, as another program would. Page, API, live view and
// audit log go on; recording stops with a gap that says why, and goes on by itself once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk, _ := smallDisk(t, 128)
	urls := sim(t, "--cameras", "3", "--size", "320x180", "--sub-size", "160x90")
	data := filepath.Join(disk, "hearth")
	a := serveAnew(t, data)
	began := time.Now().Add(-time.Second)
	var ids []string
	for i, url := range urls {
		ids = append(ids, a.add(t, map[string]any{
			"name": fmt.Sprintf("Camera %d", i+1), "url": url, "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true},
		}))
	}
	for _, id := range ids {
		eventually(t, 30*time.Second, "recording", func() bool { return !a.newest(t, id, began).IsZero() })
	}
	live := a.watch(t, ids[0])
	eventually(t, 10*time.Second, "live view", func() bool { return live.messages.Load() > 5 })

	filled := time.Now()
	g := newGlutton(t, disk)
	if free := freeBytes(t, disk); free > 64<<10 {
		t.Fatalf("%d bytes are free: the disk is not full", free)
	}
	logins := 0
	// works asks for everything that has to go on, once.
	works := func() {
		t.Helper()
		if status, err := a.page(t); status != http.StatusOK || err != nil {
			t.Fatalf("the page on a full disk: %d, %v", status, err)
		}
		a.do(t, "GET", "/cameras", nil, nil)
		other := &appliance{process: a.process, url: a.url, client: newClient(t)}
		other.do(t, "POST", "/session", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
		logins++
		before := live.messages.Load()
		eventually(t, 10*time.Second, "live view goes on", func() bool { return live.messages.Load() > before+5 })
		w := other.watch(t, ids[1]) // a new session's look is a line of its own
		eventually(t, 10*time.Second, "live view begins", func() bool { return w.messages.Load() > 2 })
		w.close()
	}
	works()
	eventually(t, time.Minute, "recording stops and says so", func() bool { return a.storage(t).Full })
	// What was let go of to make room is eaten, too, until there is nothing more to let go of.
	eventually(t, time.Minute, "nothing becomes free any more", func() bool {
		return time.Since(time.Unix(0, g.ate.Load())) > 3*time.Second
	})
	if free := freeBytes(t, disk); free > 64<<10 {
		t.Fatalf("%d bytes are free: the disk is not full any more", free)
	}
	for time.Since(filled) < 12*time.Second { // all that is done every ten seconds is done on a full disk, too
		works()
	}
	lines := a.audit(t, filled)
	said := func(action string) (n int) {
		for _, l := range lines {
			if l.Action == action && l.Name == ownerName {
				n++
			}
		}
		return n
	}
	if said("login") != logins || said("live") != logins {
		t.Errorf("%d logins and looks on a full disk, and the audit log has %d and %d: %+v", logins, said("login"), said("live"), lines)
	}
	a.line(t, "ALARM", time.Second)

	freed := time.Now()
	g.free(t)
	for _, id := range ids {
		eventually(t, time.Until(freed.Add(time.Minute)), "recording goes on by itself", func() bool {
			return a.newest(t, id, began).After(freed)
		})
		tl := a.timeline(t, id, began, time.Now())
		if !slices.ContainsFunc(tl.Gaps, func(s span) bool { return strings.Contains(s.Reason, "full") && s.To.After(filled) }) {
			t.Errorf("no gap says that the disk was full: %+v", tl.Gaps)
		}
	}
	t.Logf("recording went on %s after there was room again", time.Since(freed).Round(time.Millisecond))
	if a.storage(t).Full {
		t.Error("it is still said to be full")
	}
	if e := live.ended.Load(); e != nil {
		t.Errorf("the live view that began before ended: %v", *e)
	}
	for _, id := range ids {
		readsSilently(t, a.export(t, id, freed, time.Now()))
	}
	a.stop(t)
	if a.err != nil {
		t.Errorf("hearth ended with %v", a.err)
	}
	if code, out, errs := runHearth(t, "check", "--deep", "--data", data); code != 0 {
		t.Errorf("check --deep: exit %d\n%s%s", code, out, errs)
	}
}

// TestFullOfHeld fills a disk with recordings that are all held: recording stops and says so, and nothing of what is held
// is lost. Once it is released, recording goes on by itself.
func TestFullOfHeld(t *testing.T) {
	t.Parallel()
	disk, _ := smallDisk(t, 40)
	clip := filepath.Join(t.TempDir(), "walker.mp4")
	// Somebody walks up and down without end, in front of much that costs bytes.
	tool(t, "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=15:d=1,trim=end_frame=1,loop=300:1:0,setpts=N/15/TB,noise=c0s=6:c0f=t+u",
		"-f", "lavfi", "-i", "color=white:s=60x140:r=15", "-filter_complex", "[0][1]overlay=x='abs(mod(t*140\\,1160)-580)':y=180:shortest=0",
		"-t", "16", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "30", "-bf", "0", "-b:v", "10M", "-minrate", "10M",
		"-maxrate", "10M", "-bufsize", "5M", "-x264-params", "nal-hrd=cbr", clip)
	urls := sim(t, "--cameras", "1", "--clip", clip)
	data := filepath.Join(disk, "hearth")
	a := serveAnew(t, data)
	began := time.Now().Add(-time.Second)
	id := a.add(t, map[string]any{"name": "Yard", "url": urls[0], "record": "continuous"})

	var e event
	eventually(t, 30*time.Second, "an event", func() bool {
		all := a.events(t)
		if len(all) > 0 {
			e = all[len(all)-1]
		}
		return len(all) > 0
	})
	a.do(t, "POST", "/events/"+e.ID+"/hold", nil, nil)
	eventually(t, 90*time.Second, "recording stops", func() bool { return a.storage(t).Full })
	a.line(t, "ALARM", time.Second)

	// All that the event is in is there, from its first moment to where recording stopped, and can be played.
	tl := a.timeline(t, id, began, time.Now().Add(time.Minute))
	start, err := time.Parse(time.RFC3339Nano, e.Start)
	if err != nil {
		t.Fatal(err)
	}
	if len(tl.Spans) != 1 || tl.Spans[0].From.After(start) {
		t.Fatalf("the event began at %s, and there is %+v", start, tl.Spans)
	}
	span := tl.Spans[0]
	file := a.export(t, id, span.From, span.To)
	readsSilently(t, file)
	if n, want := len(frames(t, file)), int(span.To.Sub(span.From).Seconds()*15)-2; n < want {
		t.Errorf("%d pictures are left of %s, want %d", n, span.To.Sub(span.From), want)
	}
	t.Logf("%s are held on a full disk", span.To.Sub(span.From).Round(time.Second))

	released := time.Now()
	for _, e := range a.events(t) {
		a.do(t, "POST", "/events/"+e.ID+"/release", nil, nil)
	}
	eventually(t, time.Minute, "recording goes on by itself", func() bool { return a.newest(t, id, began).After(released) })
	a.stop(t)
	if code, out, errs := runHearth(t, "check", "--deep", "--data", data); code != 0 {
		t.Errorf("check --deep: exit %d\n%s%s", code, out, errs)
	}
}

// serveAnew is serve for a folder that is chosen and still empty.
func serveAnew(t testing.TB, data string, args ...string) *appliance {
	t.Helper()
	args = append([]string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", ""}, args...)
	a := &appliance{data: data, process: start(t, bin(t, "hearth"), nil, args...)}
	a.url = address(a.line(t, "listening", 15*time.Second))
	a.client = newClient(t)
	a.do(t, "POST", "/setup", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
	return a
}
