package simdisk

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

const seeds = 300

func put(t *testing.T, d *Disk, path string, b []byte, off int64) *File {
	t.Helper()
	f, err := d.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = d.Create(path)
	}
	if err == nil {
		_, err = f.WriteAt(b, off)
	}
	if err != nil {
		t.Fatal(err)
	}
	return f.(*File)
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcomes counts what a file looks like after power cuts; "none" when it is not there.
func outcomes(make func() *Disk, path string) map[string]int {
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		d := make().PowerCut(seed)
		if slices.Contains(d.Files(), path) {
			seen[string(d.Bytes(path))]++
		} else {
			seen["none"]++
		}
	}
	return seen
}

func sectors(c ...byte) (b []byte) {
	for _, c := range c {
		b = append(b, bytes.Repeat([]byte{c}, sector)...)
	}
	return b
}

func TestSyncedStays(t *testing.T) {
	for _, all := range []bool{false, true} {
		seen := outcomes(func() *Disk {
			d := New(true, "media")
			_, err := d.MakeDir("media/day")
			do(t, err)
			f := put(t, d, "media/day/a", sectors('1', '2'), 0)
			do(t, d.Rename("media/day/a", "media/day/b"))
			if all {
				do(t, d.SyncAll())
				return d
			}
			do(t, f.Sync())
			do(t, d.SyncDir("media/day"))
			do(t, d.SyncDir("media"))
			return d
		}, "media/day/b")
		if seen[string(sectors('1', '2'))] != seeds {
			t.Errorf("syncall %v: lost in %d of %d", all, seeds-seen[string(sectors('1', '2'))], seeds)
		}
	}
}

// What was written since the last sync is there in any parts and in any order.
func TestUnsyncedIsTorn(t *testing.T) {
	seen := outcomes(func() *Disk {
		d := New(false, "media")
		f := put(t, d, "media/a", sectors('1', '2'), 0)
		do(t, f.Sync())
		do(t, d.SyncDir("media"))
		_, err := f.WriteAt(sectors('x', '3', '4'), sector)
		do(t, err)
		return d
	}, "media/a")
	for what, b := range map[string][]byte{
		"nothing":                    sectors('1', '2'),
		"all":                        sectors('1', 'x', '3', '4'),
		"the last and not the first": sectors('1', '2', 0, '4'),
		"the length only":            sectors('1', '2', 0, 0),
		"the overwritten only":       sectors('1', 'x'),
	} {
		if seen[string(b)] == 0 {
			t.Errorf("%s was never there", what)
		}
	}
	for b := range seen {
		if b[:sector] != string(sectors('1')) {
			t.Fatal("what was synced is lost")
		}
	}
}

func TestNamesAreLost(t *testing.T) {
	make := func(f func(d *Disk)) func() *Disk {
		return func() *Disk {
			d := New(false, "media")
			do(t, put(t, d, "media/old", []byte("x"), 0).Sync())
			do(t, d.SyncDir("media"))
			f(d)
			return d
		}
	}
	renamed := make(func(d *Disk) { do(t, d.Rename("media/old", "media/new")) })
	for _, path := range []string{"media/old", "media/new"} {
		if n := outcomes(renamed, path)["x"]; n < seeds/5 || n > seeds*4/5 {
			t.Errorf("renamed: %s is there %d times of %d", path, n, seeds)
		}
	}
	for seed := range uint64(seeds) {
		if files := renamed().PowerCut(seed).Files(); len(files) != 1 {
			t.Fatal(files)
		}
	}
	removed := outcomes(make(func(d *Disk) { do(t, d.Remove("media/old")) }), "media/old")
	if removed["x"] == 0 || removed["none"] == 0 {
		t.Error("removed:", removed)
	}
	folder := outcomes(make(func(d *Disk) {
		_, err := d.MakeDir("media/day")
		do(t, err)
		do(t, put(t, d, "media/day/a", []byte("y"), 0).Sync())
		do(t, d.SyncDir("media/day"))
	}), "media/day/a")
	if folder["y"] == 0 || folder["none"] == 0 {
		t.Error("a folder that was not synced:", folder)
	}
}

