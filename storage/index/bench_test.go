package index

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

const (
	benchStart   = int64(1_790_035_200_000_000) // midnight, UTC
	benchSecond  = int64(1_000_000)
	fileMinutes  = 10
	eventsPerDay = 50
)

// house is what records into an index in benchmarks: cameras with both streams, files of ten minutes that roll at a
// camera's own minute, 50 events of 20 seconds a day each, and a checkpoint a minute.
type house struct {
	b    *testing.B
	x    *Index
	rnd  *rand.Rand
	cams []media.CameraID
	runs map[segment.Line]media.UUID
	head map[segment.Line][32]byte
	// the latest pack of each camera
	packs map[media.CameraID]int64
	keep  int64 // microseconds after which files are let go of; zero: none is
}

func newHouse(b *testing.B, x *Index, cameras int) *house {
	h := &house{
		b: b, x: x, rnd: rand.New(rand.NewPCG(1, 2)), runs: make(map[segment.Line]media.UUID),
		head: make(map[segment.Line][32]byte), packs: make(map[media.CameraID]int64),
	}
	for range cameras {
		h.cams = append(h.cams, media.CameraID(h.uuid()))
	}
	return h
}

func (h *house) uuid() (u media.UUID) {
	for i := range u {
		u[i] = byte(h.rnd.Uint32())
	}
	return u
}

// day records a day that begins at a time in microseconds.
func (h *house) day(start int64) {
	for m := range int64(minutesPerDay) {
		at := start + m*microsPerMinute
		var tails []Tail
		for i, cam := range h.cams {
			for _, s := range []media.Stream{media.Main, media.Sub} {
				l := segment.Line{Camera: cam, Stream: s}
				if (m+int64(i))%fileMinutes == 0 {
					h.finish(l, at-fileMinutes*microsPerMinute, at)
				}
				done := (m + int64(i)) % fileMinutes
				tails = append(tails, Tail{l, at - done*microsPerMinute, segment.Place{Seq: uint32(done * 60), Offset: done * 30 << 20, Length: 4116}})
			}
			if m == int64(i) {
				h.finish(segment.Line{Camera: cam, Stream: segment.Pack}, at-microsPerDay, at)
				h.packs[cam] = at
			}
			stirs := 0 // every ten minutes something that no camera of usual sensitivity tells of
			if h.rnd.IntN(10) == 0 {
				stirs = 1 + h.rnd.IntN(3)
			}
			h.x.AddMark(cam, at, stirs, media.Region{X: h.rnd.Float64() / 2, Y: h.rnd.Float64() / 2, W: 0.1, H: 0.1})
			if (m*eventsPerDay+int64(i)*7)%minutesPerDay < eventsPerDay {
				h.event(cam, at+int64(h.rnd.IntN(40))*benchSecond+int64(h.rnd.IntN(1_000_000)))
			}
		}
		if err := h.x.Checkpoint(at, tails); err != nil {
			h.b.Fatal(err)
		}
		if h.keep > 0 {
			h.letGo(at-h.keep, m)
		}
	}
}

