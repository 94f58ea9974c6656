package power

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

const (
	// SectorSize is the grain of what a disk can be asked for, in bytes.
	SectorSize = 512
	// pageSize is the grain of what is kept of the cache for reading, in bytes.
	pageSize = 4096
	// usualCache is how many bytes a cache holds.
	usualCache = 32 << 20
)

// ErrOff says that the power is off.
var ErrOff = errors.New("the disk has no power")

// Disk is a disk with a volatile write cache on top of a file. What Flush made durable is in the file. Its methods may be
// called from several goroutines.
type Disk struct {
	// FlushTime is how long a flush takes, at most; 0: no time. It is at least a tenth of it. While it lasts nothing is
	// durable yet.
	FlushTime time.Duration
	// Cache is how many bytes the cache holds; 0: 32 MiB. Beyond, the oldest half is written out, flushed or not.
	Cache int
	// Whole is how many bytes, at offsets that are multiples of it, are written together or not at all: the size of a
	// physical sector, a multiple of SectorSize; 0: SectorSize.
	Whole int

	mu     sync.Mutex
	file   *os.File
	size   int64
	on     bool
	cached []write          // not in the file yet, in the order of writing
	bytes  int              // of them
	pages  map[int64][]byte // newest content, by page number, of all pages with cached writes
	stats  DiskStats        // since it was opened
	lies   bool             // see Lie
}

// write is one write that is not durable.
type write struct {
	at   int64
	data []byte
}

// DiskStats counts what a disk was asked to do.
type DiskStats struct {
	Writes, Flushes int
	// Kept and Lost are the sectors that were in the cache when the power went.
	Kept, Lost int
	// Torn counts the writes of which a part was kept.
	Torn int
}

// Open takes a file as a disk, switched on.
func Open(path string) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.Size()%SectorSize != 0 {
		return nil, errors.Join(fmt.Errorf("%s: %d bytes are no whole sectors", path, info.Size()), f.Close())
	}
	return &Disk{file: f, size: info.Size(), on: true, pages: make(map[int64][]byte)}, nil
}

// Size gives the disk's size in bytes.
func (d *Disk) Size() int64 { return d.size }

// Stats gives the counters.
func (d *Disk) Stats() DiskStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Lie makes the disk say that it flushed when it did not: for seeing that a test finds out.
func (d *Disk) Lie() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = true
}

// Unflushed says how many bytes a cut would put at risk now.
func (d *Disk) Unflushed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.bytes
}

func (d *Disk) check(at int64, n int) error {
	switch {
	case !d.on:
		return ErrOff
	case at < 0 || at+int64(n) > d.size || at%SectorSize != 0 || n%SectorSize != 0:
		return fmt.Errorf("disk: %d bytes at %d are not on it, or no whole sectors", n, at)
	}
	return nil
}

// Read reads what was written last, durable or not.
func (d *Disk) Read(b []byte, at int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(at, len(b)); err != nil {
		return err
	}
	if _, err := d.file.ReadAt(b, at); err != nil {
		return err
	}
	d.eachPage(at, len(b), func(page int64, from, to, in int) {
		if p := d.pages[page]; p != nil {
			copy(b[from:to], p[in:])
		}
	})
	return nil
}

// eachPage calls f for every page that at and the n bytes behind it touch: its number, which of the bytes lie in it, and
// where in the page they begin.
func (d *Disk) eachPage(at int64, n int, f func(page int64, from, to, in int)) {
	for from := 0; from < n; {
		in := int((at + int64(from)) % pageSize)
		to := min(n, from+pageSize-in)
		f((at+int64(from))/pageSize, from, to, in)
		from = to
	}
}

