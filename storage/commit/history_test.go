package commit

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

type testKey struct{ camera media.CameraID }

func (k testKey) Camera() media.CameraID { return k.camera }

func (k testKey) AEAD(salt []byte, s media.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.camera[:], salt, string(s[:]), 32)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.New(key)
}

// history drives a committer through what may happen, tick by tick, and remembers what it promised.
type history struct {
	t        *rapid.T
	disk     *fakeDisk
	c        *Committer
	refused  error
	now      time.Time
	cameras  []*historyCamera
	finished []Finished
}

type historyCamera struct {
	line segment.Line
	w    *Writer
	run  *media.Run
	dts  int64
	all  map[int64]Fragment // every fragment of every run, by start
}

func newHistory(t *rapid.T) *history {
	h := &history{t: t, now: time.UnixMicro(1_790_000_000_000_000).UTC()}
	h.disk = newFakeDisk(rapid.Bool().Draw(t, "own file system"), "media")
	for i := range rapid.IntRange(1, 3).Draw(t, "cameras") {
		id := media.CameraID{byte(i + 1), 6: 0x40, 8: 0x80}
		h.disk.dirs["media/"+id.String()] = true
		h.cameras = append(h.cameras, &historyCamera{line: segment.Line{Camera: id}, all: make(map[int64]Fragment)})
	}
	roll := int64(rapid.IntRange(500, 5000).Draw(t, "roll bytes"))
	h.c = &Committer{
		MaxPending: 8000,
		Disk:       h.disk, Log: slog.New(slog.DiscardHandler),
		Key:        func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		Ready:      func() error { return h.refused },
		RollBytes:  func(segment.Line) int64 { return roll },
		OnFinished: func(f Finished) { h.finished = append(h.finished, f) },
	}
	for _, cam := range h.cameras {
		w, err := h.c.Writer(cam.line)
		if err != nil {
			t.Fatal(err)
		}
		cam.w = w
	}
	return h
}

func (h *history) tick() { h.c.flush(func(*line) bool { return true }) }

func (h *history) begin(cam *historyCamera) {
	cam.run = &media.Run{ID: media.NewUUID(), Camera: cam.line.Camera, Start: h.now}
	cam.dts = 0
	cam.w.Begin(cam.run, []byte("init"))
}

func (h *history) append(cam *historyCamera, key bool) {
	if cam.run == nil {
		h.begin(cam)
	}
	key = key || cam.dts == 0
	f := Fragment{DTS: cam.dts, Duration: 90000, Start: h.now, Key: key}
	f.Data = [][]byte{fmt.Appendf(nil, "%s %d ", cam.line.Camera, h.now.UnixMicro()), bytes.Repeat([]byte("x"), h.size())}
	cam.all[h.now.UnixMicro()] = f
	cam.dts += 90000
	if err := cam.w.Append(f); err != nil && !errors.Is(err, ErrDropped) {
		h.t.Fatal(err)
	}
}

func (h *history) size() int {
	if rapid.IntRange(0, 20).Draw(h.t, "large") == 0 {
		return 5000 // two of them are over the bound
	}
	return rapid.IntRange(0, 700).Draw(h.t, "size")
}

func (h *history) step() {
	cam := h.cameras[rapid.IntRange(0, len(h.cameras)-1).Draw(h.t, "camera")]
	switch rapid.IntRange(0, 19).Draw(h.t, "step") {
	case 0:
		cam.w.End("connection lost")
		cam.run = nil
	case 1:
		h.begin(cam)
	case 2:
		h.refused = rapid.SampledFrom([]error{nil, nil, ErrFull, ErrMissing, ErrForeign, ErrReadOnly}).Draw(h.t, "refused")
	case 3:
		h.c.Mend()
	case 4:
		w, err := h.c.Writer(cam.line)
		if err != nil {
			h.t.Fatal(err)
		}
		cam.w, cam.run = w, nil
	default:
		for _, cam := range h.cameras {
			h.append(cam, rapid.IntRange(0, 2).Draw(h.t, "key") == 0)
		}
		h.now = h.now.Add(time.Second)
		if rapid.IntRange(0, 3).Draw(h.t, "tick") > 0 {
			h.tick()
		}
	}
}

// promise is what a reader could see, and therefore must find again.
type promise struct {
	line  segment.Line
	start int64
	table []segment.Entry
}

func (h *history) promises() (list []promise) {
	for _, v := range h.c.AllOpen() {
		if len(v.Table) > 0 {
			list = append(list, promise{v.Line, v.Name.Start, v.Table})
		}
	}
	for _, f := range h.finished {
		list = append(list, promise{f.Line, f.Name.Start, f.Table})
	}
	return list
}

// files gives the names of a disk, parsed.
func files(t *rapid.T, d *fakeDisk, camera media.CameraID) (list []segment.Name) {
	for path := range d.names {
		n, ok := segment.ParseName(filepath.Base(path))
		if !ok || n.Path(n2(path)) != path {
			t.Fatalf("an odd name: %s", path)
		}
		if n2(path) == camera {
			list = append(list, n)
		}
	}
	return list
}

