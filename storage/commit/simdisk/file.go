package simdisk

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"syscall"

	"hearth/storage/commit"
)

// sector is what a disk writes as a whole or not at all, in bytes.
const sector = 512

// File is an open file of a Disk.
type File struct {
	disk *Disk
	path string
	node *node
}

var _ commit.File = (*File)(nil)

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.fail("read", f.path); err != nil {
		return 0, err
	}
	return bytes.NewReader(f.node.seen).ReadAt(p, off)
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Writes++
	r, err := d.chance("write", f.path), d.fail("write", f.path)
	n := len(p)
	if err != nil {
		n = r.IntN(n + 1)
	}
	if d.Capacity > 0 {
		if over := d.used() + max(0, off+int64(n)-int64(len(f.node.seen))) - d.Capacity; over > 0 {
			n, err = max(0, n-int(over)), syscall.ENOSPC
		}
	}
	f.node.put(p[:n], off)
	d.stats.WrittenBytes += int64(n)
	return n, err
}

// Truncate cuts or lengthens the file.
func (f *File) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.fail("truncate", f.path); err != nil {
		return err
	}
	n := f.node
	if size < int64(len(n.seen)) {
		n.seen = n.seen[:size]
		n.touch(int(size), int(size)+1)
	} else {
		n.seen = append(n.seen, make([]byte, size-int64(len(n.seen)))...)
	}
	n.resized = true
	return nil
}

// Sync implements commit.File.
func (f *File) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.disk.sync(f.node, f.path)
}

// Size implements commit.File.
func (f *File) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.seen)), nil
}

// Close implements commit.File.
func (f *File) Close() error { return nil }

var _ io.ReaderAt = (*File)(nil)

// touch marks the sectors of the bytes from one to another.
func (n *node) touch(from, to int) {
	for s := from / sector; s*sector < to; s++ {
		n.dirty[s] = true
	}
}

// put writes into memory.
func (n *node) put(p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	end := int(off) + len(p)
	if end > len(n.seen) {
		n.seen = append(n.seen, make([]byte, end-len(n.seen))...)
		n.resized = true
	}
	copy(n.seen[off:], p)
	n.touch(int(off), end)
}

// settle brings all that was written to the disk. What an earlier sync failed to write stays lost.
func (n *node) settle() {
	n.resize(len(n.seen))
	for s := range n.dirty {
		if from := s * sector; from < len(n.seen) {
			copy(n.disk[from:], n.seen[from:min(from+sector, len(n.seen))])
		}
	}
	clear(n.dirty)
	n.resized = false
}

// resize makes the file as long on the disk, with zeros where nothing was.
func (n *node) resize(size int) {
	if size <= len(n.disk) {
		n.disk = n.disk[:size:size]
		return
	}
	n.disk = append(slices.Clip(n.disk), make([]byte, size-len(n.disk))...)
}

// lose is a sync that failed: some is on the disk, and the rest is not tried again.
func (n *node) lose(r *rand.Rand) {
	n.disk = n.torn(r)
	if r.IntN(2) == 0 { // the memory does not show it any more either
		n.seen = slices.Clone(n.disk)
	}
	clear(n.dirty)
	n.resized = len(n.seen) != len(n.disk)
}

// torn gives the bytes that may be on the disk: of the sectors written since the last sync some, and a length between
// the one there and the new one.
func (n *node) torn(r *rand.Rand) []byte {
	size, lost := len(n.disk), r.IntN(4)
	if n.resized {
		low, high := min(len(n.disk), len(n.seen)), max(len(n.disk), len(n.seen))
		size = []int{len(n.disk), len(n.seen), len(n.seen), low + r.IntN(high-low+1)}[r.IntN(4)]
	}
	after := make([]byte, size)
	copy(after, n.disk)
	for s := range (size + sector - 1) / sector {
		from, to := s*sector, min((s+1)*sector, size)
		switch {
		case !n.dirty[s]:
		case r.IntN(4) >= lost:
			if from < len(n.seen) {
				copy(after[from:to], n.seen[from:])
			}
		case from >= len(n.disk) && r.IntN(8) == 0: // what another file left there
			for i := from; i < to; i++ {
				after[i] = byte(r.Uint32())
			}
		}
	}
	return after
}