// Write puts whole sectors into the cache.
func (d *Disk) Write(b []byte, at int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(at, len(b)); err != nil {
		return err
	}
	d.stats.Writes++
	b = slices.Clone(b)
	var failed error
	d.eachPage(at, len(b), func(page int64, from, to, in int) {
		p := d.pages[page]
		if p == nil {
			p = make([]byte, pageSize)
			n, err := d.file.ReadAt(p, page*pageSize)
			if n < pageSize && page*pageSize+int64(n) < d.size { // the last page may be a short one
				failed = err
			}
			d.pages[page] = p
		}
		copy(p[in:], b[from:to])
	})
	if failed != nil {
		return failed
	}
	d.cached = append(d.cached, write{at, b})
	d.bytes += len(b)
	most := d.Cache
	if most == 0 {
		most = usualCache
	}
	if d.bytes > most {
		return d.writeOut(len(d.cached) / 2)
	}
	return nil
}

// Flush makes all that was written before durable.
func (d *Disk) Flush() error {
	if least := d.FlushTime / 10; least > 0 {
		time.Sleep(least + rand.N(d.FlushTime-least)) // not from the seed: when it is asked for is not either
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on {
		return ErrOff
	}
	d.stats.Flushes++
	if d.lies {
		return nil
	}
	return d.writeOut(len(d.cached))
}

// writeOut writes the oldest n writes to the file.
func (d *Disk) writeOut(n int) error {
	for _, w := range d.cached[:n] {
		if _, err := d.file.WriteAt(w.data, w.at); err != nil {
			return err
		}
		d.bytes -= len(w.data)
	}
	d.cached = slices.Delete(d.cached, 0, n)
	if len(d.cached) == 0 {
		clear(d.pages)
	}
	return nil
}

// Cut takes the power away. Of what was not flushed the file gets an arbitrary part, in one of the ways in which disks do it:
// nothing, everything, a beginning with its last write torn, some writes and not others, some sectors and not others. It
// says which. The disk answers nothing more until On.
func (d *Disk) Cut(random *rand.Rand) (way string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = false
	keep := d.wayOut(random, &way)
	for i, w := range d.cached {
		kept := 0
		for from := 0; from < len(w.data); {
			to := min(len(w.data), from+d.wholeFrom(w.at+int64(from)))
			if keep(i, from, len(w.data)) {
				kept += to - from
				if _, err := d.file.WriteAt(w.data[from:to], w.at+int64(from)); err != nil {
					return way, err
				}
			}
			from = to
		}
		d.stats.Kept += kept / SectorSize
		d.stats.Lost += (len(w.data) - kept) / SectorSize
		if kept > 0 && kept < len(w.data) {
			d.stats.Torn++
		}
	}
	d.cached, d.bytes = nil, 0
	clear(d.pages)
	return way, nil
}

// wholeFrom is how many bytes from an offset on lie in the same physical sector.
func (d *Disk) wholeFrom(at int64) int {
	whole := max(d.Whole, SectorSize)
	return whole - int(at%int64(whole))
}

// wayOut draws what happens to the cache: a function that says of each write, from which of its bytes on, whether what lies in
// one physical sector is kept.
func (d *Disk) wayOut(random *rand.Rand, way *string) func(write, from, of int) bool {
	switch random.IntN(8) {
	case 0:
		*way = "nothing"
		return func(int, int, int) bool { return false }
	case 1:
		*way = "everything"
		return func(int, int, int) bool { return true }
	case 2, 3:
		*way = "a beginning"
		last := random.IntN(len(d.cached) + 1)
		part := random.Float64()
		return func(write, from, of int) bool {
			return write < last || write == last && float64(from) < part*float64(of)
		}
	case 4, 5:
		*way = "some writes"
		odds := random.Float64()
		kept := make(map[int]bool)
		for i := range d.cached {
			kept[i] = random.Float64() < odds
		}
		return func(write, _, _ int) bool { return kept[write] }
	default:
		*way = "some sectors"
		odds := random.Float64()
		return func(int, int, int) bool { return random.Float64() < odds }
	}
}

// On gives the disk power again. It holds what is in the file.
func (d *Disk) On() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = true
}

// Close closes the file. What is in the cache is lost.
func (d *Disk) Close() error { return d.file.Close() }
