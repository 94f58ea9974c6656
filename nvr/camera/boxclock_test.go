package camera

import (
	"testing"
	"testing/synctest"
	"time"

	"hearth/nvr/media"
)

// journal is a Sink that keeps all it gets, of runs whose times may overlap.
type journal struct{ runs []*noted }

func (j *journal) StartRun(run *media.Run) { j.runs = append(j.runs, &noted{run: run}) }

func (j *journal) WriteUnit(_ *media.Run, au *media.AccessUnit) {
	r := j.runs[len(j.runs)-1]
	r.units = append(r.units, *au)
}

func (j *journal) EndRun(_ *media.Run, reason string) { j.runs[len(j.runs)-1].reason = reason }

// setting is a box's clock that can be set.
type setting struct{ by time.Duration }

func (s *setting) wall(moment time.Time) time.Time { return moment.Round(0).Add(s.by) }

// checkWalls checks that all pictures of a run have the time at which they came, on a clock that is off by a difference.
func checkWalls(t *testing.T, r *noted, from time.Time, first int, off time.Duration) {
	t.Helper()
	for i, u := range r.units {
		arrived := from.Round(0).Add(time.Duration(first+i) * time.Second / 15)
		if d := u.Wall.Sub(arrived.Add(off)); d.Abs() > 20*time.Millisecond {
			t.Fatalf("picture %d came %s later than the clock says", first+i, -d)
		}
	}
}

// TestClockOfTheBoxIsSet sets the clock in the middle of a group of pictures. Those that are left of it have the time of
// the clock as it was, all that follow that of the clock as it is, and none is missing.
func TestClockOfTheBoxIsSet(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 30})
	for _, by := range []time.Duration{
		3 * time.Hour, 56 * 365 * 24 * time.Hour, 1500 * time.Millisecond, -1500 * time.Millisecond, -5 * time.Second, -time.Hour,
	} {
		t.Run(by.String(), func(t *testing.T) {
			sheet := &journal{}
			synctest.Test(t, func(t *testing.T) {
				r, _ := newReceiver(t, clip, sheet)
				var set setting
				r.box.wall = set.wall
				start := time.Now()
				time.AfterFunc(700*time.Millisecond, func() { set.by = by })
				feed(t, r, clip, clip.pictures, 1000, clip.packetizer(t), nil)
				r.finish("stopped")
				if len(sheet.runs) != 2 || len(sheet.runs[0].units) != 30 || len(sheet.runs[1].units) != 30 {
					t.Fatalf("%d runs, want 2 of 30 pictures", len(sheet.runs))
				}
				checkWalls(t, sheet.runs[0], start, 0, 0)
				checkWalls(t, sheet.runs[1], start, 30, by)
			})
			one, two := sheet.runs[0], sheet.runs[1]
			if one.reason != reasonBoxTime || !one.run.ClockWas.IsZero() {
				t.Errorf("the first run ended by %q, and says that the clock was set: %v", one.reason, one.run.ClockWas)
			}
			if got := two.run.Start.Sub(two.run.ClockWas); (got - by).Abs() > time.Millisecond {
				t.Errorf("the second run says that the clock was set by %s, want %s", got, by)
			}
		})
	}
}

// TestClockOfTheBoxIsSetALittle: NTP corrects by steps of some tenths of a second. The run goes on, and follows.
func TestClockOfTheBoxIsSetALittle(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 30})
	for _, by := range []time.Duration{900 * time.Millisecond, -900 * time.Millisecond, -time.Second} {
		t.Run(by.String(), func(t *testing.T) {
			note := &notebook{t: t}
			synctest.Test(t, func(t *testing.T) {
				r, _ := newReceiver(t, clip, note)
				var set setting
				r.box.wall = set.wall
				time.AfterFunc(5*time.Second, func() { set.by = by })
				p := clip.packetizer(t)
				for i := range 35 {
					feed(t, r, clip, clip.pictures, int64(i)*4*90000, p, nil)
					time.Sleep(time.Second / 15)
				}
				r.finish("stopped")
				last := note.runs[0].units[len(note.runs[0].units)-1]
				if d := set.wall(time.Now()).Sub(last.Wall); d < 0 || d > 200*time.Millisecond {
					t.Errorf("after two minutes the last picture was taken %s ago, as the clock says", d)
				}
			})
			if len(note.runs) != 1 || len(note.runs[0].units) != 35*60 {
				t.Errorf("%d runs, want one of all pictures", len(note.runs))
			}
		})
	}
}

// TestClockOfTheBoxIsSetWhileNothingComes: the next session says so, too, and is not held back by the last one's times.
func TestClockOfTheBoxIsSetWhileNothingComes(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 2, fps: 15, gop: 15})
	for _, by := range []time.Duration{0, -8 * time.Second, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			sheet := &journal{}
			var want time.Time
			synctest.Test(t, func(t *testing.T) {
				one, _ := newReceiver(t, clip, sheet)
				var set setting
				one.box.wall = set.wall
				feed(t, one, clip, clip.pictures, 0, clip.packetizer(t), nil)
				one.finish("connection lost")
				time.Sleep(3 * time.Second)
				set.by = by
				two, _ := newReceiver(t, clip, sheet)
				two.box, two.lastWall = one.box, one.lastWall
				want = set.wall(time.Now())
				feed(t, two, clip, clip.pictures, 0, clip.packetizer(t), nil)
				two.finish("stopped")
			})
			two := sheet.runs[1].run
			if d := two.Start.Sub(want).Abs(); d > 20*time.Millisecond {
				t.Errorf("the second run begins at %s, the clock showed %s", two.Start, want)
			}
			was := two.ClockWas
			if was.IsZero() != (by == 0) || by != 0 && (two.Start.Sub(was)-by).Abs() > time.Millisecond {
				t.Errorf("the second run says that the clock was set from %v to %s; it was set by %s", was, two.Start, by)
			}
		})
	}
}

// TestTheTimeBecomesKnown: a run that began before the box knew the time ends at the next key frame after it does.
func TestTheTimeBecomesKnown(t *testing.T) {
	clip := makeClip(t, recipe{seconds: 4, fps: 15, gop: 15})
	note := &notebook{t: t}
	synctest.Test(t, func(t *testing.T) {
		r, _ := newReceiver(t, clip, note)
		known := false
		r.trusted = func() bool { return known }
		time.AfterFunc(2500*time.Millisecond, func() { known = true })
		p := clip.packetizer(t)
		feed(t, r, clip, clip.pictures, 0, p, nil)
		known = false // what is begun is left alone
		time.Sleep(time.Second / 15)
		feed(t, r, clip, clip.pictures, 4*90000, p, nil)
		r.finish("stopped")
	})
	if len(note.runs) != 2 {
		t.Fatalf("%d runs, want 2", len(note.runs))
	}
	one, two := note.runs[0], note.runs[1]
	if one.run.Trusted || !two.run.Trusted || one.reason != reasonTrusted || !two.run.ClockWas.IsZero() {
		t.Errorf("a run of an untrusted time: %v, then %v; ended by %q", !one.run.Trusted, !two.run.Trusted, one.reason)
	}
	if len(one.units) != 45 || len(two.units) != 75 {
		t.Errorf("%d and %d pictures, want 45 and 75", len(one.units), len(two.units))
	}
}
