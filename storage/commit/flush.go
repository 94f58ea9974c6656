package commit

import (
	"bytes"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"hearth/storage/segment"
)

const (
	// syncsAtOnce bounds the syncs under way on a file system that is not ours alone.
	syncsAtOnce = 8
	// maxSure is how many folders are remembered as durable; it costs a sync to forget one.
	maxSure = 1024
)

// flush puts all that the chosen lines have pending on the disk.
func (c *Committer) flush(chosen func(*line) bool) {
	c.work.Lock()
	defer c.work.Unlock()
	began := time.Now()
	refused := c.ready()
	f := flushing{c: c, dirs: make(map[string]bool)}
	for _, l := range c.sorted(chosen) {
		items, since := l.queue.take(l.spareIt)
		if len(items) > 0 {
			c.risk(since)
			f.write(l, items, refused)
		}
		clear(items)
		l.spareIt = items[:0]
	}
	if len(f.files) > 0 {
		f.settle()
		took := time.Since(began)
		c.mu.Lock()
		c.stats.Commits++
		c.stats.CommitTime = took
		c.stats.CommitTotal += took
		c.mu.Unlock()
	}
	c.risk(time.Time{})
}

func (c *Committer) ready() error {
	if c.Ready == nil {
		return nil
	}
	return c.Ready()
}

// away says that a disk must be left alone, and not only that nothing more fits on it.
func away(refused error) bool { return refused != nil && !errors.Is(refused, ErrFull) }

// risk notes since when the oldest fragment in hand was pending; zero: there is none any more.
func (c *Committer) risk(since time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since.IsZero() || c.inFlight.IsZero() || since.Before(c.inFlight) {
		c.inFlight = since
	}
}

func (c *Committer) sorted(chosen func(*line) bool) []*line {
	c.mu.RLock()
	defer c.mu.RUnlock()
	lines := make([]*line, 0, len(c.lines))
	for _, l := range c.lines {
		if chosen(l) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b *line) int {
		if d := bytes.Compare(a.Camera[:], b.Camera[:]); d != 0 {
			return d
		}
		return int(a.Stream) - int(b.Stream)
	})
	return lines
}

// flushing is one flush: the files it wrote to and the folders in which names are new.
type flushing struct {
	c     *Committer
	files []*file
	dirs  map[string]bool
}

// write seals a line's items and writes them, one call per file.
func (f *flushing) write(l *line, items []item, refused error) {
	p := pass{flushing: f, line: l, buf: f.c.buf[:0], refused: refused}
	if away(refused) && l.file != nil {
		f.c.abandon(l.file, refused)
	}
	for i := range items {
		p.item(&items[i])
	}
	p.out()
	f.c.buf = p.buf[:0]
}

// settle makes all that was written durable, gives finished files their names, and only then shows what is new.
func (f *flushing) settle() {
	f.leaveOut() // those abandoned after a first write
	failed := f.sync()
	for _, file := range f.files {
		if err := failed[file]; err != nil {
			f.c.abandon(file, err)
		}
	}
	f.leaveOut()

	// New names come before what they hold is shown.
	if !f.c.Disk.Own() {
		f.syncDirs()
	}
	clear(f.dirs)
	f.c.mu.Lock()
	for _, file := range f.files {
		file.durable = file.extent()
		file.dirty = false
	}
	f.c.mu.Unlock()
	for _, file := range f.files {
		file.answer(nil)
	}
	f.finish()
}

func (f *flushing) count(add func(*Stats)) {
	f.c.mu.Lock()
	add(&f.c.stats)
	f.c.mu.Unlock()
}

