package web

import (
	"net/netip"
	"testing"
	"time"

	"hearth/storage/access"
)

// A camera is not said to be recorded while the disk is full and all that comes is dropped.
func TestNothingIsRecordedOnAFullDisk(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	_, session, err := h.store.Access().Login(t.Context(), access.Try{Name: "Ada", Password: password, From: netip.IPv6Loopback()})
	must(t, err)
	g, err := h.store.Access().AuthorizeIn(session, h.yard, access.Live)
	must(t, err)
	active := func(full bool) bool {
		t.Helper()
		c, err := h.store.Box().Camera(h.yard)
		must(t, err)
		usage := h.store.Usage()
		usage.Full = full
		view, err := h.srv.cameraView(&visitor{session: session}, g, c, usage)
		must(t, err)
		return view.Recorded.Active
	}
	h.until("the camera is recorded", 10*time.Second, func() bool { return active(false) })
	if active(true) {
		t.Error("said to be recorded although the disk is full")
	}
}
