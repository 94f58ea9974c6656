package web

import (
	"net/http"
	"testing"

	"hearth/storage/access"
)

// Somebody who manages one camera, and watches it, must not have it show another one: many cameras stand behind one
// recorder's address, with one password.
func TestOnlyOwnersSayWhereACameraIs(t *testing.T) {
	h := build(t, nil)
	yard := h.unreachable("Yard")
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, yard, access.Live, access.Manage)
	path := "/cameras/" + yard.String()
	for _, c := range []map[string]any{
		{"url": "rtsp://127.0.0.1:9/nursery"},
		{"url": "rtsp://127.0.0.2:9/yard"},
		{"url": "rtsp://user:word@127.0.0.1:9/nursery"},
		{"detect_url": "rtsp://127.0.0.1:9/nursery"},
		{"url": "not an address"},
	} {
		if p := guest.refused(http.StatusUnprocessableEntity, "PATCH", path, c); p.field() != "body.url" {
			t.Errorf("%v: %+v", c, p)
		}
	}
	if c, err := h.store.Box().Camera(yard); err != nil || c.URL != "rtsp://127.0.0.1:9/yard" || c.DetectURL != "" {
		t.Errorf("%+v, %v", c, err)
	}
	// All else is theirs to change, and the address may be said again as it is.
	guest.ok("PATCH", path, map[string]any{"url": "rtsp://127.0.0.1:9/yard", "record": "motion", "password": "new one"}, nil)
	h.owner.ok("PATCH", path, map[string]any{"url": "rtsp://127.0.0.1:9/garden"}, nil)

	accept := map[string]any{"decision": "accept", "found": map[string]any{}}
	if p := guest.refused(http.StatusUnprocessableEntity, "POST", path+"/identity", accept); p.field() != "body.decision" {
		t.Errorf("who may manage a camera says that another device is it: %+v", p)
	}
}
