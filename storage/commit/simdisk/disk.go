package simdisk

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"hearth/storage/commit"
)

// Disk is a commit.Disk in memory. Its fields are set before it is used.
type Disk struct {
	// Fail may make a call fail, by what it is and the path: "create", "mkdir", "open", "rename", "remove", "punch",
	// "syncdir", "syncall", "read", "write", "truncate", "sync". A write that fails may have written a part. nil: none
	// fails.
	Fail func(op, path string) error
	// Seed decides what a failed call leaves behind.
	Seed uint64
	// Capacity is how many bytes all files together may have; 0: any number. What is more is ENOSPC.
	Capacity int64

	mu     sync.Mutex
	own    bool
	now    map[string]*node // what is seen, by path
	disk   map[string]*node // what is on the disk
	undone []change         // of names, since their folder was synced, in order
	calls  map[string]uint64
	stats  Stats
}

// Stats counts calls.
type Stats struct {
	Writes, Syncs, WrittenBytes int64
}

// node is a file or a folder.
type node struct {
	folder bool
	// Of a file: what is seen, what is on the disk, and which sectors differ and will be written by the next sync.
	seen, disk []byte
	dirty      map[int]bool
	resized    bool // the length is to be written as well
}

// change is one of names: without from something is made, without to it is removed.
type change struct {
	from, to string
	node     *node
}

var _ commit.Disk = (*Disk)(nil)

// New gives an empty disk with these folders, which are on it already; parents come first. own is what Own says.
func New(own bool, folders ...string) *Disk {
	d := &Disk{own: own, now: make(map[string]*node), disk: make(map[string]*node), calls: make(map[string]uint64)}
	for _, path := range folders {
		n := &node{folder: true}
		d.now[path], d.disk[path] = n, n
	}
	return d
}

// fail asks Fail; d.mu is held.
func (d *Disk) fail(op, path string) error {
	if d.Fail == nil {
		return nil
	}
	if err := d.Fail(op, path); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// chance gives what decides about one call: the same for the same calls on a path, in whatever order those on others
// come. d.mu is held.
func (d *Disk) chance(op, path string) *rand.Rand {
	id := op + " " + path
	d.calls[id]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", id, d.calls[id])
	return rand.New(rand.NewPCG(d.Seed, h.Sum64()))
}

func (d *Disk) folder(path string) bool {
	n := d.now[path]
	return path == "." || n != nil && n.folder
}

// apply makes a change among names, if it can be made.
func apply(names map[string]*node, c change) bool {
	if c.from != "" && names[c.from] != c.node || c.to != "" && names[c.to] != nil {
		return false
	}
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.node
	}
	return true
}

// change makes a change that is not on the disk yet.
func (d *Disk) change(c change) {
	apply(d.now, c)
	d.undone = append(d.undone, c)
}

// MakeDir implements commit.Disk.
func (d *Disk) MakeDir(path string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.folder(path):
		return false, nil
	case !d.folder(filepath.Dir(path)):
		return false, &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrNotExist}
	}
	if err := d.fail("mkdir", path); err != nil {
		return false, err
	}
	d.change(change{to: path, node: &node{folder: true}})
	return true, nil
}

// Create implements commit.Disk.
func (d *Disk) Create(path string) (commit.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fail("create", path); err != nil {
		return nil, err
	}
	if !d.folder(filepath.Dir(path)) {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrNotExist}
	}
	if d.now[path] != nil {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	n := &node{dirty: make(map[int]bool)}
	d.change(change{to: path, node: n})
	return &File{disk: d, path: path, node: n}, nil
}

// Open implements commit.Disk: what is read is what the disk has.
func (d *Disk) Open(path string) (commit.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.now[path]
	if n == nil || n.folder {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	if err := d.fail("open", path); err != nil {
		return nil, err
	}
	if err := d.sync(n, path); err != nil {
		return nil, err
	}
	n.seen = slices.Clone(n.disk)
	return &File{disk: d, path: path, node: n}, nil
}

// Rename implements commit.Disk.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fail("rename", from); err != nil {
		return err
	}
	n := d.now[from]
	if n == nil || !d.folder(filepath.Dir(to)) {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	if d.now[to] != nil {
		return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
	}
	d.change(change{from: from, to: to, node: n})
	return nil
}

// Remove implements commit.Disk.
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fail("remove", path); err != nil {
		return err
	}
	n := d.now[path]
	if n == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	if n.folder && slices.ContainsFunc(keys(d.now), func(p string) bool { return strings.HasPrefix(p, path+"/") }) {
		return &fs.PathError{Op: "remove", Path: path, Err: syscall.ENOTEMPTY}
	}
	d.change(change{from: path, node: n})
	return nil
}

// Punch implements commit.Disk.
func (d *Disk) Punch(path string, from, to int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.now[path]
	if n == nil || n.folder {
		return &fs.PathError{Op: "punch", Path: path, Err: fs.ErrNotExist}
	}
	if err := d.fail("punch", path); err != nil {
		return err
	}
	if to = min(to, int64(len(n.seen))); from < to {
		n.put(make([]byte, to-from), from)
	}
	return nil
}

// SyncDir implements commit.Disk: what changed of the names in the folder is on the disk.
func (d *Disk) SyncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.folder(path) {
		return &fs.PathError{Op: "syncdir", Path: path, Err: fs.ErrNotExist}
	}
	d.stats.Syncs++
	r := d.chance("syncdir", path)
	if err := d.fail("syncdir", path); err != nil {
		d.some(r, func(c change) bool { return c.in(path) })
		return err
	}
	d.all(func(c change) bool { return c.in(path) })
	return nil
}

// in says whether a change is one of the names in a folder.
func (c change) in(folder string) bool {
	return c.to != "" && filepath.Dir(c.to) == folder || c.from != "" && filepath.Dir(c.from) == folder
}

// all brings changes of names to the disk.
func (d *Disk) all(chosen func(change) bool) {
	d.undone = slices.DeleteFunc(d.undone, func(c change) bool { return chosen(c) && apply(d.disk, c) })
}

// some is all for a sync that failed.
func (d *Disk) some(r *rand.Rand, chosen func(change) bool) {
	d.all(func(c change) bool { return chosen(c) && r.IntN(2) == 0 })
}

// Own implements commit.Disk.
func (d *Disk) Own() bool { return d.own }

// SyncAll implements commit.Disk.
func (d *Disk) SyncAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.Syncs++
	r := d.chance("syncall", ".")
	if err := d.fail("syncall", "."); err != nil {
		for _, path := range keys(d.now) {
			if n := d.now[path]; !n.folder {
				n.lose(r)
			}
		}
		d.some(r, func(change) bool { return true })
		return err
	}
	for _, path := range keys(d.now) {
		if n := d.now[path]; !n.folder {
			n.settle()
		}
	}
	d.all(func(change) bool { return true })
	return nil
}

// Stats gives the counters.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// used is how many bytes the files have; d.mu is held.
func (d *Disk) used() (n int64) {
	for _, f := range d.now {
		n += int64(len(f.seen))
	}
	return n
}

// sync makes a file durable, or loses some of it; d.mu is held.
func (d *Disk) sync(n *node, path string) error {
	d.stats.Syncs++
	r := d.chance("sync", path)
	if err := d.fail("sync", path); err != nil {
		n.lose(r)
		return err
	}
	n.settle()
	return nil
}
