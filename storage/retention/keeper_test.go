package retention

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"hearth/nvr/media"
	"hearth/storage/index"
	"hearth/storage/ledger"
	"hearth/storage/segment"
	"hearth/storage/volume"
)

// quickDir gives a folder in memory where there is one; it can punch holes.
func quickDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "hearth-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// bubble runs a test with a rig in a bubble of time, where all times are the same in every run.
func bubble(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Helper()
	dir := quickDir(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(365*24*time.Hour + 7*time.Hour)
		r := newRig(t, dir)
		defer r.x.Close()
		test(t, r)
	})
}

const day = 24 * time.Hour

func upTo(from, to int) (list []int) {
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

// kept says which of the rows are still there.
func (r *rig) kept(rows ...index.Row) (list []bool) {
	r.t.Helper()
	left := r.rows()
	for _, row := range rows {
		list = append(list, slices.ContainsFunc(left, func(o index.Row) bool { return o.Line == row.Line && o.Start == row.Start }))
	}
	return list
}

// Days: what is not around an event goes first, with holes punched where it lay; what is goes at its own term, but for
// what is held.
func TestDays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam, other := media.NewCameraID(), media.NewCameraID()
		r.limits[cam] = Limit{Days: 2, EventDays: 5}
		begin := time.Now()
		plain := r.record(cam, media.Main, begin, 120)
		around := r.record(cam, media.Main, begin.Add(2*time.Minute), 120)
		r.event(cam, begin.Add(2*time.Minute+60*time.Second), 5, false)
		held := r.record(cam, media.Main, begin.Add(4*time.Minute), 120)
		r.event(cam, begin.Add(4*time.Minute+90*time.Second), 5, false)
		hold := r.event(cam, begin.Add(4*time.Minute+30*time.Second), 5, true)
		sub := r.record(cam, media.Sub, begin.Add(4*time.Minute), 120)
		foreign := r.record(other, media.Main, begin, 60)
		all := []index.Row{plain, around, held, sub, foreign}

		if f := r.pass(0); f != (Freed{}) {
			t.Errorf("at once: %+v", f)
		}
		time.Sleep(2*day + time.Hour)
		f := r.pass(0)
		if got := r.kept(all...); !slices.Equal(got, []bool{false, true, true, true, true}) || f.Files != 1 || f.Pared != 3 {
			t.Errorf("after two days: %v, %+v", got, f)
		}
		r.agree()
		// 10 s around seconds 60 to 65, and whole groups of 4 s.
		if got, want := r.seconds(around), upTo(48, 76); !slices.Equal(got, want) {
			t.Errorf("around the event: %v", got)
		}
		if got, want := r.seconds(held), append(upTo(20, 48), upTo(80, 108)...); !slices.Equal(got, want) {
			t.Errorf("around two events: %v", got)
		}
		if got, want := r.seconds(sub), append(upTo(20, 48), upTo(80, 108)...); !slices.Equal(got, want) {
			t.Errorf("the sub stream: %v", got)
		}
		if n, size := blocks(t, filepath.Join(r.dir, around.Path())), around.Size; n > size*2/5 {
			t.Errorf("%d of %d bytes are still taken", n, size)
		}
		before := r.state()
		if f := r.pass(0); f != (Freed{}) || r.state() != before {
			t.Errorf("again: %+v", f)
		}
		r.restart()
		if f := r.pass(0); f != (Freed{}) || r.state() != before {
			t.Errorf("after a restart: %+v", f)
		}

		time.Sleep(3 * day)
		r.pass(0)
		if got := r.kept(all...); !slices.Equal(got, []bool{false, false, true, true, true}) {
			t.Errorf("after five days: %v", got)
		}
		if got, want := r.seconds(held), upTo(20, 48); !slices.Equal(got, want) {
			t.Errorf("around the held event: %v", got)
		}
		r.agree()

		_, err := r.x.ChangeEvent(cam, hold.ID, time.Now(), func(e *index.Event) { e.Held = false })
		r.must(err)
		r.pass(0)
		if got := r.kept(all...); !slices.Equal(got, []bool{false, false, false, false, true}) {
			t.Errorf("released: %v", got)
		}
		r.agree()
	})
}