// letGo lets go of what ended before a time, as retention does on a full disk; once an hour, of what belongs to it.
func (h *house) letGo(before, minute int64) {
	var rows []Row
	err := h.x.Oldest(media.CameraID{}, -1<<62, func(r Row) bool {
		if r.End < before {
			rows = append(rows, r)
		}
		return r.End < before
	})
	if err != nil {
		h.b.Fatal(err)
	}
	if minute%60 == 0 {
		for _, cam := range h.cams {
			packs, err := h.x.Rows(segment.Line{Camera: cam, Stream: segment.Pack}, -1<<62, before)
			if err != nil {
				h.b.Fatal(err)
			}
			for _, r := range packs {
				if r.End < before {
					rows = append(rows, r)
				}
			}
			if _, err := h.x.Trim(cam, before, 1000); err != nil {
				h.b.Fatal(err)
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	if err := h.x.Condemn(rows); err != nil {
		h.b.Fatal(err)
	}
	if err := h.x.Bury(rows); err != nil {
		h.b.Fatal(err)
	}
}

// finish adds a file.
func (h *house) finish(l segment.Line, from, to int64) {
	if h.runs[l].IsZero() || h.rnd.IntN(100) == 0 { // a run lasts until the connection is lost
		h.runs[l] = h.uuid()
	}
	r := Row{
		Line: l, Start: from + int64(h.rnd.IntN(1_000_000)), End: to, Size: 250<<20 + int64(h.rnd.IntN(100<<20)), Segment: h.uuid(),
		Run: h.runs[l], RunStart: from - int64(h.rnd.IntN(1e12)), RunSeq: uint32(h.rnd.IntN(1000)), Records: 612, Prev: h.head[l],
	}
	for i := range r.Head {
		r.Head[i] = byte(h.rnd.Uint32())
	}
	h.head[l] = r.Head
	a := Addition{Row: r}
	if l.Stream != segment.Pack {
		a.Covered = [][2]int64{{r.Start, r.End}}
	}
	h.x.Add(a)
}

// event is what package event makes of 20 seconds in which somebody walks by: 7 versions of the event, in which places
// gather, and 4 thumbnails, of which each is better than the one before.
func (h *house) event(cam media.CameraID, start int64) {
	e := Event{ID: h.uuid(), Camera: cam, Kind: "motion", Start: time.UnixMicro(start), Score: 0.7}
	thumbs := 0
	for version, regions := range []int{1, 2, 5, 7, 9, 12, 14} {
		at := time.UnixMicro(start + int64(version)*4*benchSecond)
		for len(e.Regions) < regions {
			e.Regions = append(e.Regions, media.Region{
				X: float64(h.rnd.IntN(120)) / 160, Y: float64(h.rnd.IntN(60)) / 90, W: float64(1+h.rnd.IntN(40)) / 160, H: float64(1+h.rnd.IntN(30)) / 90,
				Score: h.rnd.Float64(),
			})
		}
		if version == 1 || version%2 == 0 && version > 0 {
			thumbs++
			t := Thumb{File: h.packs[cam], Place: segment.Place{Seq: uint32(h.rnd.IntN(500)), Offset: int64(h.rnd.IntN(20 << 20)), Length: 40_000}}
			if err := h.x.PutThumb(cam, e.ID, t); err != nil {
				h.b.Fatal(err)
			}
			e.ThumbRegion = e.Regions[0]
		}
		if version == 6 {
			e.End = at
		}
		h.x.AddMotion(cam, at.UnixMicro(), 0.5)
		for s := range int64(4) { // a look a second, while somebody goes from left to right
			part := float64(int64(version)*4+s) / 40
			h.x.AddMark(cam, at.UnixMicro()+s*benchSecond, 4+h.rnd.IntN(8), media.Region{X: part, Y: 0.4, W: 0.1, H: 0.3})
		}
		if _, err := h.x.PutEvent(e, at); err != nil {
			h.b.Fatal(err)
		}
	}
}

// benchDir is in memory where there is such a place: what is measured is not the disk.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hearth-bench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// BenchmarkMonth says what a camera's day costs the index: 30 days of 16 cameras, and then 10 more while as many are
// let go of.
func BenchmarkMonth(b *testing.B) {
	const days, more, cameras = 30, 10, 16
	for b.Loop() {
		path := filepath.Join(benchDir(b), "index.db")
		x, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		h := newHouse(b, x, cameras)
		report := func(first, last int64, name string) {
			before, begin := x.Stats(), time.Now()
			for d := first; d < last; d++ {
				h.day(benchStart + d*microsPerDay)
			}
			s := x.Stats()
			used, err1 := x.db.Used()
			size, err2 := sizes(path)
			if err := errors.Join(err1, err2); err != nil {
				b.Fatal(err)
			}
			cameraDays := float64((last - first) * cameras)
			b.ReportMetric(float64(s.Written-before.Written)/cameraDays/(1<<20), name+"-MiB-written/camera-day")
			b.ReportMetric(float64(s.Folds-before.Folds)/float64(last-first), name+"-folds/day")
			b.ReportMetric(time.Since(begin).Seconds()*1000/cameraDays, name+"-ms/camera-day")
			b.ReportMetric(float64(size)/days/cameras/1024, name+"-KiB-size/camera-day")
			b.ReportMetric(float64(used)/days/cameras/1024, name+"-KiB-used/camera-day")
		}
		report(0, days, "growing")
		h.keep = days * microsPerDay
		report(days, days+more, "full")
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// sizes adds up the files of an index.
func sizes(path string) (n int64, err error) {
	for _, p := range []string{path, path + ".journal"} {
		info, err := os.Stat(p)
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// BenchmarkDayRows reads what a timeline of a day needs, out of a month.
func BenchmarkDayRows(b *testing.B) {
	x, err := Open(filepath.Join(b.TempDir(), "index.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	l := segment.Line{Camera: media.NewCameraID()}
	for n := range int64(30 * 144) {
		at := benchStart + n*10*microsPerMinute
		x.Add(Addition{Row: Row{Line: l, Start: at, End: at + 10*microsPerMinute, Size: 300 << 20}})
	}
	if err := x.Checkpoint(benchStart, nil); err != nil {
		b.Fatal(err)
	}
	n := int64(0)
	for b.Loop() {
		from := benchStart + n%29*microsPerDay
		n++
		rows, err := x.Rows(l, from, from+microsPerDay)
		if err != nil || len(rows) < 144 {
			b.Fatal(err, len(rows))
		}
	}
}
