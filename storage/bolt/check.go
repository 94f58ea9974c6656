package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
)

// Sizes and flags of bbolt's file format, version 2, little-endian on every machine that Hearth runs on.
const (
	magic       = 0xED0CDAED
	version     = 2
	headerSize  = 16 // page: id u64, flags u16, count u16, overflow u32
	elementSize = 16 // branch and leaf elements alike
	bucketSize  = 16 // root page u64, sequence u64
	metaSize    = 64

	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freelistPage = 0x10
	bucketLeaf   = 0x01

	noFreelist = ^uint64(0)
	maxDepth   = 64 // of pages below pages; a tree of this depth does not fit into any disk
)

// meta is one of the two meta pages, of which the valid one with the higher transaction counts.
type meta struct {
	pageSize             uint32
	root, freelist, high uint64 // pages; high is the first one that was never used
	txid                 uint64
}

// Check walks all pages that the newest state of a database reaches and says what is wrong with the first bad one:
// an ErrDamaged. It reads with bounds and ends on every input.
func Check(r io.ReaderAt, size int64) error {
	m, err := newestMeta(r, size)
	if err != nil {
		return err
	}
	if m.high < 2 || m.high > uint64(size)/uint64(m.pageSize) {
		return fmt.Errorf("%w: cut off at %d bytes, %d pages expected", ErrDamaged, size, m.high)
	}
	w := walk{r: r, meta: m, seen: make([]bool, m.high)}
	w.seen[0], w.seen[1] = true, true
	if m.freelist != noFreelist {
		p, err := w.page(m.freelist)
		if err != nil {
			return err
		}
		if err := checkFreelist(p, m.high); err != nil {
			return err
		}
	}
	return w.tree(m.root, 0, bounds{})
}

// newestMeta chooses as bbolt does: the second meta page lies one page in, and when the first one does not say how
// long a page is, the second is looked for at every size there can be.
func newestMeta(r io.ReaderAt, size int64) (meta, error) {
	if size == 0 {
		return meta{}, fmt.Errorf("%w: the file is empty", ErrDamaged)
	}
	first, ok := readMeta(r, 0)
	if ok {
		if second, ok := readMeta(r, int64(first.pageSize)); ok && second.txid > first.txid && second.pageSize == first.pageSize {
			return second, nil
		}
		return first, nil
	}
	for at := int64(1024); at <= 65536; at *= 2 {
		if second, ok := readMeta(r, at); ok && int64(second.pageSize) == at {
			return second, nil
		} else if ok {
			break
		}
	}
	return meta{}, fmt.Errorf("%w: no valid beginning", ErrDamaged)
}

func readMeta(r io.ReaderAt, at int64) (meta, bool) {
	b := make([]byte, headerSize+metaSize)
	if _, err := r.ReadAt(b, at); err != nil {
		return meta{}, false
	}
	return parseMeta(b[headerSize:])
}

func parseMeta(b []byte) (meta, bool) {
	h := fnv.New64a()
	h.Write(b[:56])
	if binary.LittleEndian.Uint32(b) != magic || binary.LittleEndian.Uint32(b[4:]) != version ||
		binary.LittleEndian.Uint64(b[56:]) != h.Sum64() {
		return meta{}, false
	}
	m := meta{
		pageSize: binary.LittleEndian.Uint32(b[8:]),
		root:     binary.LittleEndian.Uint64(b[16:]),
		freelist: binary.LittleEndian.Uint64(b[32:]),
		high:     binary.LittleEndian.Uint64(b[40:]),
		txid:     binary.LittleEndian.Uint64(b[48:]),
	}
	return m, m.pageSize >= 1024 && m.pageSize <= 65536 && m.pageSize&(m.pageSize-1) == 0
}

type walk struct {
	r    io.ReaderAt
	meta meta
	seen []bool // by page: a page belongs to one tree, once
}

// page reads a page with what overflows it, and marks it as seen.
func (w *walk) page(id uint64) ([]byte, error) {
	if id >= w.meta.high {
		return nil, fmt.Errorf("%w: page %d of %d", ErrDamaged, id, w.meta.high)
	}
	size := int64(w.meta.pageSize)
	var head [headerSize]byte
	if _, err := w.r.ReadAt(head[:], int64(id)*size); err != nil {
		return nil, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
	}
	overflow := uint64(binary.LittleEndian.Uint32(head[12:]))
	if got := binary.LittleEndian.Uint64(head[:]); got != id {
		return nil, fmt.Errorf("%w: page %d says it is page %d", ErrDamaged, id, got)
	}
	if overflow >= w.meta.high-id {
		return nil, fmt.Errorf("%w: page %d runs over the end", ErrDamaged, id)
	}
	for i := id; i <= id+overflow; i++ {
		if w.seen[i] {
			return nil, fmt.Errorf("%w: page %d is used twice", ErrDamaged, i)
		}
		w.seen[i] = true
	}
	p := make([]byte, size*int64(1+overflow))
	if _, err := w.r.ReadAt(p, int64(id)*size); err != nil {
		return nil, fmt.Errorf("%w: page %d: %w", ErrDamaged, id, err)
	}
	return p, nil
}

