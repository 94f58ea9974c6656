package storage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/segment"
)

// Lists of events page through all of several cameras, newest first, each once, and only those of the grants.
func TestEventsPage(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		rnd := rand.New(rand.NewPCG(3, 4))
		cams := []media.CameraID{r.camera(), r.camera(), r.camera()}
		begin := time.Now().UTC()
		var want []Event
		for i := range 200 {
			e := Event{
				ID: media.NewUUID(), Camera: cams[rnd.IntN(3)], Kind: []string{"motion", "person"}[rnd.IntN(2)],
				Start: begin.Add(time.Duration(rnd.IntN(100)) * time.Minute), Score: float64(i) / 200,
				Regions: []media.Region{{X: 0.1, Y: 0.2, W: 0.3, H: 0.4, Score: 0.5}}, Zones: []string{"door"},
			}
			e.End = e.Start.Add(time.Minute)
			if err := r.s.PutEvent(e); err != nil {
				t.Fatal(err)
			}
			if e.Camera != cams[2] {
				want = append(want, e)
			}
		}
		slices.SortFunc(want, func(a, b Event) int {
			if d := b.Start.Compare(a.Start); d != 0 {
				return d
			}
			return slices.Compare(b.ID[:], a.ID[:])
		})
		gs := []access.Grant{r.grant(cams[0], access.Events), r.grant(cams[1], access.Events)}
		list := func(f EventFilter) (all []Event) {
			t.Helper()
			for {
				items, next, err := r.s.Events(gs, f)
				if err != nil {
					t.Fatal(err)
				}
				if len(items) > 7 {
					t.Fatalf("%d items", len(items))
				}
				all = append(all, items...)
				if next == "" {
					return all
				}
				f.Cursor = next
			}
		}
		compareEvents(t, list(EventFilter{Limit: 7}), want)
		from, to := begin.Add(20*time.Minute+30*time.Second), begin.Add(50*time.Minute)
		compareEvents(t, list(EventFilter{Limit: 7, From: from, To: to, Kind: "person"}), slices.DeleteFunc(slices.Clone(want), func(e Event) bool {
			return e.Kind != "person" || !e.End.After(from) || !e.Start.Before(to)
		}))

		// Marks are kept, and can be asked for.
		yes, no := true, false
		for i, e := range want {
			g := gs[0]
			if e.Camera == cams[1] {
				g = gs[1]
			}
			if i%3 == 0 {
				if err := r.s.SetReviewed(g, e.ID, true); err != nil {
					t.Fatal(err)
				}
				want[i].Reviewed = true
			}
		}
		compareEvents(t, list(EventFilter{Limit: 7, Reviewed: &yes}), slices.DeleteFunc(slices.Clone(want), func(e Event) bool { return !e.Reviewed }))
		compareEvents(t, list(EventFilter{Limit: 7, Reviewed: &no}), slices.DeleteFunc(slices.Clone(want), func(e Event) bool { return e.Reviewed }))
		compareEvents(t, list(EventFilter{Limit: 7, Held: &yes}), nil)

		for _, cursor := range []string{"x", "AAAA", strings.Repeat("A", 300), "../.."} {
			if _, _, err := r.s.Events(gs, EventFilter{Cursor: cursor}); !errors.Is(err, ErrCursor) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}

func compareEvents(t *testing.T, got, want []Event) {
	t.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		t.Fatalf("%d events, want %d:\n%.600s\n%.600s", len(got), len(want), g, w)
	}
}

