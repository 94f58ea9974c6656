//go:build sabotage

package live_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"hearth/nvr/live"
	"hearth/nvr/media"
	"hearth/nvr/media/alarm"
	"hearth/nvr/media/sabotage"
	"hearth/storage/access"
)

// watched is all that a new viewer of a hub gets at once.
func watched(t *testing.T, h *live.Hub) (out []byte, err error) {
	t.Helper()
	v, err := h.Subscribe(grant(t, h.Camera, access.Live))
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for range 2 {
		m, err := v.Next(t.Context())
		if err != nil {
			return out, err
		}
		out = append(out, m.Data...)
	}
	return out, nil
}

// The last pictures of two cameras are exchanged in what is kept for new viewers.
func TestSabotagedGOPCache(t *testing.T) {
	var log bytes.Buffer
	bell := &alarm.Bell{Log: slog.New(slog.NewTextHandler(&log, nil))}
	var hubs [2]*live.Hub
	secret := [2]string{"the yard's pixels", "the nursery's pixels"}
	for i := range hubs {
		cam := media.NewCameraID()
		hubs[i] = &live.Hub{Camera: cam, Bell: bell}
		run := anyRun(cam)
		hubs[i].StartRun(run)
		for n := range 5 {
			au := frame(run, n, 0)
			au.Data = []byte(secret[i])
			hubs[i].WriteUnit(run, au)
		}
		if out, err := watched(t, hubs[i]); err != nil || !bytes.Contains(out, []byte(secret[i])) {
			t.Fatalf("without a fault: %v, %q", err, out)
		}
	}
	sabotage.Plant(t, sabotage.GOPCache, hubs[0].Camera, hubs[1].Camera)
	for i, h := range hubs {
		if out, err := watched(t, h); !errors.Is(err, live.ErrDenied) || bytes.Contains(out, []byte("pixels")) {
			t.Errorf("camera %d: %v, %q", i, err, out)
		}
	}
	if bell.Counts()[alarm.Live] != 2 || !strings.Contains(log.String(), "level=ERROR msg=\"ALARM: ") {
		t.Errorf("%v: %s", bell.Counts(), &log)
	}
	sabotage.CloseEyes(t, string(alarm.Live))
	if out, _ := watched(t, hubs[0]); !bytes.Contains(out, []byte(secret[1])) {
		t.Errorf("the fault is none: %q", out)
	}
}

// Another camera's run or pictures, and a grant of another camera, come to nothing in a hub.
func TestSabotagedHub(t *testing.T) {
	var log bytes.Buffer
	bell := &alarm.Bell{Log: slog.New(slog.NewTextHandler(&log, nil))}
	cam, other := media.NewCameraID(), media.NewCameraID()
	h := &live.Hub{Camera: cam, Bell: bell}
	if _, err := h.Subscribe(grant(t, other, access.Live)); !errors.Is(err, live.ErrDenied) {
		t.Errorf("with a grant of another camera: %v", err)
	}
	v, err := h.Subscribe(grant(t, cam, access.Live))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	strange := anyRun(other)
	h.StartRun(strange)
	h.WriteUnit(strange, frame(strange, 0, 10))
	own := anyRun(cam)
	h.StartRun(own)
	wrong := frame(own, 0, 10)
	wrong.Camera = other
	h.WriteUnit(own, wrong)
	for _, m := range drain(v) {
		if m.Kind == live.Media || m.Kind == live.Init && m.Camera != cam {
			t.Errorf("a viewer got %+v", m)
		}
	}
	if _, au := h.LastKey(); au != nil {
		t.Error("a snapshot could be made of it")
	}
	if n := bell.Counts()[alarm.Live]; n != 3 {
		t.Errorf("%d alarms: %s", n, &log)
	}
}
