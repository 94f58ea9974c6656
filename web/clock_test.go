package web

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/clock"
	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/fmp4test"
	"hearth/storage/box"
)

// TestRecordedTwice: of a time that was recorded twice, all that follows one address goes on in time, and both recordings
// are there for who asks.
func TestRecordedTwice(t *testing.T) {
	h := build(t, nil)
	id := media.NewCameraID()
	must(t, h.store.Keys().AddCamera(id))
	must(t, h.store.Box().PutCamera(box.Camera{ID: id, Name: "Hall", Record: "off"}))
	start := time.Now().Add(-2 * time.Hour).Truncate(time.Millisecond).UTC()
	at := func(d time.Duration) time.Time { return start.Add(d) }
	const back = 5300 * time.Millisecond // not where a fragment begins
	f := h.film(id, media.Main, 320)
	f.run(media.Main, start, 12)
	f.run(media.Main, at(back), 12)
	must(t, f.w.Close())
	var line timelineOutput
	h.until("both are there", 10*time.Second, func() bool {
		h.owner.ok("GET", "/cameras/"+id.String()+"/timeline?"+fromTo(start, at(time.Minute)), nil, &line.Body)
		return len(line.Body.Spans) == 1 && line.Body.Spans[0].To.Equal(at(back+12*time.Second))
	})
	if w := line.Body.Twice; len(w) != 1 || w[0].Times != 2 || !w[0].From.Equal(at(back)) || !w[0].To.Equal(at(12*time.Second)) {
		t.Errorf("twice: %+v", w)
	}
	for _, c := range []struct {
		more     string
		pictures int
		runs     int64 // when the later run is seen first, ms, or comes back; its pictures alone have such times
	}{
		{"", 50 + 120, 5300}, // a fragment that reaches over it is left out
		{"&beneath=1", 120 + 40, 13300},
		{"&beneath=9", 120 + 40, 13300},
	} {
		p := h.owner.play(id, start, fromTo(start, at(30*time.Second))+c.more)
		if len(p.moments) != c.pictures {
			t.Errorf("%q: %d pictures, want %d", c.more, len(p.moments), c.pictures)
		}
		if second := slices.Index(p.moments, time.Duration(c.runs)*time.Millisecond); second < 0 || !p.keys[second] {
			t.Errorf("%q: the later recording is not seen from %d ms on", c.more, c.runs)
		}
		// A browser, or a file, takes decoding times that rise.
		for i := 1; i < len(p.moments); i++ {
			if p.moments[i] <= p.moments[i-1] {
				t.Fatalf("%q: picture %d is of %v, the one before of %v", c.more, i, p.moments[i], p.moments[i-1])
			}
		}
		resp, raw := h.owner.send("GET", "/cameras/"+id.String()+"/export.mp4?"+fromTo(start, at(30*time.Second))+c.more, nil)
		if resp.StatusCode != 200 {
			t.Fatalf("%q: export: %d %s", c.more, resp.StatusCode, raw)
		}
		file := filepath.Join(t.TempDir(), "export.mp4")
		must(t, os.WriteFile(file, raw, 0o600))
		if n := len(fmp4test.Probe(t, file).Of(0)); n != c.pictures {
			t.Errorf("%q: the export has %d pictures, want %d", c.more, n, c.pictures)
		}
	}
}

// TestSystemSaysWhatItKnowsOfTheTime: a clock that is certainly wrong is a sentence for the owner.
func TestSystemSaysWhatItKnowsOfTheTime(t *testing.T) {
	h := build(t, nil)
	var said systemOutput
	h.owner.ok("GET", "/system", nil, &said.Body)
	if said.Body.Clock != nil {
		t.Errorf("nobody watches the clock, and it says %+v", said.Body.Clock)
	}
	h.srv.Clock = &clock.Clock{Built: time.Now().AddDate(1, 0, 0)}
	h.owner.ok("GET", "/system", nil, &said.Body)
	if c := said.Body.Clock; c == nil || c.Known || c.Source != "" || !strings.Contains(c.Problem, "before this program was made") {
		t.Errorf("%+v", c)
	}
}
