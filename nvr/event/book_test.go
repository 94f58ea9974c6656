package event_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/event"
	"hearth/nvr/media"
)

// shelf is a Store in memory that notes what is put into it.
type shelf struct {
	mu      sync.Mutex
	puts    []event.Event
	thumbs  []string
	of      map[media.UUID]string // the newest picture of an event or a chapter
	motions int
	broken  error // what every call answers
}

func (s *shelf) PutEvent(e event.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.puts = append(s.puts, e)
	return nil
}

func (s *shelf) PutThumbnail(_ media.CameraID, of media.UUID, _ time.Time, jpeg []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.thumbs = append(s.thumbs, string(jpeg))
	if s.of == nil {
		s.of = make(map[media.UUID]string)
	}
	s.of[of] = string(jpeg)
	return nil
}

func (s *shelf) AddMark(media.CameraID, time.Time, int, media.Region) {}

func (s *shelf) AddMotion(media.CameraID, time.Time, float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.motions++
}

// breaks makes every call fail from now on, or work again.
func (s *shelf) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func (s *shelf) events() []event.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []event.Event
	for _, e := range s.puts {
		if i := slices.IndexFunc(out, func(o event.Event) bool { return o.ID == e.ID }); i >= 0 {
			out[i] = e
		} else {
			out = append(out, e)
		}
	}
	return out
}

// desk is a running Book with all that it said.
type desk struct {
	*event.Book
	*shelf
	begun time.Time
	where media.Region // of what moves
	said  []string
	stop  func()
}

// Where something moves: at the picture's left and right border, and in its middle.
var (
	left   = media.Region{X: 0, Y: 0.4, W: 0.1, H: 0.3, Score: 0.5}
	right  = media.Region{X: 0.9, Y: 0.4, W: 0.1, H: 0.3, Score: 0.5}
	middle = media.Region{X: 0.4, Y: 0.4, W: 0.1, H: 0.3, Score: 0.5}
)

// open starts a Book in a synctest bubble.
func open(t *testing.T) *desk {
	d := &desk{shelf: &shelf{}, begun: time.Now(), where: media.Region{X: 0.1, Y: 0.1, W: 0.2, H: 0.2, Score: 0.5}}
	d.Book = &event.Book{
		Camera: media.NewCameraID(), Store: d.shelf, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		OnEvent: func(e event.Event, p event.Phase) {
			d.said = append(d.said, fmt.Sprintf("%s %v-%v", p, d.second(e.Start), d.second(e.End)))
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	d.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v, want that it was cancelled", err)
		}
	}
	return d
}

// second is a time as seconds since the start, -1 for the zero time.
func (d *desk) second(t time.Time) float64 {
	if t.IsZero() {
		return -1
	}
	return t.Sub(d.begun).Seconds()
}

// until sleeps (in the bubble) until so many seconds have gone by since the start.
func (d *desk) until(s float64) {
	synctest.Wait()
	time.Sleep(time.Until(d.begun.Add(time.Duration(s * float64(time.Second)))))
	synctest.Wait()
}

// look looks at a moment, in seconds since the start, when it has come.
func (d *desk) look(s float64, moving bool, zones ...string) {
	d.until(s)
	l := event.Look{Camera: d.Book.Camera, At: time.Now(), Moving: moving}
	if moving {
		l.Score, l.Zones = 0.5, zones
		l.Regions = []media.Region{d.where}
	}
	d.Book.Look(l)
	synctest.Wait()
}

