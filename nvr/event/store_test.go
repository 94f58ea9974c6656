package event_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/event"
	"hearth/nvr/media"
	"hearth/storage"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// What a Book makes comes back out of the real store, for a person who may see it: while it goes on, when it is over,
// and its thumbnail.
func TestRealStore(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
		s, err := storage.Open(storage.Options{Dir: dir, Log: quiet})
		if err != nil {
			t.Fatal(err)
		}
		stopStore := run(t, s.Run)
		cam := media.NewCameraID()
		if err := errors.Join(s.Box().PutCamera(box.Camera{ID: cam, Name: "yard"}), s.Keys().AddCamera(cam)); err != nil {
			t.Fatal(err)
		}
		events := accesstest.Grant(t, s.Access(), s.Box(), cam, access.Events)
		list := func() []event.Event {
			items, _, err := s.Events([]access.Grant{events}, storage.EventFilter{})
			if err != nil {
				t.Fatal(err)
			}
			return items
		}

		b := &event.Book{Camera: cam, Store: s, Log: quiet}
		stopBook := run(t, b.Run)
		begun := time.Now()
		for i := range 20 {
			moving := i >= 3 && i <= 6
			l := event.Look{Camera: cam, At: time.Now(), Moving: moving}
			if moving {
				l.Score, l.Zones = 0.1*float64(i), []string{"door"}
				l.Regions = []media.Region{{X: 0.1 * float64(i), Y: 0.2, W: 0.1, H: 0.3, Score: 0.5}}
			}
			b.Look(l)
			if i == 5 {
				b.Thumb(event.Thumb{Camera: cam, At: time.Now(), Score: 0.5, JPEG: []byte("a picture")})
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if i == 4 {
				if got := list(); len(got) != 1 || !got[0].End.IsZero() || got[0].HasThumb {
					t.Errorf("while it moves the store has %+v", got)
				}
			}
		}
		got := list()
		if len(got) != 1 {
			t.Fatalf("%d events, want 1", len(got))
		}
		e := got[0]
		if e.Start.Sub(begun) != 3*time.Second || e.End.Sub(begun) != 6*time.Second || e.Camera != cam || e.Kind != "motion" ||
			e.Score < 0.59 || len(e.Regions) != 4 || !slices.Equal(e.Zones, []string{"door"}) || !e.HasThumb {
			t.Errorf("the store has %+v", e)
		}
		if jpeg, err := s.Thumbnail(events, e.ID); err != nil || string(jpeg) != "a picture" {
			t.Errorf("the thumbnail is %q, %v", jpeg, err)
		}
		stopBook()
		stopStore()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// run starts a part and gives what stops it and waits for it.
func run(t *testing.T, part func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
