package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/nvr/media"
	"hearth/nvr/sim"
	"hearth/storage/access"
)

// addressed adds two simulated cameras at addresses of their own, each with a key and a password of its own, and starts a
// third that nobody knows and that takes the yard's password: what the yard's camera is replaced with.
func (h *house) addressed() (yard, nursery, spare *sim.Camera) {
	h.t.Helper()
	device := func(name, address, user string) *sim.Camera {
		return &sim.Camera{
			Name: name, Address: address, TLS: true, FPS: 10, GOP: 10, User: user, Password: "secret of " + user,
			Main: sim.Video{Width: 320, Height: 180}, Sub: sim.Video{Width: 160, Height: 90},
		}
	}
	yard, nursery = device("yard", "127.0.2.1:0", "yard"), device("nursery", "127.0.2.2:0", "nursery")
	spare = device("spare", "127.0.2.3:0", "yard")
	h.sim = &sim.Server{Cameras: []*sim.Camera{yard, nursery, spare}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.sim.Run(ctx) }()
	h.t.Cleanup(func() { cancel(); <-done })
	select {
	case <-h.sim.Ready():
	case err := <-done:
		h.t.Fatal(err)
	}
	add := func(name string, c *sim.Camera) media.CameraID {
		var view cameraView
		h.owner.ok("POST", "/cameras", map[string]any{
			"name": name, "url": h.sim.URL(c, media.Main), "detect_url": plainURL(h.sim.URL(c, media.Sub)),
		}, &view)
		return view.ID
	}
	h.yard, h.other = add("Yard", yard), add("Nursery", nursery)
	for _, id := range []media.CameraID{h.yard, h.other} {
		h.becomes(id, "online")
	}
	return yard, nursery, spare
}

// becomes waits until a camera has a state, and gives it as the owner sees it.
func (h *house) becomes(id media.CameraID, state string) (view cameraView) {
	h.t.Helper()
	h.until("the camera "+state, 60*time.Second, func() bool {
		view = cameraView{}
		h.owner.ok("GET", "/cameras/"+id.String(), nil, &view)
		return view.State == state
	})
	return view
}

func (h *house) timeline(id media.CameraID, from time.Time) (body struct {
	Spans []struct{ From, To time.Time }
	Gaps  []struct {
		From, To time.Time
		Reason   string
	}
},
) {
	h.t.Helper()
	h.owner.ok("GET", "/cameras/"+id.String()+"/timeline?"+fromTo(from, time.Now()), nil, &body)
	return body
}

// The router hands each camera the other's address: nothing is recorded or shown under the wrong name, and who may know
// what about it is as everywhere.
func TestQuarantine(t *testing.T) {
	h := build(t, nil)
	began := time.Now()
	yard, nursery, _ := h.addressed()
	guest, guestID := h.as("Cy", access.Guest)
	h.permit(guestID, h.yard, access.Live)
	manager, managerID := h.as("Max", access.Guest)
	h.permit(managerID, h.yard, access.Live, access.Manage)
	var before cameraView
	h.owner.ok("GET", "/cameras/"+h.yard.String(), nil, &before)
	if before.Identity == nil || len(before.Identity.Pinned.TLSKey) != 64 || before.Identity.Found != nil || before.SubIdentity != nil {
		t.Fatalf("identity %+v", before.Identity)
	}
	kept, err := h.store.Box().Camera(h.yard) // it was added without: as one of an older hearth.db
	must(t, err)
	if kept.Pins == nil || *kept.Pins != before.Identity.Pinned {
		t.Fatalf("kept %+v", kept.Pins)
	}
	h.until("footage", 20*time.Second, func() bool { return len(h.timeline(h.yard, began).Spans) > 0 })

	h.sim.Swap(yard, nursery)
	seen := h.becomes(h.yard, "quarantined")
	h.becomes(h.other, "quarantined")
	swapped := time.Now()
	found := seen.Identity.Found
	if found == nil || found.Doubt != "device" || len(found.Like) != 1 || found.Like[0].Name != "Nursery" || seen.Problem == "" {
		t.Errorf("found %+v, problem %q", found, seen.Problem)
	}
	_, raw := manager.send("GET", "/cameras/"+h.yard.String(), nil)
	if !strings.Contains(string(raw), `"found"`) || strings.Contains(string(raw), "Nursery") || strings.Contains(string(raw), h.other.String()) {
		t.Errorf("who manages only the yard sees %s", raw)
	}
	_, raw = guest.send("GET", "/cameras/"+h.yard.String(), nil)
	if !strings.Contains(string(raw), "quarantined") || strings.Contains(string(raw), "identity") || strings.Contains(string(raw), found.Pins.TLSKey) {
		t.Errorf("a guest sees %s", raw)
	}
	guest.refused(404, "POST", "/cameras/"+h.yard.String()+"/identity", map[string]any{"decision": "accept", "found": found.Pins})
	h.owner.refused(503, "GET", "/cameras/"+h.yard.String()+"/snapshot.jpg", nil)

	for _, stream := range []string{"main", "sub"} {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		conn, _, err := guest.dial(ctx, h.yard, stream, nil)
		must(t, err)
		for {
			kind, _, err := conn.Read(ctx)
			if err != nil {
				break
			}
			if kind == websocket.MessageBinary {
				t.Errorf("a live message on %s", stream)
			}
		}
		_ = conn.CloseNow()
		cancel()
	}
	h.until("the reason on the timeline", 30*time.Second, func() bool {
		gaps := h.timeline(h.yard, began).Gaps
		return len(gaps) > 0 && gaps[len(gaps)-1].Reason == "it was another camera"
	})
	spans := h.timeline(h.yard, began).Spans
	if end := spans[len(spans)-1].To; end.After(swapped) {
		t.Errorf("footage until %v, and it was another camera by %v", end, swapped)
	}

	h.sim.Swap(yard, nursery)
	back := h.becomes(h.yard, "online")
	h.becomes(h.other, "online")
	if back.Identity.Found != nil || back.Identity.Pinned != before.Identity.Pinned {
		t.Errorf("identity %+v", back.Identity)
	}
	h.until("footage again", 20*time.Second, func() bool {
		s := h.timeline(h.yard, began).Spans
		return len(s) > len(spans)
	})
	reasons := ""
	for _, g := range h.timeline(h.yard, began).Gaps {
		reasons += g.Reason + ", "
	}
	if !strings.Contains(reasons, "it was another camera") {
		t.Errorf("the gaps say %s", reasons)
	}
	h.owner.refused(409, "POST", "/cameras/"+h.yard.String()+"/identity", map[string]any{"decision": "accept", "found": found.Pins})
}

