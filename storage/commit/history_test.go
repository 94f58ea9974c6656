package commit_test

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
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

// histories runs a property as often as is said here, or by HEARTH_HISTORIES (or -rapid.checks).
func histories(t *testing.T, n string, property func(*rapid.T)) {
	if more := os.Getenv("HEARTH_HISTORIES"); more != "" {
		n = more
	}
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	if before == "100" { // what it is when nobody gave another
		if err := checks.Set(n); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Set(before) }()
	}
	rapid.Check(t, property)
}

// history drives a committer through what may happen, tick by tick, and remembers what it promised.
type history struct {
	t        *rapid.T
	disk     *simdisk.Disk
	c        *commit.Committer
	roll     int64
	refused  error
	now      time.Time
	cameras  []*historyCamera
	finished []commit.Finished
	promised map[at][]segment.Entry
	hints    map[at]segment.Place // of checkpoints, as an index may remember them
}

// at is a file of a line.
type at struct {
	line  segment.Line
	start int64
}

type historyCamera struct {
	line segment.Line
	w    *commit.Writer
	run  *media.Run
	dts  int64
	all  map[int64]commit.Fragment // every fragment of every run, by start
}

func newHistory(t *rapid.T) *history {
	h := &history{
		t: t, now: time.UnixMicro(1_790_000_000_000_000).UTC(), promised: make(map[at][]segment.Entry), hints: make(map[at]segment.Place),
	}
	folders := []string{"media"}
	for i := range rapid.IntRange(1, 3).Draw(t, "cameras") {
		id := media.CameraID{byte(i + 1), 6: 0x40, 8: 0x80}
		folders = append(folders, "media/"+id.String())
		h.cameras = append(h.cameras, &historyCamera{line: segment.Line{Camera: id}, all: make(map[int64]commit.Fragment)})
	}
	h.roll = int64(rapid.IntRange(500, 20_000).Draw(t, "roll bytes"))
	h.disk = simdisk.New(rapid.Bool().Draw(t, "own file system"), folders...)
	h.disk.Seed = rapid.Uint64().Draw(t, "seed")
	if rapid.IntRange(0, 3).Draw(t, "small") == 0 {
		h.disk.Capacity = int64(rapid.IntRange(500, 30_000).Draw(t, "capacity"))
	}
	h.start()
	return h
}

// start begins to record on the disk, as a process does.
func (h *history) start() {
	h.refused, h.finished = nil, nil
	h.c = &commit.Committer{
		MaxPending: 8000,
		Disk:       h.disk, Log: slog.New(slog.DiscardHandler),
		Key:        func(id media.CameraID) (segment.Key, error) { return testKey{id}, nil },
		Taken:      func(l segment.Line, start int64) bool { return h.promised[at{l, start}] != nil },
		Ready:      func() error { return h.refused },
		RollBytes:  func(segment.Line) int64 { return h.roll },
		OnFinished: func(f commit.Finished) { h.finished = append(h.finished, f) },
	}
	for _, cam := range h.cameras {
		w, err := h.c.Writer(cam.line)
		if err != nil {
			h.t.Fatal(err)
		}
		cam.w, cam.run = w, nil
	}
}

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
	f := commit.Fragment{DTS: cam.dts, Duration: 90000, Start: h.now, Key: key}
	f.Data = [][]byte{fmt.Appendf(nil, "%s %d ", cam.line.Camera, h.now.UnixMicro()), bytes.Repeat([]byte("x"), h.size())}
	cam.all[h.now.UnixMicro()] = f
	cam.dts += 90000
	if err := cam.w.Append(f); err != nil && !errors.Is(err, commit.ErrDropped) {
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
	switch rapid.IntRange(0, 20).Draw(h.t, "step") {
	case 0:
		cam.w.End("connection lost")
		cam.run = nil
	case 1:
		h.begin(cam)
	case 2:
		h.refused = rapid.SampledFrom([]error{nil, nil, commit.ErrFull, commit.ErrMissing, commit.ErrForeign, commit.ErrReadOnly}).Draw(h.t, "refused")
	case 3:
		h.c.Mend()
	case 4, 5:
		if rapid.Bool().Draw(h.t, "leave") {
			h.c.Leave(cam.line)
		}
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
			h.c.Flush()
			h.now = h.now.Add(rapid.SampledFrom([]time.Duration{0, 0, 0, 30 * time.Second}).Draw(h.t, "passes"))
		}
		if rapid.IntRange(0, 4).Draw(h.t, "index") == 0 {
			h.remember()
		}
	}
}

