package event_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/event"
	"hearth/nvr/media"
)

// inOrder says what is wrong with the chapters of an event: they lie in it, in order and apart, and the first and the last
// reach to its ends.
func inOrder(e event.Event) error {
	if len(e.Chapters) == 0 {
		return nil
	}
	if first := e.Chapters[0].From; !first.Equal(e.Start) {
		return fmt.Errorf("the first chapter begins at %v, the event at %v", first, e.Start)
	}
	if last := e.Chapters[len(e.Chapters)-1].To; !e.End.IsZero() && !last.Equal(e.End) {
		return fmt.Errorf("the last chapter ends at %v, the event at %v", last, e.End)
	}
	if len(e.Chapters) > event.MaxChapters {
		return fmt.Errorf("%d chapters", len(e.Chapters))
	}
	known := make(map[media.UUID]bool)
	for i, c := range e.Chapters {
		if c.To.Before(c.From) || i > 0 && c.From.Before(e.Chapters[i-1].To) || known[c.ID] {
			return fmt.Errorf("chapter %d of %+v", i, e.Chapters)
		}
		known[c.ID] = true
	}
	return nil
}

// A long event has chapters: cut where it rests for a moment, or after five minutes, each with its own picture.
func TestLongEventHasChapters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for s := 0.0; s < 1000; s++ {
			rests := s >= 180 && s < 186 || s >= 200 && s < 208 // the second chapter is too young for the second rest
			if s == 100 || s == 400 || s == 800 {
				d.until(s)
				d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: 0.9 - s/10000, JPEG: fmt.Appendf(nil, "at %v", s)})
			}
			d.look(s, !rests)
		}
		d.until(1040)
		all := d.events()
		if len(all) != 1 {
			t.Fatalf("%d events", len(all))
		}
		var got string
		for _, c := range all[0].Chapters {
			got += fmt.Sprintf("%v-%v", d.second(c.From), d.second(c.To))
			if !c.Best.IsZero() {
				got += fmt.Sprintf(" shown at %v", d.second(c.Best))
			}
			got += "; "
		}
		if want := "0-179 shown at 100; 186-485 shown at 400; 486-785; 786-999 shown at 800; "; got != want {
			t.Errorf("chapters %s\nwant     %s", got, want)
		}
		if err := inOrder(all[0]); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"at 100", "at 400", "at 800"} {
			if !d.pictured(all[0], want) {
				t.Errorf("no chapter has the picture %q", want)
			}
		}
		d.stop()
	})
}

// pictured says whether a chapter of the event has that picture.
func (d *desk) pictured(e event.Event, jpeg string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range e.Chapters {
		if d.of[c.ID] == jpeg {
			return true
		}
	}
	return false
}

// visit is somebody who crosses in six seconds, other than who came before.
func (d *desk) visit(at float64) {
	for i := range 4 {
		d.where = media.Region{X: 0.3 * float64(i), Y: 0.4, W: 0.1, H: 0.2, Score: 0.5}
		d.look(at+2*float64(i), true)
	}
	d.look(at+17, false)
}

// What comes beyond the limit is summed up: in one event an hour, with a chapter for each visit, which has its picture.
func TestRestIsSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		var limit event.Limit
		limit.Set(5)
		d.Book.Limit = &limit
		for i := range 150 { // five hours, a visit every two minutes
			at := 120 * float64(i)
			d.until(at + 1)
			d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: time.Now(), Score: 0.5, JPEG: fmt.Appendf(nil, "visit %d", i)})
			d.visit(at + 1)
		}
		d.until(150*120 + 60)
		var singles, summaries []event.Event
		visits := 0
		for _, e := range d.events() {
			if err := inOrder(e); err != nil {
				t.Error(err)
			}
			if e.Visits == 0 {
				singles = append(singles, e)
				visits++
				continue
			}
			summaries = append(summaries, e)
			visits += e.Visits
			if e.Visits != 30 && len(summaries) < 4 || len(e.Chapters) != e.Visits || e.End.Sub(e.Start) > time.Hour || !e.HasThumb {
				t.Errorf("a summary of %d visits with %d chapters from %v to %v", e.Visits, len(e.Chapters), d.second(e.Start), d.second(e.End))
			}
			for i, c := range e.Chapters {
				if c.Best.IsZero() || d.of[c.ID] == "" {
					t.Errorf("visit %d of a summary has no picture", i)
				}
			}
		}
		if visits != 150 || len(summaries) < 4 {
			t.Errorf("%d events and %d summaries of %d visits in all, want 150", len(singles), len(summaries), visits)
		}
		perHour(t, singles, 5)
		perHour(t, summaries, 1)
		d.stop()
	})
}

