package index

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

const (
	manyCameras = 64
	manyDays    = 30
)

// many makes an index of 64 cameras and 30 days at path: rows of both streams and packs, events and minutes of motion, as a
// house of that size has them.
func many(b *testing.B, path string) (*Index, *house) {
	b.Helper()
	x, err := Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	h := newHouse(b, x, manyCameras)
	for day := range int64(manyDays) {
		start := benchStart + day*microsPerDay
		for i, cam := range h.cams {
			h.finish(segment.Line{Camera: cam, Stream: segment.Pack}, start, start+microsPerDay)
			for m := int64(i) % fileMinutes; m < minutesPerDay; m += fileMinutes {
				at := start + m*microsPerMinute
				h.finish(segment.Line{Camera: cam, Stream: media.Main}, at, at+fileMinutes*microsPerMinute)
				h.finish(segment.Line{Camera: cam, Stream: media.Sub}, at, at+fileMinutes*microsPerMinute)
				if m%30 < fileMinutes {
					x.AddMotion(cam, at, 0.5)
				}
			}
		}
		if err := x.Checkpoint(start+microsPerDay, nil); err != nil {
			b.Fatal(err)
		}
		if err := x.db.Update(func(tx *layer.Tx) error {
			for _, cam := range h.cams {
				for n := range int64(eventsPerDay) {
					at := start + n*microsPerDay/eventsPerDay
					e := Event{ID: h.uuid(), Camera: cam, Kind: "motion", Start: time.UnixMicro(at), End: time.UnixMicro(at + 20*benchSecond), Regions: make([]media.Region, 14)}
					putEvent(tx, stored{Event: e, Changed: at, thumb: &Thumb{File: start, Place: segment.Place{Offset: n << 15, Length: 40_000}}})
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := x.db.Fold(); err != nil {
		b.Fatal(err)
	}
	return x, h
}

// p99 calls do n times, and reports what 99 of a hundred calls stay below and what half of them do.
func p99(b *testing.B, n int, do func()) {
	b.Helper()
	var took []time.Duration
	for b.Loop() {
		for range n {
			begin := time.Now()
			do()
			took = append(took, time.Since(begin))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMany measures an index of 64 cameras and 30 days.
func BenchmarkMany(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index.db")
	x, h := many(b, path)
	if n, err := sizes(path); err == nil {
		b.Logf("%d MiB", n>>20)
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	seek := func() {
		l := segment.Line{Camera: h.cams[rnd.IntN(manyCameras)], Stream: media.Stream(rnd.IntN(2))}
		if _, ok, err := x.Last(l, benchStart+microsPerHour+rnd.Int64N(manyDays*microsPerDay)); err != nil || !ok {
			b.Fatal(err, ok)
		}
	}
	b.Run("seek", func(b *testing.B) { p99(b, 10_000, seek) })
	b.Run("seek-cold", func(b *testing.B) {
		pages := newCache(b, path)
		pages.drop()
		var all, own, n float64
		for b.Loop() {
			for range 100 {
				pages.drop()
				seek()
				all += float64(pages.resident())
				for range 20 { // what all seeks share is there now
					seek()
				}
				before := pages.resident()
				seek()
				own += float64(pages.resident() - before)
				n++
			}
		}
		b.ReportMetric(all/n, "reads-all-cold")
		b.ReportMetric(own/n, "reads-of-the-line")
		b.ReportMetric(0, "ns/op")
	})
	b.Run("day", func(b *testing.B) {
		p99(b, 1000, func() {
			l := segment.Line{Camera: h.cams[rnd.IntN(manyCameras)]}
			from := benchStart + rnd.Int64N(manyDays-1)*microsPerDay
			rows, err := x.Rows(l, from, from+microsPerDay)
			if err != nil || len(rows) < 144 {
				b.Fatal(err, len(rows))
			}
			if _, err := x.Gaps(l, from, from+microsPerDay); err != nil {
				b.Fatal(err)
			}
			if err := x.Motion(l.Camera, from, from+microsPerDay, func(int64, float64) {}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("days", func(b *testing.B) { // a month's map of 16 cameras
		p99(b, 20, func() {
			for _, cam := range h.cams[:16] {
				for d := range int64(manyDays) {
					if _, _, err := x.Day(cam, benchStart/microsPerDay+d); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	})
	b.Run("rare", func(b *testing.B) { // the held events of all cameras, of which there are none
		yes := true
		p99(b, 5, func() {
			if items, _, err := x.Events(h.cams, EventFilter{Held: &yes}); err != nil || len(items) > 0 {
				b.Fatal(err, len(items))
			}
		})
	})
}

// BenchmarkLetGo lets go of the oldest day of 64 cameras, 64 files at a time, on a disk.
func BenchmarkLetGo(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		x, h := many(b, filepath.Join(b.TempDir(), "index.db"))
		before := x.Stats()
		b.StartTimer()
		files := 0
		var rows []Row
		letGo := func() {
			if err := x.Condemn(rows); err != nil {
				b.Fatal(err)
			}
			if err := x.Bury(rows); err != nil {
				b.Fatal(err)
			}
			files += len(rows)
			rows = rows[:0]
		}
		if err := x.Oldest(media.CameraID{}, -1<<62, func(r Row) bool {
			if rows = append(rows, r); len(rows) == 64 {
				letGo()
			}
			return r.End < benchStart+microsPerDay
		}); err != nil {
			b.Fatal(err)
		}
		letGo()
		for _, cam := range h.cams {
			if _, err := x.Trim(cam, benchStart+microsPerDay, 1000); err != nil {
				b.Fatal(err)
			}
		}
		if err := x.db.Fold(); err != nil {
			b.Fatal(err)
		}
		s := x.Stats()
		b.ReportMetric(float64(s.Written-before.Written)/(1<<20), "MiB-written")
		b.ReportMetric(float64(files), "files")
		b.ReportMetric(float64(s.Appends-before.Appends+s.Folds-before.Folds), "syncs")
	}
}

// cache looks at which pages of a mapped file are in memory.
type cache struct {
	b      *testing.B
	file   *os.File
	at, n  uintptr // the mapping
	vector []byte
}

func newCache(b *testing.B, path string) *cache {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		b.Skip(err)
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		var from, to uintptr
		if strings.HasSuffix(lines.Text(), path) {
			if _, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to); err != nil {
				b.Fatal(err)
			}
			n := min(to-from, uintptr(info.Size()))
			return &cache{b, file, from, n, make([]byte, (n+crashPage-1)/crashPage)}
		}
	}
	b.Skip("the file is not mapped")
	return nil
}

// drop lets the system forget the file's pages.
func (c *cache) drop() {
	if err := unix.Fdatasync(int(c.file.Fd())); err != nil {
		c.b.Fatal(err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_MADVISE, c.at, c.n, unix.MADV_DONTNEED); errno != 0 {
		c.b.Fatal(errno)
	}
	if err := unix.Fadvise(int(c.file.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		c.b.Fatal(err)
	}
	if n := c.resident(); n > 8 {
		c.b.Skipf("%d pages of the file cannot be dropped from memory", n)
	}
}

// resident counts the pages in memory.
func (c *cache) resident() (n int) {
	if err := mincore(c.at, c.n, c.vector); err != nil {
		c.b.Fatal(err)
	}
	for _, v := range c.vector {
		n += int(v & 1)
	}
	return n
}