// blocks is what a file takes on its disk, in bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// An event at the edge of a file keeps what of it lies in the file before.
func TestEventAcrossFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 1, EventDays: 9}
		begin := time.Now()
		before := r.record(cam, media.Main, begin, 60)
		behind := r.record(cam, media.Main, begin.Add(time.Minute), 60)
		r.event(cam, begin.Add(62*time.Second), 1, false)
		time.Sleep(day + time.Hour)
		r.pass(0)
		if got := r.seconds(before); !slices.Equal(got, upTo(52, 60)) {
			t.Errorf("before: %v", got)
		}
		if got := r.seconds(behind); !slices.Equal(got, upTo(0, 16)) {
			t.Errorf("behind: %v", got)
		}
		r.agree()
	})
}

// Bytes: first what is not around events, then that; what is of the last day after what is older; held never.
func TestBytesInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		begin := time.Now()
		var rows []index.Row
		for i := range 6 { // two days apart: 0 held, 1 and 3 with events
			start := begin.Add(time.Duration(i) * 2 * day)
			rows = append(rows, r.record(cam, media.Main, start, 60))
			if i == 0 || i == 1 || i == 3 {
				r.event(cam, start.Add(20*time.Second), 20, i == 0)
			}
		}
		time.Sleep(10*day + time.Hour) // the last file is an hour old
		size := rows[0].Size
		steps := []struct {
			limit int64
			kept  []bool
		}{
			{6 * size, []bool{true, true, true, true, true, true}},
			// What is not around the events of 0 and 1 is less than the half of each; then 2 goes, then 4.
			{6*size - 1, []bool{true, true, true, true, true, true}},
			{5 * size, []bool{true, true, false, true, true, true}},
		}
		for _, s := range steps {
			r.limits[cam] = Limit{Bytes: s.limit}
			if f := r.pass(0); f.Short {
				t.Errorf("limit %d: %+v", s.limit, f)
			}
			if got := r.kept(rows...); !slices.Equal(got, s.kept) || r.total() > s.limit {
				t.Errorf("limit %d: %v, %d bytes", s.limit, got, r.total())
			}
			r.agree()
		}
		// Footage around events of more than a day ago goes before footage of the last hour.
		r.limits[cam] = Limit{Bytes: 2*size - size/4}
		if f := r.pass(0); f.Short {
			t.Errorf("%+v", f)
		}
		if got := r.kept(rows...); !slices.Equal(got, []bool{true, false, false, false, false, true}) {
			t.Errorf("what is left: %v", got)
		}
		// Only what is held cannot go, not even for a limit.
		r.limits[cam] = Limit{Bytes: 1000}
		if f := r.pass(0); !f.Short {
			t.Errorf("%+v", f)
		}
		if got := r.kept(rows...); !slices.Equal(got, []bool{true, false, false, false, false, false}) {
			t.Errorf("what is left: %v", got)
		}
		if got := r.seconds(rows[0]); !slices.Equal(got, upTo(8, 52)) {
			t.Errorf("held: %v", got)
		}
		r.agree()
	})
}

// A file that just ended waits for events; nothing is lost to a limit before the rest is gone.
func TestFreshFilesWait(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		old := r.record(cam, media.Main, time.Now(), 60)
		time.Sleep(time.Hour)
		fresh := r.record(cam, media.Main, time.Now().Add(-time.Minute), 60)
		r.limits[cam] = Limit{Bytes: fresh.Size}
		r.pass(0)
		if got := r.kept(old, fresh); !slices.Equal(got, []bool{false, true}) {
			t.Errorf("%v", got)
		}
	})
}

