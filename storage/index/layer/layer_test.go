package layer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"hearth/storage/bolt"
)

func sample(journal int64) Options {
	return Options{
		Format: 7, JournalSize: journal, NoSync: true,
		Kinds: []Kind{{Name: "flat"}, {Name: "owned", Owned: true, Fill: 0.95}, {Name: "other", Owned: true}},
	}
}

func spaces() []Space { return []Space{{0, ""}, {1, "a"}, {1, "b"}, {2, "a"}} }

type model map[Space]map[string]string

func (m model) clone() model {
	c := make(model)
	for s, kv := range m {
		c[s] = maps.Clone(kv)
	}
	return c
}

// Whatever is changed, folded, closed and opened again: all spaces are read as a simple map would have them, in both
// directions and from any key on, also within the transaction that changes them.
func TestAgainstModel(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		o := sample(rapid.SampledFrom([]int64{400, 2000, 100_000}).Draw(t, "journal"))
		db, err := Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { db.Close() }()
		m := make(model)
		for _, s := range spaces() {
			m[s] = make(map[string]string)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				if err := db.Fold(); err != nil {
					t.Fatal(err)
				}
			case 1:
				if rapid.Bool().Draw(t, "killed") { // without the fold of Close
					db.changed = false
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
				if db, err = Open(path, o); err != nil {
					t.Fatal(err)
				}
			default:
				after := m.clone()
				undone := errors.New("undone")
				fails := rapid.IntRange(0, 5).Draw(t, "fails") == 0
				err := db.Update(func(tx *Tx) error {
					for range rapid.IntRange(0, 6).Draw(t, "changes") {
						changeSome(t, tx, after)
						compare(t, tx, after)
					}
					if fails {
						return undone
					}
					return nil
				})
				if fails != errors.Is(err, undone) || !fails && err != nil {
					t.Fatal(err)
				}
				if !fails {
					m = after
				}
			}
			if err := db.View(func(tx *Tx) error { compare(t, tx, m); return nil }); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func drawKey(t *rapid.T) string { return fmt.Sprintf("%02d", rapid.IntRange(0, 15).Draw(t, "key")) }

func changeSome(t *rapid.T, tx *Tx, m model) {
	s := rapid.SampledFrom(spaces()).Draw(t, "space")
	key := drawKey(t)
	switch op := rapid.IntRange(0, 9).Draw(t, "op"); {
	case op == 0 && s.Owner != "":
		tx.Drop(s)
		clear(m[s])
	case op < 4:
		tx.Delete(s, []byte(key))
		delete(m[s], key)
	default:
		value := fmt.Sprint(rapid.IntRange(0, 99).Draw(t, "value"))
		if op == 9 {
			value = ""
		}
		tx.Put(s, []byte(key), []byte(value))
		m[s][key] = value
	}
}

func compare(t *rapid.T, tx *Tx, m model) {
	for s, want := range m {
		keys := slices.Sorted(maps.Keys(want))
		c := tx.Cursor(s)
		i := -1 // where the cursor stands
		check := func(what string, at int, k, v []byte) {
			if i = at; at < 0 || at >= len(keys) {
				if i = -1; k != nil {
					t.Fatalf("%v: %s gives %q behind the end", s, what, k)
				}
				return
			}
			if k == nil || v == nil || string(k) != keys[at] || string(v) != want[keys[at]] {
				t.Fatalf("%v: %s gives %q %q, want %q %q", s, what, k, v, keys[at], want[keys[at]])
			}
		}
		k, v := c.First()
		check("first", 0, k, v)
		for range rapid.IntRange(0, 6).Draw(t, "moves") {
			key := drawKey(t)
			at, there := slices.BinarySearch(keys, key)
			if got := tx.Get(s, []byte(key)); (got != nil) != there || there && string(got) != want[key] {
				t.Fatalf("%v: get %q gives %q, want %q", s, key, got, want[key])
			}
			switch rapid.IntRange(0, 5).Draw(t, "move") {
			case 0:
				k, v = c.Seek([]byte(key))
				check("seek "+key, at, k, v)
			case 1:
				k, v = c.Before([]byte(key))
				check("before "+key, at-1, k, v)
			case 2:
				k, v = c.Last()
				check("last", len(keys)-1, k, v)
			case 3:
				if i >= 0 {
					k, v = c.Prev()
					check("prev", i-1, k, v)
				}
			default:
				if i >= 0 {
					k, v = c.Next()
					check("next", i+1, k, v)
				}
			}
		}
	}
	for kind := 1; kind <= 2; kind++ {
		var want []string
		for s, kv := range m {
			if s.Kind == kind && len(kv) > 0 {
				want = append(want, s.Owner)
			}
		}
		got := tx.Owners(kind)
		for _, o := range want {
			if !slices.Contains(got, o) {
				t.Fatalf("owners of %d: %q, want %q", kind, got, want)
			}
		}
	}
}

// A database of another form, and a bbolt database that is none of this, are damaged: they are made again.
func TestOtherForm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(path, sample(0))
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	o := sample(0)
	o.Format++
	if _, err := Open(path, o); !errors.Is(err, bolt.ErrDamaged) {
		t.Fatal(err)
	}
	o = sample(0)
	o.Kinds = append(o.Kinds, Kind{Name: "more"})
	if _, err := Open(path, o); !errors.Is(err, bolt.ErrDamaged) {
		t.Fatal(err)
	}
}

// Who only reads changes nothing, also when there is something in the journal; and the journal of another database
// is not read.
func TestReadingChangesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.db")
	s := spaces()[0]
	put := func(path, value string, folded bool) {
		t.Helper()
		db, err := Open(path, sample(0))
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(func(tx *Tx) error { tx.Put(s, []byte("k"), []byte(value)); return nil }); err != nil {
			t.Fatal(err)
		}
		db.changed = folded
		db.Close()
	}
	get := func(path string) (value string) {
		t.Helper()
		db, err := Open(path, sample(0))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.View(func(tx *Tx) error { value = string(tx.Get(s, []byte("k"))); return nil }); err != nil {
			t.Fatal(err)
		}
		return value
	}
	put(path, "1", false)
	files := func() (all []byte) {
		t.Helper()
		for _, p := range []string{path, path + ".journal"} {
			b, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return all
	}
	before := files()
	if got := get(path); got != "1" {
		t.Fatalf("got %q", got)
	}
	if !bytes.Equal(before, files()) {
		t.Error("reading changed the files")
	}
	other := filepath.Join(dir, "y.db")
	put(other, "2", true)
	if err := os.Rename(path+".journal", other+".journal"); err != nil {
		t.Fatal(err)
	}
	if got := get(other); got != "2" {
		t.Errorf("the journal of another database was read: %q", got)
	}
	if got := get(path); got != "" {
		t.Errorf("without its journal: %q", got)
	}
}

// What is written over in a journal is not read again, however much of it is left.
func TestJournalIsWrittenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(path, sample(3000))
	if err != nil {
		t.Fatal(err)
	}
	s := spaces()[0]
	for i := range 200 {
		value := bytes.Repeat([]byte{byte(i)}, i%37)
		if err := db.Update(func(tx *Tx) error { tx.Put(s, []byte("k"), value); return nil }); err != nil {
			t.Fatal(err)
		}
		db.changed = false
		db.Close()
		if db, err = Open(path, sample(3000)); err != nil {
			t.Fatal(err)
		}
		if err := db.View(func(tx *Tx) error {
			if got := tx.Get(s, []byte("k")); !bytes.Equal(got, value) {
				t.Fatalf("after %d: %x", i, got)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	folds := db.Stats().Folds
	db.Close()
	if folds > 1 {
		t.Errorf("%d folds since the last opening", folds)
	}
}

// When nobody knows whether a fold was done, because it failed at its end, what is kept behind it is read again whichever
// way it went.
func TestFoldOfUnknownEnd(t *testing.T) {
	dir := t.TempDir()
	path, done := filepath.Join(dir, "x.db"), filepath.Join(dir, "done.db")
	db, err := Open(path, sample(0))
	if err != nil {
		t.Fatal(err)
	}
	s := spaces()[0]
	put := func(key string) {
		t.Helper()
		if err := db.Update(func(tx *Tx) error { tx.Put(s, []byte(key), []byte(key)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	put("a")
	// The fold is done on a copy, which is what the disk may hold, and fails for the one who goes on.
	for _, end := range []string{"", ".journal"} {
		copyFile(t, path+end, done+end)
	}
	other, err := Open(done, sample(0))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Fold(); err != nil {
		t.Fatal(err)
	}
	other.Abandon()
	db.bolt.Close()
	if err := db.Fold(); err == nil {
		t.Fatal("a fold into a closed database")
	}
	if db.bolt, err = bolt.Open(path); err != nil {
		t.Fatal(err)
	}
	put("b")
	put("c")
	db.Abandon()
	copyFile(t, path+".journal", done+".journal")
	for _, p := range []string{path, done} {
		if db, err = Open(p, sample(0)); err != nil {
			t.Fatal(err)
		}
		put("d")
		db.Abandon()
		if db, err = Open(p, sample(0)); err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := db.View(func(tx *Tx) error {
			c := tx.Cursor(s)
			for k, _ := c.First(); k != nil; k, _ = c.Next() {
				got = append(got, string(k))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		db.Close()
		if !slices.Equal(got, []string{"a", "b", "c", "d"}) {
			t.Errorf("%s: %q", filepath.Base(p), got)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A journal that cannot be written any more costs nothing but bytes: changes go to bbolt, and another one is made.
func TestJournalFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(path, sample(0))
	if err != nil {
		t.Fatal(err)
	}
	s := spaces()[0]
	for i := range 6 {
		if i%2 == 1 {
			db.journal.file.Close()
		}
		if err := db.Update(func(tx *Tx) error { tx.Put(s, []byte{byte(i)}, nil); return nil }); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 && db.Stats().Folds != int64(i/2+1) {
			t.Errorf("%d folds after %d failures", db.Stats().Folds, i/2+1)
		}
	}
	db.Abandon()
	if db, err = Open(path, sample(0)); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := 0
	if err := db.View(func(tx *Tx) error {
		c := tx.Cursor(s)
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			n++
		}
		return nil
	}); err != nil || n != 6 {
		t.Errorf("%v, %d of 6 changes", err, n)
	}
}

// Readers see all spaces at one moment, also while a fold moves everything from one layer to the other.
func TestReadersSeeOneMoment(t *testing.T) {
	db, err := Open(filepath.Join(t.TempDir(), "x.db"), sample(2000))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	put := func(i int) {
		if err := db.Update(func(tx *Tx) error {
			for _, s := range spaces() {
				tx.Put(s, []byte("k"), fmt.Append(nil, i))
				tx.Put(s, fmt.Appendf(nil, "k%03d", i%50), bytes.Repeat([]byte{1}, 20))
				tx.Delete(s, fmt.Appendf(nil, "k%03d", (i+25)%50))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	put(0)
	const changes = 3000
	var wait sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wait.Go(func() {
			for last := ""; ; {
				if err := db.View(func(tx *Tx) error {
					now := string(tx.Get(spaces()[0], []byte("k")))
					for _, s := range spaces() {
						if got := string(tx.Get(s, []byte("k"))); got != now {
							t.Errorf("%v is of %s, others are of %s", s, got, now)
						}
						n := 0
						c := tx.Cursor(s)
						for k, _ := c.First(); k != nil; k, _ = c.Next() {
							n++
						}
						if n > 26 {
							t.Errorf("%d keys", n)
						}
					}
					if len(now) < len(last) || len(now) == len(last) && now < last {
						t.Errorf("%s after %s", now, last)
					}
					last = now
					return nil
				}); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range changes {
		put(i + 1)
	}
	close(done)
	wait.Wait()
	if s := db.Stats(); s.Folds < 50 || s.Appends < 500 {
		t.Errorf("%+v", s)
	}
}

// A change that goes to bbolt with all that has gathered is seen whole or not at all, also between the moment at which
// bbolt has it and the one at which the memory above it is let go of.
func TestFoldIsOneMoment(t *testing.T) {
	o := sample(4000)
	o.NoSync = false // the window is as long as a sync
	db, err := Open(filepath.Join(t.TempDir(), "x.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, b, filler := spaces()[0], spaces()[1], bytes.Repeat([]byte{1}, 4000)
	update := func(change func(*Tx)) {
		if err := db.Update(func(tx *Tx) error { change(tx); return nil }); err != nil {
			t.Error(err)
		}
	}
	var wait sync.WaitGroup
	done := make(chan struct{})
	wait.Go(func() {
		for {
			if err := db.View(func(tx *Tx) error {
				first, second := string(tx.Get(a, []byte("k"))), string(tx.Get(b, []byte("k")))
				if second > first {
					return fmt.Errorf("%s of a change, and not the rest of it: %s", second, first)
				}
				return nil
			}); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range 50 {
		n := fmt.Appendf(nil, "%03d", 2*i)
		update(func(tx *Tx) { tx.Put(a, []byte("k"), n) }) // in memory
		n = fmt.Appendf(nil, "%03d", 2*i+1)
		update(func(tx *Tx) { // too large for the journal
			tx.Put(a, []byte("k"), n)
			tx.Put(b, []byte("k"), n)
			tx.Put(b, []byte("filler"), append(filler, n...))
		})
	}
	close(done)
	wait.Wait()
	if s := db.Stats(); s.Folds < 50 || s.Appends < 50 {
		t.Errorf("%+v", s)
	}
}
