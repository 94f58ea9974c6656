package storage

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/access"
	"hearth/storage/box"
	"hearth/storage/check"
	"hearth/storage/commit"
	"hearth/storage/commit/simdisk"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// mirror is a disk that fails and loses, with a real folder behind it that shows what the process would see: what was
// written, also when it never came to the disk.
type mirror struct {
	*simdisk.Disk
	real *commit.Folder
}

type mirrorFile struct {
	commit.File
	real commit.File
}

func (d *mirror) MakeDir(path string) (bool, error) {
	made, err := d.Disk.MakeDir(path)
	if made {
		_, err = d.real.MakeDir(path)
	}
	return made, err
}

func (d *mirror) Create(path string) (commit.File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	r, err := d.real.Create(path)
	return mirrorFile{f, r}, err
}

func (d *mirror) Open(path string) (commit.File, error) {
	f, err := d.Disk.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := d.real.Open(path)
	return mirrorFile{f, r}, err
}

func (d *mirror) Rename(from, to string) error {
	if err := d.Disk.Rename(from, to); err != nil {
		return err
	}
	return d.real.Rename(from, to)
}

func (d *mirror) Remove(path string) error {
	if err := d.Disk.Remove(path); err != nil {
		return err
	}
	return d.real.Remove(path)
}

func (d *mirror) Punch(path string, from, to int64) error {
	if err := d.Disk.Punch(path, from, to); err != nil {
		return err
	}
	return d.real.Punch(path, from, to)
}

func (f mirrorFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	if n > 0 {
		if _, failed := f.real.WriteAt(p[:n], off); failed != nil {
			return n, failed
		}
	}
	return n, err
}

func (f mirrorFile) Truncate(size int64) error {
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	return f.real.Truncate(size)
}

func (f mirrorFile) Close() error { return errors.Join(f.File.Close(), f.real.Close()) }

// life is a store that lives through a history and remembers what it promised.
type life struct {
	*rapid.T
	r      *rig
	disk   *simdisk.Disk
	cams   []*liveCamera
	events map[media.UUID]kept // that are durable
	thumbs map[media.UUID]kept
	held   map[media.UUID]bool

	limited bool // there is a limit: what is old goes, and its events with it
	calm    bool // nothing failed
	noIndex bool // the index was lost with the power
	ended   time.Time
}

// kept is of which camera something is, and since when.
type kept struct {
	camera media.CameraID
	since  time.Time
}

type liveCamera struct {
	id  media.CameraID
	w   [2]*StreamWriter
	run [2]*media.Run
	at  [2]int64 // seconds of the run
	// all are the fragments that were handed over, by their time.
	all [2]map[int64]string
}

func newLife(t *rapid.T, tt *testing.T, dir string) *life {
	l := &life{
		T: t, events: make(map[media.UUID]kept), thumbs: make(map[media.UUID]kept), held: make(map[media.UUID]bool),
		r: &rig{t: tt, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)},
	}
	l.disk = simdisk.New(rapid.Bool().Draw(t, "own file system"), ".", "media")
	l.disk.Seed = rapid.Uint64().Draw(t, "seed of the disk")
	o := Options{disk: func(real *commit.Folder) commit.Disk { return &mirror{l.disk, real} }}
	if rapid.IntRange(0, 2).Draw(t, "small") == 0 {
		l.limited = true
		o.LimitBytes = int64(rapid.IntRange(20_000, 200_000).Draw(t, "limit"))
	}
	l.r.open(o)
	for i := range rapid.IntRange(1, 3).Draw(t, "cameras") {
		id := media.CameraID{byte(i + 1), 6: 0x40, 8: 0x80} // what fails goes by the paths
		if err := l.r.s.Box().PutCamera(box.Camera{ID: id, Name: fmt.Sprint("camera ", i), Record: "continuous"}); err != nil {
			t.Fatal(err)
		}
		if err := l.r.s.Keys().AddCamera(id); err != nil {
			t.Fatal(err)
		}
		if _, err := l.disk.MakeDir("media/" + id.String()); err != nil {
			t.Fatal(err)
		}
		if err := l.disk.SyncDir("media"); err != nil {
			t.Fatal(err)
		}
		c := &liveCamera{id: id}
		for s := range c.w {
			c.all[s] = make(map[int64]string)
			c.w[s] = l.r.writer(id, media.Stream(s))
		}
		l.cams = append(l.cams, c)
	}
	return l
}

// second is one second of all cameras.
func (l *life) second() {
	for _, c := range l.cams {
		for s := range c.w {
			if s == 1 && c.id[0]%2 == 0 { // no sub stream
				continue
			}
			if c.run[s] == nil {
				c.run[s] = l.r.begin(c.w[s], c.id, media.Stream(s))
				c.at[s] = 0
			}
			start := time.Now().UTC().Truncate(time.Microsecond)
			body := fmt.Sprintf("%s %d %d ", c.id, s, start.UnixMicro()) + strings.Repeat("x", rapid.IntRange(0, 1500).Draw(l.T, "size"))
			err := c.w[s].Append(Fragment{
				DTS: c.at[s] * 90000, Duration: 90000, Start: start, Key: c.at[s]%3 == 0, Data: [][]byte{[]byte(body)},
			})
			if err != nil && !errors.Is(err, ErrDropped) {
				l.Fatal(err)
			}
			c.all[s][start.UnixMicro()] = body
			c.at[s]++
		}
	}
	time.Sleep(time.Second)
}

