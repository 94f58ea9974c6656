package retention

import (
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index"
)

// holding holds an event as soon as it was first asked what a file is needed for.
type holding struct {
	Index
	whole bool // asked last of a file that goes whole
	hold  func()
}

func (x *holding) asked() {
	if hold := x.hold; hold != nil {
		x.hold = nil
		hold()
	}
}

func (x *holding) EventSpans(camera media.CameraID, from, to int64) ([]index.EventSpan, error) {
	spans, err := x.Index.EventSpans(camera, from, to)
	if !x.whole {
		x.asked()
	}
	return spans, err
}

func (x *holding) HeldWithin(camera media.CameraID, from, to int64) (bool, error) {
	held, err := x.Index.HeldWithin(camera, from, to)
	if x.whole {
		x.asked()
	}
	return held, err
}

// Somebody holds an event while a pass is on that has just decided to let go of its footage: it stays.
func TestHeldDuringAPass(t *testing.T) {
	for name, limit := range map[string]Limit{"whole": {Days: 1}, "in parts": {Days: 1, EventDays: 2}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				cam := media.NewCameraID()
				begin := time.Now()
				row := r.record(cam, media.Main, begin, 120)
				first := r.event(cam, begin.Add(20*time.Second), 4, false)
				time.Sleep(5 * day)
				r.limits[cam] = limit
				if limit.EventDays > 0 { // another one is held already: the file is punched
					r.event(cam, begin.Add(90*time.Second), 4, true)
				}
				r.k.Index = &holding{r.k.Index, limit.EventDays == 0, func() {
					_, err := r.x.ChangeEvent(cam, first.ID, time.Now(), func(e *index.Event) { e.Held = true })
					r.must(err)
				}}
				for range 2 {
					r.pass(0)
					if !r.kept(row)[0] {
						t.Fatal("the held event's footage is gone")
					}
					got := r.seconds(row)
					for second := 10; second < 34; second++ {
						if !slices.Contains(got, second) {
							t.Fatalf("of the held event's footage there is %v", got)
						}
					}
				}
				r.agree()
			})
		})
	}
}