// The limit of all and the floor take from cameras in proportion to their own limits; without limits, the oldest goes.
func TestProportions(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		large, small, free, free2 := media.NewCameraID(), media.NewCameraID(), media.NewCameraID(), media.NewCameraID()
		begin := time.Now()
		var size int64
		for i := range 12 {
			for n, cam := range []media.CameraID{large, small, free, free2} {
				row := r.record(cam, media.Main, begin.Add(time.Duration(10*i+n)*time.Minute), 20)
				size = row.Size
			}
		}
		r.limits[large], r.limits[small] = Limit{Bytes: 30 * size}, Limit{Bytes: 10 * size}
		time.Sleep(2 * day)
		r.k.Total = 24 * size
		r.pass(0)
		totals, err := r.x.Totals()
		r.must(err)
		// Weights 30, 10, and 2 × 20 for the two others together.
		for cam, want := range map[media.CameraID]int64{large: 9, small: 3, free: 6, free2: 6} {
			if got := totals[cam] / size; got != want {
				t.Errorf("%d files, want %d", got, want)
			}
		}
		r.size, r.k.Total = 30*size, 0
		if f := r.pass(22 * size); f.Short {
			t.Errorf("%+v", f)
		}
		totals, err = r.x.Totals()
		r.must(err)
		for cam, want := range map[media.CameraID]int64{large: 3, small: 1, free: 2, free2: 2} {
			if got := totals[cam] / size; got != want {
				t.Errorf("for the floor: %d files, want %d", got, want)
			}
		}
		r.agree()
	})
}

// Where no holes can be punched, a file stays whole until its last event goes.
func TestNoHoles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.noHoles = true
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 2, EventDays: 5}
		plain := r.record(cam, media.Main, time.Now(), 60)
		row := r.record(cam, media.Main, time.Now().Add(time.Minute), 60)
		r.event(cam, time.Now().Add(90*time.Second), 5, false)
		time.Sleep(3 * day)
		for range 2 {
			r.pass(0)
			if got := r.kept(plain, row); !slices.Equal(got, []bool{false, true}) || len(r.seconds(row)) != 60 {
				t.Errorf("%v", got)
			}
		}
		r.limits[cam] = Limit{Days: 2, EventDays: 5, Bytes: 1000}
		r.pass(0)
		if got := r.kept(row); got[0] {
			t.Error("for bytes it goes whole")
		}
		r.noHoles = false
		r.agree()
	})
}

// Files of a camera whose key is lost go whole, and are not noted.
func TestKeyless(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.keyless = true
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 2, EventDays: 5}
		plain := r.record(cam, media.Main, time.Now(), 60)
		row := r.record(cam, media.Main, time.Now().Add(time.Minute), 60)
		r.event(cam, time.Now().Add(90*time.Second), 5, false)
		time.Sleep(3 * day)
		r.pass(0)
		if got := r.kept(plain, row); !slices.Equal(got, []bool{false, true}) || len(r.seconds(row)) != 60 {
			t.Errorf("%v", got)
		}
	})
}

// A damaged page of the ledger is an alarm; the limits are kept all the same.
func TestDamagedLedger(t *testing.T) {
	for _, where := range []string{"day", "camera"} {
		bubble(t, func(t *testing.T, r *rig) {
			cam := media.NewCameraID()
			r.limits[cam] = Limit{Days: 2}
			first := r.record(cam, media.Main, time.Now(), 20)
			second := r.record(cam, media.Main, time.Now().Add(day), 20)
			path := filepath.Join(r.dir, filepath.Dir(first.Path()), ledger.Name)
			if where == "camera" {
				path = filepath.Join(filepath.Dir(filepath.Dir(path)), ledger.Name)
			}
			r.must(os.WriteFile(path, []byte("not a ledger"), 0o600))
			time.Sleep(2*day + time.Hour)
			r.pass(0)
			if got := r.kept(first, second); !slices.Equal(got, []bool{false, true}) || !strings.Contains(r.logs.String(), "ALARM") {
				t.Errorf("%v\n%s", got, &r.logs)
			}
			rel, _ := filepath.Rel(r.dir, path)
			if aside, _ := filepath.Glob(filepath.Join(r.dir, volume.AsideFolder, rel)); len(aside) != 1 {
				t.Errorf("set aside: %v", aside)
			}
			book, err := ledger.Read(r.dir, cam, testKey{cam})
			r.must(err)
			if tombs, err := book.Tombs(first.Line); err != nil || len(tombs) != 1 {
				t.Errorf("%v, %v", tombs, err)
			}
		})
	}
}

