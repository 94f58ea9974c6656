package commit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// abandon ends a file after a write or a sync of it failed. What is durable of it stays readable; Mend finishes it.
func (c *Committer) abandon(f *file, err error) {
	if f.given {
		return
	}
	f.given = true
	// A successor that was begun in the same flush names a hash that is not on the disk: it goes too, and is begun again.
	if next := c.successor(f); next != nil {
		c.abandon(next, err)
	}
	f.answer(err)
	if f.on != nil {
		f.on.Close() // whether that works changes nothing any more
		f.on = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Failures++
	c.abandoned = append(c.abandoned, f)
	lost := 0
	for _, e := range f.seg.Table()[len(f.durable.table):] {
		if e.Type == segment.FragRecord {
			lost++
		}
	}
	c.Log.Error("a file is abandoned where it was last durable", "file", f.path(), "bytes", f.durable.size, "fragments_lost", lost, "error", err)
	l := c.lines[f.line]
	if l == nil {
		return
	}
	if l.file == f || l.file == nil && l.prev == f.seg.Chain() {
		l.prev = f.durable.chain
	}
	var to int64
	if l.file == f {
		l.file = nil
	} else if l.file != nil {
		to = l.file.name.Start // its successor has begun
	}
	// Gaps that were noted in what is lost are still gaps, and the clock was still set.
	for _, n := range f.notes[len(f.durable.notes):] {
		if n.Kind == segment.NoteGap || n.Kind == segment.NoteClock {
			l.keep(n)
		}
	}
	if lost > 0 {
		l.lost(f.durable.end, to, lost, err)
	}
}

// successor gives the file that continues another one's chain and is not durable yet, nil if there is none.
func (c *Committer) successor(f *file) *file {
	c.mu.RLock()
	defer c.mu.RUnlock()
	l := c.lines[f.line]
	if l == nil || f.durable.chain == f.seg.Chain() {
		return nil
	}
	for _, o := range l.live {
		if o != f && !o.given && len(o.durable.table) == 0 && o.seg.Header().Prev == f.seg.Chain() {
			return o
		}
	}
	return nil
}

// Mend finishes abandoned files as they were when last durable. Those that it cannot finish yet, it tries again at the
// next call; so it is called every now and then, not in the goroutine that commits.
func (c *Committer) Mend() {
	if away(c.ready()) {
		return
	}
	c.mu.Lock()
	files := c.abandoned
	c.abandoned = nil
	c.mu.Unlock()
	for _, f := range files {
		err := c.mend(f)
		if err == nil {
			continue
		}
		c.Log.Warn("cannot finish an abandoned file yet", "file", f.path(), "error", err)
		c.mu.Lock()
		if _, known := c.lines[f.line]; known {
			c.abandoned = append(c.abandoned, f)
		}
		c.mu.Unlock()
	}
}

func (c *Committer) mend(f *file) error {
	if len(f.durable.table) == 0 {
		if err := c.Disk.Remove(f.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		c.drop(f)
		return nil
	}
	key, err := c.Key(f.line.Camera)
	if err != nil {
		return err
	}
	done, err := Finish(c.Disk, f.line.Camera, f.name, f.durable.size, key, f.durable.check)
	if err != nil {
		return err
	}
	c.work.Lock()
	defer c.work.Unlock()
	c.mu.RLock()
	_, known := c.lines[f.line]
	c.mu.RUnlock()
	if known { // else the camera was removed meanwhile: see Forget
		c.publish(f, done)
	}
	return nil
}

// Finish recovers an unfinished file within its first limit bytes (0: all), and gives it its last name; from is the
// place of a checkpoint that was durable, or zero. Errors are those of segment.Recover; on any, the file is where it was.
func Finish(
	d Disk, camera media.CameraID, n segment.Name, limit int64, key segment.Key, from segment.Place,
) (segment.Summary, error) {
	path := n.Path(camera)
	on, err := d.Open(path)
	if err != nil {
		return segment.Summary{}, fmt.Errorf("open %s: %w", path, err)
	}
	defer on.Close()
	size, err := on.Size()
	if err != nil {
		return segment.Summary{}, fmt.Errorf("open %s: %w", path, err)
	}
	h, err := segment.ReadHeader(on)
	if err == nil {
		err = n.CheckHeader(camera, h)
	}
	if err != nil {
		return segment.Summary{}, fmt.Errorf("recover %s: %w", path, err)
	}
	s, err := segment.Recover(on, size, limit, key, from)
	if err != nil {
		return segment.Summary{}, fmt.Errorf("recover %s: %w", path, err)
	}
	// When the process died and not the power, its name, and that of its folder, may never have been synced.
	dir := filepath.Dir(path)
	for _, dir := range []string{filepath.Dir(dir), dir} {
		if err := d.SyncDir(dir); err != nil {
			return segment.Summary{}, fmt.Errorf("sync %s: %w", dir, err)
		}
	}
	to := segment.FinishedName(n.Stream, n.Start, s.End).Path(camera)
	if err := d.Rename(path, to); err != nil {
		return segment.Summary{}, err
	}
	// If the new name is not durable, a power cut brings back the old one, and the next start finds a whole file there.
	_ = d.SyncDir(dir)
	return s, nil
}
