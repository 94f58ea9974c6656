package index

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// happened is what a model knows of an event.
type happened struct {
	Event
	changed int64
	thumb   *Thumb
}

const eventsBegin = benchStart / benchSecond // seconds

func drawEvent(t *rapid.T, camera media.CameraID, id media.UUID) Event {
	part := func(name string, n int) float64 { return float64(rapid.IntRange(0, n).Draw(t, name)) / float64(n) }
	region := func() media.Region {
		return media.Region{X: part("x", 160), Y: part("y", 90), W: part("w", 160), H: part("h", 90), Score: part("surety", 1000)}
	}
	e := Event{
		ID: id, Camera: camera, Kind: rapid.SampledFrom([]string{"motion", "person", ""}).Draw(t, "kind"), Score: part("score", 100),
		Start: time.Unix(eventsBegin+int64(rapid.IntRange(0, 40).Draw(t, "start")), 0).UTC(),
	}
	if rapid.Bool().Draw(t, "ended") {
		e.End = e.Start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "length")) * time.Second)
	}
	for range rapid.IntRange(0, 3).Draw(t, "regions") {
		e.Regions = append(e.Regions, region())
	}
	for range rapid.IntRange(0, 2).Draw(t, "zones") {
		e.Zones = append(e.Zones, rapid.SampledFrom([]string{"door", "", "Eingang für Gäste"}).Draw(t, "zone"))
	}
	if rapid.Bool().Draw(t, "thumb region") {
		e.ThumbRegion = region()
	}
	if rapid.Bool().Draw(t, "more") {
		e.Detail, e.Visits = rapid.SampledFrom([]string{"", "covered"}).Draw(t, "detail"), rapid.IntRange(0, 200).Draw(t, "visits")
		for range rapid.IntRange(0, 3).Draw(t, "chapters") {
			c := Chapter{ID: media.NewUUID(), From: e.Start.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "from")) * time.Second), Score: part("score", 100)}
			c.To = c.From.Add(time.Second)
			if rapid.Bool().Draw(t, "best") {
				c.Best = c.From
			}
			e.Chapters = append(e.Chapters, c)
		}
	}
	return e
}

