package storage

import (
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
	"hearth/storage/index"
	"hearth/storage/segment"
)

// What the generated house is like: cameras with both streams at 4 Mbit/s, files of ten minutes that roll at a camera's own
// minute, a fragment a second, a key frame every other, a checkpoint a minute.
const (
	houseCameras = 64
	houseDays    = 30
	fileSeconds  = 600
	filesPerDay  = 24 * 3600 / fileSeconds
	eventsPerDay = 50
	realDay      = 1           // of which some cameras have all files on the disk
	partly       = 16          // so many
	nominalFile  = 300_000_000 // bytes of ten minutes at 4 Mbit/s
	fullFragment = 500_000     // of a second of them
)

// ahead is how much more than a whole number of days ago the first day begins, so that a limit of days lets a day go whole.
const ahead = 20 * time.Minute

const (
	microsSecond = int64(1_000_000)
	microsDay    = 24 * 3600 * microsSecond
)

// house makes data folders for benchmarks: what is read or let go of in them is what the program itself would have
// written, with smaller pictures.
type house struct {
	b     *testing.B
	dir   string
	s     *Store
	cams  []media.CameraID
	rnd   *mathrand.Rand
	heads map[segment.Line][32]byte
	runs  map[segment.Line]media.UUID
	first int64 // where the first day begins, in microseconds
	noise []byte
	buf   []byte
}

// newHouse opens a new data folder with cameras. HEARTH_BENCH_DIR names the disk; otherwise it is that of temporary files.
func newHouse(b *testing.B, cameras int) *house {
	b.Helper()
	dir, err := os.MkdirTemp(os.Getenv("HEARTH_BENCH_DIR"), "hearth-bench-")
	if err != nil {
		b.Fatal(err)
	}
	h := &house{
		b: b, dir: dir, rnd: mathrand.New(mathrand.NewPCG(1, 2)), heads: make(map[segment.Line][32]byte), runs: make(map[segment.Line]media.UUID),
		first: time.Now().Truncate(time.Minute).Add(-ahead).UnixMicro() - houseDays*microsDay, noise: make([]byte, fullFragment),
	}
	rand.Read(h.noise)
	b.Cleanup(func() {
		h.close()
		_ = os.RemoveAll(dir)
	})
	h.open()
	for range cameras {
		id := media.NewCameraID()
		h.must(h.s.Box().PutCamera(box.Camera{ID: id, Name: "camera " + id.String()[:8], Record: "continuous"}))
		h.must(h.s.Keys().AddCamera(id))
		h.cams = append(h.cams, id)
	}
	return h
}

func (h *house) must(err error) {
	h.b.Helper()
	if err != nil {
		h.b.Fatal(err)
	}
}

