package web

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/web/diagnostics"
)

type shownView struct {
	ID    media.UUID
	Files []diagnostics.File
}

func (v shownView) all() string {
	var b strings.Builder
	for _, f := range v.Files {
		fmt.Fprintf(&b, "%s\n%s\n", f.Name, f.Text)
	}
	return b.String()
}

// What is saved is what was shown, for who was shown it and nobody else; and there are lines about both in the log.
func TestDiagnosticsAreSavedAsShown(t *testing.T) {
	h := build(t, nil)
	h.srv.Recent = new(diagnostics.Ring)
	h.unreachable("Yard")
	var v shownView
	h.owner.ok("GET", "/diagnostics", nil, &v)
	resp, raw := h.owner.send("GET", "/diagnostics/"+v.ID.String()+"/zip", nil)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/zip" ||
		!strings.HasPrefix(resp.Header.Get("Content-Disposition"), "attachment") {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	if len(z.File) != len(v.Files) || len(z.File) < 7 || z.Comment != "" {
		t.Fatalf("%d files, shown %d", len(z.File), len(v.Files))
	}
	for i, f := range z.File {
		r, err := f.Open()
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		if f.Name != v.Files[i].Name || string(text) != v.Files[i].Text || f.Comment != "" {
			t.Errorf("%s is not what was shown as %s", f.Name, v.Files[i].Name)
		}
	}
	again := h.client()
	again.ok("POST", "/session", map[string]string{"name": "Ada", "password": password}, nil)
	adult, _ := h.as("Bob", access.Adult)
	for _, c := range []*client{again, adult} { // another session of the same owner, too
		c.refused(404, "GET", "/diagnostics/"+v.ID.String()+"/zip", nil)
	}
	adult.refused(404, "GET", "/diagnostics", nil)
	h.owner.refused(404, "GET", "/diagnostics/"+media.NewUUID().String()+"/zip", nil)
	for _, act := range []string{"diagnostics.look", "diagnostics.save"} {
		list, _, err := h.store.Access().AuditLog(access.AuditFilter{Act: act})
		must(t, err)
		if len(list) != 1 || list[0].Name != "Ada" {
			t.Errorf("%s: %v", act, list)
		}
	}
}

// Everything that has a name has an alias, the same in every file; what happened is there.
func TestDiagnosticsNameNobody(t *testing.T) {
	h := build(t, nil)
	h.srv.Recent = new(diagnostics.Ring)
	yard := h.unreachable("Camera 2") // whose alias is camera 1
	nursery := h.unreachable("Tildas cot")
	h.owner.ok("PATCH", "/settings", map[string]string{"name": "Villa Sorgenfri"}, nil)
	_, zoe := h.as("Zoe Østergaard", access.Guest)
	_, goneID := h.as("Otto", access.Guest)
	h.owner.ok("DELETE", "/users/"+goneID.String(), nil, nil)
	h.permit(zoe, nursery, access.Live)
	var token struct{ Token string }
	h.owner.ok("POST", "/tokens", map[string]any{"name": "Kitchen display", "metrics": true}, &token)
	h.owner.ok("POST", "/invitations", map[string]any{"name": "Flo Nightingale", "role": "adult"}, nil)
	h.owner.ok("PATCH", "/cameras/"+yard.String(), map[string]any{
		"username": "opsviewer", "motion": map[string]any{"sensitivity": 0.5, "zones": []any{map[string]any{
			"name": "Neighbours gate", "polygon": [][]float64{{0, 0}, {1, 0}, {1, 1}},
		}}},
	}, nil)
	must(t, h.store.PutEvent(storage.Event{ID: media.NewUUID(), Camera: yard, Kind: "motion", Start: time.Now()}))
	recent := h.srv.Recent.Beside(h.srv.Log.Handler())
	log := slog.New(recent)
	log.Warn("the camera does not answer", "camera", "Tildas cot", "error", "dial tcp 10.20.30.40:554: Otto and Zoe at "+yard.String())
	log.Info("a disk is back", "folder", "/mnt/Grandmas attic", "secret", token.Token, "error", "for "+h.dir+"/media/"+yard.String()+"/main: "+token.Token)
	secrets := []string{
		yard.String(), nursery.String(), "Tilda", "Sorgenfri", "Zoe", "stergaard", "Otto", "Ada", "Kitchen", "Nightingale", "Flo ", "opsviewer",
		"Neighbours", "127.0.0.1", "10.20.30.40", "Grandma", "attic", token.Token, h.dir, zoe.String(), goneID.String(),
	}
	leaks := func(text string) (found []string) {
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
				found = append(found, s)
			}
		}
		return found
	}
	var v shownView
	h.until("both cameras have failed", 20*time.Second, func() bool {
		h.owner.ok("GET", "/diagnostics", nil, &v)
		return strings.Count(v.all(), "state: offline") == 2
	})
	if found := leaks(v.all()); len(found) > 0 {
		t.Errorf("it names %q:\n%s", found, v.all())
	}
	for _, want := range []string{
		"owners 1, adults 0, guests 1", "tokens 1, invitations 1", "«camera 1»", `hearth_camera_up{camera="«camera 2»"} 0`, "zones 1",
		`hearth_volume_well{volume="«disk 1»"} 1`,
		"camera=«camera 2» error=dial tcp «address»: «person» and «person» at «camera 1»", "secret=«…»",
	} {
		if !strings.Contains(v.all(), want) {
			t.Errorf("it does not say %q:\n%s", want, v.all())
		}
	}
	if len(leaks("x "+h.dir+" y")) != 1 { // what is looked for would be found
		t.Error("a planted leak is not found")
	}
}
