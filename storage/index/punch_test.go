package index

import (
	"bytes"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// lane is what a model knows of a line: seconds with footage, by file.
type lane struct {
	line  segment.Line
	rows  map[int64]Row
	holes map[int64][][2]int64 // by start of the file
}

// Whatever is let go of in whole files and in parts: the sums are those of what is left, by camera and volume, the gaps
// are on the timeline, and a minute is on the map as long as one of the streams has footage of it.
func TestPunchAgainstModel(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		x, err := openUnsynced(filepath.Join(dir, media.NewUUID().String()))
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		lanes := []*lane{
			{line: segment.Line{Camera: media.CameraID{1}}},
			{line: segment.Line{Camera: media.CameraID{1}, Stream: media.Sub}},
			{line: segment.Line{Camera: media.CameraID{2}}},
		}
		const second, begin = 1_000_000, 20_000*microsPerDay - 7*microsPerMinute // over midnight
		for _, l := range lanes {
			l.rows, l.holes = make(map[int64]Row), make(map[int64][][2]int64)
			at := begin + rapid.Int64Range(0, 200).Draw(t, "at")*second
			for range rapid.IntRange(1, 6).Draw(t, "files") {
				r := Row{Line: l.line, Start: at, Size: 1 << 24, Volume: uint8(rapid.IntRange(0, 1).Draw(t, "volume"))}
				r.End = at + rapid.Int64Range(1, 300).Draw(t, "seconds")*second
				l.rows[at] = r
				x.Add(Addition{Row: r, Covered: [][2]int64{{r.Start, r.End}}})
				at = r.End + rapid.Int64Range(0, 90).Draw(t, "pause")*second
			}
		}
		if err := x.Checkpoint(0, nil); err != nil {
			t.Fatal(err)
		}
		comparePunched(t, x, lanes)
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			l := lanes[rapid.IntRange(0, 2).Draw(t, "lane")]
			if len(l.rows) == 0 {
				continue
			}
			r := l.rows[rapid.SampledFrom(slices.Sorted(maps.Keys(l.rows))).Draw(t, "file")]
			if rapid.IntRange(0, 3).Draw(t, "whole") == 0 {
				if err := x.Condemn([]Row{r}); err != nil {
					t.Fatal(err)
				}
				delete(l.rows, r.Start)
				gaps, err := x.Gaps(l.line, begin, r.Start+1)
				if n := len(gaps); err != nil || n == 0 || gaps[n-1].To != r.End || gaps[n-1].Reason != letGo {
					t.Fatalf("the gap of a file that is gone: %v, %+v", err, gaps)
				}
				comparePunched(t, x, lanes)
				continue
			}
			n := (r.End - r.Start) / second
			from := r.Start + rapid.Int64Range(0, n-1).Draw(t, "from")*second
			to := from + rapid.Int64Range(1, (r.End-from)/second).Draw(t, "length")*second
			freed := rapid.Int64Range(0, 1<<25).Draw(t, "freed")
			pared := rapid.Bool().Draw(t, "pared")
			p := Punched{Row: r, Freed: freed, Gaps: []Gap{{From: from, To: to, Reason: letGo}}, Pared: pared}
			if err := x.PunchAll([]Punched{p}); err != nil {
				t.Fatal(err)
			}
			r.Pared = r.Pared || pared
			r.Freed = min(r.Freed+freed, r.Size) / freedUnit * freedUnit
			l.rows[r.Start] = r
			l.holes[r.Start] = append(l.holes[r.Start], [2]int64{from, to})
			gaps, err := x.Gaps(l.line, from, from+1)
			if err != nil || len(gaps) != 1 || gaps[0].To < to || gaps[0].Reason != "let go of" {
				t.Fatalf("gaps at %d: %v, %v", from, err, gaps)
			}
			comparePunched(t, x, lanes)
		}
	})
}

