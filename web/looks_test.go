package web

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/access"
)

// Whatever somebody looks at in whatever order: all of it lies in the spans of the log, and it is few lines.
func TestLooks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type look struct{ from, length, pause, tick int }
		draws := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) look {
			return look{
				rapid.IntRange(0, 86400).Draw(t, "from"), rapid.IntRange(0, 60).Draw(t, "length"),
				rapid.IntRange(0, 400).Draw(t, "pause"), rapid.IntRange(0, 5).Draw(t, "tick"),
			}
		}), 1, 30).Draw(rt, "looks")
		problem := ""
		synctest.Test(t, func(t *testing.T) {
			var lines []access.Entry
			v := &visitor{session: access.Session{ID: media.NewUUID(), Person: access.Person{ID: media.NewUUID(), Name: "Cy"}}}
			l := newLooks(func(e access.Entry) error {
				lines = append(lines, e)
				return nil
			}, slog.New(slog.DiscardHandler))
			day := time.Now().Add(-48 * time.Hour).Truncate(time.Second).UTC()
			var seen [][2]time.Time
			for _, d := range draws {
				from := day.Add(time.Duration(d.from) * time.Second)
				to := from.Add(time.Duration(d.length) * time.Second)
				l.saw(v, media.CameraID{1}, "footage", from, to)
				seen = append(seen, [2]time.Time{from, to})
				time.Sleep(time.Duration(d.pause) * time.Second)
				if d.tick == 0 {
					l.flush(false)
				}
			}
			l.flush(true)
			for _, s := range seen {
				found := false
				for _, e := range lines {
					found = found || !e.From.After(s[0]) && !e.To.Before(s[1])
				}
				if !found {
					problem = fmt.Sprintf("%v is in no line of %v", s, lines)
				}
			}
			if len(lines) > 2*len(seen)+1 {
				problem = fmt.Sprintf("%d lines of %d looks", len(lines), len(seen))
			}
		})
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// Dragging over a day is a line or two, and denied tries do not fill the disk.
func TestLooksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := 0
		l := newLooks(func(access.Entry) error { lines++; return nil }, slog.New(slog.DiscardHandler))
		v := &visitor{session: access.Session{ID: media.NewUUID()}}
		day := time.Now().Add(-48 * time.Hour)
		for i := range 1000 {
			at := day.Add(time.Duration(i) * time.Minute)
			l.saw(v, media.CameraID{1}, "footage", at, at)
			l.denied(v, door{oneCamera, access.Live}, media.NewCameraID().String())
			time.Sleep(20 * time.Millisecond)
		}
		l.flush(true)
		if lines < 2 || lines > 5 {
			t.Errorf("%d lines", lines)
		}
		for i := range 3 * maxSittings {
			l.saw(&visitor{session: access.Session{ID: media.UUID{byte(i), byte(i >> 8)}}}, media.CameraID{1}, "live", day, day)
		}
		if len(l.sittings) > maxSittings {
			t.Errorf("%d kept in mind", len(l.sittings))
		}
	})
}

func TestTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-int64(20*365*24*time.Hour), int64(20*365*24*time.Hour)).Draw(t, "d"))
		rate := rapid.SampledFrom([]int{8000, 44100, 48000, 90000}).Draw(t, "rate")
		back := time.Duration(float64(ticks(d, rate)) / float64(rate) * float64(time.Second))
		if off := (back - d).Abs(); off > time.Second/time.Duration(rate)+time.Millisecond {
			t.Fatalf("%v at %d: off by %v", d, rate, off)
		}
		if ticks(-d, rate) != -ticks(d, rate) {
			t.Fatal("not the same both ways")
		}
	})
}
