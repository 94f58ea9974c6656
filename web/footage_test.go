package web

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hearth/storage/access"
)

func TestFootageAcrossAGap(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	id := h.recorded(start)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	s := time.Second
	for _, c := range []struct {
		name        string
		from, to    time.Duration
		more        string
		first, ends time.Duration
		pictures    int
		next        time.Duration // 0: none
	}{
		{"within a GOP: from its key frame", 3 * s, 5 * s, "", 2 * s, 5 * s, 30, 0},
		{"across the gap: one stream with a hole", 1 * s, 15 * s, "", 0, 15 * s, 60 + 50, 0},
		{"from within the gap", 7 * s, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"from exactly the end of the run", 6 * s, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"from a hair before the end, as a page rounds", 6*s - time.Millisecond, 12 * s, "", 10 * s, 12 * s, 20, 0},
		{"after a moment", 3 * s, 5 * s, "&start=after", 4 * s, 5 * s, 10, 0},
		{"up to where the parameters change", 12 * s, 19 * s, "", 12 * s, 16 * s, 40, 16 * s},
		{"from where the parameters change", 16 * s, 20 * s, "", 16 * s, 20 * s, 40, 0},
		{"the sub stream", 0, 6 * s, "&stream=sub", 0, 6 * s, 60, 0},
	} {
		p := h.owner.play(id, start, fromTo(at(c.from), at(c.to))+c.more)
		if p.inits != 1 || len(p.moments) != c.pictures || p.moments[0] != c.first || !p.keys[0] || p.ends != c.ends {
			t.Errorf("%s: %d inits, %d pictures from %v to %v", c.name, p.inits, len(p.moments), p.moments[0], p.ends)
		}
		if !p.start.Equal(at(c.first)) {
			t.Errorf("%s: media time 0 is %v", c.name, p.start.Sub(start))
		}
		want := ""
		if c.next != 0 {
			want = stamp(at(c.next))
		}
		if p.next != want {
			t.Errorf("%s: Hearth-Next %q, want %q", c.name, p.next, want)
		}
	}
	for _, q := range []string{fromTo(at(-time.Minute), at(-30*s)), fromTo(at(7*s), at(8*s)), fromTo(at(time.Minute), at(2*time.Minute))} {
		if p := h.owner.refused(404, "GET", "/cameras/"+id.String()+"/footage?"+q, nil); p.Type != nothingRecorded {
			t.Errorf("%s: %+v", q, p)
		}
	}
	for q, field := range map[string]string{
		fromTo(at(s), at(0)):                   "query.to",
		fromTo(at(0), at(100*24*time.Hour)):    "query.to",
		fromTo(at(0), at(s)) + "&stream=third": "query.stream",
		"from=" + stamp(at(0)):                 "query.to",
		"from=now&to=then":                     "query.from",
	} {
		if p := h.owner.refused(422, "GET", "/cameras/"+id.String()+"/footage?"+q, nil); p.field() != field {
			t.Errorf("%s: %+v", q, p)
		}
	}

	t.Run("a page's windows", func(t *testing.T) {
		// As the page does it: each window from where the one before ended, to the millisecond.
		from, seen := at(0), 0
		for range 20 {
			if !from.Before(at(20 * s)) {
				break
			}
			resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/footage?"+
				fmt.Sprintf("from=%s&to=%s", from.Format("2006-01-02T15:04:05.000Z"), stamp(at(20*s))), nil)
			if resp.StatusCode == 404 {
				break
			}
			p := parsePlayed(t, resp, raw, start)
			if end := at(p.ends); !end.After(from) {
				t.Fatalf("a window from %v ends at %v", from.Sub(start), p.ends)
			}
			seen += len(p.moments)
			from = at(p.ends)
		}
		if !from.Equal(at(20*s)) || seen != 160 {
			t.Errorf("ended at %v after %d pictures", from.Sub(start), seen)
		}
	})

	t.Run("a frame", func(t *testing.T) {
		resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/frame?at="+stamp(at(3500*time.Millisecond)), nil)
		if resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, raw)
		}
		p := parsePlayed(t, resp, raw, start)
		if len(p.moments) != 1 || p.moments[0] != 2*s || !p.keys[0] || p.width != 160 {
			t.Errorf("%+v", p)
		}
	})

	t.Run("another person", func(t *testing.T) {
		guest, user := h.as("Cy", access.Guest)
		h.permit(user, id, access.Live, access.Events, access.Export, access.Manage)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/footage?"+fromTo(at(0), at(5*s)), nil)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/frame?at="+stamp(at(0)), nil)
		guest.refused(404, "GET", "/cameras/"+id.String()+"/timeline?"+fromTo(at(0), at(5*s)), nil)
		h.permit(user, id, access.Footage)
		guest.play(id, start, fromTo(at(0), at(5*s)))
		guest.refused(404, "GET", "/cameras/"+id.String()+"/export.mp4?"+fromTo(at(0), at(5*s)), nil)
	})

	t.Run("who looked", func(t *testing.T) {
		h.srv.looks.flush(true)
		var log struct{ Items []auditLine }
		h.owner.ok("GET", "/audit?limit=1000&camera="+id.String(), nil, &log)
		found := 0
		for _, l := range log.Items {
			if l.Action == "footage" && !l.Denied && l.Saw != nil && !l.Saw.From.After(at(2*s)) && !l.Saw.To.Before(at(19*s)) {
				found++
			}
		}
		if found == 0 || len(log.Items) > 20 {
			t.Errorf("%d lines, %d with the whole span: %+v", len(log.Items), found, log.Items)
		}
	})

	t.Run("ffmpeg reads it", func(t *testing.T) {
		ffmpeg, err := exec.LookPath("ffmpeg")
		if err != nil {
			t.Skip("ffmpeg is not installed")
		}
		_, raw := h.owner.send("GET", "/cameras/"+id.String()+"/footage?"+fromTo(at(s), at(15*s)), nil)
		file := filepath.Join(t.TempDir(), "footage.mp4")
		must(t, os.WriteFile(file, raw, 0o600))
		out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "warning", "-xerror", "-i", file, "-f", "null", "-").CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestExport(t *testing.T) {
	h := build(t, nil)
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	id := h.recorded(start)
	path := "/cameras/" + id.String() + "/export.mp4?"
	resp, raw := h.owner.send("GET", path+fromTo(start.Add(time.Second), start.Add(15*time.Second)), nil)
	want := `attachment; filename="Hall _ stairs ` + start.Add(time.Second).Format("2006-01-02 15.04.05") + `.mp4"`
	if resp.StatusCode != 200 || resp.Header.Get("Content-Disposition") != want || resp.ContentLength != int64(len(raw)) {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if i, j := bytes.Index(raw, []byte("moov")), bytes.Index(raw, []byte("mdat")); i < 0 || j < i || bytes.Contains(raw, []byte("moof")) {
		t.Error("not a plain MP4 with its index first")
	}
	if p := h.owner.refused(404, "GET", path+fromTo(start.Add(-time.Hour), start.Add(-time.Minute)), nil); p.Type != nothingRecorded {
		t.Errorf("%+v", p)
	}
	if p := h.owner.refused(422, "GET", path+fromTo(start.Add(12*time.Second), start.Add(20*time.Second)), nil); p.field() != "query.to" {
		t.Errorf("across a change of parameters: %+v", p)
	}
	var log struct{ Items []auditLine }
	h.owner.ok("GET", "/audit?camera="+id.String(), nil, &log)
	if len(log.Items) == 0 || log.Items[0].Action != "export" || log.Items[0].Saw == nil {
		t.Errorf("%+v", log.Items)
	}
}

// A download under way ends within a second of losing the grant, and is seen to be cut off.
func TestFootageEndsWithTheGrant(t *testing.T) {
	h := build(t, nil)
	id, query := h.noisy()
	guest, user := h.as("Cy", access.Guest)
	h.permit(user, id, access.Footage, access.Export)
	for _, what := range []string{"footage", "export.mp4"} {
		t.Run(what, func(t *testing.T) {
			h.permit(user, id, access.Footage, access.Export)
			resp := guest.open("GET", "/cameras/"+id.String()+"/"+what+"?"+query, nil)
			defer resp.Body.Close()
			if resp.StatusCode != 200 {
				t.Fatal(resp.StatusCode)
			}
			_, err := io.CopyN(io.Discard, resp.Body, 1<<20)
			must(t, err)
			h.permit(user, id)
			taken := time.Now()
			// Nothing is read for longer than the grant takes to be asked for again: the server must not need that.
			h.until("the server let go", 2*time.Second, func() bool { return time.Since(taken) > 1100*time.Millisecond })
			n, err := io.Copy(io.Discard, resp.Body)
			if err == nil {
				t.Errorf("%d more bytes, and a regular end", n)
			}
			if whole := noisySize; n > whole/2 {
				t.Errorf("%d of %d bytes came after the grant was taken", n, whole)
			}
		})
	}
}
