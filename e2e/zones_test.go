package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"

	simulated "hearth/nvr/sim"
)

// TestZones draws zones and masks on the page, in a real Chromium, while a simulated camera goes on: what is drawn holds
// with the next look, without another connection or another worker.
func TestZones(t *testing.T) {
	cam := &simulated.Camera{
		Name: "yard", Number: 7, FPS: 10, GOP: 10, Scene: comes(0, 25*time.Second),
		Main: simulated.Video{Width: 640, Height: 360}, Sub: simulated.Video{Width: 320, Height: 180},
	}
	server := simulate(t, cam)
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, bin(t, "hearth"), nil, "serve", "--data", data, "--listen", "127.0.0.1:0", "--listen-http", "")
	given := page{
		Data: data, FPS: 10, Origin: address(p.line(t, "listening", 15*time.Second)), Owner: owner{Name: ownerName, Password: ownerPassword},
		Cameras: []truth{trueCamera(server, cam, "Yard")}, Masks: []media.Polygon{markArea()},
	}
	newBrowser(t, "zones.mjs", given).steps(t)
	if came, _ := server.Calls(); came > 2 { // one for each stream
		t.Errorf("the camera was called %d times: settings of motion need no new connection", came)
	}
	p.stop(t)
}
