package commit

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"pgregory.net/rapid"
)

// fakeDisk is a file system in memory that knows what of it is durable. Names, data and their durability are apart,
// as on a real one.
type fakeDisk struct {
	mu      sync.Mutex
	own     bool
	names   map[string]*fakeFile // as seen now
	durable map[string]*fakeFile // as after a power cut
	dirs    map[string]bool
	// fail may make an operation fail: "create", "write", "sync", "syncdir", "syncall", "rename", "remove", "truncate".
	fail   func(op, path string) error
	writes int
}

type fakeFile struct {
	disk   *fakeDisk
	path   string
	data   []byte
	synced []byte
}

func newFakeDisk(own bool, dirs ...string) *fakeDisk {
	d := &fakeDisk{own: own, names: make(map[string]*fakeFile), durable: make(map[string]*fakeFile), dirs: make(map[string]bool)}
	for _, dir := range dirs {
		d.dirs[dir] = true
	}
	return d
}

func (d *fakeDisk) failing(op, path string) error {
	if d.fail == nil {
		return nil
	}
	if err := d.fail(op, path); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

func (d *fakeDisk) MakeDir(path string) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirs[path] {
		return false, nil
	}
	if !d.dirs[filepath.Dir(path)] {
		return false, fs.ErrNotExist
	}
	d.dirs[path] = true
	return true, nil
}

func (d *fakeDisk) Create(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("create", path); err != nil {
		return nil, err
	}
	if !d.dirs[filepath.Dir(path)] {
		return nil, fs.ErrNotExist
	}
	if d.names[path] != nil {
		return nil, fs.ErrExist
	}
	f := &fakeFile{disk: d, path: path}
	d.names[path] = f
	return f, nil
}

func (d *fakeDisk) Open(path string) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.names[path]; f != nil {
		return f, nil
	}
	return nil, fs.ErrNotExist
}

func (d *fakeDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("rename", from); err != nil {
		return err
	}
	f := d.names[from]
	if f == nil {
		return fs.ErrNotExist
	}
	if d.names[to] != nil {
		return fs.ErrExist
	}
	delete(d.names, from)
	d.names[to] = f
	f.path = to
	return nil
}

func (d *fakeDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[path] == nil {
		return fs.ErrNotExist
	}
	delete(d.names, path)
	return nil
}

func (d *fakeDisk) Punch(path string, from, to int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("punch", path); err != nil {
		return err
	}
	f := d.names[path]
	if f == nil {
		return fs.ErrNotExist
	}
	clear(f.data[min(from, int64(len(f.data))):min(to, int64(len(f.data)))])
	return nil
}

func (d *fakeDisk) SyncDir(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("syncdir", path); err != nil {
		return err
	}
	d.syncDir(path)
	return nil
}

func (d *fakeDisk) syncDir(path string) {
	maps.DeleteFunc(d.durable, func(name string, _ *fakeFile) bool { return filepath.Dir(name) == path })
	for name, f := range d.names {
		if filepath.Dir(name) == path {
			d.durable[name] = f
		}
	}
}

func (d *fakeDisk) Own() bool { return d.own }

func (d *fakeDisk) SyncAll() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("syncall", "."); err != nil {
		return err
	}
	for _, f := range d.names {
		f.synced = bytes.Clone(f.data)
	}
	for dir := range d.dirs {
		d.syncDir(dir)
	}
	return nil
}

func (f *fakeFile) ReadAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	if n := copy(p, f.data[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func (f *fakeFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.writes++
	n, err := len(p), f.disk.failing("write", f.path)
	if err != nil {
		n /= 2 // some of it is there
	}
	if grow := int(off) + n - len(f.data); grow > 0 {
		f.data = append(f.data, make([]byte, grow)...)
	}
	copy(f.data[off:], p[:n])
	return n, err
}

func (f *fakeFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.failing("truncate", f.path); err != nil {
		return err
	}
	f.data = f.data[:size]
	return nil
}

func (f *fakeFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.failing("sync", f.path); err != nil {
		return err
	}
	f.synced = bytes.Clone(f.data)
	return nil
}

func (f *fakeFile) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.data)), nil
}

func (f *fakeFile) Close() error { return nil }

// powerCut gives the disk as it may be found afterwards: what is durable, and of the rest whatever chance left.
func (d *fakeDisk) powerCut(t *rapid.T) *fakeDisk {
	after := newFakeDisk(d.own)
	after.dirs = maps.Clone(d.dirs)
	placed := make(map[*fakeFile]bool)
	place := func(name string, f *fakeFile) {
		if placed[f] {
			return
		}
		placed[f] = true
		data := f.tear(t)
		c := &fakeFile{disk: after, path: name, data: data, synced: bytes.Clone(data)}
		after.names[name], after.durable[name] = c, c
	}
	// A new or renamed name may have made it although nobody synced its folder.
	for _, name := range slices.Sorted(maps.Keys(d.names)) {
		if d.durable[name] == nil && rapid.Bool().Draw(t, "name made it") {
			place(name, d.names[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.durable)) {
		place(name, d.durable[name])
	}
	return after
}

// tear gives a file's bytes after a power cut: those that were synced, and some of what was written since.
func (f *fakeFile) tear(t *rapid.T) []byte {
	if len(f.data) <= len(f.synced) || !bytes.HasPrefix(f.data, f.synced) {
		if rapid.Bool().Draw(t, "new bytes") {
			return bytes.Clone(f.data)
		}
		return bytes.Clone(f.synced)
	}
	n := rapid.IntRange(len(f.synced), len(f.data)).Draw(t, "length")
	data := bytes.Clone(f.data[:n])
	for at := len(f.synced); at < n; at += 512 {
		if rapid.IntRange(0, 3).Draw(t, "block lost") == 0 {
			clear(data[at:min(at+512, n)])
		}
	}
	return data
}

// trouble makes one operation in n fail. Which ones depends on what they are, not on the order in which goroutines
// come to them.
func trouble(t *rapid.T, n uint32) func(op, path string) error {
	seed := rapid.Uint32().Draw(t, "seed of trouble")
	times := make(map[string]int)
	return func(op, path string) error {
		if n == 0 {
			return nil
		}
		id := op + " " + path
		times[id]++
		h := crc32.ChecksumIEEE(fmt.Appendf(nil, "%d %s %d", seed, id, times[id]))
		if h%n != 0 {
			return nil
		}
		return []error{syscall.ENOSPC, syscall.EIO, errors.New("odd")}[h/n%3]
	}
}
