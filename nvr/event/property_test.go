package event_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/event"
	"hearth/nvr/media"
)

// seen is a look of a plan: so long after the one before, so late by the camera's clock.
type seen struct {
	after, late time.Duration
	moving      bool
	where       media.Region
}

// drawLooks draws hours of looks: spells of motion and pauses of all lengths, everywhere in the picture.
func drawLooks(t *rapid.T) (plan []seen) {
	places := []media.Region{left, middle, right, {X: 0.3, Y: 0.1, W: 0.6, H: 0.8, Score: 0.9}}
	late := rapid.SampledFrom([]time.Duration{0, 3 * time.Second, 12 * time.Second}).Draw(t, "late")
	for range rapid.IntRange(1, 40).Draw(t, "spells") {
		step := time.Duration(rapid.SampledFrom([]int{200, 1000, 2000, 5000}).Draw(t, "step")) * time.Millisecond
		length := rapid.SampledFrom([]int{1, 1, 2, 5, 5, 30, 30, 200, 1000}).Draw(t, "length")
		moves := rapid.IntRange(1, 4).Draw(t, "moves one in")
		place, way := rapid.IntRange(0, 3).Draw(t, "place"), rapid.IntRange(0, 1).Draw(t, "way")
		for i := range length {
			s := seen{after: step, moving: i%moves == 0, where: places[(place+i*way)%len(places)]}
			if i%10 == 5 {
				s.late = late
			}
			plan = append(plan, s)
		}
		pause := seen{after: time.Duration(rapid.IntRange(1, 200).Draw(t, "pause")) * time.Second}
		if rapid.Bool().Draw(t, "in silence") {
			plan = append(plan, pause)
			continue
		}
		for at := time.Duration(0); at < pause.after; at += 4 * time.Second {
			plan = append(plan, seen{after: 4 * time.Second})
		}
	}
	return plan
}

// Whatever is seen: events follow each other in order and apart, and so do the chapters in them; nothing that moved lies
// outside of all of them; none is endless; and in no hour do more begin than may, besides one summary.
func TestAnySequenceOfLooks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		plan, most := drawLooks(rt), rapid.IntRange(1, 12).Draw(rt, "per hour")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = play(t, plan, most) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// play gives a plan to a Book and says what is wrong with its events.
func play(t *testing.T, plan []seen, most int) (wrong string) {
	d := open(t)
	var limit event.Limit
	limit.Set(most)
	d.Book.Limit = &limit
	var moved []time.Time
	for _, s := range plan {
		time.Sleep(s.after)
		l := event.Look{Camera: d.Book.Camera, At: time.Now().Add(-s.late), Moving: s.moving}
		if s.moving {
			l.Score, l.Regions = 0.5, []media.Region{s.where}
			moved = append(moved, l.At)
		}
		d.Book.Look(l)
		synctest.Wait()
	}
	d.stop()
	all := d.events()
	slices.SortStableFunc(all, func(a, b event.Event) int { return a.Start.Compare(b.Start) })
	var singles, summaries []event.Event
	for i, e := range all {
		switch {
		case e.End.IsZero() || e.End.Before(e.Start) || e.End.Sub(e.Start) > event.MaxLength+time.Minute:
			return fmt.Sprintf("an event from %v to %v", d.second(e.Start), d.second(e.End))
		case i > 0 && e.Start.Before(all[i-1].End):
			return fmt.Sprintf("an event begins at %v, the one before ends at %v", d.second(e.Start), d.second(all[i-1].End))
		}
		if err := inOrder(e); err != nil {
			return err.Error()
		}
		if e.Visits > 0 {
			summaries = append(summaries, e)
		} else {
			singles = append(singles, e)
		}
	}
	for _, at := range moved {
		if !slices.ContainsFunc(all, func(e event.Event) bool { return !at.Before(e.Start) && !at.After(e.End) }) {
			return fmt.Sprintf("what moved at %v is in no event", d.second(at))
		}
	}
	var r report
	perHour(&r, singles, most)
	perHour(&r, summaries, 1)
	return string(r)
}

// report is what a check says.
type report string

func (r *report) Errorf(format string, args ...any) { *r += report(fmt.Sprintf(format, args...)) }