func TestEventLife(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam, other := r.camera(), r.camera()
		g := r.grant(cam, access.Events)
		e := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now().UTC()}
		if err := r.s.PutEvent(e); err != nil {
			t.Fatal(err)
		}
		if got, err := r.s.Event(g, e.ID); err != nil || !got.End.IsZero() || got.HasThumb {
			t.Fatal(err, got)
		}
		for i := range 2 { // the second is a better one
			if err := r.s.PutThumbnail(cam, e.ID, time.Now(), fmt.Appendf(nil, "picture %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if jpeg, err := r.s.Thumbnail(g, e.ID); err != nil || string(jpeg) != "picture 1" {
			t.Fatal(err, jpeg)
		}
		// What began a moment earlier after all, and is over, is still one event.
		e.Start, e.End, e.Score = e.Start.Add(-time.Second), e.Start.Add(5*time.Second), 0.9
		if err := r.s.PutEvent(e); err != nil {
			t.Fatal(err)
		}
		items, _, err := r.s.Events([]access.Grant{g}, EventFilter{})
		if err != nil || len(items) != 1 || items[0].Score != 0.9 || !items[0].HasThumb || !items[0].End.Equal(e.End) {
			t.Fatal(err, items)
		}
		// Nobody else's.
		og := r.grant(other, access.Events)
		if _, err := r.s.Event(og, e.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if _, err := r.s.Thumbnail(og, e.ID); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if err := r.s.SetHeld(og, e.ID, true); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		for name, g := range map[string]access.Grant{"zero": {}, "live": r.grant(cam, access.Live), "footage": r.grant(cam, access.Footage)} {
			_, err1 := r.s.Event(g, e.ID)
			_, err2 := r.s.Thumbnail(g, e.ID)
			_, _, err3 := r.s.Events([]access.Grant{g}, EventFilter{})
			for _, err := range []error{err1, err2, err3, r.s.SetHeld(g, e.ID, true), r.s.SetReviewed(g, e.ID, true)} {
				if !errors.Is(err, ErrDenied) {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		// An event does not change cameras.
		e.Camera = other
		if err := r.s.PutEvent(e); err == nil {
			t.Error("an event changed cameras")
		}
		r.reopen()
		if jpeg, err := r.s.Thumbnail(r.grant(cam, access.Events), e.ID); err != nil || string(jpeg) != "picture 1" {
			t.Fatal(err, jpeg)
		}
	})
}

// What people say of an event that is still going on outlives what the camera goes on to say of it, also in the copy
// from which a lost index is made again.
func TestMarksOutliveUpdates(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		g := r.grant(cam, access.Events)
		e := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now().UTC()}
		put := func() {
			t.Helper()
			if err := r.s.PutEvent(e); err != nil {
				t.Fatal(err)
			}
		}
		check := func(reviewed, held bool) {
			t.Helper()
			got, err := r.s.Event(g, e.ID)
			if err != nil || got.Reviewed != reviewed || got.Held != held || got.Score != e.Score {
				t.Fatalf("%+v, %v, want reviewed %v, held %v", got, err, reviewed, held)
			}
			items, _, err := r.s.Events([]access.Grant{g}, EventFilter{Held: &held})
			if err != nil || len(items) != 1 {
				t.Fatalf("%d events listed by held %v, %v", len(items), held, err)
			}
		}
		put()
		check(false, false)
		if err := errors.Join(r.s.SetReviewed(g, e.ID, true), r.s.SetHeld(g, e.ID, true)); err != nil {
			t.Fatal(err)
		}
		e.Score = 0.5
		put()
		check(true, true)
		e.Start, e.End, e.Score = e.Start.Add(-time.Second), e.Start.Add(time.Minute), 0.7 // over, and begun earlier
		put()
		check(true, true)

		r.close()
		if err := os.Remove(filepath.Join(r.dir, indexFile)); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		r.settle() // the packs are read behind the start
		g = r.grant(cam, access.Events)
		check(true, true)
		if err := r.s.SetHeld(g, e.ID, false); err != nil {
			t.Fatal(err)
		}
		put()
		check(true, false)
	})
}

