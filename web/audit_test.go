package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/witness"
)

// event puts an event with a thumbnail.
func (h *house) event(camera media.CameraID, start time.Time) media.UUID {
	h.t.Helper()
	id := media.NewUUID()
	must(h.t, h.store.PutEvent(storage.Event{
		ID: id, Camera: camera, Kind: "motion", Start: start, End: start.Add(10 * time.Second), HasThumb: true,
	}))
	must(h.t, h.store.PutThumbnail(camera, id, start, []byte("jpeg")))
	return id
}

type auditAnswer struct {
	Items   []auditLine
	Next    string
	Trouble []string
}

func (h *house) log(query ...string) (a auditAnswer) {
	h.t.Helper()
	q := url.Values{}
	for i := 0; i < len(query); i += 2 {
		q.Set(query[i], query[i+1])
	}
	h.owner.ok("GET", "/audit?"+q.Encode(), nil, &a)
	return a
}

// Who saw this camera between two and three? The question is about the time of the pictures, whenever somebody looked.
func TestWhoSaw(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard"), h.unreachable("Nursery")
	day := time.Now().UTC().Add(-30 * time.Hour).Truncate(24 * time.Hour)
	two, nine := day.Add(14*time.Hour), day.Add(9*time.Hour)
	afternoon, morning := h.event(h.yard, two.Add(10*time.Minute)), h.event(h.yard, nine)
	h.event(h.other, two)
	bea, beaID := h.as("Bea", access.Adult)
	cy, _ := h.as("Cy", access.Adult)
	dan, danID := h.as("Dan", access.Guest)
	bea.ok("GET", "/events/"+afternoon.String(), nil, nil) // that is no picture
	for _, x := range []struct {
		c  *client
		id media.UUID
	}{{bea, morning}, {bea, afternoon}, {cy, morning}} {
		if resp, _ := x.c.send("GET", "/events/"+x.id.String()+"/thumbnail.jpg", nil); resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode)
		}
	}
	dan.refused(404, "GET", "/events/"+afternoon.String()+"/thumbnail.jpg", nil)
	dan.refused(404, "GET", "/cameras/"+h.yard.String()+"/snapshot.jpg", nil)
	h.srv.looks.flush(true)

	saw := h.log("camera", h.yard.String(), "saw_from", stamp(two), "saw_to", stamp(two.Add(time.Hour)))
	if len(saw.Items) != 1 || saw.Items[0].Name != "Bea" || saw.Items[0].Action != "thumbnail" || len(saw.Items[0].Pieces) != 2 {
		t.Errorf("%+v", saw.Items)
	}
	for name, c := range map[string]struct {
		want  int
		query []string
	}{
		"in the morning":        {3, []string{"camera", h.yard.String(), "saw_from", stamp(nine), "saw_to", stamp(nine.Add(time.Hour))}},
		"looked then":           {0, []string{"camera", h.yard.String(), "from", stamp(two), "to", stamp(two.Add(time.Hour))}},
		"of another camera":     {0, []string{"camera", h.other.String(), "saw_from", stamp(two), "saw_to", stamp(two.Add(time.Hour))}},
		"of Bea":                {2, []string{"user", beaID.String(), "action", "thumbnail"}},
		"refused":               {1, []string{"camera", h.yard.String(), "denied", "true"}},
		"done to Dan or by Dan": {3, []string{"user", danID.String()}}, // added, logged in, refused
	} {
		if got := h.log(c.query...); len(got.Items) != c.want {
			t.Errorf("%s: %d lines, want %d: %+v", name, len(got.Items), c.want, got.Items)
		}
	}
	h.owner.refused(422, "GET", "/audit?saw_from="+stamp(two)+"&saw_to="+stamp(nine), nil)
	if got := h.log("action", "audit"); len(got.Items) != 1 {
		t.Errorf("reading the log is %d lines, want one a sitting", len(got.Items))
	}
}

