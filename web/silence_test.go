package web

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
)

// passing is what changes by itself in answers.
var passing = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z|"state":"(connecting|offline)"|"since":"[^"]*",?`)

// neverEnding are answers that go on until somebody ends them.
var neverEnding = []string{"GET /stream", "GET /cameras/{id}/motion"}

// said is an answer in one text, without what changes by itself.
func said(resp *http.Response, body []byte) string {
	header := resp.Header.Clone()
	header.Del("Date")
	header.Del("Content-Length") // of a time that ends in zeros: the body is compared whole
	return fmt.Sprintf("%d\n%v\n%s", resp.StatusCode, header, passing.ReplaceAllString(string(body), ""))
}

// reads asks all that can be asked without changing anything, well and badly.
func (h *house) reads(c *client, t *table, event media.UUID) map[string]string {
	answers := make(map[string]string)
	for name, r := range h.requests(t, event, media.NewUUID()) {
		if r.method != "GET" || slices.Contains(neverEnding, name) {
			continue
		}
		paths := []string{r.path}
		if strings.Contains(name, "/events") || strings.Contains(name, "/cameras") {
			end, _, _ := strings.Cut(r.path, "?")
			paths = append(paths, end+"?from=x&limit=-1&cursor=%00&stream=none", end+"?limit=1&cursor=AAAA")
		}
		for _, p := range paths {
			answers["GET "+p] = said(c.send("GET", p, nil))
		}
	}
	return answers
}

// What a guest can read does not depend on what else is in the house: with another camera, its events, footage and people, each
// answer is byte for byte the same.
func TestNobodyLearns(t *testing.T) {
	h := build(t, nil)
	h.yard = h.unreachable("Yard")
	h.other = h.yard
	h.client().ok("POST", "/session", map[string]string{"name": "Ada", "password": password}, nil)
	event := media.NewUUID()
	start := time.Now().Add(-time.Minute)
	must(t, h.store.PutEvent(storage.Event{ID: event, Camera: h.yard, Kind: "motion", Start: start, End: start.Add(time.Second)}))
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, h.yard, access.Verbs()...)
	table := h.srv.routes()
	before := h.reads(guest, table, event)
	if len(before) < 25 || !strings.Contains(before["GET /events"], event.String()) {
		t.Fatalf("%d answers: %v", len(before), slices.Collect(maps.Keys(before)))
	}

	h.other = h.unreachable("Nursery")
	for i := range 3 {
		e := storage.Event{ID: media.NewUUID(), Camera: h.other, Kind: "motion", Start: start.Add(time.Duration(i) * time.Second), HasThumb: true}
		must(t, h.store.PutEvent(e))
		must(t, h.store.PutThumbnail(h.other, e.ID, e.Start, []byte("jpeg")))
	}
	h.as("Dee", access.Adult)
	for name, after := range h.reads(guest, table, event) {
		if was, ok := before[name]; ok && was != after {
			t.Errorf("%s: was\n%s\nis\n%s", name, was, after)
		}
	}

	// Who may manage the yard does not find out which names are taken.
	taken := guest.refused(422, "PATCH", "/cameras/"+h.yard.String(), map[string]any{"name": "Nursery"})
	free := guest.refused(422, "PATCH", "/cameras/"+h.yard.String(), map[string]any{"name": "Attic"})
	if taken.Detail != free.Detail || taken.field() != "body.name" {
		t.Errorf("%v, %v", taken, free)
	}
	guest.ok("PATCH", "/cameras/"+h.yard.String(), map[string]any{"name": "Yard", "audio": false}, nil)
}

// A camera or an event that a guest may not know of is answered byte for byte like one that does not exist, also when
// the rest of the request is wrong.
func TestHiddenIsAbsent(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard"), h.unreachable("Nursery")
	event := media.NewUUID()
	start := time.Now().Add(-time.Minute)
	must(t, h.store.PutEvent(storage.Event{ID: event, Camera: h.yard, Kind: "motion", Start: start, End: start.Add(time.Second)}))
	guest, id := h.as("Cy", access.Guest)
	h.permit(id, h.other, access.Verbs()...)
	table := h.srv.routes()
	hidden := h.requests(table, event, media.NewUUID())
	yard := h.yard
	h.yard = media.NewCameraID()
	absent := h.requests(table, media.NewUUID(), media.NewUUID())
	h.yard = yard
	tried := 0
	for name, a := range hidden {
		b := absent[name]
		if !strings.Contains(name, "/cameras/{id}") && !strings.Contains(name, "/events/{id}") && name != "POST /exports" {
			continue
		}
		tried++
		for _, wrong := range []string{"", "query", "body"} {
			switch wrong {
			case "query":
				pathA, _, _ := strings.Cut(a.path, "?")
				pathB, _, _ := strings.Cut(b.path, "?")
				a.path, b.path = pathA+"?from=x&to=y&at=z&stream=none", pathB+"?from=x&to=y&at=z&stream=none"
			case "body":
				a.body, b.body = `{"name":7,"reviewed":`, `{"name":7,"reviewed":`
			}
			there, not := said(guest.send(a.method, a.path, a.body)), said(guest.send(b.method, b.path, b.body))
			if there != not {
				t.Errorf("%s, wrong %q: hidden\n%s\nabsent\n%s", name, wrong, there, not)
			}
		}
	}
	if tried < 15 {
		t.Errorf("%d routes", tried)
	}
}
