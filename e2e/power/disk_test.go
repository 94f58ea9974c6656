package power

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// newDisk makes an empty disk.
func newDisk(t *testing.T, sectors int64) *Disk {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, sectors*SectorSize), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// sector is a sector full of one number.
func sector(n uint64) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, n), SectorSize/8)
}

// TestDiskHistories holds the disk against a model through random histories: what is read is what was written last;
// after a cut every sector is what it was at the last flush or what was written into it since, and whole.
func TestDiskHistories(t *testing.T) {
	t.Parallel()
	const sectors = 40 // and an odd half of a page at the end
	random := rand.New(rand.NewPCG(1, 1))
	ways := make(map[string]int)
	lost, torn := 0, 0
	for range 300 {
		d := newDisk(t, sectors)
		d.Cache = 1 << (10 + random.IntN(8))
		d.Whole = []int{0, 1024, 4096}[random.IntN(3)]
		var newest [sectors]uint64
		var may [sectors][]uint64 // what a cut may leave
		for i := range may {
			may[i] = []uint64{0}
		}
		number := uint64(0)
		for range 200 {
			switch op := random.IntN(20); {
			case op < 10:
				at, n := random.IntN(sectors), 1+random.IntN(12)
				n = min(n, sectors-at)
				var b []byte
				for i := at; i < at+n; i++ {
					number++
					b = append(b, sector(number)...)
					newest[i], may[i] = number, append(may[i], number)
				}
				if err := d.Write(b, int64(at)*SectorSize); err != nil {
					t.Fatal(err)
				}
			case op < 13:
				if err := d.Flush(); err != nil {
					t.Fatal(err)
				}
				for i := range may {
					may[i] = []uint64{newest[i]}
				}
			case op < 19:
				at := random.IntN(sectors)
				b := make([]byte, (1+random.IntN(sectors-at))*SectorSize)
				if err := d.Read(b, int64(at)*SectorSize); err != nil {
					t.Fatal(err)
				}
				for i := range len(b) / SectorSize {
					if got := b[i*SectorSize : (i+1)*SectorSize]; !bytes.Equal(got, sector(newest[at+i])) {
						t.Fatalf("sector %d reads as %x, want %d", at+i, got[:8], newest[at+i])
					}
				}
			default:
				way, err := d.Cut(random)
				if err != nil {
					t.Fatal(err)
				}
				ways[way]++
				if err := d.Flush(); !errors.Is(err, ErrOff) {
					t.Fatalf("a flush without power: %v", err)
				}
				d.On()
				b := make([]byte, sectors*SectorSize)
				if err := d.Read(b, 0); err != nil {
					t.Fatal(err)
				}
				for i := range sectors {
					got := b[i*SectorSize : (i+1)*SectorSize]
					n := binary.BigEndian.Uint64(got)
					if !bytes.Equal(got, sector(n)) || !slices.Contains(may[i], n) {
						t.Fatalf("after a cut (%s) sector %d is %x, want one of %d", way, i, got[:8], may[i])
					}
					newest[i], may[i] = n, []uint64{n}
				}
			}
		}
		lost += d.Stats().Lost
		torn += d.Stats().Torn
	}
	if len(ways) != 5 || lost == 0 || torn == 0 {
		t.Errorf("ways %v, %d sectors lost, %d writes torn: not everything was tried", ways, lost, torn)
	}
}

func TestDiskRefuses(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 8)
	for _, c := range []struct {
		at int64
		n  int
	}{{-512, 512}, {0, 100}, {100, 512}, {4096, 512}, {0, 8 * 1024}} {
		if d.Read(make([]byte, c.n), c.at) == nil || d.Write(make([]byte, c.n), c.at) == nil {
			t.Errorf("%d bytes at %d are taken", c.n, c.at)
		}
	}
}

// TestDiskLies shows that a disk that lies loses what was flushed: it is what the test of the machine has to notice.
func TestDiskLies(t *testing.T) {
	t.Parallel()
	d := newDisk(t, 8)
	d.Lie()
	for range 20 { // some ways out keep everything
		if err := errors.Join(d.Write(sector(7), 0), d.Flush()); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Cut(rand.New(rand.NewPCG(2, uint64(d.Stats().Flushes)))); err != nil {
			t.Fatal(err)
		}
		d.On()
	}
	if d.Stats().Lost == 0 {
		t.Error("nothing was lost")
	}
}

// TestDiskWhole: what lies in one physical sector is written together or not at all, wherever in it a write begins.
func TestDiskWhole(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	d := newDisk(t, 32)
	d.Whole = 4096
	torn := 0
	for n := range uint64(400) {
		at := random.IntN(20)
		if err := d.Write(bytes.Repeat(sector(n+1), 12), int64(at)*SectorSize); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Cut(random); err != nil {
			t.Fatal(err)
		}
		d.On()
		b := make([]byte, 32*SectorSize)
		if err := d.Read(b, 0); err != nil {
			t.Fatal(err)
		}
		kept := make(map[int]map[bool]bool) // by physical sector
		for i := at; i < at+12; i++ {
			if kept[i/8] == nil {
				kept[i/8] = make(map[bool]bool)
			}
			kept[i/8][bytes.Equal(b[i*SectorSize:(i+1)*SectorSize], sector(n+1))] = true
		}
		some := make(map[bool]bool)
		for i, k := range kept {
			if len(k) != 1 {
				t.Fatalf("write %d at %d: of physical sector %d a part was kept", n, at, i)
			}
			for is := range k {
				some[is] = true
			}
		}
		if len(some) == 2 {
			torn++
		}
	}
	if torn == 0 {
		t.Error("no write was torn between its physical sectors")
	}
}