func TestEventsAreCut(t *testing.T) {
	type span struct{ from, to float64 }
	tests := []struct {
		name   string
		moving []float64                // seconds at which something moves; every other second up to the end is still
		from   map[float64]media.Region // where it moves from that second on
		silent float64                  // no looks any more from then on; 0: until the end
		end    float64
		want   []span
	}{
		{name: "one look", moving: []float64{4}, end: 40, want: []span{{4, 4}}},
		{name: "a walk", moving: []float64{4, 5, 6, 7}, end: 40, want: []span{{4, 7}}},
		{name: "a pause shorter than the post-roll", moving: []float64{4, 12, 13}, end: 40, want: []span{{4, 13}}},
		{name: "a gap that the rolls cover: opened again", moving: []float64{4, 18}, end: 60, want: []span{{4, 18}}},
		{name: "a gap as long as both rolls, elsewhere", moving: []float64{4, 19}, from: map[float64]media.Region{4: left, 19: right}, end: 60, want: []span{{4, 4}, {19, 19}}},
		{name: "crosses, comes back after 20 s", moving: []float64{4, 6, 26, 28}, from: map[float64]media.Region{4: left, 6: right}, end: 60, want: []span{{4, 28}}},
		{name: "crosses, another crosses after 20 s", moving: []float64{4, 6, 26, 28}, from: map[float64]media.Region{4: left, 6: right, 26: left}, end: 60, want: []span{{4, 6}, {26, 28}}},
		{name: "crosses, comes back after 40 s", moving: []float64{4, 6, 46, 48}, from: map[float64]media.Region{4: left, 6: right}, end: 90, want: []span{{4, 6}, {46, 48}}},
		{name: "stands still for a minute", moving: []float64{4, 6, 66, 68}, from: map[float64]media.Region{4: left, 6: middle, 68: right}, end: 100, want: []span{{4, 68}}},
		{name: "stands still, another comes", moving: []float64{4, 6, 66, 68}, from: map[float64]media.Region{4: left, 6: middle, 66: left}, end: 100, want: []span{{4, 6}, {66, 68}}},
		{name: "stands still for long", moving: []float64{4, 6, 96, 98}, from: map[float64]media.Region{4: left, 6: middle}, end: 120, want: []span{{4, 6}, {96, 98}}},
		{name: "the looks end while it moves", moving: []float64{4, 5, 6}, silent: 6.5, end: 60, want: []span{{4, 6}}},
		{name: "nothing", end: 60},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				for s := 0.0; s < tt.end; s++ {
					if r, ok := tt.from[s]; ok {
						d.where = r
					}
					if tt.silent == 0 || s < tt.silent {
						d.look(s, slices.Contains(tt.moving, s))
					}
				}
				d.until(tt.end)
				var got []span
				for _, e := range d.events() {
					got = append(got, span{d.second(e.Start), d.second(e.End)})
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("events %v, want %v; said %q", got, tt.want, d.said)
				}
				if d.motions != len(tt.moving) {
					t.Errorf("%d moments of motion for the timeline, want %d", d.motions, len(tt.moving))
				}
				d.stop()
			})
		})
	}
}

func TestPhases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.look(1, true)
		d.look(2, true, "door")
		d.look(3, true, "door")
		d.look(13, false)
		d.look(14, true, "gate")
		d.look(24, false)
		want := []string{"opened 1--1", "updated 1--1", "closed 1-3", "updated 1--1", "closed 1-14"}
		if !slices.Equal(d.said, want) {
			t.Errorf("said %q, want %q", d.said, want)
		}
		if e := d.events()[0]; !slices.Equal(e.Zones, []string{"door", "gate"}) || e.Kind != "motion" || e.Camera != d.Camera {
			t.Errorf("stored %+v", e)
		}
		d.stop()
	})
}

func TestLooksEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.look(1, true)
		d.until(1 + event.LostAfter.Seconds() - 0.1)
		if e := d.events()[0]; !e.End.IsZero() {
			t.Fatalf("closed too early: %q", d.said)
		}
		d.until(1 + event.LostAfter.Seconds() + 0.1)
		if e := d.events()[0]; d.second(e.End) != 1 {
			t.Fatalf("not closed at its last motion when the looks ended: %q", d.said)
		}
		d.stop()
	})
}

func TestStopCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.look(1, true)
		d.look(2, true)
		d.Book.Look(event.Look{Camera: d.Book.Camera, At: time.Now().Add(time.Second), Moving: true})
		d.stop()
		if e := d.events()[0]; d.second(e.End) != 3 {
			t.Errorf("stopped with %q, want the event closed at the last look that was given", d.said)
		}
	})
}

func TestLongEventIsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		end := 2*event.MaxLength.Seconds() + 100
		for s := 0.0; s < end; s += 2 {
			d.look(s, true)
		}
		d.until(end + 30)
		all := d.events()
		if len(all) != 3 {
			t.Fatalf("%d events of two hours of motion, want 3", len(all))
		}
		for i, e := range all {
			if l := e.End.Sub(e.Start); l > event.MaxLength {
				t.Errorf("event %d lasts %v", i, l)
			}
		}
		// Opened, closed, and when a chapter begins.
		if len(d.puts) > 3*(2+12) {
			t.Errorf("%d writes for 3 events in which nothing new happened", len(d.puts))
		}
		d.stop()
	})
}

func TestClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.look(100, true)
		d.Book.Look(event.Look{Camera: d.Book.Camera, At: d.begun.Add(20 * time.Second), Moving: true})
		d.until(140)
		var got []float64
		for _, e := range d.events() {
			got = append(got, d.second(e.Start), d.second(e.End))
		}
		if want := []float64{100, 100, 20, 20}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		d.stop()
	})
}

func TestRegionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for i := range 200 {
			d.until(float64(i) / 5)
			x := float64(i%40) / 40
			d.Book.Look(event.Look{Camera: d.Book.Camera, At: time.Now(), Moving: true, Score: 0.3, Regions: []media.Region{
				{X: x, Y: 0.5, W: 0.01, H: 0.1, Score: float64(i%40) / 100}, {X: 0.3, Y: 0, W: 0.2, H: 0.2, Score: float64(i) / 250},
			}})
		}
		d.until(100)
		e := d.events()[0]
		if len(e.Regions) != 16 {
			t.Errorf("%d regions kept, want 16", len(e.Regions))
		}
		// The same region, surer each time, is one region, as sure as it ever was.
		if n := slices.IndexFunc(e.Regions, func(r media.Region) bool { return r.W == 0.2 && r.Score == 199.0/250 }); n < 0 {
			t.Errorf("the surest region is not among %v", e.Regions)
		}
		if len(d.puts) > 12 {
			t.Errorf("%d writes for an event of 40 s", len(d.puts))
		}
		d.stop()
	})
}

func TestThumbnails(t *testing.T) {
	type thumb struct {
		at, score float64
		jpeg      string
	}
	tests := []struct {
		name   string
		thumbs []thumb
		want   []string
	}{
		{"the first at once", []thumb{{5, 0.2, "a"}}, []string{"a"}},
		{"a better one replaces it", []thumb{{5, 0.2, "a"}, {9, 0.5, "b"}}, []string{"a", "b"}},
		{"a worse one does not", []thumb{{5, 0.5, "a"}, {9, 0.4, "b"}}, []string{"a"}},
		{"a little better: only at the end", []thumb{{5, 0.5, "a"}, {9, 0.55, "b"}, {10, 0.52, "c"}}, []string{"a", "b"}},
		{"before its event", []thumb{{2, 0.5, "a"}}, []string{"a"}},
		{"long after", []thumb{{16, 0.5, "a"}, {29, 0.9, "z"}}, []string{"a"}},
		{"a better one each second", []thumb{
			{5, 0.1, "a"}, {6, 0.2, "b"}, {7, 0.3, "c"}, {8, 0.4, "d"}, {9, 0.5, "e"}, {10, 0.6, "f"}, {11, 0.7, "g"}, {12, 0.8, "h"}, {13, 0.9, "i"},
		}, []string{"a", "d", "g", "i"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				for s := 0.0; s < 40; s++ {
					for _, k := range tt.thumbs {
						if k.at == s {
							d.until(s)
							d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: k.score, Region: media.Region{X: k.score}, JPEG: []byte(k.jpeg)})
						}
					}
					d.look(s, s >= 4 && s <= 15)
				}
				if !slices.Equal(d.thumbs, tt.want) {
					t.Errorf("thumbnails written %q, want %q", d.thumbs, tt.want)
				}
				e := d.events()[0]
				if !e.HasThumb {
					t.Error("the event knows of no thumbnail")
				}
				last := tt.thumbs[slices.IndexFunc(tt.thumbs, func(k thumb) bool { return k.jpeg == tt.want[len(tt.want)-1] })]
				if e.ThumbRegion.X != last.score {
					t.Errorf("the region is that of a picture with score %v, want %v", e.ThumbRegion.X, last.score)
				}
				d.stop()
			})
		})
	}
}

func TestThumbnailWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for s := range 600 {
			d.until(float64(s))
			d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: 0.001 * float64(s+1), JPEG: []byte{1}})
			d.look(float64(s), true)
		}
		d.until(640)
		chapters := len(d.events()[0].Chapters)
		if n := len(d.thumbs) - chapters; chapters != 2 || n > 6 || n < 2 {
			t.Errorf("thumbnail written %d times and %d chapters, want at most 6, and more than once, and 2", n, chapters)
		}
		d.stop()
	})
}

func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.breaks(errors.New("disk full"))
		d.look(1, true)
		d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: 0.5, JPEG: []byte("a")})
		d.look(2, true)
		d.look(12, false)
		d.look(120, true)
		d.breaks(nil)
		d.until(150)
		var got []float64
		for _, e := range d.events() {
			got = append(got, d.second(e.Start), d.second(e.End))
		}
		if want := []float64{1, 2, 120, 120}; !slices.Equal(got, want) {
			t.Errorf("events %v after the disk came back, want %v", got, want)
		}
		d.stop()
	})
}

func TestQueueIsBounded(t *testing.T) {
	b := &event.Book{Store: &shelf{}} // nobody runs it
	for range 300 {
		b.Look(event.Look{At: time.Now(), Moving: true})
	}
	for range 20 {
		b.Thumb(event.Thumb{At: time.Now(), JPEG: []byte{1}})
	}
	if got := b.Dropped(); got != 64 {
		t.Errorf("%d dropped of 300 looks and 20 thumbs, want 64", got)
	}
	b = &event.Book{Store: &shelf{}}
	for range 20 {
		b.Thumb(event.Thumb{At: time.Now(), JPEG: []byte{1}})
	}
	if got := b.Dropped(); got != 12 {
		t.Errorf("%d of 20 thumbs dropped, want 12", got)
	}
}

// A worker in the wrong hands can say any time: such looks make no events, cannot fill the timeline, and do not get in
// the way of those that are true.
func TestLooksOfAnotherTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.until(1)
		for i, at := range []time.Time{
			{},
			time.Unix(0, 0), time.UnixMicro(1<<62 - 1), time.UnixMicro(-1 << 62),
			time.Now().Add(-time.Hour), time.Now().Add(time.Hour), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		} {
			d.Book.Look(event.Look{Camera: d.Book.Camera, At: at, Moving: true, Score: 1})
			d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: at, Score: 1, JPEG: []byte("far")})
			synctest.Wait()
			if got := d.Dropped(); got != uint64(2*i+2) {
				t.Errorf("%d dropped after one of %v", got, at)
			}
		}
		d.look(2, true)
		d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: 0.2, JPEG: []byte("near")})
		d.look(3, false)
		d.until(40)
		var got []float64
		for _, e := range d.events() {
			got = append(got, d.second(e.Start), d.second(e.End))
		}
		if want := []float64{2, 2}; !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
		if !slices.Equal(d.thumbs, []string{"near"}) || d.motions != 1 {
			t.Errorf("thumbs %q, %d times motion", d.thumbs, d.motions)
		}
		d.stop()
	})
}
