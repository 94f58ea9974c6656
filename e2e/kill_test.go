package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	killCameras = 8
	killFPS     = 15
	killWidth   = 256
	killHeight  = 144
	// killsByDefault is for every run of the tests; `make test-kill` asks for more.
	killsByDefault = 8
)

// promise is how much of each camera may be lost when the box dies at any instant, with its data in a folder: 2 s, and 3 s
// on a disk that turns.
func promise(dir string) time.Duration {
	var s syscall.Stat_t
	if syscall.Stat(dir, &s) != nil {
		return 2 * time.Second
	}
	device := fmt.Sprintf("/sys/dev/block/%d:%d", s.Dev>>8&0xfff, s.Dev&0xff|s.Dev>>12&0xfff00)
	for _, disk := range []string{device, device + "/.."} { // a partition's queue is its disk's
		turns, err := os.ReadFile(disk + "/queue/rotational")
		if err != nil {
			continue
		}
		driver, _ := os.Readlink(disk + "/device/driver")
		if guest := filepath.Base(driver); string(turns) == "1\n" && guest != "virtio_blk" && guest != "vbd" {
			return 3 * time.Second
		}
		break
	}
	return 2 * time.Second
}

// The moments at which a life is ended.
const (
	whileRecording = "while recording" // up to five seconds after every camera is being recorded
	whileStarting  = "while starting"  // anywhere from the first instruction to the first pictures, recovery included
	whileStopping  = "while stopping"  // after it was asked to stop: files get their footers and names
	stopped        = "stopped"         // not killed: asked to stop and awaited
)

// life is one run of `hearth serve`, from its start to its end.
type life struct {
	end     string // one of the moments
	began   time.Time
	online  time.Time // when the last camera sent its first picture; zero: not all of them did
	died    time.Time // just before the signal, so that nothing counted was sent after it
	cameras [killCameras + 1]loss
}

// TestKill kills the real program again and again while it records, starts and stops, and counts by the numbers in the
// pictures what is lost: never more than the promise, at the end of a life only, of no camera twice or another's.
//
// The cameras are a process of their own that lives on and writes down every picture that it put on the network. What
// was recorded is exported once all is over and decoded by ffmpeg. HEARTH_KILLS says how often, HEARTH_SEED where the
// random moments begin.
func TestKill(t *testing.T) {
	kills := killsByDefault
	if s := os.Getenv("HEARTH_KILLS"); s != "" {
		kills = int(whole(t, s))
	}
	random := killRandom(t)

	log := filepath.Join(t.TempDir(), "sent")
	urls := sim(t, "--cameras", strconv.Itoa(killCameras), "--fps", strconv.Itoa(killFPS),
		"--size", fmt.Sprintf("%dx%d", killWidth, killHeight), "--sent", log)
	sent := readSent(t, log)

	port := freePort(t)
	setUp := &life{end: stopped, began: time.Now()}
	a := serve(t, "", "--listen", "127.0.0.1:"+port)
	for i, url := range urls {
		a.add(t, map[string]any{
			"name": killName(i + 1), "url": url, "record": "continuous", "motion": map[string]any{"sensitivity": 0.5, "off": true},
		})
	}
	setUp.died = time.Now()
	a.stop(t)
	m := mortal{data: a.data, port: port, sent: sent}
	var err error
	if m.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	defer m.log.Close()

	lives := []*life{setUp}
	began := time.Now()
	for n := range kills {
		// Short and long lives in turn, so that a few kills have both.
		after := time.Duration(n%5)*time.Second + time.Duration(random.Int64N(int64(time.Second)))
		lives = append(lives, m.live(t, killMoment(random, n), after))
		if n%20 == 19 {
			t.Logf("%d of %d kills after %s", n+1, kills, time.Since(began).Round(time.Second))
		}
	}
	lives = append(lives, m.live(t, stopped, 3*time.Second))
	t.Logf("%d kills and a stop in %s", kills, time.Since(began).Round(time.Second))

	if code, out, errs := runHearth(t, "check", "--deep", "--data", a.data); code != 0 {
		t.Errorf("check --deep after a clean stop: exit %d\n%s%s", code, out, errs)
	}
	sent.more(t)
	for camera := uint16(1); camera <= killCameras; camera++ {
		file := filepath.Join(t.TempDir(), "all.mp4")
		code, out, errs := runHearth(t, "export", "--data", a.data, "--camera", killName(int(camera)),
			"--from", began.Add(-time.Hour).UTC().Format(time.RFC3339), "--to", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), file)
		if code != 0 {
			t.Fatalf("export: exit %d\n%s%s", code, out, errs)
		}
		account(t, camera, lives, sent, numbers(t, file, killWidth, killHeight, camera))
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(killTable(lives))
	judge(t, lives, promise(a.data))
	if t.Failed() {
		t.Logf("the last lives' log:\n%s", m.said(200))
	}
}