// A person sees who looked at what they may see, and what concerns them: not that there is anything else.
func TestMyAudit(t *testing.T) {
	h := build(t, nil)
	h.yard, h.other = h.unreachable("Yard"), h.unreachable("Nursery")
	day := time.Now().UTC().Add(-30 * time.Hour)
	yard, nursery := h.event(h.yard, day), h.event(h.other, day)
	bea, _ := h.as("Bea", access.Adult)
	dan, danID := h.as("Dan", access.Guest)
	eve, eveID := h.as("Eve", access.Guest)
	h.permit(danID, h.yard, access.Live, access.Events)
	h.permit(eveID, h.other, access.Events)
	for _, x := range []struct {
		c  *client
		id media.UUID
	}{{bea, yard}, {bea, nursery}, {eve, nursery}} {
		x.c.send("GET", "/events/"+x.id.String()+"/thumbnail.jpg", nil)
	}
	for _, id := range []string{h.other.String(), h.yard.String(), media.NewCameraID().String()} {
		dan.send("GET", "/cameras/"+id+"/footage?"+fromTo(day, day.Add(time.Minute)), nil) // refused, which says nothing
	}
	h.client().refused(401, "POST", "/session", map[string]string{"name": "Dan", "password": "wrong horse"})
	h.owner.ok("PATCH", "/cameras/"+h.yard.String(), map[string]any{"name": "Yard 2"}, nil)
	h.srv.looks.flush(true)

	type mine struct {
		Items []ownLine
		Next  string
	}
	read := func(c *client, query string) (m mine) {
		t.Helper()
		resp, raw := c.send("GET", "/audit/mine?"+query, nil)
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, raw)
		}
		must(t, json.Unmarshal(raw, &m))
		return m
	}
	acts := func(m mine) (list []string) {
		for _, l := range m.Items {
			text := l.Name + " " + l.Action
			if l.Denied {
				text += " denied"
			}
			if l.Camera != nil {
				text += " of " + l.Camera.String()
			}
			list = append(list, text)
		}
		return list
	}
	_, raw := dan.send("GET", "/audit/mine", nil)
	for _, secret := range []string{h.other.String(), "Nursery", "Eve", nursery.String(), `"id"`, "detail"} {
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("Dan is told of %q: %s", secret, raw)
		}
	}
	got := strings.Join(acts(read(dan, "")), "\n")
	want := strings.Join([]string{
		"Dan login denied", "Bea thumbnail of " + h.yard.String(), "Ada user.grants", "Dan login", "Ada user.add",
	}, "\n")
	if got != want {
		t.Errorf("Dan reads\n%s\nwant\n%s", got, want)
	}
	if got := read(dan, "camera="+h.other.String()); len(got.Items) != 0 {
		t.Errorf("%+v", got)
	}
	// The cursor of one is none for another, and says nothing.
	first := read(dan, "limit=2")
	if first.Next == "" || len(first.Items) != 2 {
		t.Fatalf("%+v", first)
	}
	if rest := read(dan, "cursor="+first.Next); len(rest.Items) != 3 || rest.Next != "" {
		t.Errorf("%+v", rest)
	}
	eve.refused(422, "GET", "/audit/mine?cursor="+first.Next, nil)
	dan.refused(422, "GET", "/audit/mine?cursor=5", nil)
	if again := read(dan, "limit=2"); again.Next == first.Next || len(again.Next) != len(first.Next) {
		t.Error("two cursors of one place are the same, or tell by their length")
	}
	// Who may only look now is not told when there was something recorded to see.
	h.permit(danID, h.yard, access.Live)
	if got := strings.Join(acts(read(dan, "")), "\n"); strings.Contains(got, "thumbnail") {
		t.Errorf("Dan, who may see no events, reads\n%s", got)
	}
	// A right that is taken takes its lines with it.
	h.permit(danID, h.yard)
	if got := acts(read(dan, "")); len(got) != 6 || strings.Contains(strings.Join(got, " "), h.yard.String()) {
		t.Errorf("%q", got)
	}
	dan.refused(404, "GET", "/audit", nil)
	dan.refused(404, "GET", "/audit/export", nil)
}

// What an owner saves is whole and signed, and what is changed in it shows.
func TestExportedLog(t *testing.T) {
	h := build(t, nil)
	h.yard = h.unreachable("=cmd()")
	h.as("Bea", access.Adult)
	resp, raw := h.owner.send("GET", "/audit/export", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/jsonl" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	r, err := witness.VerifyExport(bytes.NewReader(raw))
	if err != nil || len(r.Findings) > 0 || r.Lines < 5 || r.Fingerprint != h.store.Signet().Fingerprint() {
		t.Fatalf("%+v, %v", r, err)
	}
	if !bytes.Contains(raw, []byte(`"audit.export"`)) {
		t.Error("the export is not in the log that it is of")
	}
	lines := bytes.SplitAfter(bytes.TrimSpace(raw), []byte("\n"))
	join := func(list ...[]byte) []byte { return bytes.Join(list, nil) }
	for name, changed := range map[string][]byte{
		"a name changed":    bytes.Replace(raw, []byte(`"name":"Ada"`), []byte(`"name":"Eve"`), 1),
		"the end cut off":   join(lines[:len(lines)-1]...),
		"a line taken out":  join(append(append([][]byte{}, lines[:len(lines)-2]...), lines[len(lines)-1])...),
		"the head cut off":  join(append(append([][]byte{}, lines[0]), lines[len(lines)-int(r.Lines):]...)...),
		"a line put behind": join(append(append([][]byte{}, lines...), []byte("\n"), lines[len(lines)-1])...),
		"junk":              append(bytes.Clone(raw), "junk\n"...),
	} {
		if r, err := witness.VerifyExport(bytes.NewReader(changed)); err != nil || len(r.Findings) == 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	for _, junk := range []string{"", "{}", "PK\x03\x04", "\n"} {
		if _, err := witness.VerifyExport(strings.NewReader(junk)); err == nil {
			t.Errorf("%q is taken for an export", junk)
		}
	}
	resp, raw = h.owner.send("GET", "/audit/export?format=csv", nil)
	table, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || resp.StatusCode != http.StatusOK || len(table) < int(r.Lines) {
		t.Fatalf("%v: %s", err, raw)
	}
	for _, row := range table {
		for _, cell := range row {
			if strings.HasPrefix(cell, "=") {
				t.Errorf("a program for tables would take %q for a formula", cell)
			}
		}
	}
}