// Nothing goes while the index does not know all files: an event may be in one of them.
func TestNothingGoesUnread(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 2}
		row := r.record(cam, media.Main, time.Now(), 20)
		pack := index.Row{Line: segment.Line{Camera: cam, Stream: segment.Pack}, Start: time.Now().UnixMicro(), End: time.Now().UnixMicro() + 1}
		r.must(r.x.PutNames([]index.Row{pack}))
		time.Sleep(3 * day)
		if f := r.pass(0); f != (Freed{}) || !r.kept(row)[0] {
			t.Errorf("%+v", f)
		}
		// Its details come with an event that is held.
		r.must(r.x.PutDetails([]index.Addition{{Row: pack}}))
		r.event(cam, time.Now().Add(-3*day).Add(5*time.Second), 5, true)
		r.pass(0)
		if !r.kept(row)[0] {
			t.Error("the held event's footage is gone")
		}
	})
}

// Files that come to light later, and are older than what was looked at already, go as well.
func TestFilesFoundLater(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 2, EventDays: 5}
		begin := time.Now()
		r.record(cam, media.Main, begin.Add(time.Hour), 20)
		time.Sleep(3 * day)
		r.pass(0)
		late := r.record(cam, media.Main, begin, 20)
		r.must(r.x.PutNames([]index.Row{late}))
		r.pass(0)
		if !r.kept(late)[0] {
			t.Fatal("let go of before its details are read")
		}
		r.must(r.x.PutDetails([]index.Addition{{Row: late}}))
		r.pass(0)
		if r.kept(late)[0] {
			t.Error("the file that was found later stays")
		}
		r.agree()
	})
}

// Packs, events and the ledger's pages go with the footage that they belong to; those of held events stay.
func TestTidy(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 3, EventDays: 6}
		begin := time.Now().Truncate(day)
		var packs, rows []index.Row
		var events []index.Event
		for i := range 10 {
			start := begin.Add(time.Duration(i) * day)
			rows = append(rows, r.record(cam, media.Main, start.Add(time.Hour), 40), r.record(cam, media.Main, start.Add(2*time.Hour), 40))
			packs = append(packs, r.pack(cam, start.Add(time.Minute), 80000))
			events = append(events, r.event(cam, start.Add(2*time.Hour+20*time.Second), 1, false))
		}
		r.must(r.x.Checkpoint(0, nil))
		folders := func() int {
			days, err := ledger.Folder(r.dir, cam).Days()
			r.must(err)
			return len(days)
		}
		for range 20 { // more than ten days
			r.pass(0)
			r.agree()
			time.Sleep(12*time.Hour + time.Minute)
		}
		// It is the morning of the eleventh day: whole files since the eighth, events since the fifth.
		list, _, err := r.x.Events([]media.CameraID{cam}, index.EventFilter{})
		r.must(err)
		if len(list) != 6 || list[5].ID != events[4].ID {
			t.Errorf("%d events are left", len(list))
		}
		if got := r.kept(rows...); !slices.Equal(got[:14], []bool{
			false, false, false, false, false, false, false, false, false, true, false, true, false, true,
		}) || slices.Contains(got[14:], false) {
			t.Errorf("files: %v", got)
		}
		packed, err := r.x.Written(packs[0].Line, 0, 100)
		r.must(err)
		if len(packed) < 6 || len(packed) > 7 || folders() != len(packed) {
			t.Errorf("%d packs, %d folders of days", len(packed), folders())
		}
		r.agree()
	})
}

