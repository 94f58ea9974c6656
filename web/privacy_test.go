package web

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hearth/storage/access"
)

// TestPrivacySwitch: the API of it, as the page and whoever watches see it.
func TestPrivacySwitch(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	guest, guestID := h.as("Cy", access.Guest)
	h.permit(guestID, h.yard, access.Live)
	adult, _ := h.as("Bo", access.Adult)
	yard := "/cameras/" + h.yard.String()

	conn, _, err := guest.dial(ctx, h.yard, "sub", nil)
	must(t, err)
	defer cut(conn)
	for range 4 {
		_, _, err = conn.Read(ctx)
		must(t, err)
	}

	// It takes manage.
	on := map[string]any{"privacy": map[string]any{"on": true}}
	guest.refused(404, "PATCH", yard, on)
	adult.refused(404, "PATCH", yard, on)
	adult.refused(404, "PATCH", "/settings", on)
	var view cameraView
	h.owner.ok("GET", yard, nil, &view)
	if view.State != "online" || view.Privacy == nil || view.Privacy.On {
		t.Fatalf("before: %s, %+v", view.State, view.Privacy)
	}

	came, _ := h.sim.Calls()
	h.owner.ok("PATCH", yard, on, &view)
	if view.State != "private" || view.PrivateUntil != nil || view.PrivateBy != "hand" || !view.Privacy.On || view.Recorded.Active {
		t.Errorf("after: %+v, %+v", view, view.Privacy)
	}
	for err == nil {
		_, _, err = conn.Read(ctx)
	}

	var last websocket.CloseError
	if !errors.As(err, &last) || last.Code != closePrivate || last.Reason == "" {
		t.Errorf("who watched heard %v", err)
	}
	if p := guest.refused(409, "GET", yard+"/snapshot.jpg", nil); p.Type != privateNow {
		t.Errorf("a picture: %+v", p)
	}
	if _, resp, err := guest.dial(ctx, h.yard, "main", nil); err == nil || resp.StatusCode != 409 {
		t.Errorf("watched: %v", err)
	}
	var seen cameraView
	guest.ok("GET", yard, nil, &seen)
	if seen.State != "private" || seen.Since == nil || seen.Privacy != nil {
		t.Errorf("the guest sees %s since %v, %+v", seen.State, seen.Since, seen.Privacy)
	}

	// The whole house, and bad input.
	var set struct{ Privacy *privacyView }
	adult.ok("GET", "/settings", nil, &set)
	if set.Privacy != nil {
		t.Error("an adult sees the house's schedule")
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	h.owner.ok("PATCH", "/settings", map[string]any{"privacy": map[string]any{"on": true, "until": until}}, &set)
	if set.Privacy == nil || !set.Privacy.On || set.Privacy.Until == nil || !set.Privacy.Until.Equal(until) {
		t.Errorf("the house: %+v", set.Privacy)
	}
	h.owner.ok("GET", "/cameras/"+h.other.String(), nil, &view)
	if view.State != "private" || view.PrivateBy != "house" || view.PrivateUntil == nil || !view.PrivateUntil.Equal(until) || view.Privacy.On {
		t.Errorf("the other: %+v, %+v", view, view.Privacy)
	}
	if p := h.owner.refused(422, "POST", "/cameras/probe", map[string]any{"url": "rtsp://127.0.0.1:9/x"}); p.field() != "body.url" {
		t.Errorf("a probe in a private house: %+v", p)
	}
	for want, bad := range map[string]map[string]any{
		"body.privacy.until":            {"on": true, "until": time.Now().Add(-time.Hour)},
		"body.privacy.schedule":         {"schedule": []any{map[string]any{"from": "22:00", "to": "29:00"}}},
		"body.privacy.schedule[0].from": {"schedule": []any{map[string]any{"from": "10pm", "to": "06:30"}}},
	} {
		if p := h.owner.refused(422, "PATCH", yard, map[string]any{"name": "Changed", "privacy": bad}); p.field() != want {
			t.Errorf("%v: %+v", bad, p)
		}
	}
	h.owner.ok("GET", yard, nil, &view)
	if view.Name != "Yard" {
		t.Error("what was refused changed the name")
	}

	off := map[string]any{"privacy": map[string]any{"on": false}}
	h.owner.ok("PATCH", yard, off, &view)
	if view.State != "private" || view.PrivateBy != "house" {
		t.Errorf("its own switch opens it in a private house: %s", view.State)
	}
	now, _ := h.sim.Calls()
	if now != came {
		t.Errorf("%d calls while all is private", now-came)
	}
	h.owner.ok("PATCH", "/settings", off, &set)
	h.until("both look again", 30*time.Second, func() bool {
		var all list[cameraView]
		h.owner.ok("GET", "/cameras", nil, &all)
		return all.Items[0].State == "online" && all.Items[1].State == "online"
	})

	var acts []string
	entries, _, err := h.store.Access().AuditLog(access.AuditFilter{})
	must(t, err)
	for _, e := range entries {
		if strings.Contains(e.Act, ".private.") {
			acts = append(acts, e.Name+" "+e.Act+" "+e.Detail)
		}
	}
	want := []string{"Ada box.private.off ", "Ada camera.private.off ", "Ada box.private.on until " + until.Format(time.RFC3339), "Ada camera.private.on "}
	if strings.Join(acts, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log says %q, want %q", acts, want)
	}
}

// TestPrivateOnTheTimeline: the gap says why.
func TestPrivateOnTheTimeline(t *testing.T) {
	h := build(t, nil)
	h.withCameras()
	yard := "/cameras/" + h.yard.String()
	began := time.Now()
	timeline := func() (out struct {
		Spans []struct{ From, To time.Time }
		Gaps  []struct {
			From, To time.Time
			Reason   string
		}
	},
	) {
		h.owner.ok("GET", yard+"/timeline?"+fromTo(began.Add(-time.Minute), time.Now().Add(time.Minute)), nil, &out)
		return out
	}
	h.until("footage", 20*time.Second, func() bool { return len(timeline().Spans) > 0 })
	h.owner.ok("PATCH", yard, map[string]any{"privacy": map[string]any{"on": true}}, nil)
	h.until("a gap", 20*time.Second, func() bool {
		got := timeline()
		return len(got.Gaps) == 1 && got.Gaps[0].Reason == "privacy"
	})
	resp := h.owner.open("GET", yard+"/footage?"+fromTo(began, time.Now()), nil)
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); resp.StatusCode != 200 || n < 1000 || err != nil {
		t.Errorf("footage of before: %d, %d bytes, %v", resp.StatusCode, n, err)
	}
}