// perHour checks that at most so many began in any hour.
func perHour(t interface{ Errorf(string, ...any) }, list []event.Event, most int) {
	for i := range list {
		if j := i + most; j < len(list) && list[j].Start.Sub(list[i].Start) < time.Hour {
			t.Errorf("%d events began between %v and %v", most+1, list[i].Start, list[j].Start)
		}
	}
}

// What a limit counted outlives the Book that was asked: switching a camera off and on is no way around it.
func TestLimitOutlivesTheBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var limit event.Limit
		limit.Set(2)
		singles := 0
		for range 4 {
			d := open(t)
			d.Book.Limit = &limit
			d.visit(1)
			d.until(120)
			d.visit(121)
			d.stop()
			for _, e := range d.events() {
				if e.Visits == 0 {
					singles++
				}
			}
		}
		if singles != 2 {
			t.Errorf("%d events, want 2", singles)
		}
	})
}

// What is wrong with a camera is told of however much moved before.
func TestMotionDoesNotHideTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		var limit event.Limit
		limit.Set(1)
		d.Book.Limit = &limit
		d.visit(1)
		d.visit(121)
		d.until(200)
		d.Book.Look(event.Look{Camera: d.Book.Camera, At: time.Now(), Tamper: &event.Wrong{Detail: "covered", Since: time.Now()}})
		d.until(210)
		all := d.events()
		if n := len(all); n != 3 || all[n-1].Kind != event.Tamper {
			t.Errorf("%d events, the last %+v", n, all[n-1])
		}
		d.stop()
	})
}

// A worker in the wrong hands says whatever it likes, within the few minutes that are let through: it opens no more events
// than a busy street does, and neither the disk nor memory notices.
func TestRogueWorkerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		const hours = 3
		for i := range hours * 3600 * 5 {
			time.Sleep(200 * time.Millisecond)
			off := []time.Duration{-290 * time.Second, 290 * time.Second, 0, -100 * time.Second, 40 * time.Second}[i%5]
			at := time.Now().Add(off)
			d.Book.Thumb(event.Thumb{Camera: d.Book.Camera, At: at, Score: float64(i%1000) / 1000, JPEG: []byte("x")})
			d.Book.Look(event.Look{
				Camera: d.Book.Camera, At: at, Moving: i%7 != 3, Score: 1, Zones: []string{fmt.Sprint(i)},
				Regions: []media.Region{{X: float64(i%10) / 10, Y: 0.5, W: 0.1, H: 0.1, Score: 1}},
			})
			synctest.Wait()
		}
		d.stop()
		all := d.events()
		summaries := 0
		for _, e := range all {
			if e.Visits > 0 {
				summaries++
			}
			if len(e.Chapters) > event.MaxChapters || len(e.Regions) > 16 || len(e.Zones) > 32 {
				t.Errorf("an event of %d chapters, %d regions, %d zones", len(e.Chapters), len(e.Regions), len(e.Zones))
			}
			if l := e.End.Sub(e.Start); l > time.Hour+15*time.Minute {
				t.Errorf("an event of %v", l)
			}
		}
		if n := len(all) - summaries; n > hours*event.PerHour || summaries > hours {
			t.Errorf("%d events and %d summaries in %d hours", n, summaries, hours)
		}
		if n := len(d.puts); n > hours*3600/5*3 {
			t.Errorf("%d writes in %d hours", n, hours)
		}
		if n := len(d.thumbs); n > len(all)*6+summaries*(event.MaxChapters+8) {
			t.Errorf("%d pictures of %d events", n, len(all))
		}
	})
}

// What comes late when an event was long enough belongs to it: the next one does not reach back into it.
func TestLateLookAfterAnEventWasLongEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		end := event.MaxLength.Seconds() + 20
		for s := 0.0; s <= end; s += 2 {
			d.look(s, true)
		}
		d.Book.Look(event.Look{Camera: d.Book.Camera, At: d.begun.Add(event.MaxLength - 5*time.Second), Moving: true, Score: 0.5})
		d.until(end + 60)
		all := d.events()
		if len(all) != 2 || all[1].Start.Before(all[0].End) {
			t.Errorf("%d events, the first to %v, the second from %v", len(all), d.second(all[0].End), d.second(all[len(all)-1].Start))
		}
		d.stop()
	})
}