// remember is what an index does once a minute.
func (h *history) remember() {
	for _, v := range h.c.AllOpen() {
		h.hints[at{v.Line, v.Name.Start}] = v.Checkpoint
	}
}

// promise takes down what a reader could see, and therefore must find again.
func (h *history) promise() {
	for _, v := range h.c.AllOpen() {
		if len(v.Table) > 0 {
			h.promised[at{v.Line, v.Name.Start}] = v.Table
		}
	}
	for _, f := range h.finished {
		h.promised[at{f.Line, f.Name.Start}] = f.Table
	}
}

// files gives the names of a disk, parsed.
func files(t *rapid.T, d *simdisk.Disk, camera media.CameraID) (list []segment.Name) {
	for _, path := range d.Files() {
		n, ok := segment.ParseName(filepath.Base(path))
		id, err := media.ParseCameraID(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if !ok || err != nil || n.Path(id) != path {
			t.Fatalf("an odd name: %s", path)
		}
		if id == camera {
			list = append(list, n)
		}
	}
	return list
}

// recoverAll finishes what is open, as a start does. It stops when the disk fails, and says so.
func (h *history) recoverAll(d *simdisk.Disk, hinted bool) error {
	for _, cam := range h.cameras {
		for _, n := range files(h.t, d, cam.line.Camera) {
			if !n.Open {
				continue
			}
			var from segment.Place
			if hinted {
				from = h.hints[at{cam.line, n.Start}]
			}
			_, err := commit.Finish(d, cam.line.Camera, n, 0, testKey{cam.line.Camera}, from)
			if errors.Is(err, segment.ErrEmpty) || errors.Is(err, segment.ErrDamaged) {
				err = d.Remove(n.Path(cam.line.Camera))
			}
			if err != nil {
				return fmt.Errorf("recover %v: %w", n, err)
			}
		}
	}
	return nil
}

// read reads every file of the disk whole, as a check does, and gives the fragments and notes of a camera.
func (h *history) read(d *simdisk.Disk, cam *historyCamera) (tables map[int64][]segment.Entry, kept map[int64]bool, notes []segment.Note) {
	tables, kept = make(map[int64][]segment.Entry), make(map[int64]bool)
	for _, n := range files(h.t, d, cam.line.Camera) {
		path := n.Path(cam.line.Camera)
		b := d.Bytes(path)
		r, err := segment.Open(bytes.NewReader(b), int64(len(b)), testKey{cam.line.Camera})
		if err == nil {
			err = r.Verify()
		}
		if err != nil {
			h.t.Fatalf("%s: %v", path, err)
		}
		if named := segment.FinishedName(n.Stream, n.Start, r.Summary().End); named != n || n.CheckHeader(cam.line.Camera, r.Header()) != nil {
			h.t.Fatalf("%s should be named %s", path, named)
		}
		if tables[n.Start] != nil {
			h.t.Fatalf("%s is there twice", path)
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
					h.t.Fatalf("%s, record %d: not what was appended", path, i)
				}
				if kept[e.Time] {
					h.t.Fatalf("%s, record %d: there twice", path, i)
				}
				if (broken || e.Time == resumed) && !e.Key {
					h.t.Fatalf("%s, record %d: goes on after a gap without a key frame", path, i)
				}
				broken = false
				kept[e.Time] = true
			}
		}
	}
	return tables, kept, notes
}

// Whatever happens, wherever the power goes or the process dies, and whatever fails in the recovery: what could once be
// read can be read again, nothing is there that was not appended, a check has nothing to say, recovering from a
// checkpoint or from the header gives the same bytes, and so does recovering twice.
func TestPowerCuts(t *testing.T) {
	histories(t, "10000", func(t *rapid.T) {
		h := newHistory(t)
		for range rapid.IntRange(1, 3).Draw(t, "lives") {
			n := rapid.SampledFrom([]uint32{0, 0, 10, 40}).Draw(t, "trouble")
			h.disk.Fail = simdisk.Trouble(rapid.Uint64().Draw(t, "seed of trouble"), n)
			for range rapid.IntRange(1, 25).Draw(t, "steps") {
				h.step()
			}
			if rapid.IntRange(0, 5).Draw(t, "stopped") == 0 {
				h.c.Stop()
			}
			h.promise()
			if rapid.Bool().Draw(t, "in the midst of a commit") {
				// Nothing after a point reaches the disk, and nobody is told of it.
				h.disk.Fail = simdisk.Dying(rapid.IntRange(0, 12).Draw(t, "calls"), nil)
				h.c.Flush()
				h.c.Mend()
			}
			h.crash()
			h.start()
		}
	})
}

