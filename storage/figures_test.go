package storage

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/check"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/retention"
	"hearth/storage/segment"
)

const (
	sampled    = 400 // files among the 30 days that can be read
	seeks      = 4000
	coldSeeks  = 400
	timelines  = 4000
	emptyFiles = 16 << 10 // bytes of a file of which nothing but its going is measured
)

// sample is a moment of which there is footage.
type sample struct {
	cam  int
	path string
	at   time.Time
}

// BenchmarkFigures measures a store of 64 cameras and 30 days: making its index again, seeking, a day's timeline, letting go
// of a day. It takes a few minutes and 2 GB of disk. Synthetic is this: of all the files the rows are in the index, written
// by the calls that recording makes, but only 400 at random and one day of 16 cameras lie on the disk, and their fragments
// are small but for the two seconds around a moment that is sought; those are of 4 Mbit/s.
func BenchmarkFigures(b *testing.B) {
	h := newHouse(b, houseCameras)
	files := 0
	for cam := range partly {
		files += h.structured(cam, realDay)
	}
	samples := h.samples()
	h.rebuild(files + len(samples))
	for day := range houseDays {
		h.rows(day)
	}
	h.settle()
	info, err := os.Stat(filepath.Join(h.dir, indexFile))
	h.must(err)
	b.Logf("%d cameras, %d days: index.db has %d MiB", houseCameras, houseDays, info.Size()>>20)
	h.seekWarm(samples)
	h.seekCold(samples)
	h.timelines()
	h.letGoWhole()
	h.letGoParts()
}

// samples makes the files that hold random moments of the whole store.
func (h *house) samples() (list []sample) {
	taken := make(map[string]bool)
	for len(list) < sampled {
		cam, day, n := h.rnd.IntN(houseCameras), 2+h.rnd.IntN(houseDays-2), h.rnd.IntN(filesPerDay)
		start, second := h.start(cam, day, n), h.rnd.IntN(fileSeconds)
		row, _ := h.film(segment.Line{Camera: h.cams[cam]}, start, true, fileSeconds, 1, func(i int) int {
			if i/2 == second/2 {
				return fullFragment
			}
			return 64
		})
		if taken[row.Path()] {
			continue
		}
		taken[row.Path()] = true
		moment := start + int64(second)*microsSecond + h.rnd.Int64N(microsSecond)
		list = append(list, sample{cam, filepath.Join(h.dir, row.Path()), time.UnixMicro(moment).UTC()})
	}
	return list
}

// rebuild makes the index again from the files alone: as the box does it when index.db is lost, and as `hearth rebuild`.
func (h *house) rebuild(files int) {
	b := h.b
	h.close()
	h.dropAll()
	h.must(os.Remove(filepath.Join(h.dir, indexFile)))
	_ = os.Remove(filepath.Join(h.dir, indexFile+".journal"))
	begin := measure(b, h.dir)
	h.open() // from here on the box serves
	names := measure(b, h.dir).since(begin)
	namesTook := time.Since(begin.wall)
	begin = measure(b, h.dir)
	h.must(h.s.recovery(h.s.all()[0]).Details(b.Context()))
	details := measure(b, h.dir).since(begin)
	detailsTook := time.Since(begin.wall)
	if _, todo, err := h.s.index.Todo(0, 0); err != nil || todo > 0 {
		b.Fatal(err, todo)
	}
	h.close()
	h.dropAll()
	begin = measure(b, h.dir)
	n, err := check.Rebuild(b.Context(), h.dir, slog.New(slog.DiscardHandler))
	if err != nil || n != files {
		b.Fatalf("%d of %d files: %v", n, files, err)
	}
	whole := measure(b, h.dir).since(begin)
	wholeTook := time.Since(begin.wall)
	h.open()
	count := float64(files)
	figure(b, "rebuild-names", count/namesTook.Seconds(), "files/s", names.cpu.Seconds()*1000/count, "cpu-ms/file", float64(names.fromDisk)/count, "disk-B/file")
	figure(b, "rebuild-details", count/detailsTook.Seconds(), "files/s", details.cpu.Seconds()*1000/count, "cpu-ms/file", float64(details.fromDisk)/count, "disk-B/file")
	figure(b, "rebuild", count, "files", count/wholeTook.Seconds(), "files/s", whole.cpu.Seconds()*1000/count, "cpu-ms/file",
		count/wholeTook.Seconds()*nominalFile/1e9, "GB-of-footage/s", float64(whole.fromDisk)/wholeTook.Seconds()/1e6, "disk-MB/s")
}

