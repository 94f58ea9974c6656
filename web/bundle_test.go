package web

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/bundle"
)

// A signed export over the page: both ways give what verifies, over gaps and changes of parameters.
func TestSignedExport(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	id := h.recorded(start)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	verified := func(resp *http.Response, raw []byte) *bundle.Manifest {
		t.Helper()
		if resp.StatusCode != 200 || resp.ContentLength != int64(len(raw)) || resp.Header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%d %v %.200s", resp.StatusCode, resp.Header, raw)
		}
		res, err := bundle.VerifyBy(bytes.NewReader(raw), int64(len(raw)), h.store.Signet().Fingerprint())
		must(t, err)
		if len(res.Findings) > 0 {
			t.Errorf("%v", res.Findings)
		}
		return res.Manifest
	}
	path := "/cameras/" + id.String() + "/export.zip?"
	resp, raw := h.owner.send("GET", path+fromTo(at(1), at(20)), nil)
	m := verified(resp, raw)
	if len(m.Films) != 2 || len(m.Gaps) != 1 || m.Gaps[0].Reason != "connection lost" || m.Camera.ID != id || m.Made.By != "Ada" || m.Camera.Stream != "main" {
		t.Errorf("%+v %+v %+v", m.Films, m.Gaps, m.Made)
	}
	want := `attachment; filename="Hall _ stairs ` + at(1).Format("2006-01-02 15.04.05") + `.zip"`
	if got := resp.Header.Get("Content-Disposition"); got != want {
		t.Errorf("%s", got)
	}
	resp, raw = h.owner.send("POST", "/exports", map[string]any{"camera": id, "from": at(0), "to": at(4), "stream": "sub"})
	if m := verified(resp, raw); m.Camera.Stream != "sub" || len(m.Gaps) != 0 {
		t.Errorf("%+v %+v", m.Camera, m.Gaps)
	}

	var log struct{ Items []auditLine }
	h.owner.ok("GET", "/audit?camera="+id.String(), nil, &log)
	if len(log.Items) < 2 || log.Items[0].Action != "export" || log.Items[0].Saw == nil || !log.Items[0].Saw.To.Equal(at(4)) || log.Items[0].Detail != "signed" {
		t.Errorf("%+v", log.Items)
	}
	if p := h.owner.refused(404, "GET", path+fromTo(at(-100), at(-50)), nil); p.Type != nothingRecorded {
		t.Errorf("%+v", p)
	}
	for where, body := range map[string]map[string]any{
		"body.to":     {"camera": id, "from": at(4), "to": at(4)},
		"body.stream": {"camera": id, "from": at(0), "to": at(4), "stream": "third"},
	} {
		if p := h.owner.refused(422, "POST", "/exports", body); p.field() != where {
			t.Errorf("%s: %+v", where, p)
		}
	}
	if p := h.owner.refused(422, "GET", path+fromTo(at(0), at(100*86400)), nil); p.field() != "query.to" {
		t.Errorf("%+v", p)
	}

	// Who may see the footage and not take it away gets what something gets that is not there; and that is in the log.
	guest, user := h.as("Cy", access.Guest)
	h.permit(user, id, access.Live, access.Events, access.Footage, access.Manage)
	ask := map[string]any{"camera": id, "from": at(0), "to": at(4)}
	here := h.bare(guest, "POST", "/exports", ask)
	nowhere := h.bare(guest, "POST", "/exports", map[string]any{"camera": media.NewCameraID(), "from": at(0), "to": at(4)})
	if here != nowhere || !strings.HasPrefix(here, "404") {
		t.Errorf("%s\n%s", here, nowhere)
	}
	guest.refused(404, "GET", path+fromTo(at(0), at(4)), nil)
	h.srv.looks.flush(true)
	var after struct{ Items []auditLine }
	h.owner.ok("GET", "/audit?camera="+id.String(), nil, &after)
	if !slices.ContainsFunc(after.Items, func(l auditLine) bool { return l.Denied && l.Action == "export" && l.Name == "Cy" }) {
		t.Errorf("%+v", after.Items)
	}
	h.permit(user, id, access.Export)
	resp, raw = guest.send("POST", "/exports", ask)
	if m := verified(resp, raw); m.Made.By != "Cy" {
		t.Errorf("%+v", m.Made)
	}
}

// bare is an answer's status and body.
func (h *house) bare(c *client, method, path string, body any) string {
	resp, raw := c.send(method, path, body)
	return resp.Status + " " + string(raw)
}
