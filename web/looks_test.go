package web

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
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
					spans := e.Spans
					if len(spans) == 0 {
						spans = []access.Span{{From: e.From, To: e.To}}
					}
					for i, x := range spans {
						found = found || !x.From.After(s[0]) && !x.To.Before(s[1])
						if i > 0 && !spans[i-1].To.Before(x.From) || x.To.Before(x.From) || x.From.Before(e.From) || x.To.After(e.To) {
							problem = fmt.Sprintf("the spans %v are not in order", spans)
						}
					}
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

// Each camera that somebody tried to see is a line, however quickly they try one after the other.
func TestEachDeniedCameraIsALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tried []media.CameraID
		l := newLooks(func(e access.Entry) error { tried = append(tried, e.Camera); return nil }, slog.New(slog.DiscardHandler))
		yard, nursery := media.NewCameraID(), media.NewCameraID()
		l.known = func(id media.CameraID) bool { return id == yard || id == nursery }
		v := &visitor{session: access.Session{ID: media.NewUUID()}}
		for range 5 {
			for _, id := range []media.CameraID{yard, nursery, media.NewCameraID(), media.NewCameraID()} {
				l.denied(v, door{oneCamera, access.Live}, id.String())
			}
		}
		if len(tried) != 3 || tried[0] != yard || tried[1] != nursery {
			t.Errorf("lines about %v, want yard %s, nursery %s, and one about what is not there", tried, yard, nursery)
		}
		time.Sleep(deniedEvery)
		l.denied(v, door{oneCamera, access.Live}, yard.String())
		if len(tried) != 4 {
			t.Errorf("%d lines a minute later, want 4", len(tried))
		}
	})
}

// What somebody saw of a day is told piece by piece: thumbnails of the morning and of the evening say nothing of the afternoon.
func TestSheetOfThumbnails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last access.Entry
		l := newLooks(func(e access.Entry) error { last = e; return nil }, slog.New(slog.DiscardHandler))
		v := &visitor{session: access.Session{ID: media.NewUUID()}}
		day := time.Now().Add(-48 * time.Hour).Truncate(24 * time.Hour)
		at := func(hour, minute int) time.Time { return day.Add(time.Duration(hour*60+minute) * time.Minute) }
		for _, x := range []time.Time{at(20, 0), at(9, 5), at(9, 4), at(8, 0)} {
			l.saw(v, media.CameraID{1}, "thumbnail", x, x)
		}
		l.flush(true)
		if len(last.Spans) != 3 || !last.Saw(at(9, 0), at(10, 0)) || last.Saw(at(14, 0), at(15, 0)) || !last.Saw(at(20, 0), at(20, 1)) {
			t.Errorf("%+v", last)
		}
		for i := range 500 { // however many there are, the line is bounded and covers them
			x := at(0, 7*i)
			l.saw(v, media.CameraID{1}, "thumbnail", x, x)
		}
		l.flush(true)
		if len(last.Spans) > maxSpans || !last.Saw(at(0, 7*499), time.Time{}) || !last.Saw(at(0, 0), at(0, 1)) {
			t.Errorf("%d spans", len(last.Spans))
		}
	})
}

// reel is footage of one key frame a second, which never ends.
type reel struct {
	start time.Time
	n     int64
}

func (r *reel) Next() (storage.Piece, error) {
	dts := r.n * media.VideoClockRate
	p := storage.Piece{
		Run: media.UUID{1}, Start: r.start.Add(time.Duration(r.n) * time.Second), DTS: dts, Duration: media.VideoClockRate, Key: true,
		Data: fmp4.AppendFragment(nil, uint32(r.n), []fmp4.TrackRun{{
			BaseDTS: uint64(dts), Samples: []fmp4.Sample{{Duration: media.VideoClockRate, Key: true, Data: []byte{0, 0, 0, 1, 0x65}}},
		}}),
	}
	if r.n == 0 {
		p.Init, p.Tracks = []byte("init"), []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate}}
	}
	r.n++
	return p, nil
}

func (r *reel) Close() error { return nil }

// cutLine is a connection that breaks at a write.
type cutLine struct{ writes int }

func (c *cutLine) Header() http.Header              { return http.Header{} }
func (c *cutLine) WriteHeader(int)                  {}
func (c *cutLine) FlushError() error                { return nil }
func (c *cutLine) SetWriteDeadline(time.Time) error { return nil }
func (c *cutLine) Write(b []byte) (int, error) {
	if c.writes--; c.writes < 0 {
		return 0, net.ErrClosed
	}
	return len(b), nil
}

// What was sent before a connection broke is in the log to its last second.
func TestFootageThatIsCutOffIsLogged(t *testing.T) {
	for _, sent := range []int{1, 2, 7, 8, 9, 23} { // pieces
		var lines []access.Entry
		s := &Server{Log: slog.New(slog.DiscardHandler)}
		s.looks = newLooks(func(e access.Entry) error { lines = append(lines, e); return nil }, s.Log)
		start := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
		j, first, err := begun(access.Grant{}, &reel{start: start}, start, false)
		if err != nil {
			t.Fatal(err)
		}
		line := &cutLine{writes: 1 + sent} // the initialization comes first
		func() {
			defer func() {
				if r := recover(); r != any(http.ErrAbortHandler) {
					t.Errorf("ended with %v", r)
				}
			}()
			s.send(t.Context(), &visitor{}, j, first, &mediaWriter{w: line, control: http.NewResponseController(line)}, nil)
		}()
		s.looks.flush(true)
		last := lines[len(lines)-1]
		if want := start.Add(time.Duration(sent) * time.Second); !last.From.Equal(start) || last.To.Before(want) {
			t.Errorf("%d pieces were sent, and the log says %v to %v", sent, last.From, last.To)
		}
	}
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
