package retention

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"hearth/nvr/media"
	"hearth/storage/commit"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
)

// tester is what of *testing.T and *rapid.T the rig needs.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// testKey is a camera's key as keyring makes them.
type testKey struct{ camera media.CameraID }

func (k testKey) Camera() media.CameraID { return k.camera }

func (k testKey) AEAD(salt []byte, id media.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.camera[:], salt, string(id[:]), 32)
	if err != nil {
		return nil, err
	}
	return chacha20poly1305.New(key)
}

// rig is a volume with a real index and real files.
type rig struct {
	lost   bool // the box does not know the time
	t      tester
	dir    string
	x      *index.Index
	k      *Keeper
	logs   bytes.Buffer
	limits map[media.CameraID]Limit
	open   map[media.CameraID]int64
	heads  map[segment.Line][32]byte
	size   int64 // bytes of the volume; 0: more than enough
	left   int   // how many writes still do something; see power

	noHoles bool
	keyless bool
}

var errPower = errors.New("no power")

// spend is asked before and behind every write: when none are left, the power is gone.
func (r *rig) spend() error {
	if r.left--; r.left < 0 {
		return errPower
	}
	return nil
}

func newRig(t tester, dir string) *rig {
	t.Helper()
	r := &rig{
		t: t, dir: dir, left: math.MaxInt, limits: make(map[media.CameraID]Limit), open: make(map[media.CameraID]int64),
		heads: make(map[segment.Line][32]byte),
	}
	r.must(os.MkdirAll(filepath.Join(dir, "media"), 0o700))
	x, err := index.Open(filepath.Join(dir, "index.db"))
	r.must(err)
	r.x = x
	r.restart()
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// restart makes a keeper that knows nothing, as after a start.
func (r *rig) restart() {
	disk, err := commit.OpenFolder(r.dir)
	r.must(err)
	r.k = &Keeper{
		Index: frailIndex{r.x, r}, Disk: frailDisk{disk, r}, Log: slog.New(slog.NewTextHandler(&r.logs, nil)),
		Table: r.table,
		Pages: func(camera media.CameraID) (ledger.Files, segment.Key, error) {
			if r.keyless {
				return ledger.Folder(r.dir, camera), nil, nil
			}
			return frailFiles{ledger.Folder(r.dir, camera), r}, testKey{camera}, nil
		},
		Limits: func() (map[media.CameraID]Limit, error) { return r.limits, nil },
		Open:   func() map[media.CameraID]int64 { return r.open },
		Space:  r.space,
	}
}

func (r *rig) space() (Space, error) {
	if r.size == 0 {
		return Space{Free: 1 << 50, Size: 1 << 51}, nil
	}
	return Space{Free: r.size - r.total(), Size: r.size}, nil
}

// total is what the files take by the index.
func (r *rig) total() (n int64) {
	totals, err := r.x.Totals()
	r.must(err)
	for _, bytes := range totals {
		n += bytes
	}
	return n
}

func (r *rig) table(row index.Row) ([]segment.Entry, error) {
	f, err := os.Open(filepath.Join(r.dir, row.Path()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reader, err := segment.Open(f, row.Size, testKey{row.Line.Camera})
	if err != nil {
		return nil, err
	}
	return reader.Table(), nil
}

const (
	fragment = 16 << 10 // bytes of a fragment of a second
	group    = 4        // seconds of a group of pictures
)

// record makes a finished file of some seconds that began at a time, with a checkpoint in its middle.
func (r *rig) record(camera media.CameraID, stream media.Stream, start time.Time, seconds int) index.Row {
	r.t.Helper()
	key := testKey{camera}
	l := segment.Line{Camera: camera, Stream: stream}
	h := segment.NewHeader(camera, stream)
	h.Start, h.Prev, h.Trusted = start.UnixMicro(), r.heads[l], !r.lost
	w, err := segment.NewWriter(key, h)
	r.must(err)
	b := w.AppendHeader(nil)
	add := func(rec segment.Record, payload []byte) {
		b, err = w.AppendRecord(b, rec, payload)
		r.must(err)
	}
	add(segment.Record{Type: segment.InitRecord, Time: h.Start}, []byte("ftypmoov"))
	add(segment.Record{Type: segment.NoteRecord, Time: h.Start}, []byte("{}"))
	filler := bytes.Repeat([]byte{0xa5}, fragment)
	for i := range seconds {
		at := h.Start + int64(i)*second
		if i == seconds/2 {
			b, _, err = w.AppendCheckpoint(b, segment.Record{Type: segment.CheckRecord, Time: at})
			r.must(err)
		}
		add(segment.Record{Type: segment.FragRecord, Key: i%group == 0, DTS: int64(i) * 90000, Duration: 90000, Time: at}, filler)
	}
	b = w.AppendFooter(b)
	sum, err := segment.ReadSummary(bytes.NewReader(b), int64(len(b)))
	r.must(err)
	row := index.RowOf(sum)
	path := filepath.Join(r.dir, row.Path())
	r.must(os.MkdirAll(filepath.Dir(path), 0o700))
	r.must(os.WriteFile(path, b, 0o600))
	r.x.Add(index.Addition{Row: row, Covered: [][2]int64{{row.Start, row.End}}})
	r.must(r.x.Checkpoint(0, nil))
	r.heads[l] = sum.Chain
	return row
}

// pack makes a finished pack.
func (r *rig) pack(camera media.CameraID, start time.Time, seconds int64) index.Row {
	r.t.Helper()
	h := segment.NewHeader(camera, segment.Pack)
	h.Start, h.Prev = start.UnixMicro(), r.heads[segment.Line{Camera: camera, Stream: segment.Pack}]
	w, err := segment.NewWriter(testKey{camera}, h)
	r.must(err)
	b := w.AppendHeader(nil)
	for _, at := range []int64{0, seconds} {
		b, err = w.AppendRecord(b, segment.Record{Type: segment.EventRecord, Time: h.Start + at*second}, []byte("{}"))
		r.must(err)
	}
	b = w.AppendFooter(b)
	sum, err := segment.ReadSummary(bytes.NewReader(b), int64(len(b)))
	r.must(err)
	row := index.RowOf(sum)
	path := filepath.Join(r.dir, row.Path())
	r.must(os.MkdirAll(filepath.Dir(path), 0o700))
	r.must(os.WriteFile(path, b, 0o600))
	r.x.Add(index.Addition{Row: row})
	r.must(r.x.Checkpoint(0, nil))
	r.heads[row.Line] = sum.Chain
	return row
}

// event puts an event of some seconds.
func (r *rig) event(camera media.CameraID, start time.Time, seconds int, held bool) index.Event {
	r.t.Helper()
	e := index.Event{ID: media.NewUUID(), Camera: camera, Kind: "motion", Start: start, End: start.Add(time.Duration(seconds) * time.Second), Held: held}
	_, err := r.x.PutEvent(e, time.Now())
	r.must(err)
	if held {
		_, err := r.x.ChangeEvent(camera, e.ID, time.Now(), func(e *index.Event) { e.Held = true })
		r.must(err)
	}
	return e
}

func (r *rig) pass(floor int64) Freed {
	r.t.Helper()
	f, err := r.k.Pass(context.Background(), floor)
	r.must(err)
	return f
}

// rows gives all written rows of footage, by line and start.
func (r *rig) rows() (rows []index.Row) {
	r.t.Helper()
	lines, err := r.x.Lines()
	r.must(err)
	for _, l := range lines {
		if l.Stream == segment.Pack {
			continue
		}
		list, err := r.x.Written(l, math.MinInt64, 1<<30)
		r.must(err)
		rows = append(rows, list...)
	}
	return rows
}

// seconds says which seconds of a file can be read, and makes sure that nothing but fragments is missing.
func (r *rig) seconds(row index.Row) (list []int) {
	r.t.Helper()
	f, err := os.Open(filepath.Join(r.dir, row.Path()))
	r.must(err)
	defer f.Close()
	reader, err := segment.Open(f, row.Size, testKey{row.Line.Camera})
	r.must(err)
	for i, e := range reader.Table() {
		_, err := reader.Payload(i, nil)
		switch {
		case err == nil && e.Type == segment.FragRecord:
			list = append(list, int((e.Time-row.Start)/second))
		case err != nil && (e.Type != segment.FragRecord || !errors.Is(err, segment.ErrGone)):
			r.t.Fatalf("record %d of %s: %v", i, row.Path(), err)
		}
	}
	return list
}

// agree holds index, files and ledger against each other.
func (r *rig) agree() {
	r.t.Helper()
	there := make(map[string]bool)
	links := make(map[segment.Line][]ledger.Tomb)
	lines, err := r.x.Lines()
	r.must(err)
	sums := make(map[media.CameraID]int64)
	for _, l := range lines {
		book, err := ledger.Read(r.dir, l.Camera, testKey{l.Camera})
		r.must(err)
		rows, err := r.x.Written(l, math.MinInt64, 1<<30)
		r.must(err)
		for _, row := range rows {
			there[row.Path()] = true
			sums[l.Camera] += row.Kept()
			links[l] = append(links[l], ledger.Tomb{Start: row.Start, Prev: row.Prev, Head: row.Head})
			if l.Stream == segment.Pack {
				continue
			}
			holes, err := book.Holes(l, row.Start, row.Segment)
			r.must(err)
			table, err := r.table(row)
			r.must(err)
			left := r.seconds(row)
			for i, e := range table {
				if e.Type != segment.FragRecord {
					continue
				}
				readable := slices.Contains(left, int((e.Time-row.Start)/second))
				if readable == ledger.Holds(holes, i) {
					r.t.Fatalf("record %d of %s: readable %v, but the ledger has %v", i, row.Path(), readable, holes)
				}
			}
			if want := freed(extents(table, cutsOf(holes, table))); row.Freed != want {
				r.t.Fatalf("%s: the index says %d freed, the ledger %d", row.Path(), row.Freed, want)
			}
			r.gaps(row, table, holes)
		}
	}
	totals, err := r.x.Totals()
	r.must(err)
	for camera, n := range totals {
		if sums[camera] != n {
			r.t.Fatalf("camera %s has %d bytes, the index says %d", camera, sums[camera], n)
		}
	}
	r.must(filepath.WalkDir(filepath.Join(r.dir, "media"), func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(r.dir, path)
		if err == nil && !d.IsDir() && d.Name() != ledger.Name && !there[name] {
			r.t.Fatalf("%s is there, but not in the index", name)
		}
		return err
	}))
	garbage, err := r.x.Garbage()
	r.must(err)
	if len(garbage) > 0 {
		r.t.Fatalf("garbage: %+v", garbage)
	}
	for l, list := range links {
		r.chain(l, list)
	}
}

// gaps makes sure that what is gone of a file is a gap on the timeline, and nothing else.
func (r *rig) gaps(row index.Row, table []segment.Entry, holes []ledger.Hole) {
	r.t.Helper()
	notes, err := r.x.Gaps(row.Line, row.Start, row.End)
	r.must(err)
	for i, e := range table {
		in := slices.ContainsFunc(notes, func(g index.Gap) bool { return e.Time >= g.From && e.End() <= g.To && g.Reason == ledger.LetGo })
		if gone := ledger.Holds(holes, i); e.Type == segment.FragRecord && in != gone {
			r.t.Fatalf("record %d of %s: gone %v, but the gaps are %v", i, row.Path(), gone, notes)
		}
	}
}

// chain follows a line's files and tombs.
func (r *rig) chain(l segment.Line, list []ledger.Tomb) {
	r.t.Helper()
	book, err := ledger.Read(r.dir, l.Camera, testKey{l.Camera})
	r.must(err)
	tombs, err := book.Tombs(l)
	r.must(err)
	heads := make(map[ledger.Hash]bool)
	list = append(list, tombs...)
	for _, t := range list {
		heads[t.Head] = true
	}
	for _, t := range list {
		if t.Prev != (ledger.Hash{}) && !heads[t.Prev] {
			r.t.Fatalf("%s: nothing ends with what the file of %d begins with; %d tombs: %+v", l, t.Start, len(tombs), tombs)
		}
	}
}

// state is all that there is, for comparison.
func (r *rig) state() string {
	r.t.Helper()
	var b strings.Builder
	for _, row := range r.rows() {
		b.WriteString(row.Path())
		for _, s := range r.seconds(row) {
			b.WriteByte(' ')
			b.WriteString(time.Duration(s * int(time.Second)).String())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

type frailIndex struct {
	*index.Index
	r *rig
}

func (x frailIndex) around(do func() error) error {
	if err := x.r.spend(); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return x.r.spend()
}

func (x frailIndex) Condemn(rows []index.Row) error {
	return x.around(func() error { return x.Index.Condemn(rows) })
}

func (x frailIndex) Bury(rows []index.Row) error {
	return x.around(func() error { return x.Index.Bury(rows) })
}

func (x frailIndex) PunchAll(list []index.Punched) error {
	return x.around(func() error { return x.Index.PunchAll(list) })
}

type frailDisk struct {
	*commit.Folder
	r *rig
}

func (d frailDisk) Punch(path string, from, to int64) error {
	if d.r.noHoles {
		return commit.ErrNoHoles
	}
	return frailIndex{r: d.r}.around(func() error { return d.Folder.Punch(path, from, to) })
}

func (d frailDisk) Remove(path string) error {
	return frailIndex{r: d.r}.around(func() error { return d.Folder.Remove(path) })
}

type frailFiles struct {
	ledger.Files
	r *rig
}

func (f frailFiles) Write(day string, b []byte) error {
	return frailIndex{r: f.r}.around(func() error { return f.Files.Write(day, b) })
}

func (f frailFiles) Remove(day string) error {
	return frailIndex{r: f.r}.around(func() error { return f.Files.Remove(day) })
}
