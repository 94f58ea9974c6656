package event_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/event"
)

// wrong brings a look of now at which that was wrong, since so many seconds ago.
func (d *desk) wrong(tamper string, frozen bool, since time.Duration) {
	l := event.Look{Camera: d.Camera, At: time.Now()}
	if tamper != "" {
		l.Tamper = &event.Wrong{Detail: tamper, Since: time.Now().Add(-since)}
	}
	if frozen {
		l.Frozen = &event.Wrong{Since: time.Now().Add(-since)}
	}
	d.Look(l)
	synctest.Wait()
}

// troubles lists the events that are stored, without motion.
func (d *desk) troubles() []event.Event {
	return slices.DeleteFunc(d.events(), func(e event.Event) bool { return e.Kind == event.Motion })
}

// checkTrouble compares an event with what it should be, in seconds since the desk was opened; an end of 0 is none.
func (d *desk) checkTrouble(t *testing.T, e event.Event, kind, detail string, start, end float64) {
	t.Helper()
	if e.Kind != kind || e.Detail != detail || e.Camera != d.Camera || e.Start.Sub(d.begun).Seconds() != start ||
		(end == 0) != e.End.IsZero() || end != 0 && e.End.Sub(d.begun).Seconds() != end {
		t.Errorf("%+v, which began %v after the start and ended %v after; want %s %s from %v to %v",
			e, e.Start.Sub(d.begun), e.End.Sub(d.begun), kind, detail, start, end)
	}
}

func TestTroubleIsAnEventWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		defer d.stop()
		for s := range 80 {
			switch {
			case s >= 20 && s < 40:
				d.wrong("covered", s >= 30, 12*time.Second)
			case s >= 40 && s < 50:
				d.wrong("turned", true, time.Second)
			default:
				d.wrong("", false, 0)
			}
			if s == 35 {
				got := d.troubles()
				if len(got) != 2 {
					t.Fatalf("%+v", got)
				}
				d.checkTrouble(t, got[0], event.Tamper, "covered", 8, 0)
				d.checkTrouble(t, got[1], event.Frozen, "", 18, 0)
			}
			time.Sleep(time.Second)
		}
		got := d.troubles()
		if len(got) != 3 {
			t.Fatalf("%+v", got)
		}
		d.checkTrouble(t, got[0], event.Tamper, "covered", 8, 39)
		d.checkTrouble(t, got[1], event.Frozen, "", 18, 49)
		d.checkTrouble(t, got[2], event.Tamper, "turned", 39, 49)
	})
}

// Motion goes on beside it, as an event of its own, and neither ends the other.
func TestTroubleBesideMotion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		defer d.stop()
		for s := range 60 {
			l := event.Look{Camera: d.Camera, At: time.Now(), Moving: s < 10, Score: 0.5}
			if s >= 5 {
				l.Tamper = &event.Wrong{Detail: "turned", Since: time.Now()}
			}
			d.Look(l)
			synctest.Wait()
			time.Sleep(time.Second)
		}
		got := d.events()
		if len(got) != 2 || got[0].Kind != event.Motion || got[0].End.Sub(d.begun) != 9*time.Second {
			t.Fatalf("%+v", got)
		}
		d.checkTrouble(t, got[1], event.Tamper, "turned", 5, 0)
	})
}

// It ends when the looks end, and when the book is closed; a short break does not make two of it.
func TestTroubleEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		d.wrong("covered", false, 0)
		time.Sleep(event.LostAfter + time.Second)
		synctest.Wait()
		if e := d.troubles()[0]; !e.End.Equal(e.Start) {
			t.Errorf("without looks it goes on: %+v", e)
		}
		d.wrong("covered", false, 0) // the worker was started anew
		if got := d.troubles(); len(got) != 1 || !got[0].End.IsZero() {
			t.Errorf("it is not the same event: %+v", got)
		}
		time.Sleep(2 * time.Second)
		d.wrong("covered", false, 0)
		d.stop()
		if got := d.troubles(); len(got) != 1 || got[0].End.Sub(d.begun) != event.LostAfter+3*time.Second {
			t.Errorf("%+v", got)
		}
	})
}

// What goes on for hours is one event of an hour, and another one only after it was over.
func TestLongTroubleIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		defer d.stop()
		for s := 0; s < 5*3600; s += 2 {
			if s >= 4*3600 && s < 4*3600+20 {
				d.wrong("", false, 0)
			} else {
				d.wrong("covered", false, 0)
			}
			time.Sleep(2 * time.Second)
		}
		got := d.troubles()
		if len(got) != 2 {
			t.Fatalf("%d events: %+v", len(got), got)
		}
		d.checkTrouble(t, got[0], event.Tamper, "covered", 0, 3598)
		if got[1].Start.Sub(d.begun) < 4*time.Hour {
			t.Errorf("%+v", got[1])
		}
	})
}

// A worker that says anything, at any times, opens no more events than the limit allows, writes little, and none of them
// ends before it begins or begins long before it was told of.
func TestTroubleOfALyingWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		r := rand.New(rand.NewPCG(7, 7))
		const hours = 2
		for range hours * 1800 {
			l := event.Look{Camera: d.Camera, At: time.Now().Add(time.Duration(r.Int64N(int64(8*time.Minute))) - 4*time.Minute)}
			since := l.At.Add(time.Duration(r.Int64N(int64(200*time.Hour))) - 100*time.Hour)
			if r.IntN(3) > 0 {
				l.Tamper = &event.Wrong{Detail: []string{"covered", "turned", "defocused"}[r.IntN(3)], Since: since}
			}
			if r.IntN(3) > 0 {
				l.Frozen = &event.Wrong{Since: since}
			}
			d.Look(l)
			synctest.Wait()
			time.Sleep(2 * time.Second)
		}
		d.stop()
		got := d.troubles()
		if len(got) > (hours+1)*event.PerHour {
			t.Errorf("%d events in %d hours", len(got), hours)
		}
		for _, e := range got {
			if e.End.Before(e.Start) || e.Start.Before(d.begun.Add(-10*time.Minute)) {
				t.Errorf("%+v", e)
			}
		}
		if len(d.puts) > 3*len(got)+hours*360 {
			t.Errorf("%d writes for %d events", len(d.puts), len(got))
		}
	})
}

// What comes and goes with every look is written seldom.
func TestTroubleThatFlickers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for s := range 600 {
			d.wrong([]string{"", "covered"}[s%2], s%3 == 0, 0)
			time.Sleep(time.Second)
		}
		d.stop()
		if got := d.troubles(); len(got) != 2 || len(d.puts) != 4 {
			t.Errorf("%d events, written %d times", len(got), len(d.puts))
		}
	})
}