// killRandom begins at a fixed place, or at another one with HEARTH_RANDOM or HEARTH_SEED.
func killRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(1)
	if os.Getenv("HEARTH_RANDOM") != "" {
		seed = rand.Uint64()
	}
	if s := os.Getenv("HEARTH_SEED"); s != "" {
		seed = uint64(whole(t, s))
	}
	seed &= 1<<62 - 1
	t.Logf("the moments of the kills are drawn from HEARTH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// killMoment draws in which part of a life it ends. A short run has one of the rarer ones each.
func killMoment(random *rand.Rand, n int) string {
	draw := random.IntN(20)
	switch short := n < killsByDefault; {
	case n == 1 || !short && draw < 4:
		return whileStarting
	case n == 2 || !short && draw < 6:
		return whileStopping
	}
	return whileRecording
}

func killName(number int) string { return fmt.Sprintf("Camera %d", number) }

// mortal starts and kills `hearth serve` on one data folder.
type mortal struct {
	data, port string
	sent       *sentLog
	log        *os.File // of all lives
}

// said gives the last lines of the log.
func (m *mortal) said(lines int) string {
	b, err := os.ReadFile(m.log.Name())
	if err != nil {
		return err.Error()
	}
	return tail(string(b), lines)
}

// live runs hearth once and ends it, some time after the moment began.
func (m *mortal) live(t *testing.T, end string, after time.Duration) *life {
	t.Helper()
	l := &life{end: end}
	fmt.Fprintf(m.log, "--- a life that ends %s\n", end)
	cmd := exec.Command(bin(t, "hearth"), "serve", "--data", m.data, "--listen", "127.0.0.1:"+m.port, "--listen-http", "")
	cmd.Stdout, cmd.Stderr = m.log, m.log
	l.began = time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	alive := true
	defer func() {
		if alive {
			_ = cmd.Process.Kill()
			<-ended
		}
	}()
	// during waits, and fails when hearth ends by itself.
	during := func(d time.Duration) {
		select {
		case err := <-ended:
			alive = false
			t.Fatalf("hearth ended by itself: %v\n%s", err, m.said(40))
		case <-time.After(d):
		}
	}

	if end == whileStarting {
		after /= 8 // it starts in a fifth of a second
	} else {
		for m.sent.more(t); ; m.sent.more(t) {
			n, last := m.sent.since(l.began)
			if n == killCameras {
				l.online = last
				break
			}
			if time.Since(l.began) > 30*time.Second {
				t.Fatalf("only %d cameras are recorded 30 s after the start\n%s", n, m.said(40))
			}
			during(20 * time.Millisecond)
		}
	}
	during(after)
	if end == whileStopping || end == stopped {
		l.died = time.Now()
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if end == stopped {
		if err := <-ended; err != nil {
			t.Fatalf("the clean stop: %v\n%s", err, m.said(40))
		}
		alive = false
		return l
	}
	if end == whileStopping {
		select { // it may be faster
		case err := <-ended:
			ended <- err
		case <-time.After(after % (20 * time.Millisecond)): // it stops in a few milliseconds
		}
	} else {
		l.died = time.Now()
	}
	_ = cmd.Process.Kill()
	<-ended
	alive = false
	return l
}

// loss is what became of one camera's pictures in one life.
type loss struct {
	sent, kept int
	missing    int           // pictures
	time       time.Duration // from when the first missing one was sent to the end
}

// account says for each life what of a camera was lost. All that is wrong in another way than missing at a life's end
// fails the test.
func account(t *testing.T, camera uint16, lives []*life, sent *sentLog, recorded []uint32) {
	t.Helper()
	for i := 1; i < len(recorded); i++ {
		if recorded[i] <= recorded[i-1] {
			t.Fatalf("camera %d: after picture %d comes picture %d again", camera, recorded[i-1], recorded[i])
		}
	}
	for i, l := range lives {
		until := time.Now()
		if i+1 < len(lives) {
			until = lives[i+1].began
		}
		pictures := l.pictures(t, camera, sent, until)
		here := &l.cameras[camera]
		for _, p := range pictures {
			if !p.at.After(l.died) {
				here.sent++
			}
			if len(recorded) > 0 && recorded[0] == p.number && here.missing == 0 {
				recorded = recorded[1:]
				here.kept++
				continue
			}
			if len(recorded) > 0 && recorded[0] == p.number {
				t.Errorf("camera %d, life %d, ended %s %s after its start, the one before %s: of pictures %d to %d, sent from %s after the start on, "+
					"%d before picture %d are missing", camera, i, l.end, l.died.Sub(l.began).Round(time.Millisecond), lives[max(i-1, 0)].end,
					pictures[0].number, pictures[len(pictures)-1].number, pictures[0].at.Sub(l.began).Round(time.Millisecond), here.missing, p.number)
				here.missing, here.time = 0, 0
				recorded = recorded[1:]
				here.kept++
				continue
			}
			if !p.at.After(l.died) {
				if here.missing == 0 {
					here.time = l.died.Sub(p.at)
				}
				here.missing++
			}
		}
	}
	if len(recorded) > 0 {
		t.Errorf("camera %d: %d pictures were recorded that were not sent in any life, the first is %d", camera, len(recorded), recorded[0])
	}
}

// pictures gives what a camera sent to hearth in a life. Some of it may come after the life's end: a box that was asked to
// stop goes on for a moment, and a camera needs one to see that nobody is there.
func (l *life) pictures(t *testing.T, camera uint16, sent *sentLog, until time.Time) []sentPicture {
	t.Helper()
	all := sent.between(camera, l.began, until)
	from := len(all)
	for i, p := range all {
		if !p.first {
			continue
		}
		if from < len(all) {
			t.Errorf("camera %d was let go of %s after hearth's start, and taken again", camera, p.at.Sub(l.began).Round(time.Millisecond))
		}
		from = i
	}
	return all[from:] // what comes before was for the life before: the camera had not seen yet that it is over
}

// judge holds the losses against the promise, by numbers of pictures: where others keep the processor busy, the cameras
// send late themselves.
func judge(t *testing.T, lives []*life, promised time.Duration) {
	t.Helper()
	kept, most := 0, int(promised*killFPS/time.Second)
	for n, l := range lives {
		for camera := 1; camera <= killCameras; camera++ {
			here := l.cameras[camera]
			kept += here.kept
			if here.missing > most {
				t.Errorf("life %d, ended %s %s after its start: camera %d lost %d pictures, %s", n, l.end,
					l.died.Sub(l.began).Round(time.Millisecond), camera, here.missing, here.time.Round(time.Millisecond))
			}
			if !l.online.IsZero() && here.sent == 0 {
				t.Errorf("life %d: camera %d sent nothing", n, camera)
			}
		}
	}
	// Each life that records has two seconds on average; some of that may be lost.
	if least := len(lives) * killCameras * killFPS / 4; kept < least {
		t.Errorf("%d pictures were kept in %d lives, want at least %d: this proves nothing", kept, len(lives), least)
	}
}
