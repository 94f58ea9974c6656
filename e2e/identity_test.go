package e2e

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	simulated "hearth/nvr/sim"
)

// TestMixedUpCameras hands two cameras each other's address under a running box, and one's address to a device that
// nobody knows, and looks at what the page says and what its owner can do, in a real Chromium.
func TestMixedUpCameras(t *testing.T) {
	var mu sync.Mutex
	logins := make(map[string][]string) // device → names that were shown to it
	device := func(name, address, user string, number uint16) *simulated.Camera {
		return &simulated.Camera{
			Name: name, Number: number, Address: address, TLS: true, User: user, Password: "secret of " + user,
			Main: simulated.Video{Width: 640, Height: 360}, Sub: simulated.Video{Width: 320, Height: 180},
			OnLogin: func(user string) {
				mu.Lock()
				defer mu.Unlock()
				if !slices.Contains(logins[name], user) {
					logins[name] = append(logins[name], user)
				}
			},
		}
	}
	drive, nursery := device("drive", "127.0.3.1:0", "drive", 21), device("nursery", "127.0.3.2:0", "nursery", 4242)
	spare := device("spare", "127.0.3.3:0", "drive", 77)
	server := simulate(t, drive, nursery, spare)

	data := filepath.Join(t.TempDir(), "data")
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	given := page{
		Data: data, Origin: address(p.line(t, "listening", 15*time.Second)), Owner: owner{Name: ownerName, Password: ownerPassword},
	}
	for _, c := range []*simulated.Camera{drive, nursery} {
		given.Cameras = append(given.Cameras, truth{
			Name: map[*simulated.Camera]string{drive: "Driveway", nursery: "Nursery"}[c], Number: c.Number,
			Address: server.URL(c, 0), Visits: []visit{},
		})
	}
	b := newBrowser(t, "identity.mjs", given)
	after := map[string]func(){
		"both cameras are online": func() { server.Swap(drive, nursery) },
		"the settings say what was found, and what it looks like": func() {
			mu.Lock()
			defer mu.Unlock()
			for name, users := range logins {
				if !slices.Equal(users, []string{name}) {
					t.Errorf("%s was shown the names %v", name, users)
				}
			}
			server.Swap(drive, nursery)
		},
		"both go on by themselves": func() { server.Answer(drive, spare) },
	}
	for n := 0; ; n++ {
		s, ok := b.next(t)
		if !ok {
			if n < 6 {
				t.Errorf("only %d steps", n)
			}
			return
		}
		if act := after[s.Name]; act != nil && s.OK {
			act()
		}
	}
}