func TestMotionOnTheTimeline(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		begin := time.Now().UTC().Truncate(time.Hour).Add(58 * time.Minute)
		time.Sleep(time.Until(begin))
		want := []Motion{
			{begin, begin.Add(time.Minute), 1},
			{begin.Add(3 * time.Minute), begin.Add(4 * time.Minute), 0.5},
		}
		for _, at := range []struct {
			after time.Duration
			score float64
		}{{0, 0.2}, {10 * time.Second, 1}, {59 * time.Second, 0.1}, {3 * time.Minute, 0.5}, {5 * time.Minute, 0}} {
			r.s.AddMotion(cam, begin.Add(at.after), at.score)
		}
		time.Sleep(10 * time.Minute)
		other := r.camera()
		r.s.AddMotion(other, begin, 1)
		for _, when := range []string{"running", "after a restart"} {
			line, err := r.s.Timeline(r.grant(cam, access.Footage), begin.Add(-time.Hour), time.Now())
			if err != nil || len(line.Motion) != 2 {
				t.Fatalf("%s: %v, %+v", when, err, line.Motion)
			}
			for i, m := range line.Motion {
				if !m.From.Equal(want[i].From) || !m.To.Equal(want[i].To) || m.Score < want[i].Score || m.Score > want[i].Score+0.01 {
					t.Errorf("%s: %+v, want %+v", when, m, want[i])
				}
			}
			r.reopen()
		}
		day := begin.Unix() / 86400
		_, motion, err := r.s.index.Day(cam, day)
		minute := begin.Hour()*60 + begin.Minute()
		if err != nil || motion[minute/8]&(0x80>>(minute%8)) == 0 {
			t.Errorf("the map of the day: %v, %x", err, motion)
		}
	})
}

// The picture of a chapter is its event's: with a grant for its camera it is there, under no other event, and it goes when
// the chapter goes or the event is let go of.
func TestChapterPictures(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam, other := r.camera(), r.camera()
		g := r.grant(cam, access.Events)
		start := time.Now().UTC().Truncate(time.Microsecond)
		chapter := func(i int) Chapter {
			from := start.Add(time.Duration(i) * time.Minute)
			return Chapter{ID: media.NewUUID(), From: from, To: from.Add(30 * time.Second), Score: 0.5, Best: from}
		}
		e := Event{
			ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: start, End: start.Add(3 * time.Minute), Visits: 3,
			Chapters: []Chapter{chapter(0), chapter(1), chapter(2)},
		}
		elsewhere := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: start}
		if err := errors.Join(r.s.PutEvent(e), r.s.PutEvent(elsewhere)); err != nil {
			t.Fatal(err)
		}
		for i, c := range e.Chapters {
			if err := r.s.PutThumbnail(cam, c.ID, c.Best, fmt.Appendf(nil, "chapter %d", i)); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, want ...string) {
			t.Helper()
			for i, c := range e.Chapters {
				jpeg, err := r.s.ChapterThumbnail(r.grant(cam, access.Events), e.ID, c.ID)
				if want[i] == "" && !errors.Is(err, ErrNotFound) || want[i] != "" && (err != nil || string(jpeg) != want[i]) {
					t.Errorf("%s: chapter %d: %q, %v, want %q", when, i, jpeg, err, want[i])
				}
			}
		}
		check("stored", "chapter 0", "chapter 1", "chapter 2")
		first := e.Chapters[0].ID
		for name, ask := range map[string]func() ([]byte, error){
			"under another event":   func() ([]byte, error) { return r.s.ChapterThumbnail(g, elsewhere.ID, first) },
			"with another's grant":  func() ([]byte, error) { return r.s.ChapterThumbnail(r.grant(other, access.Events), e.ID, first) },
			"a chapter that is not": func() ([]byte, error) { return r.s.ChapterThumbnail(g, e.ID, media.NewUUID()) },
		} {
			if jpeg, err := ask(); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %q, %v", name, jpeg, err)
			}
		}
		if _, err := r.s.ChapterThumbnail(r.grant(cam, access.Footage), e.ID, first); !errors.Is(err, ErrDenied) {
			t.Errorf("with a grant for footage: %v", err)
		}
		r.reopen()
		check("opened again", "chapter 0", "chapter 1", "chapter 2")

		// The index is made again from the packs, chapters and pictures with it.
		r.close()
		if err := os.Remove(filepath.Join(r.dir, indexFile)); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		r.settle()
		check("made again", "chapter 0", "chapter 1", "chapter 2")

		// Two chapters became one.
		joined := e
		joined.Chapters = []Chapter{e.Chapters[0], e.Chapters[2]}
		if err := r.s.PutEvent(joined); err != nil {
			t.Fatal(err)
		}
		check("joined", "chapter 0", "", "chapter 2")
		if _, err := r.s.index.Thumb(cam, e.Chapters[1].ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("the picture of a chapter that is gone: %v", err)
		}
		for more := true; more; {
			var err error
			if more, err = r.s.index.Trim(cam, micros(start.Add(time.Hour)), 100); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range e.Chapters {
			if _, err := r.s.index.Thumb(cam, c.ID); !errors.Is(err, ErrNotFound) {
				t.Errorf("the picture of an event that was let go of: %v", err)
			}
		}
	})
}

