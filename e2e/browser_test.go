package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/sim/mark"

	simulated "hearth/nvr/sim"
)

// browserPatience is how long a browser test may take in all.
const browserPatience = 5 * time.Minute

// TestBrowser uses the page in a real Chromium: first owner, cameras, live, timeline, events, all of it against
// simulated cameras whose pictures tell by their mark what they are.
func TestBrowser(t *testing.T) {
	const fps = 15
	cameras := []*simulated.Camera{
		{Name: "door", Number: 4242, Scene: comes(0, 38*time.Second)},
		{Name: "garden", Number: 21, Scene: comes(1, 42*time.Second)},
		{Name: "garage", Number: 60001, Scene: comes(2, time.Hour)},
	}
	for _, c := range cameras {
		c.FPS = fps
		c.Main = simulated.Video{Width: 640, Height: 360}
		c.Sub = simulated.Video{Width: 320, Height: 180}
		c.User, c.Password = "viewer", "pa:ss w/örd"
	}
	server := simulate(t, cameras...)

	data := filepath.Join(t.TempDir(), "data")
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	given := page{
		Data:   data,
		Origin: address(p.line(t, "listening", 15*time.Second)),
		FPS:    fps,
		Owner:  owner{Name: ownerName, Password: ownerPassword},
		Masks:  []media.Polygon{markArea()},
	}
	for i, c := range cameras {
		given.Cameras = append(given.Cameras, trueCamera(server, c, []string{"Front door", "Garden", "Garage"}[i]))
	}
	given.Cameras[2].Masked = false // added by hand, without a mask over the mark, which looks like motion then
	newBrowser(t, "page.mjs", given).steps(t)
}

// comes is one of the drawn yards, with the first visit at another time.
func comes(yard int, first time.Duration) *simulated.Scene {
	s := simulated.Yard(yard)
	s.First = first
	return s
}

// markArea is the strip that the mark covers: it changes in every picture, but nothing moves there.
func markArea() media.Polygon {
	bottom := float64(mark.Rows)/mark.RowsPerPicture + 0.01
	return media.Polygon{{0, 0}, {1, 0}, {1, bottom}, {0, bottom}}
}

// simulate runs simulated cameras in this process, so that the test knows what each of them took when.
func simulate(t *testing.T, cameras ...*simulated.Camera) *simulated.Server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	server := &simulated.Server{Cameras: cameras, Log: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("simulated cameras: %v", err)
		}
	})
	select {
	case <-server.Ready():
	case err := <-ended:
		ended <- nil
		t.Fatalf("simulated cameras: %v", err)
	}
	return server
}

// page is what a script of e2e/browser is given.
type page struct {
	Origin  string          `json:"origin"`
	Data    string          `json:"data"`
	FPS     int             `json:"fps"`
	Owner   owner           `json:"owner"`
	Cameras []truth         `json:"cameras"`
	Masks   []media.Polygon `json:"masks"`
}

type owner struct {
	Name     string `json:"name"`
	Password string `json:"password"`
}

// truth is what is so, whatever the page says. Times are in milliseconds since 1970.
type truth struct {
	Name     string  `json:"name"`
	Number   uint16  `json:"number"`
	Address  string  `json:"address"`
	User     string  `json:"user"`
	Password string  `json:"password"`
	Zero     float64 `json:"zero"` // when picture 0 was taken
	Visits   []visit `json:"visits"`
	Masked   bool    `json:"masked"`
}

type visit struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

func trueCamera(server *simulated.Server, c *simulated.Camera, name string) truth {
	tr := truth{
		Name: name, Number: c.Number, Address: fmt.Sprintf("rtsp://%s/%s", server.Addr(), c.Name),
		User: c.User, Password: c.Password, Zero: millis(c.TakenAt(0)), Visits: []visit{}, Masked: true,
	}
	for _, v := range c.Visits(c.TakenAt(0), c.TakenAt(0).Add(2*browserPatience)) {
		tr.Visits = append(tr.Visits, visit{millis(v.From), millis(v.To)})
	}
	return tr
}

func millis(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

// browser is a running script of e2e/browser, which drives a Chromium.
type browser struct {
	in    io.WriteCloser
	lines chan step
}

// step is a line that a script prints: how one of its steps went.
type step struct {
	Name   string  `json:"name"`
	OK     bool    `json:"ok"`
	Detail string  `json:"detail"`
	MS     float64 `json:"ms"`
}

// newBrowser starts a script. It is ended with the test, and Chromium with it.
func newBrowser(t *testing.T, script string, given any) *browser {
	t.Helper()
	b, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), browserPatience)
	cmd := exec.CommandContext(ctx, "node", filepath.Join("browser", script))
	cmd.Env = append(os.Environ(), "GIVEN="+string(b), "ARTIFACTS="+t.ArtifactDir())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start the browser's script (is Node.js there?): %v", err)
	}
	br := &browser{in: in, lines: make(chan step, 64)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(br.lines)
		for r := bufio.NewScanner(out); r.Scan(); {
			var s step
			if err := json.Unmarshal(r.Bytes(), &s); err != nil {
				s = step{Name: "a line that is no step", Detail: r.Text()}
			}
			br.lines <- s
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // a script that still waits for something ends by this
		timer := time.AfterFunc(15*time.Second, cancel)
		for range br.lines {
			continue // nobody asks any more
		}
		<-ended
		err := cmd.Wait()
		timer.Stop()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", script, err, stderr.String())
		}
	})
	return br
}

// tell sends the script a line.
func (b *browser) tell(t *testing.T, what any) {
	t.Helper()
	if err := json.NewEncoder(b.in).Encode(what); err != nil {
		t.Fatalf("tell the browser's script: %v", err)
	}
}

// next waits for a step, reports it as a test of its own and gives it; ok is false when the script has ended.
func (b *browser) next(t *testing.T) (s step, ok bool) {
	t.Helper()
	select {
	case s, ok = <-b.lines:
	case <-time.After(browserPatience):
	}
	if ok {
		t.Run(s.Name, func(t *testing.T) {
			if s.Detail != "" {
				t.Log(s.Detail)
			}
			if !s.OK {
				t.Errorf("failed after %.0f ms", s.MS)
			}
		})
	}
	return s, ok
}

// steps reports all that is still to come.
func (b *browser) steps(t *testing.T) {
	t.Helper()
	n := 0
	for {
		if _, ok := b.next(t); !ok {
			break
		}
		n++
	}
	if n == 0 {
		t.Error("the browser's script did nothing")
	}
}
