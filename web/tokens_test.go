package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// bearer makes a client that has a token and nothing else.
func (h *house) bearer(token string) *client {
	c := h.client()
	c.http.Transport = carrying{token, c.http.Transport}
	return c
}

type carrying struct {
	token string
	next  http.RoundTripper
}

func (c carrying) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+c.token)
	return c.next.RoundTrip(r)
}

func TestTokens(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard"), h.unreachable("Nursery")
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, h.yard, access.Live, access.Events)
	on := func(c media.CameraID, v ...access.Verb) []map[string]any {
		return []map[string]any{{"camera": c, "verbs": v}}
	}
	for field, body := range map[string]map[string]any{
		"body.verbs":              {"name": "x", "grants": on(h.yard, access.Footage)},
		"body.camera":             {"name": "x", "grants": on(h.other, access.Live)},
		"body.metrics":            {"name": "x", "metrics": true},
		"body.grants":             {"name": "x"},
		"body.name":               {"name": " ", "grants": on(h.yard, access.Live)},
		"body.until":              {"name": "x", "grants": on(h.yard, access.Live), "until": time.Now().Add(-time.Hour)},
		"body.grants[0].verbs[0]": {"name": "x", "grants": on(h.yard, access.Metrics)},
	} {
		if p := guest.refused(422, "POST", "/tokens", body); p.field() != field {
			t.Errorf("%s: %+v", field, p)
		}
	}
	hidden := guest.refused(422, "POST", "/tokens", map[string]any{"name": "x", "grants": on(h.other, access.Live)})
	absent := guest.refused(422, "POST", "/tokens", map[string]any{"name": "x", "grants": on(media.NewCameraID(), access.Live)})
	if hidden.Detail != absent.Detail {
		t.Errorf("%q, %q", hidden.Detail, absent.Detail)
	}

	made := h.token(guest, map[string]any{"name": "Display", "grants": on(h.yard, access.Live)})
	display := h.bearer(made.Token)
	var cameras struct{ Items []cameraView }
	display.ok("GET", "/cameras", nil, &cameras)
	if len(cameras.Items) != 1 || cameras.Items[0].ID != h.yard || len(cameras.Items[0].Verbs) != 1 {
		t.Errorf("%+v", cameras)
	}
	display.refused(404, "GET", "/session", nil)
	display.refused(404, "GET", "/tokens", nil)
	display.refused(404, "PATCH", "/users/"+id.String(), map[string]any{"password": "another one 123", "current_password": password})
	display.refused(404, "GET", "root:/metrics", nil)

	// Everybody sees their own, owners all, with when it was used, and the secret nobody.
	monitor := h.token(h.owner, map[string]any{"name": "Prometheus", "metrics": true})
	var own, all struct{ Items []tokenView }
	guest.ok("GET", "/tokens", nil, &own)
	h.owner.ok("GET", "/tokens", nil, &all)
	if len(own.Items) != 1 || own.Items[0].ID != made.ID || own.Items[0].Seen == nil || own.Items[0].From != "127.0.0.1" || len(all.Items) != 2 {
		t.Errorf("%+v, %+v", own, all)
	}
	if _, raw := h.owner.send("GET", "/tokens", nil); strings.Contains(string(raw), access.TokenPrefix) {
		t.Errorf("%s", raw)
	}
	guest.refused(404, "DELETE", "/tokens/"+monitor.ID.String(), nil)

	// The metrics name cameras by their identity.
	scrape := h.bearer(monitor.Token)
	resp, raw := scrape.send("GET", "root:/metrics", nil)
	if resp.StatusCode != 200 || !containsLine(string(raw), `hearth_camera_up{camera="`+h.other.String()+`"} 0`) || strings.Contains(string(raw), "Nursery") {
		t.Errorf("%d %s", resp.StatusCode, raw)
	}
	scrape.refused(404, "GET", "/cameras/"+h.yard.String(), nil)

	// The log names the token, its making and its end.
	h.owner.ok("DELETE", "/tokens/"+made.ID.String(), nil, nil)
	display.refused(401, "GET", "/cameras", nil)
	entries, _, err := h.store.Access().AuditLog(access.AuditFilter{})
	must(t, err)
	acts := make(map[string]access.Entry)
	for _, e := range entries {
		acts[e.Act+e.Token] = e
	}
	if acts["token.add"].Detail == "" || acts["token.revoke"].Detail != "Display (Cy)" || !acts["lookDisplay"].Denied || acts["lookDisplay"].Name != "Cy" {
		t.Errorf("%+v", acts)
	}

	// Wrong ones are told to wait; the right one goes on.
	var wait *http.Response
	for range 30 {
		if wait, _ = display.send("GET", "/cameras", nil); wait.StatusCode == 429 {
			break
		}
	}
	if wait.StatusCode != 429 || wait.Header.Get("Retry-After") == "" {
		t.Errorf("%d after 30 wrong ones", wait.StatusCode)
	}
	scrape.ok("GET", "root:/metrics", nil, nil)
}