func n2(path string) media.CameraID {
	id, _ := media.ParseCameraID(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return id
}

// recoverAll finishes what is open, as a start does.
func recoverAll(t *rapid.T, d *fakeDisk, cameras []*historyCamera) {
	for _, cam := range cameras {
		for _, n := range files(t, d, cam.line.Camera) {
			if !n.Open {
				continue
			}
			_, err := Finish(d, cam.line.Camera, n, 0, testKey{cam.line.Camera}, segment.Place{})
			if errors.Is(err, segment.ErrEmpty) || errors.Is(err, segment.ErrDamaged) {
				err = d.Remove(n.Path(cam.line.Camera))
			}
			if err != nil {
				t.Fatalf("recover %v: %v", n, err)
			}
		}
	}
}

// check reads every file of the disk whole, and gives the fragments and notes of a camera.
func (h *history) read(d *fakeDisk, cam *historyCamera) (tables map[int64][]segment.Entry, kept map[int64]bool, notes []segment.Note) {
	tables, kept = make(map[int64][]segment.Entry), make(map[int64]bool)
	for _, n := range files(h.t, d, cam.line.Camera) {
		f := d.names[n.Path(cam.line.Camera)]
		r, err := segment.Open(bytes.NewReader(f.data), int64(len(f.data)), testKey{cam.line.Camera})
		if err == nil {
			err = r.Verify()
		}
		if err != nil {
			h.t.Fatalf("%s: %v", f.path, err)
		}
		tables[n.Start] = r.Table()
		broken, resumed := true, int64(0)
		for i, e := range r.Table() {
			payload, err := r.Payload(i, nil)
			if err != nil {
				h.t.Fatal(err)
			}
			switch e.Type {
			case segment.NoteRecord:
				note, err := segment.ParseNote(payload)
				if err != nil {
					h.t.Fatal(err)
				}
				notes = append(notes, note)
				resumed = max(resumed, note.To)
			case segment.FragRecord:
				want, ok := cam.all[e.Time]
				if !ok || !bytes.Equal(payload, bytes.Join(want.Data, nil)) || want.Key != e.Key || want.DTS != e.DTS {
					h.t.Fatalf("%s, record %d: not what was appended", f.path, i)
				}
				if kept[e.Time] {
					h.t.Fatalf("%s, record %d: there twice", f.path, i)
				}
				if (broken || e.Time == resumed) && !e.Key {
					h.t.Fatalf("%s, record %d: goes on after a gap without a key frame", f.path, i)
				}
				broken = false
				kept[e.Time] = true
			}
		}
	}
	return tables, kept, notes
}

// Whatever happens, and wherever the power goes: what could once be read can be read again, nothing is there that was
// not appended, and recovering twice gives the same bytes.
func TestPowerCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		h.disk.fail = trouble(t, rapid.SampledFrom([]uint32{0, 0, 10, 40}).Draw(t, "trouble"))
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			h.step()
		}
		if rapid.Bool().Draw(t, "in the midst of a commit") {
			// The power goes in the midst of a flush: nothing after a point reaches the disk.
			left := rapid.IntRange(0, 12).Draw(t, "operations")
			h.disk.fail = func(string, string) error {
				if left--; left < 0 {
					return errors.New("no power")
				}
				return nil
			}
			promised := h.promises()
			h.tick()
			h.after(t, promised)
			return
		}
		h.after(t, h.promises())
	})
}

func (h *history) after(t *rapid.T, promised []promise) {
	h.disk.fail = nil
	found := h.disk.powerCut(t)
	recoverAll(t, found, h.cameras)
	again := newFakeDisk(found.own)
	again.dirs = found.dirs
	for path, f := range found.names {
		again.names[path] = &fakeFile{disk: again, path: path, data: bytes.Clone(f.data)}
	}
	for _, cam := range h.cameras {
		tables, _, _ := h.read(found, cam)
		for _, p := range promised {
			if p.line != cam.line {
				continue
			}
			table, ok := tables[p.start]
			if !ok || len(table) < len(p.table) || !slices.Equal(table[:len(p.table)], p.table) {
				t.Fatalf("%s at %d: %d of %d records are there: %v", p.line, p.start, len(table), len(p.table), ok)
			}
		}
		for _, n := range files(t, again, cam.line.Camera) {
			f := again.names[n.Path(cam.line.Camera)]
			before := bytes.Clone(f.data)
			if _, err := segment.Recover(f, int64(len(f.data)), 0, testKey{cam.line.Camera}, segment.Place{}); err != nil || !bytes.Equal(before, f.data) {
				t.Fatalf("recovered twice: %v", err)
			}
		}
	}
}

// Every fragment is kept, or lies in a recorded gap, once the disk is well again.
func TestWhatIsMissingIsAGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory(t)
		h.disk.fail = trouble(t, rapid.SampledFrom([]uint32{0, 8, 30}).Draw(t, "trouble"))
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			h.step()
		}
		h.disk.fail, h.refused = nil, nil
		h.tick()
		for _, cam := range h.cameras {
			cam.run = nil
			h.append(cam, true)
		}
		h.tick()
		h.c.Stop()
		h.c.Mend()
		if open := h.c.AllOpen(); len(open) != 0 {
			t.Fatalf("still open: %+v", open)
		}
		for _, cam := range h.cameras {
			_, kept, notes := h.read(h.disk, cam)
			missing := uint64(0)
			for _, at := range slices.Sorted(maps.Keys(cam.all)) {
				if kept[at] {
					continue
				}
				missing++
				if !slices.ContainsFunc(notes, func(n segment.Note) bool {
					return n.Kind == segment.NoteGap && n.From <= at && at < n.To && n.Dropped > 0 && n.Reason != ""
				}) {
					t.Fatalf("the fragment at %d is missing, and no gap says so: %+v", at, notes)
				}
			}
			if dropped := h.c.Dropped()[cam.line.Camera]; dropped != missing {
				t.Fatalf("%d fragments are missing, %d were counted", missing, dropped)
			}
		}
	})
}