func comparePunched(t *rapid.T, x *Index, lanes []*lane) {
	const second = 1_000_000
	days := make(map[media.CameraID]map[int64][]byte)
	sums := make(map[uint8]map[media.CameraID]int64)
	for _, l := range lanes {
		if days[l.line.Camera] == nil {
			days[l.line.Camera] = map[int64][]byte{19_999: make([]byte, bitmapSize), 20_000: make([]byte, bitmapSize)}
		}
		for start, r := range l.rows {
			got, ok, err := x.Last(l.line, start)
			if err != nil || !ok || got != r {
				t.Fatalf("row: %v, %+v, want %+v", err, got, r)
			}
			if sums[r.Volume] == nil {
				sums[r.Volume] = make(map[media.CameraID]int64)
			}
			sums[r.Volume][l.line.Camera] += r.Size - r.Freed
			for at := r.Start; at < r.End; at += second {
				if !slices.ContainsFunc(l.holes[start], func(h [2]int64) bool { return h[0] <= at && at < h[1] }) {
					day := floorDiv(at, microsPerDay)
					set(days[l.line.Camera][day], int(floorDiv(at, microsPerMinute)-day*minutesPerDay))
				}
			}
		}
	}
	totals, err := x.VolumeTotals()
	if err != nil {
		t.Fatal(err)
	}
	for volume, cameras := range totals {
		for camera, n := range cameras {
			if sums[volume][camera] != n {
				t.Fatalf("volume %d, camera %s: %d bytes, want %d", volume, camera, n, sums[volume][camera])
			}
			delete(sums[volume], camera)
		}
	}
	for volume, left := range sums {
		if len(left) > 0 {
			t.Fatalf("volume %d: nothing of %v", volume, left)
		}
	}
	for camera, want := range days {
		for day, bits := range want {
			footage, _, err := x.Day(camera, day)
			if err != nil || !bytes.Equal(footage, bits) {
				t.Fatalf("camera %s, day %d: %v\n%x, want\n%x", camera, day, err, footage, bits)
			}
		}
	}
}

// A tail is found for the file that it is of only, and goes with its camera.
func TestTails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := segment.Line{Camera: media.CameraID{1}}, segment.Line{Camera: media.CameraID{2}, Stream: media.Sub}
	place := segment.Place{Seq: 7, Offset: 1 << 33, Length: 99}
	for _, tails := range [][]Tail{{{a, 5, segment.Place{Seq: 1}}, {b, 6, place}}, {{a, 5, place}}} {
		if err := x.Checkpoint(1, tails); err != nil {
			t.Fatal(err)
		}
	}
	writes := writesOf(x)
	if err := x.Checkpoint(1, []Tail{{a, 5, place}, {b, 6, place}}); err != nil || writesOf(x) != writes {
		t.Errorf("what is known already was written again: %v", err)
	}
	x.Close()
	if x, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, l := range []segment.Line{a, b} {
		start := map[segment.Line]int64{a: 5, b: 6}[l]
		if p, ok, err := x.Tail(l, start); err != nil || !ok || p != place {
			t.Errorf("%v: %v, %v, %+v", l, err, ok, p)
		}
		if _, ok, err := x.Tail(l, start+1); err != nil || ok {
			t.Errorf("%v: the tail of another file: %v", l, err)
		}
	}
	if err := x.RemoveCamera(a.Camera); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := x.Tail(a, 5); err != nil || ok {
		t.Error("a tail of a removed camera", err)
	}
}

func writesOf(x *Index) int64 { return x.Stats().Appends + x.Stats().Folds }

func TestEventSpans(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cam := media.CameraID{1}
	at := func(minute int64) time.Time { return time.UnixMicro(benchStart + minute*microsPerMinute) }
	put := func(camera media.CameraID, from, to int64, held bool) {
		t.Helper()
		e := Event{ID: media.NewUUID(), Camera: camera, Kind: "motion", Start: at(from), Held: held}
		if to > 0 {
			e.End = at(to)
		}
		if _, err := x.PutEvent(e, at(from)); err != nil {
			t.Fatal(err)
		}
	}
	put(cam, 9, 0, false)
	put(cam, 1, 2, false)
	put(cam, 3, 8, true)
	put(cam, 10, 12, false)
	put(media.CameraID{2}, 4, 5, false)
	now := time.Now().UnixMicro()
	spans, err := x.EventSpans(cam, at(5).UnixMicro(), at(10).UnixMicro())
	if err != nil || len(spans) != 2 {
		t.Fatal(err, spans)
	}
	if spans[0] != (EventSpan{at(3).UnixMicro(), at(8).UnixMicro(), true}) {
		t.Error(spans[0])
	}
	if spans[1].Start != at(9).UnixMicro() || spans[1].End < min(now, spans[1].Start) || spans[1].Held {
		t.Error(spans[1], now)
	}
}