// After a sync that failed, a later one that succeeds does not bring back what was lost, although the memory may show it.
func TestFailedSyncLoses(t *testing.T) {
	lost, kept, shown := 0, 0, 0
	want := sectors('1', '2', '3')
	for seed := range uint64(seeds) {
		d := New(false, "media")
		d.Seed = seed
		fail := false
		d.Fail = func(op, _ string) error {
			if fail && op == "sync" {
				return syscall.EIO
			}
			return nil
		}
		f := put(t, d, "media/a", want[:sector], 0)
		do(t, f.Sync())
		do(t, d.SyncDir("media"))
		_, err := f.WriteAt(want[sector:], sector)
		do(t, err)
		fail = true
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Fatal(err)
		}
		fail = false
		do(t, f.Sync())
		memory := d.Bytes("media/a")
		after := d.PowerCut(seed).Bytes("media/a")
		switch {
		case bytes.Equal(after, want):
			kept++
		default:
			lost++
			if bytes.Equal(memory, want) {
				shown++
				// Opened anew, it shows what the disk has.
				if _, err := d.Open("media/a"); err != nil || !bytes.Equal(d.Bytes("media/a"), after) {
					t.Fatal("opening a file shows what is not on the disk", err)
				}
			}
		}
		if !bytes.HasPrefix(after, want[:sector]) {
			t.Fatal("what was synced before is lost")
		}
	}
	if lost < 20 || kept < 20 || shown < 20 {
		t.Errorf("lost %d times, %d of them unseen, kept %d", lost, shown, kept)
	}
}

func TestFailures(t *testing.T) {
	ops := []string{"create", "mkdir", "open", "rename", "remove", "punch", "syncdir", "syncall", "read", "write", "truncate", "sync"}
	for _, failing := range ops {
		d := New(false, "media")
		f := put(t, d, "media/a", []byte("x"), 0)
		d.Fail = func(op, _ string) error {
			if op == failing {
				return syscall.ENOSPC
			}
			return nil
		}
		_, create := d.Create("media/b")
		_, mkdir := d.MakeDir("media/day")
		_, open := d.Open("media/a")
		_, read := f.ReadAt(make([]byte, 1), 0)
		_, write := f.WriteAt(make([]byte, 1), 0)
		punch, truncate, sync := d.Punch("media/a", 0, 1), f.Truncate(1), f.Sync()
		syncdir, syncall := d.SyncDir("media"), d.SyncAll()
		errs := []error{create, mkdir, open, d.Rename("media/a", "media/c"), nil, punch, syncdir, syncall, read, write, truncate, sync}
		errs[4] = d.Remove("media/c")
		if failing == "rename" {
			errs[4] = d.Remove("media/a")
		}
		for i, op := range ops {
			if want := op == failing || failing == "sync" && op == "open"; want != errors.Is(errs[i], syscall.ENOSPC) || !want && errs[i] != nil {
				t.Errorf("%s should fail; %s: %v", failing, op, errs[i])
			}
		}
	}
}

func TestCapacity(t *testing.T) {
	d := New(false, "media")
	d.Capacity = 1000
	f := put(t, d, "media/a", make([]byte, 600), 0)
	put(t, d, "media/b", make([]byte, 300), 0)
	if n, err := f.WriteAt(make([]byte, 200), 550); n != 150 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(n, err)
	}
	do(t, d.Remove("media/b"))
	if n, err := f.WriteAt(make([]byte, 200), 550); n != 200 || err != nil {
		t.Fatal(n, err)
	}
}

func TestMaterialise(t *testing.T) {
	d := New(false, "media")
	_, err := d.MakeDir("media/day")
	do(t, err)
	do(t, put(t, d, "media/day/a", []byte("there"), 0).Sync())
	put(t, d, "media/b", []byte("not synced"), 0)
	do(t, d.SyncDir("media"))
	do(t, d.SyncDir("media/day"))
	dir := t.TempDir()
	do(t, d.Materialise(dir))
	for path, want := range map[string]string{"media/day/a": "there", "media/b": ""} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
		if got := d.OnDisk(path); string(got) != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func TestPunchIsZeros(t *testing.T) {
	d := New(false, "media")
	put(t, d, "media/a", sectors('1', '2', '3'), 0)
	do(t, d.Punch("media/a", 10, sector+10))
	want := append(sectors('1')[:10], make([]byte, sector)...)
	want = append(append(want, sectors('2')[10:]...), sectors('3')...)
	if got := d.Bytes("media/a"); !bytes.Equal(got, want) {
		t.Fatal("the hole is elsewhere")
	}
}
