package e2e

import (
	"bytes"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"hearth/nvr/sim/mark"
)

// demoCameras are the demo's cameras, with the number that each draws into its pictures.
var demoCameras = map[string]uint16{"Front door": 1, "Garden": 2}

// TestDemo starts `hearth demo` on an empty folder, as `make run` does: two cameras live in an open browser within five
// seconds, an event with a thumbnail within a minute. It takes the README's pictures, too; with HEARTH_PICTURES=1 they
// go into docs/pictures.
func TestDemo(t *testing.T) {
	folder := t.ArtifactDir()
	forReadme := os.Getenv("HEARTH_PICTURES") == "1"
	if forReadme {
		var err error
		if folder, err = filepath.Abs("../docs/pictures"); err != nil {
			t.Fatal(err)
		}
	}
	b := newBrowser(t, "demo.mjs", map[string]string{"folder": folder})
	if s, ok := b.next(t); !ok || !s.OK {
		t.Fatal("no browser")
	}

	began := time.Now()
	p := start(t, bin(t, "hearth"), nil, "demo", "--data", filepath.Join(t.TempDir(), "data"),
		"--listen", "127.0.0.1:0", "--listen-http", "", "--sim-listen", "127.0.0.1:0")
	password := regexp.MustCompile(`password\s+(\S+)`).FindStringSubmatch(p.line(t, "    password ", 15*time.Second))[1]
	printed := time.Since(began)
	a := &appliance{process: p, url: address(p.line(t, "    address ", time.Second)), client: newClient(t)}
	b.tell(t, map[string]any{
		"origin": a.url, "user": "demo", "password": password, "numbers": demoCameras, "began": began.UnixMilli(),
	})

	a.do(t, "POST", "/session", map[string]string{"name": "demo", "password": password}, nil)
	var cameras struct {
		Items []camera `json:"items"`
	}
	eventually(t, 15*time.Second, "both cameras online", func() bool {
		a.do(t, "GET", "/cameras", nil, &cameras)
		online := 0
		for _, c := range cameras.Items {
			if c.State == "online" {
				online++
			}
		}
		return online == len(demoCameras)
	})
	online := time.Since(began)
	t.Logf("the address is printed after %d ms, both cameras are online after %d ms", printed.Milliseconds(), online.Milliseconds())
	if online > 5*time.Second {
		t.Errorf("both cameras are online after %s, want 5 s at most", online)
	}
	b.next(t) // the same in the browser

	var first event
	eventually(t, time.Until(began.Add(time.Minute)), "an event with a thumbnail", func() bool {
		for _, e := range a.events(t) {
			if e.HasThumb {
				first = e
			}
		}
		return first.HasThumb
	})
	t.Logf("an event with a thumbnail after %.1f s", time.Since(began).Seconds())
	names := make(map[string]string)
	for _, c := range cameras.Items {
		names[c.ID] = c.Name
	}
	if want, got := demoCameras[names[first.Camera]], a.thumbnail(t, first.ID); got != want {
		t.Errorf("the thumbnail of an event of %s is of camera %d, want %d", names[first.Camera], got, want)
	}

	if forReadme {
		// A page with a single event would look poor, and so would cameras in whose pictures nobody is.
		eventually(t, 4*time.Minute, "five events, and somebody there", func() bool {
			all := a.events(t)
			if len(all) < 6 || all[0].End != "" || !all[0].HasThumb {
				return false
			}
			first = all[0]
			return true
		})
	}
	b.tell(t, map[string]string{"event": first.ID, "camera": first.Camera})
	b.steps(t)
}

type event struct {
	ID       string `json:"id"`
	Camera   string `json:"camera"`
	Start    string `json:"start"`
	End      string `json:"end"`
	HasThumb bool   `json:"has_thumb"`
}

// events gives the newest events, the newest of them first.
func (a *appliance) events(t testing.TB) []event {
	t.Helper()
	var all struct {
		Items []event `json:"items"`
	}
	a.do(t, "GET", "/events", nil, &all)
	return all.Items
}

// thumbnail fetches an event's thumbnail, which has to be a JPEG 640 pixels wide, and reads which camera it is of.
func (a *appliance) thumbnail(t testing.TB, id string) (number uint16) {
	t.Helper()
	status, b := a.request(t, "GET", "/events/"+id+"/thumbnail.jpg", nil)
	if status != http.StatusOK {
		t.Fatalf("thumbnail: %d %s", status, b)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("thumbnail: %v", err)
	}
	picture, ok := img.(*image.YCbCr)
	if !ok || img.Bounds().Dx() != 640 {
		t.Fatalf("thumbnail: a %T of %v, want one in colour, 640 pixels wide", img, img.Bounds())
	}
	number, _, ok = mark.Read(picture.Y, picture.YStride, picture.Rect.Dx(), picture.Rect.Dy())
	if !ok {
		t.Fatal("thumbnail: no readable mark")
	}
	return number
}
