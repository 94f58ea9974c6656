package web

import (
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
)

type forecast struct {
	Since  *time.Time
	Events int
	Levels []forecastLevel
}

// Three visits of different clearness, one of them at the gate, and a tree that stirs all the time.
func TestForecast(t *testing.T) {
	h := build(t, nil)
	h.yard = h.unreachable("Yard")
	path := "/cameras/" + h.yard.String() + "/motion/forecast"
	ask := func(m media.MotionSettings) (f forecast) {
		t.Helper()
		h.owner.ok("POST", path, map[string]any{"motion": m}, &f)
		return f
	}
	if f := ask(media.MotionSettings{Sensitivity: 0.5}); f.Since != nil || f.Events != 0 {
		t.Errorf("of a camera that never looked: %+v", f)
	}
	begin := time.Now().Add(-3 * time.Hour).Truncate(time.Hour)
	gate, path2, tree := media.Region{X: 0.1, Y: 0.5, W: 0.1, H: 0.2}, media.Region{X: 0.5, Y: 0.5, W: 0.1, H: 0.2}, media.Region{X: 0.8, Y: 0.1, W: 0.1, H: 0.1}
	for _, v := range []struct {
		minute, reach int
		where         media.Region
	}{{5, 11, path2}, {20, 6, gate}, {40, 3, path2}} {
		h.store.AddMark(h.yard, begin.Add(time.Duration(v.minute)*time.Minute), v.reach, v.where)
	}
	for i := range 12 {
		h.store.AddMark(h.yard, begin.Add(time.Hour+time.Duration(i)*5*time.Minute), 8, tree)
	}
	area := func(r media.Region) media.Polygon {
		return media.Polygon{{r.X - 0.02, r.Y - 0.02}, {r.X + r.W + 0.02, r.Y - 0.02}, {r.X + r.W + 0.02, r.Y + r.H + 0.02}, {r.X - 0.02, r.Y + r.H + 0.02}}
	}
	high, low := 1.0, 0.0
	atGate, mask := media.Zone{Name: "Gate", Polygon: area(gate)}, []media.Polygon{area(tree)}
	for _, c := range []struct {
		what   string
		m      media.MotionSettings
		events int
	}{
		{"as it is", media.MotionSettings{Sensitivity: 0.5}, 14},
		{"the least", media.MotionSettings{Sensitivity: 0}, 1},
		{"the most", media.MotionSettings{Sensitivity: 1}, 15},
		{"the tree masked", media.MotionSettings{Sensitivity: 0.5, Masks: mask}, 2},
		{"a zone that labels", media.MotionSettings{Sensitivity: 0.5, Zones: []media.Zone{atGate}}, 14},
		{"only that zone", media.MotionSettings{Sensitivity: 0.5, Zones: []media.Zone{atGate}, OnlyZones: true}, 1},
		{"what is large there", media.MotionSettings{
			Sensitivity: 0.5, Masks: mask, Zones: []media.Zone{{Name: "Gate", Polygon: area(gate), MinSize: 0.1}},
		}, 1},
		{"a dull camera with a sensitive gate", media.MotionSettings{
			Sensitivity: 0, Zones: []media.Zone{{Name: "Gate", Polygon: area(gate), Sensitivity: &high}},
		}, 2},
		{"a sensitive camera with a dull gate", media.MotionSettings{
			Sensitivity: 1, Masks: mask, Zones: []media.Zone{{Name: "Gate", Polygon: area(gate), Sensitivity: &low}},
		}, 2},
	} {
		f := ask(c.m)
		if f.Events != c.events || f.Since == nil || len(f.Levels) != media.Levels {
			t.Errorf("%s: %+v, want %d events", c.what, f, c.events)
		}
		for _, l := range f.Levels {
			if l.Sensitivity == c.m.Sensitivity && l.Events != f.Events {
				t.Errorf("%s: %d events, and %d at the same sensitivity", c.what, f.Events, l.Events)
			}
		}
	}
	h.owner.refused(422, "POST", path, map[string]any{"motion": media.MotionSettings{Masks: []media.Polygon{{{0, 0}, {1, 1}}}}})
	h.owner.refused(422, "POST", path, map[string]any{
		"motion": media.MotionSettings{}, "from": time.Now().Add(-48 * time.Hour), "to": time.Now(),
	})
	guest, id := h.as("Gus", access.Guest)
	h.permit(id, h.yard, access.Live, access.Events, access.Footage, access.Export)
	guest.refused(404, "POST", path, map[string]any{"motion": media.MotionSettings{}})
}
