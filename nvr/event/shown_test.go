package event_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/event"
)

// shooting has a desk take pictures that say of which second they are, each in some seconds.
func (d *desk) shooting(within time.Duration) {
	d.Shoot = func(ctx context.Context, until time.Time) (event.Photo, error) {
		select {
		case <-time.After(within):
			return event.Photo{At: until, JPEG: fmt.Appendf(nil, "second %v", d.second(until))}, nil
		case <-ctx.Done():
			return event.Photo{}, ctx.Err()
		}
	}
}

// What was done to a camera has a picture of what it shows since, and one of what it showed before; other looks are taken
// meanwhile.
func TestTroubleHasPictures(t *testing.T) {
	for _, c := range []struct {
		tamper        string
		frozen        bool
		before, since string
	}{
		{"covered", false, "second 45", "second 60"},
		{"turned", false, "second 45", "second 60"},
		{"defocused", false, "second 18", "second 60"},
		{"", true, "", "second 60"},
	} {
		t.Run(c.tamper, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				defer d.stop()
				d.shooting(4 * time.Second)
				for s := range 90 {
					d.until(float64(s))
					if s == 60 || s == 62 {
						d.wrong(c.tamper, c.frozen, time.Duration(s-48)*time.Second)
					} else {
						d.wrong("", false, 0)
					}
					if s == 63 && (len(d.troubles()) != 1 || d.troubles()[0].HasThumb) {
						t.Errorf("before the pictures are made: %+v", d.troubles())
					}
				}
				got := d.troubles()
				if len(got) != 1 || !got[0].HasThumb || got[0].End.IsZero() {
					t.Fatalf("%+v", got)
				}
				e := got[0]
				if d.of[e.ID] != c.since {
					t.Errorf("its picture is of %q, want %q", d.of[e.ID], c.since)
				}
				switch {
				case c.before == "" && len(e.Chapters) != 0:
					t.Errorf("%+v has a picture of before, which shows the same", e)
				case c.before != "" && (len(e.Chapters) != 1 || d.of[e.Chapters[0].ID] != c.before || !e.Chapters[0].Best.Equal(e.Chapters[0].From)):
					t.Errorf("the picture of before is %q, want %q: %+v", d.of, c.before, e)
				}
			})
		})
	}
}

// A picture that cannot be made, is too large, is of later than was asked for, or comes when something else is wrong
// already is none. The event stands.
func TestTroubleWithoutPictures(t *testing.T) {
	for name, shoot := range map[string]func(until time.Time) (event.Photo, error){
		"none": func(time.Time) (event.Photo, error) { return event.Photo{}, errors.New("nothing came") },
		"large": func(until time.Time) (event.Photo, error) {
			return event.Photo{At: until, JPEG: make([]byte, 1<<20+1)}, nil
		},
		"later": func(until time.Time) (event.Photo, error) {
			return event.Photo{At: until.Add(time.Second), JPEG: []byte("x")}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				defer d.stop()
				d.Shoot = func(_ context.Context, until time.Time) (event.Photo, error) { return shoot(until) }
				d.wrong("covered", false, time.Second)
				time.Sleep(15 * time.Second)
				synctest.Wait()
				if got := d.troubles(); len(got) != 1 || got[0].HasThumb || len(got[0].Chapters) != 0 || len(d.thumbs) != 0 {
					t.Errorf("%+v %q", got, d.thumbs)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		defer d.stop()
		d.shooting(5 * time.Second)
		d.wrong("covered", false, time.Second)
		d.until(7)
		d.wrong("turned", false, time.Second)
		d.until(30)
		for _, e := range d.troubles() {
			if (e.Detail == "turned") != e.HasThumb {
				t.Errorf("%+v", e)
			}
		}
	})
}

// A box that is too busy at first has the pictures a little later.
func TestTroublesPicturesAreTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		defer d.stop()
		tries := 0
		d.Shoot = func(_ context.Context, until time.Time) (event.Photo, error) {
			if tries++; tries%3 != 0 {
				return event.Photo{}, context.DeadlineExceeded
			}
			return event.Photo{At: until, JPEG: []byte("x")}, nil
		}
		d.wrong("covered", false, time.Second)
		d.until(15)
		if got := d.troubles(); tries != 6 || len(got) != 1 || !got[0].HasThumb || len(got[0].Chapters) != 1 {
			t.Errorf("%d tries, %+v", tries, got)
		}
	})
}

// However many things are wrong at once, two have their pictures made; and the camera that goes waits for them, no longer
// than it takes to give them up.
func TestTroublesPicturesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		under := 0
		d.Shoot = func(ctx context.Context, _ time.Time) (event.Photo, error) {
			under++
			defer func() { under-- }()
			<-ctx.Done()
			return event.Photo{}, ctx.Err()
		}
		for i := range 6 {
			d.until(float64(i))
			d.wrong([]string{"covered", "turned"}[i%2], false, 0)
		}
		if under != 2 {
			t.Errorf("%d pictures are being made, want 2", under)
		}
		d.stop()
		if under != 0 {
			t.Errorf("%d pictures are being made after the end", under)
		}
	})
}