// When the power is back after a removal that was cut short, the next start goes on with it.
func TestSweep(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 1}
		row := r.record(cam, media.Main, time.Now(), 20)
		time.Sleep(2 * day)
		r.left = 4 // the ledger's page, and the row to garbage
		if _, err := r.k.Pass(t.Context(), 0); !errors.Is(err, errPower) {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(r.dir, row.Path())); err != nil {
			t.Fatal(err)
		}
		r.left = 1 << 30
		r.restart()
		r.must(r.k.Sweep())
		if _, err := os.Stat(filepath.Join(r.dir, row.Path())); !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
		r.agree()
	})
}

// A keeper touches its own volume only, and leaves to the others what is older there.
func TestOtherVolumes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		mine := r.record(cam, media.Main, time.Now().Add(time.Minute), 20)
		// On another volume, and older.
		theirs := index.Row{Line: mine.Line, Start: time.Now().UnixMicro(), End: time.Now().UnixMicro() + 20e6, Size: mine.Size, Volume: 1}
		r.x.Add(index.Addition{Row: theirs})
		r.must(r.x.Checkpoint(0, nil))
		time.Sleep(2 * day)
		r.limits[cam] = Limit{Bytes: mine.Size + mine.Size/2}
		r.k.There = func(volume uint8) bool { return volume == 1 }
		r.pass(0)
		if got := r.kept(mine, theirs); !slices.Equal(got, []bool{true, true}) {
			t.Errorf("what is older on the other volume goes first, and not from here: %v", got)
		}
		r.k.There = nil // it was taken out
		r.pass(0)
		if got := r.kept(mine, theirs); !slices.Equal(got, []bool{true, true}) {
			t.Errorf("what is not there does not count: %v", got)
		}
		r.limits[cam] = Limit{Days: 1}
		r.pass(0)
		if got := r.kept(mine, theirs); !slices.Equal(got, []bool{false, true}) {
			t.Errorf("days: %v", got)
		}
	})
}

// A box without a clock records in 1970 and in last month, until it is told the time: that footage stays as long as what
// was recorded right behind it. Where a clock was not known but went on, it counts.
func TestDaysOfALostClock(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cam := media.NewCameraID()
		r.limits[cam] = Limit{Days: 2}
		r.lost = true
		now := time.Now()
		first := r.record(cam, media.Main, now.AddDate(-29, 0, 0), 60)
		second := r.record(cam, media.Main, now.AddDate(-29, 0, 0).Add(time.Minute), 60)
		saved := r.record(cam, media.Main, now.AddDate(0, -1, 0), 60)
		all := []index.Row{first, second, saved}
		if r.pass(0); !slices.Equal(r.kept(all...), []bool{true, true, true}) {
			t.Errorf("while nothing is known better: %v", r.kept(all...))
		}
		r.lost = false
		told := r.record(cam, media.Main, now.Add(time.Minute), 60)
		r.lost = true
		unsure := r.record(cam, media.Main, now.Add(2*time.Minute), 60)
		r.lost = false
		goesOn := r.record(cam, media.Main, now.Add(3*time.Minute), 60)
		all = append(all, told, unsure, goesOn)
		if r.pass(0); !slices.Equal(r.kept(all...), []bool{true, true, true, true, true, true}) {
			t.Errorf("when it was told the time: %v", r.kept(all...))
		}
		time.Sleep(2*day + time.Hour)
		if r.pass(0); !slices.Equal(r.kept(all...), []bool{false, false, false, false, false, false}) {
			t.Errorf("two days later: %v", r.kept(all...))
		}
		r.agree()
	})
}
