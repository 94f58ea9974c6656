package simdisk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

func keys(names map[string]*node) []string { return slices.Sorted(maps.Keys(names)) }

// PowerCut gives the disk as it may be found after the power went, decided by a seed. The one from before is not used
// any more.
func (d *Disk) PowerCut(seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := rand.New(rand.NewPCG(seed, 1))
	names := maps.Clone(d.disk)
	// A journal keeps the order of changes; without one, any of them may be there.
	inOrder, until := r.IntN(2) == 0, r.IntN(len(d.undone)+1)
	for i, c := range d.undone {
		if inOrder && i < until || !inOrder && r.IntN(2) == 0 {
			apply(names, c)
		}
	}
	after := New(d.own)
	after.Seed, after.Capacity = seed, d.Capacity
	for _, path := range keys(names) { // a folder comes before what is in it
		if dir := filepath.Dir(path); dir != "." && after.now[dir] == nil {
			continue
		}
		n := &node{folder: names[path].folder, dirty: make(map[int]bool)}
		if !n.folder {
			n.disk = names[path].torn(r)
			n.seen = slices.Clone(n.disk)
		}
		after.now[path], after.disk[path] = n, n
	}
	return after
}

// Clone gives a disk that is as this one is, without what fails.
func (d *Disk) Clone() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New(d.own)
	c.Seed, c.Capacity = d.Seed, d.Capacity
	nodes := make(map[*node]*node)
	clone := func(n *node) *node {
		if nodes[n] == nil {
			nodes[n] = &node{
				folder: n.folder, seen: slices.Clone(n.seen), disk: slices.Clone(n.disk), dirty: maps.Clone(n.dirty), resized: n.resized,
			}
		}
		return nodes[n]
	}
	for path, n := range d.now {
		c.now[path] = clone(n)
	}
	for path, n := range d.disk {
		c.disk[path] = clone(n)
	}
	for _, ch := range d.undone {
		c.undone = append(c.undone, change{ch.from, ch.to, clone(ch.node)})
	}
	return c
}

// Files gives the paths of all files that are seen, sorted.
func (d *Disk) Files() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(keys(d.now), func(p string) bool { return d.now[p].folder })
}

// Bytes gives what is seen of a file, nil when there is none.
func (d *Disk) Bytes(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.now[path]; n != nil {
		return slices.Clone(n.seen)
	}
	return nil
}

// OnDisk gives what of a file is on the disk for certain, nil when its name is not.
func (d *Disk) OnDisk(path string) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at := path; at != "."; at = filepath.Dir(at) {
		if d.disk[at] == nil {
			return nil
		}
	}
	return slices.Clone(d.disk[path].disk)
}

// Materialise writes all that is on the disk for certain below a real folder, which must be there: of a disk that
// PowerCut gave, that is all.
func (d *Disk) Materialise(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, path := range keys(d.disk) {
		n, to := d.disk[path], filepath.Join(dir, path)
		if parent := filepath.Dir(path); parent != "." && d.disk[parent] == nil {
			continue // its folder is not on the disk
		}
		var err error
		if n.folder {
			err = os.MkdirAll(to, 0o700)
		} else {
			err = os.WriteFile(to, n.disk, 0o600)
		}
		if err != nil {
			return fmt.Errorf("write the simulated disk below %s: %w", dir, err)
		}
	}
	return nil
}