func (h *house) open() {
	h.b.Helper()
	s, err := Open(Options{Dir: h.dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	h.must(err)
	h.s = s
}

func (h *house) close() {
	if h.s != nil {
		h.must(h.s.Close())
		h.s = nil
	}
}

func (h *house) grants(verb access.Verb) (list []access.Grant) {
	for _, cam := range h.cams {
		list = append(list, accesstest.Grant(h.b, h.s.Access(), h.s.Box(), cam, verb))
	}
	return list
}

// start is when a camera's file begins that is the nth of a day.
func (h *house) start(cam, day, n int) int64 {
	return h.first + int64(day)*microsDay + int64(n)*fileSeconds*microsSecond + int64(cam%10)*60*microsSecond + int64(cam)
}

// film makes a file of ten minutes with fragments of sizes by their second, and gives its row, and for an unfinished one
// its bytes and where its last checkpoint is. It is not in the index.
func (h *house) film(l segment.Line, start int64, finished bool, seconds, step int, size func(second int) int) (row index.Row, last segment.Place) {
	h.b.Helper()
	key, err := h.s.Keys().ForRecording(l.Camera)
	h.must(err)
	header := segment.NewHeader(l.Camera, l.Stream)
	if h.runs[l].IsZero() {
		h.runs[l] = media.NewUUID()
	}
	header.Start, header.RunStart, header.Run, header.Prev, header.Trusted = start, start, h.runs[l], h.heads[l], true
	w, err := segment.NewWriter(key, header)
	h.must(err)
	buf := w.AppendHeader(h.buf[:0])
	add := func(r segment.Record, payload []byte) {
		buf, err = w.AppendRecord(buf, r, payload)
		h.must(err)
	}
	tracks := segment.Note{Kind: segment.NoteTracks, Tracks: []media.Track{{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 1920, Height: 1080}}}
	add(segment.Record{Type: segment.InitRecord, Time: start}, h.noise[:800])
	add(segment.Record{Type: segment.NoteRecord, Time: start}, tracks.Marshal())
	for i := 0; i < seconds; i += step {
		r := segment.Record{
			Type: segment.FragRecord, Key: i%2 == 0, DTS: int64(i) * 90000, Duration: uint32(step) * 90000, Time: start + int64(i)*microsSecond,
		}
		add(r, h.noise[:size(i)])
		if step == 1 && i%60 == 59 && i+1 < seconds {
			buf, last, err = w.AppendCheckpoint(buf, segment.Record{Type: segment.CheckRecord, Time: r.Time})
			h.must(err)
		}
	}
	name := segment.Name{Stream: l.Stream, Start: start, Open: true}
	if finished {
		buf = w.AppendFooter(buf)
		name = segment.FinishedName(l.Stream, start, w.End())
		h.heads[l] = w.Chain()
	}
	h.write(name.Path(l.Camera), buf)
	h.buf = buf
	head := w.Header()
	return index.Row{
		Line: l, Start: start, End: w.End(), Size: w.Size(), Segment: head.Segment, Run: head.Run, RunStart: head.RunStart, Records: uint32(len(w.Table())),
		Prev: head.Prev, Head: w.Chain(),
	}, last
}

func (h *house) write(path string, b []byte) {
	path = filepath.Join(h.dir, path)
	h.must(os.MkdirAll(filepath.Dir(path), 0o700))
	h.must(os.WriteFile(path, b, 0o600))
}

// event is the nth event of a camera's day: 20 seconds in which somebody walks by.
func (h *house) event(cam, day, n int) index.Event {
	e := index.Event{ID: media.NewUUID(), Camera: h.cams[cam], Kind: "motion", Score: 0.7}
	e.Start = time.UnixMicro(h.start(cam, day, 0) + int64(n)*microsDay/eventsPerDay + 90*microsSecond).UTC()
	e.End = e.Start.Add(20 * time.Second)
	for range 14 {
		e.Regions = append(e.Regions, media.Region{X: h.rnd.Float64(), Y: h.rnd.Float64(), W: 0.1, H: 0.2, Score: h.rnd.Float64()})
	}
	return e
}

// pack makes the pack of a camera's day, with its events and a small picture of each.
func (h *house) pack(cam, day int) (events []index.Event) {
	l := segment.Line{Camera: h.cams[cam], Stream: segment.Pack}
	key, err := h.s.Keys().ForRecording(l.Camera)
	h.must(err)
	header := segment.NewHeader(l.Camera, l.Stream)
	header.Start, header.Prev = h.start(cam, day, 0), h.heads[l]
	w, err := segment.NewWriter(key, header)
	h.must(err)
	b := w.AppendHeader(nil)
	for n := range eventsPerDay {
		e := h.event(cam, day, n)
		events = append(events, e)
		payload, err := index.MarshalEvent(e, e.End)
		h.must(err)
		b, err = w.AppendRecord(b, segment.Record{Type: segment.EventRecord, Time: e.End.UnixMicro()}, payload)
		h.must(err)
		thumb := binary.BigEndian.AppendUint64(append([]byte(nil), e.ID[:]...), uint64(e.Start.UnixMicro()))
		b, err = w.AppendRecord(b, segment.Record{Type: segment.ThumbRecord, Time: e.End.UnixMicro()}, thumb, h.noise[:10_000])
		h.must(err)
	}
	b = w.AppendFooter(b)
	h.heads[l] = w.Chain()
	h.write(segment.FinishedName(l.Stream, header.Start, w.End()).Path(l.Camera), b)
	return events
}

// structured makes all the files of a camera's day: those of the main stream with a fragment a second, those of the sub
// stream so where an event touches them, so that parts can go, and otherwise with one a minute.
func (h *house) structured(cam, day int) (files int) {
	events := h.pack(cam, day)
	for n := range filesPerDay {
		start := h.start(cam, day, n)
		touched := false
		for _, e := range events {
			touched = touched || e.Start.UnixMicro() < start+fileSeconds*microsSecond+10*microsSecond && e.End.UnixMicro() > start-10*microsSecond
		}
		size := func(int) int { return 64 }
		if touched {
			size = func(int) int { return 512 }
		}
		h.film(segment.Line{Camera: h.cams[cam]}, start, true, fileSeconds, 1, size)
		step := 60
		if touched {
			step = 1
		}
		h.film(segment.Line{Camera: h.cams[cam], Stream: media.Sub}, start, true, fileSeconds, step, size)
		files += 2
	}
	return files + 1
}

// rows puts a day of all cameras into the index: both streams, packs, minutes of motion and events, through the same calls
// that recording makes. Files that the index knows stay as they are.
func (h *house) rows(day int) {
	x := h.s.index
	for cam, id := range h.cams {
		for n := range filesPerDay {
			for _, stream := range []media.Stream{media.Main, media.Sub} {
				l := segment.Line{Camera: id, Stream: stream}
				start := h.start(cam, day, n)
				if has, err := x.Has(l, start); err != nil || has {
					h.must(err)
					continue
				}
				r := index.Row{
					Line: l, Start: start, End: start + fileSeconds*microsSecond, Size: nominalFile, Segment: media.NewUUID(), Run: h.runs[l], RunStart: h.first,
					Records: 612, Prev: h.heads[l],
				}
				rand.Read(r.Head[:])
				h.heads[l] = r.Head
				x.Add(index.Addition{Row: r, Covered: [][2]int64{{r.Start, r.End}}})
			}
		}
		if day == realDay && cam < partly { // they came from packs
			continue
		}
		found := make([]index.Restored, 0, eventsPerDay)
		for n := range eventsPerDay {
			e := h.event(cam, day, n)
			payload, err := index.MarshalEvent(e, e.End)
			h.must(err)
			found = append(found, index.Restored{Event: payload})
			x.AddMotion(id, e.Start.UnixMicro(), 0.5)
			for s := range 30 { // what reaches most sensitivities, somewhere else every second
				part := float64((n+s)%30) / 60
				x.AddMark(id, e.Start.UnixMicro()+int64(s)*microsSecond, 4+(n+s)%8, media.Region{X: part, Y: 0.3, W: 0.1, H: 0.3})
			}
		}
		_, err := x.Restore(id, found)
		h.must(err)
	}
	for cam, id := range h.cams { // every hour something stirs that is none
		for hour := range int64(24) {
			x.AddMark(id, h.start(cam, day, 0)+hour*3600*microsSecond, 1, media.Region{X: 0.5, Y: 0.1, W: 0.1, H: 0.1})
		}
	}
	h.must(x.Checkpoint(h.first+int64(day+1)*microsDay, nil))
}

// settle brings all that was written to the disk, so that none of it is written while something else is measured.
func (h *house) settle() {
	f, err := os.Open(h.dir)
	h.must(err)
	defer f.Close()
	h.must(unix.Syncfs(int(f.Fd())))
}

// drop lets the system forget what is in a file. Names and inodes stay in memory.
func (h *house) drop(path string) {
	f, err := os.Open(path)
	h.must(err)
	defer f.Close()
	h.must(unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// dropAll is drop for all footage.
func (h *house) dropAll() {
	h.settle()
	h.must(filepath.WalkDir(filepath.Join(h.dir, "media"), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			h.drop(path)
		}
		return err
	}))
}