// Whatever happens to events: each is found, listed, counted among the held and forgotten as a simple list would have it.
func TestEventsAgainstModel(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		x, err := openUnsynced(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		cams := []media.CameraID{{1}, {2}, {3}}
		ids := []media.UUID{{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}}
		model := make(map[media.UUID]*happened)
		waiting := make(map[media.UUID]Thumb)
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			id := rapid.SampledFrom(ids).Draw(t, "id")
			cam := cams[int(id[0])%3]
			now := time.Unix(eventsBegin+int64(step), 0)
			old := model[id]
			put := func(e Event, changed int64) {
				h := &happened{Event: e, changed: changed}
				if old != nil {
					h.thumb = old.thumb
				}
				if w, ok := waiting[id]; ok {
					h.thumb = &w
					delete(waiting, id)
				}
				h.HasThumb = h.thumb != nil
				model[id] = h
			}
			switch rapid.IntRange(0, 8).Draw(t, "step") {
			case 0:
				err = x.db.Fold()
			case 1:
				thumb := Thumb{File: rapid.Int64Range(-5, benchStart).Draw(t, "file"), Place: segment.Place{Seq: 3, Offset: 1 << 35, Length: uint32(step)}}
				if err = x.PutThumb(cam, id, thumb); old != nil {
					old.thumb, old.HasThumb = &thumb, true
				} else {
					waiting[id] = thumb
				}
			case 2:
				held, reviewed := rapid.Bool().Draw(t, "held"), rapid.Bool().Draw(t, "reviewed")
				_, err = x.ChangeEvent(cam, id, now, func(e *Event) { e.Held, e.Reviewed = held, reviewed })
				if old == nil {
					if !errors.Is(err, ErrNotFound) {
						t.Fatalf("change of an event that is not there: %v", err)
					}
					err = nil
				} else {
					old.Held, old.Reviewed, old.changed = held, reviewed, max(now.UnixMicro(), old.changed+1)
				}
			case 3: // older and newer versions and thumbnails, from a pack
				var found []Restored
				for range rapid.IntRange(1, 3).Draw(t, "found") {
					old = model[id]
					if rapid.IntRange(0, 2).Draw(t, "thumbnail") == 0 {
						thumb := Thumb{File: benchStart, Place: segment.Place{Seq: uint32(len(found)), Length: uint32(step)}}
						found = append(found, Restored{ID: id, Thumb: thumb})
						if old != nil && (old.thumb == nil || old.thumb.File <= thumb.File) {
							old.thumb, old.HasThumb = &thumb, true
						} else if w, ok := waiting[id]; old == nil && (!ok || w.File <= thumb.File) {
							waiting[id] = thumb
						}
						continue
					}
					e := drawEvent(t, cam, id)
					e.Held = rapid.Bool().Draw(t, "held")
					changed := now.Add(time.Duration(rapid.IntRange(-5, 1).Draw(t, "later")) * time.Second)
					payload, err := MarshalEvent(e, changed)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, Restored{Event: payload})
					if old == nil || old.changed <= changed.UnixMicro() {
						put(e, changed.UnixMicro())
					}
				}
				found = append(found, Restored{Event: []byte("{")})
				bad, e := x.Restore(cam, found)
				if err = e; len(bad) != 1 || bad[len(found)-1] == nil {
					t.Fatalf("what cannot be read: %v", bad)
				}
			case 4:
				before := time.Unix(eventsBegin+int64(rapid.IntRange(0, 60).Draw(t, "before")), 0)
				_, err = x.Trim(cam, before.UnixMicro(), 100)
				for id, h := range model {
					if h.Camera == cam && !h.Held && !h.End.IsZero() && h.End.Before(before) && h.Start.Before(before) {
						delete(model, id)
					}
				}
			case 5:
				other := drawEvent(t, cams[int(id[0]+1)%3], id)
				if _, err := x.PutEvent(other, now); (err == nil) != (old == nil) {
					t.Fatalf("an event of another camera: %v", err)
				} else if old == nil {
					if err := x.RemoveCamera(other.Camera); err != nil {
						t.Fatal(err)
					}
					for id, h := range model {
						if h.Camera == other.Camera {
							delete(model, id)
						}
					}
					for id := range waiting {
						if cams[int(id[0])%3] == other.Camera {
							delete(waiting, id)
						}
					}
				}
			default:
				e := drawEvent(t, cam, id)
				_, err = x.PutEvent(e, now)
				changed := now.UnixMicro()
				if old != nil {
					e.Held, e.Reviewed = old.Held, old.Reviewed
					changed = max(changed, old.changed+1)
				}
				put(e, changed)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		compareEvents(t, x, cams, ids, model, waiting)
	})
}