// The owner says that what answers is the camera, and that holds for what the owner saw and for nothing else.
func TestDecideIdentity(t *testing.T) {
	h := build(t, nil)
	yard, nursery, spare := h.addressed()
	path := "/cameras/" + h.yard.String()
	accept := func(found media.Pins) map[string]any { return map[string]any{"decision": "accept", "found": found} }
	before := h.becomes(h.yard, "online").Identity.Pinned

	h.sim.Answer(yard, spare)
	shown := h.becomes(h.yard, "quarantined").Identity.Found
	if len(shown.Like) != 0 {
		t.Errorf("like %v", shown.Like)
	}
	// Between the look and the decision the nursery's camera gets the address.
	h.sim.Answer(yard, nursery)
	h.until("the other one is found", 60*time.Second, func() bool {
		var view cameraView
		h.owner.ok("GET", path, nil, &view)
		return view.Identity.Found != nil && view.Identity.Found.Pins != shown.Pins
	})
	h.owner.refused(409, "POST", path+"/identity", accept(shown.Pins))
	h.owner.refused(409, "POST", path+"/identity", accept(media.Pins{}))
	h.owner.refused(422, "POST", path+"/identity", map[string]any{"decision": "forget", "found": shown.Pins})
	var still cameraView
	h.owner.ok("GET", path, nil, &still)
	if still.State != "quarantined" || still.Identity.Pinned != before {
		t.Errorf("%s, %+v", still.State, still.Identity)
	}

	h.sim.Answer(yard, spare)
	h.until("what was shown is found again", 60*time.Second, func() bool {
		var view cameraView
		h.owner.ok("GET", path, nil, &view)
		return view.Identity.Found != nil && view.Identity.Found.Pins == shown.Pins
	})
	news := h.owner.news()
	h.owner.ok("POST", path+"/identity", accept(shown.Pins), nil)
	for told := false; !told; {
		_, data, err := news.next()
		must(t, err)
		told = strings.Contains(data, `"identity"`)
	}
	after := h.becomes(h.yard, "online")
	if after.Identity.Found != nil || after.Identity.Pinned.TLSKey != shown.Pins.TLSKey || after.Identity.Pinned.TLSKey == before.TLSKey {
		t.Errorf("identity %+v", after.Identity)
	}
	_, log := h.owner.send("GET", "/audit?camera="+h.yard.String(), nil)
	if s := string(log); !strings.Contains(s, "camera.identity") || !strings.Contains(s, before.TLSKey) || !strings.Contains(s, shown.Pins.TLSKey) {
		t.Errorf("the log says %s", s)
	}

	// The one before is now the stranger.
	h.sim.Answer(yard, yard)
	h.becomes(h.yard, "quarantined")
	// The owner moves the camera to another address: the pins stay, and the question comes up there.
	h.owner.refused(http.StatusUnprocessableEntity, "PATCH", path, map[string]any{"url": plainURL(h.sim.URL(spare, media.Main)), "detect_url": ""})
	h.owner.ok("PATCH", path, map[string]any{
		"url": plainURL(h.sim.URL(nursery, media.Main)), "detect_url": "", "username": "yard", "password": "secret of yard",
	}, nil)
	h.until("the question at the new address", 60*time.Second, func() bool {
		var view cameraView
		h.owner.ok("GET", path, nil, &view)
		return view.State == "quarantined" && view.Identity.Found != nil && len(view.Identity.Found.Like) == 1
	})
}
