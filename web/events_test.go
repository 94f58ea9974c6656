package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

func TestEvents(t *testing.T) {
	h := build(t, nil)
	yard, nursery := h.unreachable("Yard"), h.unreachable("Nursery")
	start := time.Now().Add(-time.Hour).Truncate(time.Millisecond).UTC()
	ids := make(map[media.CameraID][]string)
	for i := range 10 {
		cam := yard
		if i%2 == 1 {
			cam = nursery
		}
		e := storage.Event{
			ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: start.Add(time.Duration(i) * time.Minute),
			Score: 0.5, Regions: []media.Region{{X: 0.1, Y: 0.2, W: 0.3, H: 0.4, Score: 0.9}}, HasThumb: true,
		}
		if i < 9 {
			e.End = e.Start.Add(10 * time.Second)
		}
		must(t, h.store.PutEvent(e))
		must(t, h.store.PutThumbnail(cam, e.ID, e.Start, fmt.Appendf(nil, "picture %d of %s", i, cam)))
		ids[cam] = append(ids[cam], e.ID.String())
	}
	guest, user := h.as("Cy", access.Guest)
	h.permit(user, nursery, access.Events)

	all := func(c *client, query string) (list []eventView) {
		t.Helper()
		for cursor := ""; ; {
			var page struct {
				Items []eventView
				Next  string
			}
			c.ok("GET", "/events?limit=3&cursor="+cursor+query, nil, &page)
			list = append(list, page.Items...)
			if cursor = page.Next; cursor == "" {
				return list
			}
		}
	}
	of := func(list []eventView, cam media.CameraID) (n int) {
		for _, e := range list {
			if e.Camera == cam {
				n++
			}
		}
		return n
	}
	owners, guests := all(h.owner, ""), all(guest, "")
	if len(owners) != 10 || of(owners, yard) != 5 {
		t.Errorf("the owner sees %d, %d of the yard", len(owners), of(owners, yard))
	}
	if len(guests) != 5 || of(guests, nursery) != 5 {
		t.Errorf("the guest sees %d, %d of the nursery", len(guests), of(guests, nursery))
	}
	for i := 1; i < len(owners); i++ {
		if owners[i].Start.After(owners[i-1].Start) {
			t.Errorf("not newest first: %v after %v", owners[i].Start, owners[i-1].Start)
		}
	}
	if owners[0].End != nil || owners[1].End == nil || len(owners[0].Regions) != 1 || !owners[0].HasThumb {
		t.Errorf("%+v", owners[0])
	}
	if n := len(all(h.owner, "&camera="+yard.String())); n != 5 {
		t.Errorf("%d of the yard", n)
	}
	guest.refused(404, "GET", "/events?camera="+yard.String(), nil)
	h.owner.refused(422, "GET", "/events?camera=x", nil)
	h.owner.refused(404, "GET", "/events/"+media.NewUUID().String(), nil)

	resp, raw := guest.send("GET", "/events/"+ids[nursery][0]+"/thumbnail.jpg", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/jpeg" || string(raw) != "picture 1 of "+nursery.String() {
		t.Errorf("%d %s", resp.StatusCode, raw)
	}
	for _, path := range []string{"", "/thumbnail.jpg"} {
		guest.refused(404, "GET", "/events/"+ids[yard][0]+path, nil)
	}
	for _, act := range []string{"review", "hold", "release"} {
		guest.refused(404, "POST", "/events/"+ids[yard][0]+"/"+act, nil)
	}

	one := "/events/" + ids[nursery][0]
	var e eventView
	guest.ok("POST", one+"/review", nil, &e)
	if !e.Reviewed || e.Held {
		t.Errorf("%+v", e)
	}
	guest.ok("POST", one+"/hold", nil, &e)
	if !e.Held {
		t.Errorf("%+v", e)
	}
	if n := len(all(h.owner, "&held=true")); n != 1 {
		t.Errorf("%d held", n)
	}
	if n := len(all(h.owner, "&reviewed=false")); n != 9 {
		t.Errorf("%d not reviewed", n)
	}
	guest.ok("POST", one+"/review", map[string]any{"reviewed": false}, &e)
	guest.ok("POST", one+"/release", nil, &e)
	if e.Reviewed || e.Held {
		t.Errorf("%+v", e)
	}
	h.permit(user, nursery)
	guest.refused(404, "GET", one+"/thumbnail.jpg", nil)
	if n := len(all(guest, "")); n != 0 {
		t.Errorf("%d events after the right was taken", n)
	}
}

func TestStorageAndSystem(t *testing.T) {
	h := build(t, nil)
	yard := h.unreachable("Yard")
	h.unreachable("Nursery")
	guest, user := h.as("Cy", access.Guest)
	h.permit(user, yard, access.Live)
	var full, part storageOutput
	h.owner.ok("GET", "/storage", nil, &full.Body)
	guest.ok("GET", "/storage", nil, &part.Body)
	if full.Body.Disk == nil || *full.Body.Disk <= 0 || len(full.Body.Cameras) != 2 {
		t.Errorf("%+v", full.Body)
	}
	if part.Body.Total != nil || part.Body.Disk != nil || len(part.Body.Cameras) != 1 || part.Body.Cameras[0].ID != yard {
		t.Errorf("%+v", part.Body)
	}
	var settings settingsOutput
	h.owner.refused(422, "PATCH", "/settings", map[string]any{"name": " "})
	h.owner.ok("PATCH", "/settings", map[string]any{"name": " The Lovelaces "}, nil)
	guest.ok("GET", "/settings", nil, &settings.Body)
	if settings.Body.Name != "The Lovelaces" {
		t.Errorf("%+v", settings.Body)
	}
	resp, raw := h.owner.send("GET", "root:/metrics", nil)
	for _, name := range []string{"hearth_commit_seconds ", "hearth_footage_at_risk_seconds ", `hearth_camera_up{camera="` + yard.String() + `"} 0`, `hearth_vision_hint_trust{camera="` + yard.String() + `"} 0`, `hearth_vision_mode{camera="` + yard.String() + `",mode="stopped"} 1`, "hearth_http_requests_total{", "go_goroutines"} {
		if resp.StatusCode != 200 || !containsLine(string(raw), name) {
			t.Errorf("%d: no %s", resp.StatusCode, name)
		}
	}
	guest.refused(404, "GET", "root:/metrics", nil)
}

func containsLine(text, prefix string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(l string) bool { return strings.HasPrefix(l, prefix) })
}
