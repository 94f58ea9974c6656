package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

func drawRow(t *rapid.T, l segment.Line) Row {
	r := Row{
		Line: l, Start: rapid.Int64Range(-5, 60).Draw(t, "start") * 1000, Size: rapid.Int64Range(0, 1<<30).Draw(t, "size"),
		RunStart: rapid.Int64().Draw(t, "run start"), RunSeq: rapid.Uint32().Draw(t, "run seq"), Records: rapid.Uint32().Draw(t, "records"),
		Recovered: rapid.Bool().Draw(t, "recovered"), Pared: rapid.Bool().Draw(t, "pared"),
	}
	r.End = r.Start + rapid.Int64Range(0, 3000).Draw(t, "duration")
	copy(r.Segment[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "segment"))
	copy(r.Head[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "head"))
	return r
}

func TestRowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRow(t, segment.Line{Camera: media.CameraID{1}, Stream: media.Sub})
		r.NameOnly = rapid.Bool().Draw(t, "name only")
		r.Volume, r.Freed = uint8(rapid.IntRange(0, 2).Draw(t, "volume")), rapid.Int64Range(0, 3).Draw(t, "freed")*freedUnit
		linked := rapid.Bool().Draw(t, "linked")
		b := r.marshal(linked)
		want := r
		if linked {
			want.Prev = [32]byte{}
		}
		if got, is, err := parseRow(r.Line, r.Start, b); err != nil || got != want || is != linked {
			t.Fatalf("%v: %+v, want %+v", err, got, want)
		}
		if _, _, err := parseRow(r.Line, r.Start, b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]); err == nil {
			t.Fatal("a row that is cut off was read")
		}
		if _, _, err := parseRow(r.Line, r.Start, append(b, 0)); err == nil {
			t.Fatal("a row that is too long was read")
		}
	})
}

// openUnsynced opens an index that leaves bbolt's syncs out.
func openUnsynced(path string) (*Index, error) {
	o := options()
	o.NoSync, o.JournalSize = true, 16<<10
	return open(path, o)
}

// Whether rows are written or only added makes no difference to those who look for them, and sums agree with rows.
func TestRowsAgainstModel(t *testing.T) {
	n := 0
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		n++
		x, err := openUnsynced(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		lines := []segment.Line{{Camera: media.CameraID{1}}, {Camera: media.CameraID{1}, Stream: media.Sub}, {Camera: media.CameraID{2}}}
		model := make(map[segment.Line]map[int64]Row)
		for _, l := range lines {
			model[l] = make(map[int64]Row)
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			l := lines[rapid.IntRange(0, 2).Draw(t, "line")]
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				if err := x.Checkpoint(0, nil); err != nil {
					t.Fatal(err)
				}
				if rapid.Bool().Draw(t, "fold") {
					if err := x.db.Fold(); err != nil {
						t.Fatal(err)
					}
				}
			case 1:
				if err := x.Checkpoint(0, nil); err != nil {
					t.Fatal(err)
				}
				var gone []Row
				for start, r := range model[l] {
					if start%2000 == 0 {
						gone = append(gone, r)
						delete(model[l], start)
					}
				}
				if err := x.Condemn(gone); err != nil {
					t.Fatal(err)
				}
				if garbage, err := x.Garbage(); err != nil || len(garbage) != len(gone) {
					t.Fatal(err, len(garbage), len(gone))
				}
				if err := x.Bury(gone); err != nil {
					t.Fatal(err)
				}
			default:
				r := drawRow(t, l)
				if _, there := model[l][r.Start]; there {
					continue // starts are not used twice
				}
				if before, ok := lastBefore(model[l], r.Start); ok && rapid.Bool().Draw(t, "chained") {
					r.Prev = before.Head
				}
				model[l][r.Start] = r
				x.Add(Addition{Row: r})
			}
			compareToModel(t, x, lines, model)
		}
		if err := x.Checkpoint(0, nil); err != nil {
			t.Fatal(err)
		}
		compareToModel(t, x, lines, model)
		since := rapid.Int64Range(-6, 66).Draw(t, "since") * 1000
		count := 0
		left := make(map[segment.Line][]Row)
		for l, rows := range model {
			for _, r := range rows {
				if r.End >= since {
					left[l] = append(left[l], r)
				}
			}
			slices.SortFunc(left[l], func(a, b Row) int { return compare(a.Start, b.Start) })
		}
		if err := x.Oldest(media.CameraID{}, since, func(r Row) bool {
			count++
			if len(left[r.Line]) == 0 || left[r.Line][0] != r {
				t.Fatalf("%+v is not the next of its line", r)
			}
			for l, rows := range left {
				if len(rows) > 0 && rows[0].End < r.End {
					t.Fatalf("%+v comes before the next of %v, which ended sooner", r, l)
				}
			}
			left[r.Line] = left[r.Line][1:]
			return true
		}); err != nil {
			t.Fatal(err)
		}
		all := 0
		for _, rows := range model {
			for _, r := range rows {
				if r.End >= since {
					all++
				}
			}
		}
		if count != all {
			t.Fatalf("%d of %d rows by age since %d", count, all, since)
		}
	})
}