// bounds are between which keys the keys of a page lie: low <= key < high; nil is no bound.
type bounds struct{ low, high []byte }

// tree checks the page id and all below it.
func (w *walk) tree(id uint64, depth int, keys bounds) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: page %d is too deep", ErrDamaged, id)
	}
	p, err := w.page(id)
	if err != nil {
		return err
	}
	return w.elements(p, id, depth, keys)
}

// elements checks a branch or leaf page, or the leaf page that a small bucket has inside its value.
func (w *walk) elements(p []byte, id uint64, depth int, keys bounds) error {
	flags := binary.LittleEndian.Uint16(p[8:])
	count := int(binary.LittleEndian.Uint16(p[10:]))
	if flags != branchPage && flags != leafPage {
		return fmt.Errorf("%w: page %d is of kind %#x", ErrDamaged, id, flags)
	}
	if headerSize+count*elementSize > len(p) {
		return fmt.Errorf("%w: page %d has %d elements", ErrDamaged, id, count)
	}
	if flags == branchPage && count == 0 {
		return fmt.Errorf("%w: page %d leads nowhere", ErrDamaged, id)
	}
	last := keys.low
	for i := range count {
		at := headerSize + i*elementSize
		e := p[at : at+elementSize]
		key, value, err := element(p, at, flags)
		if err != nil {
			return fmt.Errorf("%w: page %d, element %d: %w", ErrDamaged, id, i, err)
		}
		if order := bytes.Compare(last, key); order > 0 || order == 0 && i > 0 ||
			keys.high != nil && bytes.Compare(key, keys.high) >= 0 {
			return fmt.Errorf("%w: page %d, element %d is out of order", ErrDamaged, id, i)
		}
		last = key
		switch {
		case flags == branchPage:
			below := bounds{low: key, high: keys.high}
			if i+1 < count {
				// A next element that does not fit is found out in its turn.
				if next, _, err := element(p, at+elementSize, flags); err == nil {
					below.high = next
				}
			}
			err = w.tree(binary.LittleEndian.Uint64(e[8:]), depth+1, below)
		case binary.LittleEndian.Uint32(e)&bucketLeaf != 0:
			err = w.bucket(value, id, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// element gives the key, and on a leaf page the value, of the element whose fixed part lies at offset at of p.
func element(p []byte, at int, flags uint16) (key, value []byte, err error) {
	e := p[at:]
	var pos, ksize, vsize uint64
	if flags == branchPage {
		pos, ksize = uint64(binary.LittleEndian.Uint32(e)), uint64(binary.LittleEndian.Uint32(e[4:]))
	} else {
		pos = uint64(binary.LittleEndian.Uint32(e[4:]))
		ksize, vsize = uint64(binary.LittleEndian.Uint32(e[8:])), uint64(binary.LittleEndian.Uint32(e[12:]))
	}
	from := uint64(at) + pos // positions count from the element itself
	if pos < elementSize || from+ksize+vsize > uint64(len(p)) {
		return nil, nil, fmt.Errorf("%d bytes at %d do not fit", ksize+vsize, from)
	}
	return p[from : from+ksize], p[from+ksize : from+ksize+vsize], nil
}

func (w *walk) bucket(value []byte, id uint64, depth int) error {
	if len(value) < bucketSize {
		return fmt.Errorf("%w: page %d has a bucket of %d bytes", ErrDamaged, id, len(value))
	}
	if root := binary.LittleEndian.Uint64(value); root != 0 {
		return w.tree(root, depth+1, bounds{})
	}
	inline := value[bucketSize:]
	if len(inline) < headerSize || binary.LittleEndian.Uint16(inline[8:]) != leafPage || depth > maxDepth {
		return fmt.Errorf("%w: page %d has a bad small bucket", ErrDamaged, id)
	}
	return w.elements(inline, id, depth+1, bounds{})
}

func checkFreelist(p []byte, high uint64) error {
	if binary.LittleEndian.Uint16(p[8:]) != freelistPage {
		return fmt.Errorf("%w: the list of free pages is none", ErrDamaged)
	}
	count, at := uint64(binary.LittleEndian.Uint16(p[10:])), headerSize
	if count == 0xFFFF && len(p) >= headerSize+8 { // longer lists keep their length in the first place
		count, at = binary.LittleEndian.Uint64(p[headerSize:]), headerSize+8
	}
	if count > uint64(len(p)-at)/8 {
		return fmt.Errorf("%w: %d free pages do not fit", ErrDamaged, count)
	}
	for i := range int(count) {
		if id := binary.LittleEndian.Uint64(p[at+8*i:]); id < 2 || id >= high {
			return fmt.Errorf("%w: free page %d of %d", ErrDamaged, id, high)
		}
	}
	return nil
}
