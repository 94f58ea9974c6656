package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"hearth/e2e/power"
)

// plug is a machine with hearth in it, its cameras, and a hand on its plug.
type plug struct {
	system  string
	random  *rand.Rand
	machine *power.Machine
	disk    *power.Disk
	console *os.File
	kept    string // folder of disk and console, for looking into what went wrong
	sent    *sentLog
	urls    []string

	box     *appliance
	ids     []string // of the cameras, from 0
	promise promised
	cuts    []cut
	lives   []*life
	rotated []bool         // by life: the disk said that it rotates
	numbers [][]uint32     // by camera: the pictures that were recorded, in the end
	commits []int64        // ms that commits took, as the box said when it was asked
	risks   []int64        // ms that footage was at risk
	looked  map[string]int // how often each kind of look was taken
	trouble []string       // lines of the console that should not be
}

// cut is one loss of power.
type cut struct {
	moment  string
	after   time.Duration // since the machine was switched on
	way     string        // what the disk kept of its cache
	aimed   bool          // while a commit was under way
	rotates bool          // the disk said that it rotates
	died    time.Time
}

// boot switches the machine on, holds it against what was promised before, and ends it in one of the ways.
func (p *plug) boot(t *testing.T, end string) {
	t.Helper()
	steps := "record"
	thorough := p.random.IntN(2) == 0 && p.box != nil
	switch {
	case end == stopped:
		steps = "twice,check,record,check,off"
	case thorough:
		steps = "twice,check,record"
	}
	own := p.random.IntN(2)
	disk := "vda"
	if p.machine.Rotating = p.random.IntN(4) == 0; p.machine.Rotating {
		disk = "sda"
	}
	args := []string{"power.disk=" + disk, "power.fs=" + p.system, fmt.Sprintf("power.own=%d", own), "power.do=" + steps}
	fmt.Fprintf(p.console, "--- a boot that ends %s: %s\n", end, strings.Join(args, " "))
	p.disk.On()
	began := time.Now()
	s, err := p.machine.Start(args...)
	if err != nil {
		t.Fatal(err)
	}
	died := time.Time{}
	defer func() {
		if died.IsZero() { // something failed
			died = time.Now()
			_ = s.Kill()
		}
		p.look(s, died)
	}()
	line := func(text string, within time.Duration) power.Line {
		t.Helper()
		l, err := s.Await(text, 0, within)
		if err != nil {
			t.Fatalf("%s: %v; see %s", p.system, err, p.console.Name())
		}
		return l
	}
	pull := func() {
		t.Helper()
		c := cut{moment: end, rotates: p.machine.Rotating}
		// Every other time when the disk next has something to lose, within the next few flushes.
		if c.aimed = p.random.IntN(2) == 0; c.aimed {
			for most := time.Now().Add(2 * time.Second); p.disk.Unflushed() == 0 && time.Now().Before(most); {
				time.Sleep(100 * time.Microsecond)
			}
			time.Sleep(time.Duration(p.random.Int64N(int64(2 * powerFlush))))
		}
		if died, c.way, err = s.Pull(p.random); err != nil {
			t.Fatal(err)
		}
		c.after, c.died = died.Sub(began), died
		p.cuts = append(p.cuts, c)
		fmt.Fprintf(p.console, "--- cut; of the disk's cache there is left: %s\n", c.way)
	}

	line("power: mounting", time.Minute)
	if end == whileStarting {
		time.Sleep(time.Duration(p.random.Int64N(int64(5 * time.Second))))
		pull()
		return
	}
	line("power: serving record", 3*time.Minute)
	starting := line("power: starting record", time.Second).At
	p.enter(t)
	p.holds(t)
	for p.sent.more(t); ; p.sent.more(t) {
		if n, _ := p.sent.since(starting); n == powerCameras {
			break
		}
		if time.Since(starting) > time.Minute {
			t.Fatalf("%s: not all cameras are recorded a minute after the start; see %s", p.system, p.console.Name())
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop := p.watch(t)
	span := 2*time.Second + time.Duration(p.random.Int64N(int64(18*time.Second)))
	select {
	case <-time.After(span):
	case <-s.Ended():
		t.Fatalf("%s: the machine went off by itself; see %s", p.system, p.console.Name())
	}
	if end == stopped {
		stop()
		p.holds(t)
		p.count(t)
		ask(t, p.port(7000))
		if err := s.Off(3 * time.Minute); err != nil {
			t.Fatalf("%s: %v; see %s", p.system, err, p.console.Name())
		}
		died = time.Now()
		return
	}
	pull()
	stop()
}

// port gives the port here that leads to one of the machine's.
func (p *plug) port(there int) string {
	for here, to := range p.machine.Ports {
		if to == there {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(here))
		}
	}
	return ""
}

// ask connects to where the machine waits for it.
func ask(t *testing.T, address string) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// enter makes the first owner and the cameras; later the owner is logged in still: sessions outlive a cut.
func (p *plug) enter(t *testing.T) {
	t.Helper()
	if p.box != nil {
		return
	}
	a := &appliance{url: "https://" + p.port(8443), client: newClient(t)}
	a.do(t, "POST", "/setup", map[string]string{"name": ownerName, "password": ownerPassword}, nil)
	for i, url := range p.urls {
		// From inside of the machine, this one's loopback is 10.0.2.2.
		url = strings.Replace(url, "127.0.0.1", "10.0.2.2", 1)
		settings := map[string]any{"name": powerName(i, 0), "url": url, "motion": map[string]any{"sensitivity": 0.5, "off": true}}
		if i < powerWatched {
			settings["detect_url"] = url + "/sub"
			settings["motion"] = map[string]any{
				"sensitivity": 0.5, "masks": [][][2]float64{{{0, 0}, {1, 0}, {1, 0.07}, {0, 0.07}}}, // the mark changes with every picture
			}
		}
		p.ids = append(p.ids, a.add(t, settings))
	}
	p.box = a
	p.promise = promised{names: make([]int, powerCameras), spans: make([][]span, powerCameras), events: make(map[string]bool)}
}

// powerName is a camera's name after so many changes.
func powerName(camera, changes int) string {
	return fmt.Sprintf("Camera %d, named %d", camera+1, changes)
}

var (
	powerStarting = regexp.MustCompile(`^power: starting (recover|record)$`)
	powerStopping = regexp.MustCompile(`^power: stopping (recover|record)$`)
	powerReplayed = regexp.MustCompile(`EXT4-fs \(.*recovery complete|XFS \(.*Ending recovery`)
	// powerTrouble are lines that no recovery should need: file systems that are not whole, data that is not.
	powerTrouble = regexp.MustCompile(`EXT4-fs (error|warning)|XFS.*([Cc]orrupt|Internal error|Metadata)|I/O error|BUG:|Oops|` +
		`hung_task|blocked for more|ALARM|level=ERROR|power: (failed|differs|changed)|power: check gave [^0]|panic:`)
)

// look takes from the console which lives there were and what should not have happened.
func (p *plug) look(s *power.Session, died time.Time) {
	if p.looked == nil {
		p.looked = make(map[string]int)
	}
	for _, l := range s.Lines() {
		if powerStarting.MatchString(l.Text) {
			p.lives = append(p.lives, &life{end: whileRecording, began: l.At, died: died})
			p.rotated = append(p.rotated, p.machine.Rotating)
		}
		if powerStopping.MatchString(l.Text) {
			now := p.lives[len(p.lives)-1]
			now.end, now.died = stopped, l.At
		}
		if powerTrouble.MatchString(l.Text) {
			p.trouble = append(p.trouble, l.Text)
		}
		switch {
		case strings.Contains(l.Text, "power: check gave 0"):
			p.looked["check --deep"]++
		case strings.Contains(l.Text, "power: twice"):
			p.looked["recovered twice"]++
		case strings.Contains(l.Text, "finished a file that was left open"):
			p.looked["files finished"]++
		case powerReplayed.MatchString(l.Text):
			p.looked["journals replayed"]++
		}
	}
}

// clean looks at the file system with its own tool once all is over, and throws the disk away.
func (p *plug) clean(t *testing.T) {
	t.Helper()
	args := map[string][]string{"ext4": {"e2fsck", "-fn"}, "xfs": {"xfs_repair", "-n"}}[p.system]
	if out, err := exec.Command(inSbin(args[0]), args[1], p.kept+"/disk").CombinedOutput(); err != nil {
		t.Errorf("%s is not whole: %v\n%s", p.system, err, out)
		return
	}
	if err := os.RemoveAll(p.kept); err != nil {
		t.Error(err)
	}
}