// lastBefore gives the row that begins last before a time.
func lastBefore(rows map[int64]Row, start int64) (last Row, ok bool) {
	for at, r := range rows {
		if at < start && (!ok || at > last.Start) {
			last, ok = r, true
		}
	}
	return last, ok
}

func compareToModel(t *rapid.T, x *Index, lines []segment.Line, model map[segment.Line]map[int64]Row) {
	at, to := rapid.Int64Range(-6, 66).Draw(t, "at")*1000, rapid.Int64Range(-6, 66).Draw(t, "to")*1000
	sums := make(map[media.CameraID]int64)
	for _, l := range lines {
		var all []Row
		for _, r := range model[l] {
			all = append(all, r)
			sums[l.Camera] += r.Size
		}
		slices.SortFunc(all, func(a, b Row) int { return compare(a.Start, b.Start) })
		var last, next *Row
		var within []Row
		for i, r := range all {
			if r.Start <= at {
				last = &all[i]
			} else if next == nil {
				next = &all[i]
			}
			// Files of a line follow each other, so only the last that begins before the span can reach into it.
			if r.Start < to && r.End >= at && (r.Start >= at || i+1 == len(all) || all[i+1].Start > at) {
				within = append(within, r)
			}
		}
		if got, ok, err := x.Last(l, at); err != nil || ok != (last != nil) || ok && got != *last {
			t.Fatalf("last before %d: %v, %v, %+v", at, err, ok, got)
		}
		written, err := x.Written(l, at, 3)
		if err != nil || len(written) > 3 {
			t.Fatalf("written from %d: %v, %+v", at, err, written)
		}
		for i, r := range written {
			if r != model[l][r.Start] || r.Start < at || i > 0 && r.Start <= written[i-1].Start {
				t.Fatalf("written from %d: %+v", at, written)
			}
		}
		if len(x.fresh) == 0 && next != nil && len(written) == 0 {
			t.Fatalf("written from %d: nothing, but there is %+v", at, next)
		}
		if got, ok, err := x.Next(l, at); err != nil || ok != (next != nil) || ok && got != *next {
			t.Fatalf("next after %d: %v, %v, %+v", at, err, ok, got)
		}
		got, err := x.Rows(l, at, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range within {
			if !slices.Contains(got, r) {
				t.Fatalf("rows of %d..%d: %d, without %+v", at, to, len(got), r)
			}
		}
		for _, r := range got {
			if r != model[l][r.Start] || r.Start >= to || r.End < at {
				t.Fatalf("rows of %d..%d: %+v", at, to, r)
			}
		}
	}
	totals, err := x.Totals()
	if err != nil {
		t.Fatal(err)
	}
	for camera, n := range sums {
		if totals[camera] != n {
			t.Fatalf("%s: %d bytes, want %d", camera, totals[camera], n)
		}
	}
}

// Files that are let go of one behind the other leave one gap, and none where there is other footage of that time.
func TestGapsOfFilesLetGoOf(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	l := segment.Line{Camera: media.CameraID{1}}
	var rows []Row
	for _, span := range [][2]int64{{0, 600}, {600, 1200}, {1201, 1800}, {2400, 3000}, {2500, 3100}} {
		rows = append(rows, Row{Line: l, Start: span[0] * 1e6, End: span[1] * 1e6, Size: 1})
		x.Add(Addition{Row: rows[len(rows)-1]})
	}
	if err := x.Checkpoint(0, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows[:4] {
		if err := x.Condemn([]Row{r}); err != nil {
			t.Fatal(err)
		}
	}
	if gaps, err := x.Gaps(l, 0, 1<<62); err != nil || len(gaps) != 1 || gaps[0] != (Gap{0, 1800e6, letGo}) {
		t.Errorf("%v, %+v", err, gaps)
	}
}

func TestUnread(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := Row{Line: segment.Line{Camera: media.CameraID{1}}, End: 1, Volume: 3}
	if err := x.PutNames([]Row{r}); err != nil {
		t.Fatal(err)
	}
	for volume, want := range map[uint8]bool{3: true, 0: false} {
		if got, err := x.Unread(func(v uint8) bool { return v == volume }); err != nil || got != want {
			t.Errorf("volume %d: %v, %v", volume, got, err)
		}
	}
	if err := x.PutDetails([]Addition{{Row: r}}); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Unread(func(uint8) bool { return true }); err != nil || got {
		t.Errorf("read: %v, %v", got, err)
	}
}

// What reaches over a time from further away than files usually are long is among the oldest too.
func TestOldestOfALongFile(t *testing.T) {
	x, err := openUnsynced(filepath.Join(t.TempDir(), "index.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	long := Row{Line: segment.Line{Camera: media.CameraID{1}}, End: 3 * longestFile}
	x.Add(Addition{Row: long})
	if err := x.Checkpoint(0, nil); err != nil {
		t.Fatal(err)
	}
	found := false
	if err := x.Oldest(media.CameraID{}, 2*longestFile, func(r Row) bool { found = r == long; return true }); err != nil || !found {
		t.Error(err, found)
	}
}

// A file that was added is found at every moment, also while a Checkpoint writes it, and so is the head of its line.
func TestFoundWhileWritten(t *testing.T) {
	x, err := openUnsynced(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	l := segment.Line{Camera: media.CameraID{1}}
	var added atomic.Int64
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				n := added.Load()
				has, err := x.Has(l, n)
				rows, err2 := x.Rows(l, n, n+1)
				head, err3 := x.Head(l)
				if err := errors.Join(err, err2, err3); err != nil {
					t.Error(err)
				}
				if n > 0 && (!has || len(rows) == 0 || int64(binary.BigEndian.Uint64(head[:])) < n) {
					t.Errorf("of file %d: found %v, rows %d, head %x", n, has, len(rows), head[:8])
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range int64(300) {
		r := Row{Line: l, Start: i + 1, End: i + 1, Size: 1}
		binary.BigEndian.PutUint64(r.Head[:], uint64(i+1))
		x.Add(Addition{Row: r})
		added.Store(i + 1)
		if err := x.Checkpoint(0, nil); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	wait.Wait()
}

// A camera that is removed while a Checkpoint is under way leaves nothing behind.
func TestRemovedWhileWritten(t *testing.T) {
	x, err := openUnsynced(filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for i := range 100 {
		l := segment.Line{Camera: media.CameraID{1, byte(i >> 8), byte(i)}}
		x.Add(Addition{Row: Row{Line: l, Start: 1, End: 2, Size: 1}})
		var wait sync.WaitGroup
		wait.Go(func() {
			if err := x.Checkpoint(0, nil); err != nil {
				t.Error(err)
			}
		})
		if err := x.RemoveCamera(l.Camera); err != nil {
			t.Fatal(err)
		}
		wait.Wait()
		if has, err := x.Has(l, 1); has || err != nil {
			t.Fatalf("%v, camera %d has a file after it was removed: %v", err, i, has)
		}
	}
}