func (l *life) event(c *liveCamera) {
	e := Event{ID: media.NewUUID(), Camera: c.id, Kind: "motion", Start: time.Now().UTC().Add(-3 * time.Second), End: time.Now().UTC()}
	if l.r.s.PutEvent(e) == nil {
		l.events[e.ID] = kept{c.id, time.Now()}
	}
	if l.r.s.PutThumbnail(c.id, e.ID, e.Start, []byte("picture of "+c.id.String())) == nil {
		l.thumbs[e.ID] = kept{c.id, time.Now()}
	}
	if rapid.IntRange(0, 3).Draw(l.T, "hold") == 0 && l.r.s.SetHeld(l.r.grant(c.id, access.Events), e.ID, true) == nil {
		l.held[e.ID] = true
	}
}

func (l *life) step() {
	c := l.cams[rapid.IntRange(0, len(l.cams)-1).Draw(l.T, "camera")]
	s := rapid.IntRange(0, 1).Draw(l.T, "stream")
	switch rapid.IntRange(0, 24).Draw(l.T, "step") {
	case 0:
		c.w[s].End("connection lost")
		c.run[s] = nil
	case 1:
		c.w[s], c.run[s] = l.r.writer(c.id, media.Stream(s)), nil
	case 2:
		l.event(c)
	case 3: // nothing for a while: files roll, the index is written, what is too much is let go of
		time.Sleep(time.Duration(rapid.IntRange(1, 700).Draw(l.T, "pause")) * time.Second)
	default:
		l.second()
	}
}

// promised are the fragments that can be read now, by camera and stream, with what the ledger says is gone.
func (l *life) promised() map[segment.Line][]int64 {
	list := make(map[segment.Line][]int64)
	for _, v := range l.r.s.allOpen() {
		for _, e := range v.Table {
			if e.Type == segment.FragRecord {
				list[v.Line] = append(list[v.Line], e.Time)
			}
		}
	}
	return list
}

// failing makes one call in n fail, whichever by a seed.
func failing(seed, n uint32) func(op, path string) error {
	times := make(map[string]int)
	return func(op, path string) error {
		id := op + " " + path
		times[id]++
		h := crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s %d", seed, id, times[id]))
		if n == 0 || h%n != 0 {
			return nil
		}
		return []error{syscall.ENOSPC, syscall.EIO}[h/n%2]
	}
}

// crash writes the folder as it may be found after the power went: footage as the disk has it, all else as it is, for
// that was synced when it was made.
func (l *life) crash(dir string) {
	l.disk.Fail = nil
	after := l.disk.PowerCut(rapid.Uint64().Draw(l.T, "seed of the power cut"))
	if err := after.Materialise(dir); err != nil {
		l.Fatal(err)
	}
	err := filepath.WalkDir(l.r.dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(l.r.dir, path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.Name() == "lock" {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		if _, footage := segment.ParseName(d.Name()); footage {
			return nil
		}
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, rel)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, rel), raw, 0o600)
		}
		return err
	})
	if err != nil {
		l.Fatal(err)
	}
	switch rapid.IntRange(0, 5).Draw(l.T, "index") {
	case 0:
		l.noIndex = true
		for _, name := range []string{"index.db", "index.db.journal"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				l.Fatal(err)
			}
		}
	case 1:
		l.noIndex = true
		raw, err := os.ReadFile(filepath.Join(dir, "index.db"))
		if err != nil {
			l.Fatal(err)
		}
		for range 20 {
			raw[rapid.IntRange(0, len(raw)-1).Draw(l.T, "byte")] ^= 0xff
		}
		if err := os.WriteFile(filepath.Join(dir, "index.db"), raw, 0o600); err != nil {
			l.Fatal(err)
		}
	}
}

