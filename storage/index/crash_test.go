package index

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

const (
	crashPage   = 4096
	crashSector = 512
	crashCuts   = 5200
)

// shot is what lies on the disk of an index: bbolt's file and the journal, nil when there is none.
type shot struct{ db, journal []byte }

func shoot(t *testing.T, path string) (s shot) {
	t.Helper()
	var err error
	if s.db, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	if s.journal, err = os.ReadFile(path + ".journal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return s
}

func (s shot) write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, s.db, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.journal == nil {
		if err := os.Remove(path + ".journal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	} else if err := os.WriteFile(path+".journal", s.journal, 0o600); err != nil {
		t.Fatal(err)
	}
}

// content is all that an index holds, as text.
func content(t *testing.T, x *Index) string {
	t.Helper()
	var b bytes.Buffer
	err := x.db.View(func(tx *layer.Tx) error {
		for kind, k := range options().Kinds {
			owners := []string{""}
			if k.Owned {
				owners = tx.Owners(kind)
			}
			for _, o := range owners {
				c := tx.Cursor(layer.Space{Kind: kind, Owner: o})
				for key, v := c.First(); key != nil; key, v = c.Next() {
					fmt.Fprintf(&b, "%s %x %x %x\n", k.Name, o, key, v)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// cut gives a state in which a power cut may leave the disk while it goes from one shot to the next. bbolt writes pages
// where nothing lies that its last state needs, syncs, writes one of the two meta pages and syncs. What was written since
// the last sync may be there or not, page by page, and torn between sectors. A meta page's content lies in one sector.
func cut(r *rand.Rand, before, after shot) shot {
	if bytes.Equal(before.db, after.db) {
		return shot{before.db, cutJournal(r, before.journal, after.journal)}
	}
	length := max(len(before.db), len(after.db))
	old, fresh := make([]byte, length), make([]byte, length)
	copy(old, before.db)
	copy(fresh, after.db)
	s := shot{db: bytes.Clone(old), journal: before.journal}
	const metas = 2 * crashPage
	if r.IntN(3) > 0 { // before the pages are synced
		for at := metas; at < length; at += crashPage {
			switch r.IntN(3) {
			case 0:
				copy(s.db[at:at+crashPage], fresh[at:])
			case 1:
				for sector := at; sector < at+crashPage; sector += crashSector {
					if r.IntN(2) == 0 {
						copy(s.db[sector:sector+crashSector], fresh[sector:])
					}
				}
			}
		}
		if r.IntN(2) == 0 && len(before.db) < len(after.db) { // the new length is not there yet
			s.db = s.db[:len(before.db)]
		}
		return s
	}
	copy(s.db[metas:], fresh[metas:])
	switch r.IntN(3) {
	case 0: // nothing of the meta page
	case 1: // only its beginning: what a disk does whose sectors are not whole, and must be found out
		for page := 0; page < metas; page += crashPage {
			n := r.IntN(100)
			copy(s.db[page:page+n], fresh[page:])
		}
	default:
		copy(s.db[:metas], fresh[:metas])
		if r.IntN(2) == 0 { // Close removes the journal behind it
			s.journal = after.journal
		}
	}
	return s
}

// cutJournal mixes two states of a journal; bytes that are the same in both are the same in all. A journal that is new
// gets its name when it is whole.
func cutJournal(r *rand.Rand, before, after []byte) []byte {
	switch {
	case after == nil:
		return before
	case before == nil && r.IntN(3) == 0:
		return nil
	case before == nil:
		before = make([]byte, len(after))
		copy(before, after[:28])
	}
	s := bytes.Clone(before)
	for at := 0; at < len(s); {
		n := min(1+r.IntN(crashSector), len(s)-at)
		if r.IntN(2) == 0 {
			copy(s[at:at+n], after[at:])
		}
		at += n
	}
	return s
}

// writer does to an index what a box does.
type writer struct {
	t    *testing.T
	r    *rand.Rand
	cams []media.CameraID
	ids  []media.UUID
	now  int64
}

func (w *writer) line() segment.Line {
	return segment.Line{Camera: w.cams[w.r.IntN(len(w.cams))], Stream: streams()[w.r.IntN(3)]}
}

func (w *writer) row(l segment.Line) Row {
	w.now += int64(w.r.IntN(600)) * benchSecond
	r := Row{Line: l, Start: w.now, End: w.now + int64(w.r.IntN(600))*benchSecond, Size: int64(w.r.IntN(1 << 28)), Records: w.r.Uint32()}
	for i := range r.Head {
		r.Head[i] = byte(w.r.Uint32())
	}
	copy(r.Segment[:], r.Head[:])
	return r
}

// some gives up to n rows of the index.
func (w *writer) some(x *Index, n int) []Row {
	rows, err := x.Rows(w.line(), -1<<62, 1<<62)
	if err != nil {
		w.t.Fatal(err)
	}
	return rows[:min(len(rows), n)]
}

// step does one thing, in one transaction or none.
func (w *writer) step(x *Index) error {
	cam := w.cams[w.r.IntN(len(w.cams))]
	at := time.UnixMicro(w.now)
	switch w.r.IntN(16) {
	case 0, 1, 2:
		var tails []Tail
		for range w.r.IntN(8) {
			l := w.line()
			r := w.row(l)
			x.Add(Addition{Row: r, Gaps: []Gap{{From: r.Start, Reason: "end"}}, Covered: [][2]int64{{r.Start, r.End}}})
			x.AddMotion(l.Camera, r.Start, w.r.Float64())
			tails = append(tails, Tail{w.line(), r.Start, segment.Place{Seq: 7, Offset: r.Size, Length: 5}})
		}
		return x.Checkpoint(w.now, tails)
	case 3:
		return x.Condemn(w.some(x, 5))
	case 4:
		rows, err := x.Garbage()
		return errors.Join(err, x.Bury(rows))
	case 5:
		if rows := w.some(x, 3); len(rows) > 0 {
			r := rows[len(rows)-1]
			return x.Punch(r, r.Size/3, []Gap{{From: r.Start, To: r.End, Reason: letGo}})
		}
		return nil
	case 6:
		_, err := x.Trim(cam, w.now-int64(w.r.IntN(36000))*benchSecond, 20)
		return err
	case 7:
		var rows []Row
		for range w.r.IntN(60) { // sometimes more than the journal takes
			rows = append(rows, w.row(w.line()))
		}
		return x.PutNames(rows)
	case 8:
		todo, _, err := x.Todo(0, 20)
		var adds []Addition
		for _, r := range todo {
			r.NameOnly = false
			adds = append(adds, Addition{Row: r, Covered: [][2]int64{{r.Start, r.End}}})
		}
		return errors.Join(err, x.PutDetails(adds))
	case 9:
		if len(w.ids) > 0 {
			return x.PutThumb(cam, w.ids[w.r.IntN(len(w.ids))], Thumb{File: w.now, Place: segment.Place{Offset: w.now}})
		}
		return nil
	case 10:
		if w.r.IntN(4) == 0 {
			return x.RemoveCamera(cam)
		}
		return x.Gone(cam)
	case 11:
		return x.db.Fold()
	default:
		id := media.UUID{byte(w.r.IntN(40)), byte(w.r.IntN(3)), 1}
		w.ids = append(w.ids, id)
		e := Event{
			ID: id, Camera: w.cams[int(id[0])%len(w.cams)], Kind: "motion", Start: at.Add(-time.Duration(w.r.IntN(20)) * time.Second),
			Regions: make([]media.Region, w.r.IntN(15)),
		}
		_, err := x.PutEvent(e, at)
		return err
	}
}

// After a power cut at any moment the index is as it was before what was just being written, or as it was behind it: no
// other state, no damage, no panic; and it goes on from there.
func TestPowerCut(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "hearth-crash-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	o := options()
	var cuts, olds, news, folds int
	first := uint64(0)
	if os.Getenv("HEARTH_RANDOM") != "" {
		first = rand.Uint64()
	}
	for seed := first; cuts < crashCuts; seed++ {
		path := filepath.Join(dir, fmt.Sprintf("%d.db", seed))
		other := filepath.Join(dir, "cut.db")
		w := &writer{t: t, r: rand.New(rand.NewPCG(seed, 1)), cams: []media.CameraID{{1}, {2}, {3}}, now: benchStart}
		o.JournalSize = []int64{2000, 6000, 20_000}[w.r.IntN(3)]
		open := func(path string) *Index {
			x, err := open(path, o)
			if err != nil {
				t.Fatalf("seed %d, cut %d: %v", seed, cuts, err)
			}
			return x
		}
		x := open(path)
		for range 12 {
			before, was := shoot(t, path), content(t, x)
			counted := x.Stats().Folds
			var after shot
			var is string
			if closing := w.r.IntN(10) == 0; closing {
				if err := x.Close(); err != nil {
					t.Fatal(err)
				}
				after = shoot(t, path)
				x = open(path)
				is = content(t, x)
			} else {
				if err := w.step(x); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				after, is = shoot(t, path), content(t, x)
				if counted = x.Stats().Folds - counted; counted > 1 {
					t.Fatalf("seed %d: %d transactions in a step", seed, counted)
				}
				folds += int(counted)
			}
			if bytes.Equal(before.db, after.db) && bytes.Equal(before.journal, after.journal) {
				continue
			}
			var last shot
			for range 3 {
				cuts++
				last = cut(w.r, before, after)
				last.write(t, other)
				y := open(other)
				got := content(t, y)
				switch got {
				case is:
					news++
				case was:
					olds++
				default:
					t.Fatalf("seed %d, cut %d: neither the state before nor the one behind:\n%s\nwas\n%s\nis\n%s", seed, cuts, got, was, is)
				}
				// It goes on from there, and what it says now lasts.
				if err := (&writer{t: t, r: rand.New(rand.NewPCG(seed, 2)), cams: w.cams, now: w.now}).step(y); err != nil {
					t.Fatalf("seed %d, cut %d: go on: %v", seed, cuts, err)
				}
				got = content(t, y)
				if w.r.IntN(2) == 0 { // once more, without a chance to close
					y.db.Abandon()
				} else if err := y.Close(); err != nil {
					t.Fatal(err)
				}
				y = open(other)
				if again := content(t, y); again != got {
					t.Fatalf("seed %d, cut %d: what was written behind the cut is lost:\n%s\nwant\n%s", seed, cuts, again, got)
				}
				y.Close()
			}
			if w.r.IntN(4) == 0 { // the history goes on from the cut
				x.db.Abandon()
				last.write(t, path)
				x = open(path)
			}
		}
		x.Close()
		for _, p := range []string{path, path + ".journal", other, other + ".journal"} {
			_ = os.Remove(p)
		}
	}
	t.Logf("%d cuts: %d as before, %d as behind; %d folds", cuts, olds, news, folds)
	if slices.Min([]int{olds, news, folds}) < 200 {
		t.Error("the cuts are not spread over all that can happen")
	}
}
