package e2e

import (
	"path/filepath"
	"testing"
	"time"

	simulated "hearth/nvr/sim"
)

// TestPrivacy switches cameras off on the page, in a real Chromium, and kills the program while the house is private:
// after the restart nobody is called.
func TestPrivacy(t *testing.T) {
	cams := []*simulated.Camera{
		{Name: "nursery", FPS: 10, GOP: 10, NoSub: true, Main: simulated.Video{Width: 320, Height: 180}},
		{Name: "yard", FPS: 10, GOP: 10, NoSub: true, Main: simulated.Video{Width: 320, Height: 180}},
	}
	server := simulate(t, cams...)
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", ""}
	p := start(t, bin(t, "hearth"), nil, args...)
	given := page{
		Data: data, FPS: 10, Origin: address(p.line(t, "listening", 15*time.Second)), Owner: owner{Name: ownerName, Password: ownerPassword},
		Cameras: []truth{trueCamera(server, cams[0], "Nursery"), trueCamera(server, cams[1], "Yard")},
	}
	newBrowser(t, "privacy.mjs", given).steps(t)
	if t.Failed() {
		return
	}

	came, open := server.Calls()
	if open != 0 {
		t.Errorf("%d connections to cameras of a private house", open)
	}
	p.kill()
	p = start(t, bin(t, "hearth"), nil, args...)
	p.line(t, "listening", 15*time.Second)
	time.Sleep(4 * time.Second) // a camera that is to look is called within milliseconds, and again within a second
	if now, open := server.Calls(); now != came || open != 0 {
		t.Errorf("after the crash %d calls came and %d are open: the house is private", now-came, open)
	}
	p.stop(t)
}