// crash ends a life of the process, with or without the power, and recovers.
func (h *history) crash() {
	t := h.t
	if rapid.IntRange(0, 3).Draw(t, "how it ends") > 0 {
		h.disk = h.disk.PowerCut(rapid.Uint64().Draw(t, "seed of the power cut"))
	}
	h.disk.Capacity = 0
	for range rapid.IntRange(0, 2).Draw(t, "failed recoveries") {
		trouble := simdisk.Trouble(rapid.Uint64().Draw(t, "seed of trouble"), rapid.SampledFrom([]uint32{0, 5, 20}).Draw(t, "trouble"))
		h.disk.Fail = simdisk.Dying(rapid.IntRange(0, 20).Draw(t, "calls"), trouble)
		_ = h.recoverAll(h.disk, rapid.Bool().Draw(t, "hinted"))
		if rapid.Bool().Draw(t, "power cut") {
			h.disk = h.disk.PowerCut(rapid.Uint64().Draw(t, "seed of the power cut"))
		}
	}
	h.disk.Fail = nil
	unhinted := h.disk.Clone()
	for d, hinted := range map[*simdisk.Disk]bool{h.disk: true, unhinted: false} {
		if err := h.recoverAll(d, hinted); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(h.disk.Files(), unhinted.Files()) {
		t.Fatalf("from checkpoints: %v; from headers: %v", h.disk.Files(), unhinted.Files())
	}
	for _, path := range h.disk.Files() {
		if !bytes.Equal(h.disk.Bytes(path), unhinted.Bytes(path)) {
			t.Fatalf("%s is another one when recovered from a checkpoint", path)
		}
	}
	for line, found := range h.check(h.disk) {
		h.promised[line] = found
	}
	// What was recovered is shown from now on, and must outlive the next power cut as well.
	after := h.disk.PowerCut(rapid.Uint64().Draw(t, "seed of the next power cut"))
	if err := h.recoverAll(after, true); err != nil {
		t.Fatal(err)
	}
	h.check(after)
	clear(h.hints)
}

// check holds a recovered disk against all promises, and gives all that is there.
func (h *history) check(d *simdisk.Disk) map[at][]segment.Entry {
	t, found := h.t, make(map[at][]segment.Entry)
	for _, cam := range h.cameras {
		tables, _, _ := h.read(d, cam)
		for p, want := range h.promised {
			if p.line != cam.line {
				continue
			}
			table, ok := tables[p.start]
			if !ok || len(table) < len(want) || !slices.Equal(table[:len(want)], want) {
				t.Fatalf("%s at %d: %d of %d records are there: %v", p.line, p.start, len(table), len(want), ok)
			}
		}
		for start, table := range tables {
			found[at{cam.line, start}] = table
		}
		again := d.Clone()
		for _, n := range files(t, again, cam.line.Camera) {
			path := n.Path(cam.line.Camera)
			f, err := again.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			before := again.Bytes(path)
			if _, err := segment.Recover(f, int64(len(before)), 0, testKey{cam.line.Camera}, segment.Place{}); err != nil || !bytes.Equal(before, again.Bytes(path)) {
				t.Fatalf("recovered twice: %v", err)
			}
		}
	}
	return found
}

// Every fragment is kept, or lies in a recorded gap, once the disk is well again.
func TestWhatIsMissingIsAGap(t *testing.T) {
	histories(t, "5000", func(t *rapid.T) {
		h := newHistory(t)
		n := rapid.SampledFrom([]uint32{0, 8, 30}).Draw(t, "trouble")
		h.disk.Fail = simdisk.Trouble(rapid.Uint64().Draw(t, "seed of trouble"), n)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			h.step()
		}
		h.disk.Fail, h.disk.Capacity, h.refused = nil, 0, nil
		h.c.Flush()
		for _, cam := range h.cameras {
			cam.run = nil
			h.append(cam, true)
		}
		h.c.Flush()
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