// verify opens what the crash left and holds it against what was promised.
func (l *life) verify(dir string, promised map[segment.Line][]int64) {
	next := &rig{t: l.r.t, dir: dir, logs: &logs{}, runs: make(map[media.CameraID]int)}
	defer next.close()
	next.open(Options{})
	synctest.Wait()
	if strings.Contains(next.logs.String(), "ALARM") {
		l.Fatalf("%s", next.logs)
	}
	for _, c := range l.cams {
		for s := range c.w {
			l.footage(next, c, media.Stream(s), promised[segment.Line{Camera: c.id, Stream: media.Stream(s)}])
		}
	}
	for id, k := range l.events {
		e, err := next.s.Event(next.grant(k.camera, access.Events), id)
		if errors.Is(err, ErrNotFound) && !l.owed(id, k) {
			continue
		}
		if err != nil || e.Camera != k.camera || e.Held && !l.held[id] || !e.Held && l.held[id] && l.owed(id, k) {
			l.Fatalf("event %s of %+v: %v, %+v; limited %v, calm %v, index lost %v\nbefore %s\nafter %s", id, k, err, e, l.limited, l.calm, l.noIndex, l.r.logs, next.logs)
		}
	}
	for id, k := range l.thumbs {
		jpeg, err := next.s.Thumbnail(next.grant(k.camera, access.Events), id)
		if errors.Is(err, ErrNotFound) && !l.owed(id, k) {
			continue
		}
		if err != nil || string(jpeg) != "picture of "+k.camera.String() {
			l.Fatalf("thumbnail %s: %v, %q", id, err, jpeg)
		}
	}
	next.close()
	before := readTree(l.r.t, dir)
	if findings, err := check.Check(l.r.t.Context(), dir, true); err != nil || len(findings) > 0 {
		l.Fatalf("check: %v, %v\n%s\n%s", err, findings, l.r.logs, next.logs)
	}
	next.open(Options{})
	next.close()
	for path, raw := range readTree(l.r.t, dir) {
		if _, footage := segment.ParseName(filepath.Base(path)); footage && !bytes.Equal(raw, before[path]) {
			l.Fatalf("a second start changed %s", path)
		}
	}
}

// owed says whether an event must be there: unless it went with old footage, or was in the index only, which was lost
// before its copy came to the pack.
func (l *life) owed(id media.UUID, k kept) bool {
	if l.limited && !l.held[id] {
		return false
	}
	return !l.noIndex || l.calm && l.ended.Sub(k.since) > 3*time.Second
}

// footage reads all that there is of a line: nothing that was not recorded, and all that was promised and not let go of.
func (l *life) footage(next *rig, c *liveCamera, s media.Stream, promised []int64) {
	list, err := next.try(next.grant(c.id, access.Footage), s, time.Unix(0, 0), time.Now().Add(time.Hour))
	if err != nil {
		l.Fatalf("read: %v\n%s", err, next.logs)
	}
	found := make(map[int64]bool)
	for _, p := range list {
		at := p.Start.UnixMicro()
		if string(p.Data) != c.all[s][at] {
			l.Fatalf("%q at %d instead of %q", p.Data, at, c.all[s][at])
		}
		if found[at] {
			l.Fatalf("%d is there twice", at)
		}
		found[at] = true
	}
	var gone []ledger.Tomb
	if len(promised) > 0 {
		key, err := next.s.keys.ForRecording(c.id)
		if err != nil {
			l.Fatal(err)
		}
		led, err := ledger.Read(next.dir, c.id, key)
		if err == nil {
			gone, err = led.Tombs(segment.Line{Camera: c.id, Stream: s})
		}
		if err != nil {
			l.Fatal(err)
		}
	}
	for _, at := range promised {
		letGo := false
		for _, t := range gone {
			letGo = letGo || t.Start <= at && at <= t.End
		}
		if !found[at] && !letGo {
			l.Fatalf("%s %s: what was at %d could be read and is lost\nbefore %s\nafter %s", c.id, s, at, l.r.logs, next.logs)
		}
	}
}

// storeHistories is how many histories a run goes through; HEARTH_HISTORIES says another number.
const storeHistories = "150"

// The whole store on a disk that fails, forgets, tears and reorders, with its index lost or damaged now and then: after
// a power cut everything that could be read can be read, events and thumbnails that were durable are there, a deep
// check is silent, and another start changes no byte of footage.
func TestHistories(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	n := storeHistories
	if more := os.Getenv("HEARTH_HISTORIES"); more != "" {
		n = more
	}
	if before == "100" {
		if err := checks.Set(n); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Set(before) }()
	}
	rapid.Check(t, func(rt *rapid.T) { oneHistory(t, rt) })
}

func oneHistory(t *testing.T, rt *rapid.T) {
	dir, after := historyDir(rt), historyDir(rt)
	defer os.RemoveAll(dir)
	defer os.RemoveAll(after)
	var failed any
	synctest.Test(t, func(t *testing.T) {
		var l *life
		defer func() { // rapid ends a history by a panic, which must come out of the bubble
			failed = recover()
			if l != nil {
				l.disk.Fail = nil
				l.r.close()
			}
		}()
		l = newLife(rt, t, dir)
		n := rapid.SampledFrom([]uint32{0, 0, 10, 40}).Draw(rt, "trouble")
		l.calm = n == 0
		l.disk.Fail = failing(rapid.Uint32().Draw(rt, "seed of trouble"), n)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			l.step()
		}
		synctest.Wait()
		l.ended = time.Now()
		promised := l.promised()
		l.crash(after)
		l.verify(after, promised)
	})
	if failed != nil {
		panic(failed)
	}
}

func historyDir(t *rapid.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "hearth-history-")
	if err != nil {
		dir, err = os.MkdirTemp("", "hearth-history-")
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