// TestPicturesOfChaptersThatAreGone: when the index is made again it finds pictures in the packs that nothing names any more. They
// go with their packs, and what is named stays.
func TestPicturesOfChaptersThatAreGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := r.camera()
		start := time.Now().UTC().Truncate(time.Microsecond)
		e := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: start, End: start.Add(2 * time.Minute), Visits: 2}
		for i := range 2 {
			from := start.Add(time.Duration(i) * time.Minute)
			e.Chapters = append(e.Chapters, Chapter{ID: media.NewUUID(), From: from, To: from.Add(time.Second), Best: from})
		}
		keep := func(e Event) {
			t.Helper()
			if err := r.s.PutEvent(e); err != nil {
				t.Fatal(err)
			}
			for _, c := range e.Chapters {
				if err := r.s.PutThumbnail(cam, c.ID, c.Best, []byte("picture")); err != nil {
					t.Fatal(err)
				}
			}
		}
		keep(e)
		kept, gone := e.Chapters[0].ID, e.Chapters[1].ID
		e.Chapters = e.Chapters[:1]
		if err := r.s.PutEvent(e); err != nil {
			t.Fatal(err)
		}
		r.close()
		if err := os.Remove(filepath.Join(r.dir, indexFile)); err != nil {
			t.Fatal(err)
		}
		r.open(Options{})
		r.settle()
		time.Sleep(time.Hour)
		later := Event{ID: media.NewUUID(), Camera: cam, Kind: "motion", Start: time.Now(), Visits: 2}
		later.Chapters = []Chapter{{ID: media.NewUUID(), From: later.Start, To: later.Start.Add(time.Second), Best: later.Start}}
		keep(later)
		r.reopen()
		before := micros(time.Now().Add(time.Hour))
		check := func(when string, want map[media.UUID]bool) {
			t.Helper()
			if _, err := r.s.index.Trim(cam, before, 100); err != nil {
				t.Fatal(err)
			}
			for id, there := range want {
				if _, err := r.s.index.Thumb(cam, id); (err == nil) != there || err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("%s: a picture is to be there: %v; %v", when, there, err)
				}
			}
		}
		for _, id := range []media.UUID{e.ID, later.ID} {
			if _, err := r.s.index.ChangeEvent(cam, id, time.Now(), func(e *Event) { e.Held = true }); err != nil {
				t.Fatal(err)
			}
		}
		newest := later.Chapters[0].ID
		check("made again", map[media.UUID]bool{kept: true, gone: true, newest: true})
		packs, err := r.s.index.Written(segment.Line{Camera: cam, Stream: segment.Pack}, 0, 10)
		if err != nil || len(packs) != 2 {
			t.Fatalf("%d packs, %v", len(packs), err)
		}
		if err := r.s.index.Condemn(packs[:1]); err != nil {
			t.Fatal(err)
		}
		check("without the pack", map[media.UUID]bool{kept: false, gone: false, newest: true})
		if err := r.s.index.Condemn(packs[1:]); err != nil {
			t.Fatal(err)
		}
		check("a pack that is not known, or not yet", map[media.UUID]bool{newest: true})
	})
}