func compareEvents(t *rapid.T, x *Index, cams []media.CameraID, ids []media.UUID, model map[media.UUID]*happened, waiting map[media.UUID]Thumb) {
	for _, id := range ids {
		cam := cams[int(id[0])%3]
		e, err := x.Event(cam, id)
		thumb, err2 := x.Thumb(cam, id)
		h := model[id]
		if h == nil {
			if !errors.Is(err, ErrNotFound) {
				t.Fatalf("event %s: %v, want none", id, err)
			}
			if w, ok := waiting[id]; ok != (err2 == nil) || thumb != w {
				t.Fatalf("thumbnail of an event that has not come: %v, %+v", err2, thumb)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(e, h.Event) {
			t.Fatalf("event %s: %v\n%+v, want\n%+v", id, err, e, h.Event)
		}
		if (err2 == nil) != (h.thumb != nil) || h.thumb != nil && thumb != *h.thumb {
			t.Fatalf("thumbnail of %s: %v, %+v, want %+v", id, err2, thumb, h.thumb)
		}
		if _, err := x.Event(cams[int(id[0]+1)%3], id); !errors.Is(err, ErrNotFound) {
			t.Fatalf("event %s under another camera: %v", id, err)
		}
	}
	from := time.Unix(eventsBegin+int64(rapid.IntRange(-1, 60).Draw(t, "from")), 0)
	to := time.Unix(eventsBegin+int64(rapid.IntRange(-1, 60).Draw(t, "to")), 0)
	var all []Event
	for _, h := range model {
		all = append(all, h.Event)
	}
	slices.SortFunc(all, func(a, b Event) int { return slices.Compare(eventTail(b), eventTail(a)) })
	held := rapid.Bool().Draw(t, "held")
	for _, f := range []EventFilter{{}, {From: from}, {To: to}, {From: from, To: to, Kind: "person"}, {Held: &held}, {Reviewed: &held, Kind: "motion"}} {
		var want []Event
		for _, e := range all {
			if f.matches(e) {
				want = append(want, e)
			}
		}
		f.Limit = rapid.IntRange(1, 4).Draw(t, "limit")
		atOnce, looks := rapid.IntRange(1, 3).Draw(t, "at once"), rapid.IntRange(1, 5).Draw(t, "looks")
		var got []Event
		for pages := 0; ; pages++ {
			items, next, err := x.list(cams, f, atOnce, looks)
			if err != nil || len(items) > f.Limit || pages > 100 {
				t.Fatalf("page %d: %v, %d events", pages, err, len(items))
			}
			got = append(got, items...)
			if f.Cursor = next; next == "" {
				break
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v lists\n%+v, want\n%+v", f, got, want)
		}
	}
	for _, cam := range cams {
		var want []EventSpan
		anyHeld := false
		for _, e := range slices.Backward(all) {
			if e.Camera != cam {
				continue
			}
			anyHeld = anyHeld || e.Held && e.Start.Before(to) && endOf(e) > from.UnixMicro()
			end := e.End.UnixMicro()
			if e.End.IsZero() {
				end = -1 // now
			}
			if e.Start.Before(to) && (end == -1 || end >= from.UnixMicro()) {
				want = append(want, EventSpan{e.Start.UnixMicro(), end, e.Held})
			}
		}
		got, err := x.EventSpans(cam, from.UnixMicro(), to.UnixMicro())
		for i := range got {
			if i < len(want) && want[i].End == -1 && got[i].End >= got[i].Start {
				got[i].End = -1
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("spans of %s: %v, %+v, want %+v", cam, err, got, want)
		}
		if got, err := x.HeldWithin(cam, from.UnixMicro(), to.UnixMicro()); err != nil || got != anyHeld {
			t.Fatalf("held within: %v, %v", err, got)
		}
	}
}

// A list with a filter that nothing matches ends after so many looks, and goes on where it was.
func TestListEnds(t *testing.T) {
	x, err := openUnsynced(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cam := media.CameraID{1}
	for i := range 50 {
		e := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Unix(eventsBegin+int64(i), 0), Held: i == 3}
		if _, err := x.PutEvent(e, e.Start); err != nil {
			t.Fatal(err)
		}
	}
	yes := true
	f := EventFilter{Held: &yes}
	pages := 0
	for ; ; pages++ {
		items, next, err := x.list([]media.CameraID{cam}, f, 4, 8)
		if err != nil || pages > 10 {
			t.Fatal(err, pages)
		}
		if len(items) > 0 {
			if items[0].Start.Unix() != eventsBegin+3 {
				t.Fatal(items)
			}
			break
		}
		f.Cursor = next
	}
	if pages != 46/8 {
		t.Errorf("%d pages before the one that matches", pages)
	}
}

// An event whose row cannot be read comes back from its pack, and does not keep others of the pack out.
func TestRestoreOverADamagedRow(t *testing.T) {
	x, err := openUnsynced(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	at := time.Unix(eventsBegin, 0).UTC()
	e := Event{ID: media.NewUUID(), Camera: media.NewCameraID(), Kind: "person", Start: at, End: at.Add(time.Second), Held: true}
	if _, err := x.PutEvent(e, at); err != nil {
		t.Fatal(err)
	}
	if err := x.db.Update(func(tx *layer.Tx) error { tx.Put(eventsOf(e.Camera), eventTail(e), []byte{0xff}); return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Event(e.Camera, e.ID); err == nil {
		t.Fatal("a damaged row was read")
	}
	payload, err := MarshalEvent(e, at)
	if err != nil {
		t.Fatal(err)
	}
	if bad, err := x.Restore(e.Camera, []Restored{{Event: payload}}); err != nil || len(bad) > 0 {
		t.Fatalf("%v, %v", bad, err)
	}
	if got, err := x.Event(e.Camera, e.ID); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("%v: %+v", err, got)
	}
}