// sync makes the files' data durable and says which could not be.
func (f *flushing) sync() map[*file]error {
	failed := make(map[*file]error)
	if f.c.Disk.Own() {
		f.count(func(s *Stats) { s.Syncs++ })
		if err := f.c.Disk.SyncAll(); err != nil {
			// It does not say whose bytes were lost.
			for _, file := range f.files {
				failed[file] = err
			}
			if errors.Is(err, ErrMissing) {
				f.leaveAll(err)
			}
		}
		return failed
	}
	f.count(func(s *Stats) { s.Syncs += uint64(len(f.files)) })
	var (
		wait  sync.WaitGroup
		mu    sync.Mutex
		slots = make(chan struct{}, syncsAtOnce)
	)
	for _, file := range f.files {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := file.on.Sync(); err != nil {
				mu.Lock()
				failed[file] = err
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return failed
}

// leaveAll abandons the files that nothing was written to now: what would be, later, would go to a disk that is not there
// any more.
func (f *flushing) leaveAll(err error) {
	for _, l := range f.c.sorted(func(*line) bool { return true }) {
		if l.file != nil && !slices.Contains(f.files, l.file) {
			f.c.abandon(l.file, err)
		}
	}
}

// syncDirs makes names durable. If that fails, the files in that folder cannot be relied on.
func (f *flushing) syncDirs() {
	for _, dir := range slices.Sorted(maps.Keys(f.dirs)) {
		f.count(func(s *Stats) { s.Syncs++ })
		err := f.c.Disk.SyncDir(dir)
		if err == nil {
			f.sure(dir)
			continue
		}
		for _, file := range f.files {
			if filepath.Dir(file.path()) == dir || filepath.Dir(filepath.Dir(file.path())) == dir {
				f.c.abandon(file, err)
			}
		}
		f.leaveOut()
	}
}

// sure remembers that the folders of days in a camera's folder, which is synced, are durable.
func (f *flushing) sure(folder string) {
	if f.c.sure == nil || len(f.c.sure) > maxSure {
		f.c.sure = make(map[string]bool)
	}
	for dir := range f.dirs {
		if filepath.Dir(dir) == folder {
			f.c.sure[dir] = true
		}
	}
}

// leaveOut forgets files that were abandoned.
func (f *flushing) leaveOut() {
	f.files = slices.DeleteFunc(f.files, func(file *file) bool { return file.given })
}

// finish gives files with a footer their last names, and tells of them once those are durable.
func (f *flushing) finish() {
	var done []*file
	for _, file := range f.files {
		if !file.footed {
			continue
		}
		to := file.finishedName()
		file.on.Close() // it is synced: whether that works changes nothing any more
		if err := f.c.Disk.Rename(file.path(), to.Path(file.line.Camera)); err != nil {
			f.c.abandon(file, err)
			continue
		}
		f.dirs[segment.Folder(file.line.Camera, to.Start)] = true
		done = append(done, file)
	}
	for dir := range f.dirs {
		f.count(func(s *Stats) { s.Syncs++ })
		if err := f.c.Disk.SyncDir(dir); err != nil {
			// The file is whole under one of its two names; a start after a power cut finds it under either.
			f.c.Log.Error("a finished file's name may not be durable", "folder", dir, "error", err)
		}
	}
	for _, file := range done {
		f.c.publish(file, segment.Summary{
			Header: file.seg.Header(), Records: len(file.seg.Table()), End: file.seg.End(),
			Chain: file.seg.Chain(), Size: file.written,
		})
	}
}

func (f *file) finishedName() segment.Name {
	return segment.FinishedName(f.line.Stream, f.name.Start, max(f.seg.End(), f.name.Start))
}

// publish tells of a finished file, which then is no open one any more.
func (c *Committer) publish(f *file, s segment.Summary) {
	name := segment.FinishedName(f.line.Stream, f.name.Start, s.End)
	if c.OnFinished != nil {
		c.OnFinished(Finished{
			Line: f.line, Name: name, Summary: s, Table: f.seg.Table()[:s.Records], Notes: f.durable.notes,
		})
	}
	c.drop(f)
}

func (c *Committer) drop(f *file) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.lines[f.line]; l != nil {
		l.live = slices.DeleteFunc(l.live, func(o *file) bool { return o == f })
	}
}
