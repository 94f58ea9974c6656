package nvr

import (
	"testing"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// Who watches over the box waits for fragments of the cameras that are being recorded, and for no others'.
func TestPulse(t *testing.T) {
	t.Parallel()
	h := newPrivateHouse(t, "Yard", "Nursery")
	due := func(what string, n int) {
		h.until(what, func() bool { return h.cameras.Pulse().Due == n })
	}
	due("both are due", 2)
	before := h.cameras.Pulse().Fragments
	h.until("fragments come", func() bool { return h.cameras.Pulse().Fragments > before })

	h.turn(1, true)
	if n := h.cameras.Pulse().Due; n != 1 {
		t.Errorf("%d cameras are due while one is private", n)
	}
	h.turn(1, false)
	due("both are due again", 2)

	// A stream that no file takes is a stream all the same.
	yard := h.cameras.running[h.ids[0]]
	run := &media.Run{ID: media.NewUUID(), Camera: h.ids[0], Stream: media.Main, Tracks: []media.Track{{Codec: "film", ClockRate: 90000}}}
	yard.recorders[media.Main].StartRun(run)
	if n := h.cameras.Pulse().Due; n != 1 {
		t.Errorf("%d cameras are due while one sends what no file takes", n)
	}

	if err := h.cameras.Update(t.Context(), h.grant(1, access.Manage), CameraSettings{
		Name: "Nursery", URL: h.sim.URL(h.cams[1], media.Main), DetectURL: h.sim.URL(h.cams[1], media.Sub),
		Record: "off", Motion: media.MotionSettings{Off: true},
	}); err != nil {
		t.Fatal(err)
	}
	if n := h.cameras.Pulse().Due; n != 0 {
		t.Errorf("%d cameras are due while nothing is recorded", n)
	}
}
