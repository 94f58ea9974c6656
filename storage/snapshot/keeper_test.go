package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/access"
	"hearth/storage/access/accesstest"
	"hearth/storage/box"
)

// watch passes every ten seconds for a while, as the box does, and says when snapshots were made.
func (h *house) watch(d time.Duration) (at []time.Time) {
	h.t.Helper()
	last := h.keeper.State().LastSnapshot
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Second) {
		h.pass()
		if s := h.keeper.State(); !s.LastSnapshot.Equal(last) {
			last = s.LastSnapshot
			at = append(at, last)
		}
	}
	return at
}

// at goes to a time of day, local.
func at(hour, minute int) {
	now := time.Now().Local()
	t := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.Local)
	if !t.After(now) {
		t = time.Date(now.Year(), now.Month(), now.Day()+1, hour, minute, 0, 0, time.Local)
	}
	time.Sleep(time.Until(t))
}

// Nothing is kept before there is a recovery key; from then on there is a snapshot each night, and soon after a change,
// but not after each of many.
func TestWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, 0)
		h.camera("Front")
		if made := h.watch(25 * time.Hour); len(made) != 0 || len(names(t, h.dir)) != 0 {
			t.Errorf("without a key: %v", made)
		}
		if s := h.keeper.State(); !s.Made.IsZero() || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		at(12, 0)
		h.key()
		if s := h.keeper.State(); !s.Made.Equal(time.Now()) || !s.LastSnapshot.Equal(time.Now()) || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		if made := h.watch(15 * time.Hour); len(made) != 0 {
			t.Errorf("nothing changed, and still: %v", made)
		}
		at(3, 29)
		if made := h.watch(2 * time.Minute); len(made) != 1 || made[0].Local().Format("15:04") != "03:30" {
			t.Errorf("at night: %v", made)
		}
		at(9, 0)
		must(t, h.access.Audit(access.Entry{Act: "looked", Name: "Ada"}))
		if made := h.watch(10 * time.Minute); len(made) != 0 {
			t.Errorf("after somebody looked: %v", made)
		}
		began := time.Now()
		h.camera("Back")
		if made := h.watch(10 * time.Minute); len(made) != 1 || made[0].Sub(began) > 2*time.Minute || made[0].Sub(began) < time.Minute {
			t.Errorf("after a camera was added: %v", made)
		}
		accesstest.Person(t, h.access, "Ben", access.Adult)
		if made := h.watch(10 * time.Minute); len(made) != 1 {
			t.Errorf("after a person was added: %v", made)
		}
		var made []time.Time
		for i := range 60 {
			must(t, h.box.PutSetting("busy", i))
			made = append(made, h.watch(20*time.Second)...)
		}
		if len(made) < 3 || len(made) > 8 {
			t.Errorf("%d while the owner changed things for 20 minutes: %v", len(made), made)
		}
	})
}

// Of each of seven days the newest is kept, on every volume, whatever a volume missed.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, 1)
		h.camera("Front")
		k := h.key()
		var want []string
		for day := range 10 {
			at(20, 0)
			must(t, h.box.PutSetting("day", day))
			h.watch(10 * time.Minute)
			want = append([]string{names(t, h.dir)[0]}, want...)
			if day == 4 { // the other disk is away for two days
				must(t, os.Rename(filepath.Join(h.others[0], "media"), filepath.Join(h.others[0], "away")))
				for range 2 {
					at(3, 40)
					if err := h.keeper.Pass(t.Context()); err == nil || h.keeper.State().Problem == "" {
						t.Errorf("nothing said of the disk that is away: %v", err)
					}
				}
				must(t, os.Rename(filepath.Join(h.others[0], "away"), filepath.Join(h.others[0], "media")))
				h.watch(10 * time.Minute)
				if p := h.keeper.State().Problem; p != "" {
					t.Errorf("still: %s", p)
				}
			}
		}
		mine, theirs := names(t, h.dir), names(t, h.others[0])
		if len(mine) != keepDays || mine[0] != want[0] {
			t.Errorf("%d kept: %v", len(mine), mine)
		}
		days := make(map[string]bool)
		for _, n := range mine {
			days[n[:8]] = true
		}
		if len(days) != keepDays {
			t.Errorf("not of %d days: %v", keepDays, mine)
		}
		if len(theirs) == 0 || theirs[0] != mine[0] {
			t.Errorf("on the other volume: %v", theirs)
		}
		for _, v := range []string{h.dir, h.others[0]} {
			newest(t, v, k)
		}
	})
}