// seek opens footage at a moment and reads its first piece.
func (h *house) seek(g access.Grant, at time.Time) {
	f, err := h.s.Footage(g, media.Main, at, at.Add(time.Second))
	h.must(err)
	p, err := f.Next()
	if err != nil || p.Start.After(at) || at.Sub(p.Start) > 2*time.Second || len(p.Data) != fullFragment || len(p.Init) == 0 {
		h.b.Fatalf("seek to %s: a piece of %d bytes at %s, %v", at, len(p.Data), p.Start, err)
	}
	h.must(f.Close())
}

func (h *house) seekWarm(samples []sample) {
	grants := h.grants(access.Footage)
	for _, s := range samples {
		h.seek(grants[s.cam], s.at)
	}
	var took []time.Duration
	begin := measure(h.b, h.dir)
	for range seeks {
		s := samples[h.rnd.IntN(len(samples))]
		start := time.Now()
		h.seek(grants[s.cam], s.at)
		took = append(took, time.Since(start))
	}
	m := measure(h.b, h.dir).since(begin)
	figure(h.b, "seek-warm", at(took, 0.99)/1e6, "p99-ms", at(took, 0.5)/1e6, "p50-ms", m.cpu.Seconds()*1000/seeks, "cpu-ms",
		float64(m.calls)/seeks, "read-calls")
}

// seekCold lets the system forget the index and the file before each seek, and counts what comes from the disk. What of the
// index all seeks share is read again first, by seeking to others.
func (h *house) seekCold(samples []sample) {
	grants := h.grants(access.Footage)
	pages := mapped(h.b, filepath.Join(h.dir, indexFile))
	var took []time.Duration
	var found, indexed, picture, bytes []int64
	for i := range coldSeeks {
		s := samples[i%len(samples)]
		pages.drop(h.b)
		for range 20 {
			o := samples[h.rnd.IntN(len(samples))]
			if o.cam != s.cam {
				h.seek(grants[o.cam], o.at)
			}
		}
		h.drop(s.path)
		begin := measure(h.b, h.dir)
		f, err := h.s.Footage(grants[s.cam], media.Main, s.at, s.at.Add(time.Second))
		h.must(err)
		_, _, ok, err := h.s.seen(f.line, f.pos, 0)
		if err != nil || !ok {
			h.b.Fatal(err, ok)
		}
		seen := measure(h.b, h.dir)
		h.must(f.open()) // all that comes before the picture; it looks into the index again, which is in memory now
		open := measure(h.b, h.dir)
		_, err = f.Next()
		h.must(err)
		took = append(took, time.Since(begin.wall))
		end := measure(h.b, h.dir)
		h.must(f.Close())
		found, picture = append(found, open.since(begin).requests), append(picture, end.since(open).requests)
		indexed = append(indexed, seen.since(begin).requests)
		bytes = append(bytes, end.since(begin).fromDisk)
	}
	figure(h.b, "seek-cold", at(took, 0.99)/1e6, "p99-ms", at(took, 0.5)/1e6, "p50-ms", at(found, 0.5), "disk-reads-to-find", at(indexed, 0.5), "of-them-index",
		at(picture, 0.5), "disk-reads-of-picture", at(bytes, 0.5)/1000, "disk-kB")
}

func (h *house) timelines() {
	grants := h.grants(access.Footage)
	var took []time.Duration
	begin := measure(h.b, h.dir)
	for range timelines {
		cam := h.rnd.IntN(houseCameras)
		from := time.UnixMicro(h.start(cam, 2+h.rnd.IntN(houseDays-3), 0))
		start := time.Now()
		t, err := h.s.Timeline(grants[cam], from, from.Add(24*time.Hour))
		took = append(took, time.Since(start))
		if err != nil || len(t.Spans) == 0 || len(t.Motion) < eventsPerDay-2 {
			h.b.Fatalf("%d spans, %d minutes of motion: %v", len(t.Spans), len(t.Motion), err)
		}
	}
	m := measure(h.b, h.dir).since(begin)
	figure(h.b, "timeline", at(took, 0.99)/1e6, "p99-ms", at(took, 0.5)/1e6, "p50-ms", m.cpu.Seconds()*1000/timelines, "cpu-ms")
}

// limit sets cameras' days.
func (h *house) limit(cams []media.CameraID, days, eventDays int) {
	for _, cam := range cams {
		c, err := h.s.Box().Camera(cam)
		h.must(err)
		c.LimitDays, c.LimitEventDays = days, eventDays
		h.must(h.s.Box().PutCamera(c))
	}
}

// past is how many days' limit lets exactly the days before one go: what lies in the first minutes of the next one went
// before, so that it makes no difference how long the benchmark takes.
func past(day int) int { return houseDays - day }

// trimDay takes the first hours of a day out of the index, so that a limit of days does not reach into it.
func (h *house) trimDay(day int) {
	for cam, id := range h.cams {
		for _, stream := range []media.Stream{media.Main, media.Sub} {
			rows, err := h.s.index.Rows(segment.Line{Camera: id, Stream: stream}, h.start(cam, day, 0), h.start(cam, day, 9))
			h.must(err)
			var list []index.Row
			for _, r := range rows {
				if r.Start >= h.start(cam, day, 0) {
					list = append(list, r)
				}
			}
			h.must(h.s.index.Condemn(list))
			h.must(h.s.index.Bury(list))
		}
	}
}

// noted counts what is written to ledgers.
type noted struct {
	ledger.Files
	bytes *int64
}

func (n noted) Write(day string, data []byte) error {
	*n.bytes += int64(len(data))
	return n.Files.Write(day, data)
}

// pass lets go once and reports what that took.
func (h *house) pass(name string) retention.Freed {
	keeper := h.s.all()[0].keeper
	var notes int64
	pages := keeper.Pages
	keeper.Pages = func(camera media.CameraID) (ledger.Files, segment.Key, error) {
		files, key, err := pages(camera)
		return noted{files, &notes}, key, err
	}
	defer func() { keeper.Pages = pages }()
	h.settle()
	stats, begin := h.s.index.Stats(), measure(h.b, h.dir)
	freed, err := keeper.Pass(context.Background(), 0)
	h.must(err)
	took := time.Since(begin.wall)
	m := measure(h.b, h.dir).since(begin)
	const mib = 1 << 20
	figure(h.b, name, float64(freed.Files), "files", float64(freed.Pared), "files-punched", took.Seconds(), "s", m.cpu.Seconds(), "cpu-s",
		float64(m.written)/mib, "MiB-written", float64(h.s.index.Stats().Written-stats.Written)/mib, "MiB-index", float64(notes)/mib, "MiB-ledger")
	return freed
}

// letGoWhole lets go of the first day of all cameras. Its files are there and hold next to nothing: for the file system, a
// file of 300 MB is a few extents more.
func (h *house) letGoWhole() {
	h.trimDay(1)
	for cam, id := range h.cams {
		for n := range filesPerDay {
			for _, stream := range []media.Stream{media.Main, media.Sub} {
				start := h.start(cam, 0, n)
				name := segment.FinishedName(stream, start, start+fileSeconds*microsSecond)
				path := filepath.Join(h.dir, name.Path(id))
				h.must(os.MkdirAll(filepath.Dir(path), 0o700))
				f, err := os.Create(path)
				h.must(err)
				h.must(unix.Fallocate(int(f.Fd()), 0, 0, emptyFiles))
				h.must(f.Close())
			}
		}
	}
	h.limit(h.cams, past(1), 0)
	if freed := h.pass("let-go-whole"); freed.Files != houseCameras*2*filesPerDay || freed.Pared != 0 {
		h.b.Fatalf("%+v went of %d", freed, houseCameras*2*filesPerDay)
	}
}

// letGoParts lets go of what is not around events of a day of 16 cameras.
func (h *house) letGoParts() {
	h.trimDay(2)
	h.limit(h.cams[:partly], past(2), houseDays*2)
	if freed := h.pass("let-go-parts"); freed.Pared < partly*eventsPerDay {
		h.b.Fatalf("%+v went", freed)
	}
}

// BenchmarkPowerCut starts a box that lost its power with 64 files open, almost ten minutes long: without checkpoints, so
// that they are read from their beginning, and with them. Fragments are of 16 KB, a thirtieth of those of 4 Mbit/s.
func BenchmarkPowerCut(b *testing.B) {
	h := newHouse(b, houseCameras)
	for round, name := range []string{"power-cut-whole", "power-cut-checkpoints"} {
		var tails []index.Tail
		var size int64
		start := time.Now().Add(-time.Hour).UnixMicro() + int64(round)*fileSeconds*microsSecond
		for cam, id := range h.cams {
			l := segment.Line{Camera: id}
			row, last := h.film(l, start+int64(cam), false, fileSeconds-5, 1, func(int) int { return 16_000 })
			size += row.Size
			tails = append(tails, index.Tail{Line: l, Start: row.Start, Place: last})
		}
		if round == 1 {
			h.must(h.s.index.Checkpoint(start, tails))
		}
		h.close()
		h.dropAll()
		begin := measure(b, h.dir)
		h.open()
		took := time.Since(begin.wall)
		m := measure(b, h.dir).since(begin)
		for cam, id := range h.cams {
			r, ok, err := h.s.index.Last(segment.Line{Camera: id}, start+int64(cam))
			if err != nil || !ok || r.Start != start+int64(cam) || !r.Recovered {
				b.Fatalf("camera %d: %+v, %v", cam, r, err)
			}
		}
		figure(b, name, took.Seconds(), "s", m.cpu.Seconds(), "cpu-s", float64(size)/1e6, "MB-open", float64(m.fromDisk)/1e6, "MB-read", float64(m.written)/1e6, "MB-written")
	}
}