// A new recovery key opens what is there from now on, the old one opens nothing any more.
func TestNewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, 1)
		h.camera("Front")
		old := h.key()
		time.Sleep(48 * time.Hour)
		h.pass()
		newest(t, h.dir, old)
		k := h.key()
		for _, v := range []string{h.dir, h.others[0]} {
			if n := names(t, v); len(n) != 1 {
				t.Errorf("%v are left", n)
			}
			newest(t, v, k)
			if _, _, err := Newest(filepath.Join(v, "media"), old); !errors.Is(err, ErrOtherKey) {
				t.Errorf("the old key: %v", err)
			}
		}
		// What a restored box makes is sealed to the new key as well.
		b, err := newest(t, h.dir, k).Box()
		must(t, err)
		defer b.Close()
		var s kept
		if _, err := b.Setting(keptSetting, &s); err != nil || s.Recipient != k.Recipient() {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// A key that could not be made leaves everything as it was.
func TestNewKeyFails(t *testing.T) {
	h := build(t, 0)
	old := h.key()
	must(t, os.Rename(filepath.Join(h.dir, "media"), filepath.Join(h.dir, "away")))
	if _, err := h.keeper.MakeKey(); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	must(t, os.Rename(filepath.Join(h.dir, "away"), filepath.Join(h.dir, "media")))
	newest(t, h.dir, old)
	h.open()
	h.pass()
	newest(t, h.dir, old)
}

// After a camera was deleted no snapshot knows it.
func TestDeletedCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, 1)
		gone := h.camera("Nursery")
		h.camera("Front")
		k := h.key()
		time.Sleep(24 * time.Hour)
		h.pass()
		if n := names(t, h.dir); len(n) != 2 {
			t.Fatalf("%v", n)
		}
		must(t, h.keys.DestroyCamera(gone))
		must(t, h.box.RemoveCamera(gone))
		h.open() // the box was started anew in between
		h.watch(5 * time.Minute)
		for _, v := range []string{h.dir, h.others[0]} {
			if n := names(t, v); len(n) != 1 {
				t.Errorf("%v are left", n)
			}
			s := newest(t, v, k)
			b, err := s.Box()
			must(t, err)
			if c, err := b.Cameras(); err != nil || len(c) != 1 || c[0].Name != "Front" {
				t.Errorf("%v, %v", c, err)
			}
			b.Close()
		}
	})
}

// A clock that was wrong does not make an older snapshot the newest.
func TestClockWasWrong(t *testing.T) {
	h := build(t, 0)
	k := h.key()
	ahead := filepath.Join(Folder(h.dir), "20990101T000000Z.age")
	must(t, os.Rename(filepath.Join(Folder(h.dir), names(t, h.dir)[0]), ahead))
	must(t, h.box.PutSetting(keptSetting, kept{Recipient: k.Recipient(), Made: time.Now(), Last: time.Now().Add(-48 * time.Hour), Name: filepath.Base(ahead)}))
	h.open()
	h.camera("Front")
	h.pass()
	if n := names(t, h.dir); n[0] != "20990101T000001Z.age" {
		t.Errorf("%v", n)
	}
	if s := newest(t, h.dir, k); s.Cameras != 1 {
		t.Errorf("%+v", s.Manifest)
	}
}

// What a power cut left unfinished goes; what is not a snapshot stays.
func TestUnfinished(t *testing.T) {
	h := build(t, 0)
	must(t, os.Mkdir(Folder(h.dir), 0o700))
	left, strange := "."+fileName(time.Now())+unfinished+"123", "notes.txt"
	for _, n := range []string{left, strange} {
		must(t, os.WriteFile(filepath.Join(Folder(h.dir), n), []byte("x"), 0o600))
	}
	h.key()
	entries, err := os.ReadDir(Folder(h.dir))
	must(t, err)
	var is []string
	for _, e := range entries {
		is = append(is, e.Name())
	}
	if len(is) != 2 || !slices.Contains(is, strange) {
		t.Errorf("%v", is)
	}
}

func BenchmarkPassIdle(b *testing.B) {
	h := build(b, 0)
	h.key()
	h.pass()
	b.ReportAllocs()
	for b.Loop() {
		h.pass()
	}
}

// BenchmarkSnapshot makes a snapshot of a box with 64 cameras and 100,000 lines in its audit log, on the disk.
func BenchmarkSnapshot(b *testing.B) {
	h := build(b, 0)
	for range 64 {
		h.camera("Camera")
	}
	must(b, h.box.Update(func(tx *bbolt.Tx) error {
		for i := range 100_000 {
			key := binary.BigEndian.AppendUint64(nil, uint64(1_000_000+i))
			if err := tx.Bucket([]byte(box.AuditBucket)).Put(key, bytes.Repeat([]byte{'x'}, 300)); err != nil {
				return err
			}
		}
		return nil
	}))
	k := h.key()
	for b.Loop() {
		must(b, h.keeper.snapshot(time.Now(), h.keeper.kept, false))
	}
	b.ReportMetric(float64(newest(b, h.dir, k).size(b))/1e6, "MB")
}

func (s *Snapshot) size(t testing.TB) int64 {
	info, err := os.Stat(s.Path)
	must(t, err)
	return info.Size()
}
