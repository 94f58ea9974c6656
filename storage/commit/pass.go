package commit

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"hearth/nvr/media/alarm"
	"hearth/storage/segment"
)

// pass is one line's part of a flush.
type pass struct {
	*flushing
	line    *line
	buf     []byte // sealed and not yet written
	refused error  // why nothing more of this line can be written this time
}

func (p *pass) item(it *item) {
	switch it.kind {
	case beginItem:
		p.finish()
		p.line.run, p.line.init, p.line.runSeq = it.run, it.init, 0
		if same := p.c.Bell.Same(alarm.Recording, p.line.Camera, it.run.Camera, "a run of another camera came to the disk"); !same || it.run.Stream != p.line.Stream {
			p.c.Log.Error("refused to record a run under another name", "line", p.line.Line, "camera", it.run.Camera, "stream", it.run.Stream)
			p.line.run = nil
			p.line.refuses.Store(true)
		} else if was := it.run.ClockWas; !was.IsZero() && p.line.clocked != it.run.ID {
			p.line.clocked = it.run.ID
			p.line.keep(segment.Note{
				Kind: segment.NoteClock, From: was.UnixMicro(), To: it.run.Start.UnixMicro(), Reason: "the clock was set",
			})
		}
	case fragmentItem:
		p.fragment(&it.fragment)
	case gapItem:
		p.gap(it.gap)
	case endItem:
		p.end(it.reason)
	case closeItem:
		p.finish()
		p.line.run = nil
	case recordItem:
		p.record(it)
	}
}

func (p *pass) fragment(f *Fragment) {
	l := p.line
	r := segment.Record{
		Type: segment.FragRecord, Key: f.Key, DTS: f.DTS, Duration: uint32(max(f.Duration, 0)), Time: f.Start.UnixMicro(),
	}
	if l.run == nil || p.refused != nil {
		p.lose(r, p.refused)
		return
	}
	if l.file != nil && f.Key && p.due(r.Time) {
		p.finish()
		l.runSeq++
	}
	if !f.Key && (l.file == nil || l.openGap() != nil) { // no decoder can go on with it
		p.lose(r, nil)
		return
	}
	if l.file == nil {
		if err := p.begin(r.Time); err != nil {
			p.refuse(err)
			p.lose(r, err)
			return
		}
	}
	if g := l.openGap(); g != nil {
		g.To = r.Time
	}
	for _, g := range l.gaps {
		p.note(g, r)
	}
	l.gaps = l.gaps[:0]
	if err := p.seal(r, f.Data...); err != nil {
		p.lose(r, err)
	}
	p.checkpoint(r)
}

// checkpoint adds a checkpoint behind a record when one is due.
func (p *pass) checkpoint(behind segment.Record) {
	f := p.line.file
	if behind.Time-f.checkAt < checkpointEvery.Microseconds() {
		return
	}
	var err error
	if p.buf, f.check, err = f.seg.AppendCheckpoint(p.buf, behind); err != nil {
		f.check = f.durable.check // the file has as many records as it can hold; it rolls at the next key frame
	}
	f.checkAt = behind.Time
}

// due says whether the next key frame, at a time in microseconds, begins another file.
func (p *pass) due(at int64) bool {
	f := p.line.file
	limit := int64(rollBytes)
	if p.c.RollBytes != nil {
		limit = min(limit, p.c.RollBytes(p.line.Line))
	}
	return at >= f.rollAt || at < f.name.Start || f.seg.Size() >= limit || len(f.seg.Table()) > segment.MaxRecords-spare
}

// begin begins the line's next file.
func (p *pass) begin(start int64) error {
	l := p.line
	key, err := p.c.Key(l.Camera)
	if err != nil {
		return err
	}
	if l.elsewhere.Swap(false) {
		l.headed, l.prev = false, [32]byte{}
	}
	if !l.headed && p.c.Head != nil {
		if l.prev, err = p.c.Head(l.Line); err != nil {
			return err
		}
	}
	l.headed = true
	on, start, err := p.create(start)
	if err != nil {
		return err
	}
	h := segment.NewHeader(l.Camera, l.Stream)
	h.Start, h.Prev, h.RunSeq = start, l.prev, l.runSeq
	if l.run != nil {
		h.Run, h.RunStart, h.Trusted = l.run.ID, l.run.Start.UnixMicro(), l.run.Trusted
	}
	w, err := segment.NewWriter(key, h)
	if err != nil {
		on.Close()
		return err
	}
	f := &file{
		line: l.Line, name: segment.Name{Stream: l.Stream, Start: start, Open: true}, on: on, seg: w, run: l.run,
		rollAt: rollAt(l.Line, start), checkAt: start, durable: extent{chain: l.prev, end: start},
	}
	l.file = f
	p.c.mu.Lock()
	l.live = append(l.live, f)
	p.c.mu.Unlock()
	p.buf = w.AppendHeader(p.buf[:0])
	if l.run == nil {
		return nil
	}
	r, tracks := segment.Record{Type: segment.InitRecord, Time: start}, segment.Note{Kind: segment.NoteTracks, Tracks: l.run.Tracks}
	err = p.seal(r, l.init)
	if err == nil {
		r.Type = segment.NoteRecord
		err = p.seal(r, tracks.Marshal())
	}
	if err != nil {
		p.c.abandon(f, err)
	}
	return err
}

// taken says that the line has a file with this start. One that is being finished may have its last name already and not
// yet be told of: it is in the line's list until it is, so that list is asked first.
func (p *pass) taken(start int64) bool {
	return p.c.Begun(p.line.Line, start) || p.c.Taken != nil && p.c.Taken(p.line.Line, start)
}

// create makes the file, and the folder of its day.
func (p *pass) create(start int64) (File, int64, error) {
	for range 1000 {
		for p.taken(start) {
			start++
		}
		name := segment.Name{Stream: p.line.Stream, Start: start, Open: true}
		path := name.Path(p.line.Camera)
		dir := filepath.Dir(path)
		on, err := p.c.Disk.Create(path)
		if errors.Is(err, fs.ErrNotExist) {
			if _, err = p.c.Disk.MakeDir(dir); err != nil {
				return nil, 0, fmt.Errorf("make the folder %s: %w", dir, err)
			}
			on, err = p.c.Disk.Create(path)
		}
		if err == nil {
			p.dirs[dir] = true
			if !p.c.sure[dir] { // it may have been made by a flush, or a process, that did not come to sync it
				p.dirs[filepath.Dir(dir)] = true
			}
			return on, start, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, 0, fmt.Errorf("begin %s: %w", path, err)
		}
		start++
	}
	return nil, 0, fmt.Errorf("begin a file of %s at %d: %w", p.line.Line, start, fs.ErrExist)
}

func (p *pass) seal(r segment.Record, payload ...[]byte) (err error) {
	p.buf, err = p.line.file.seg.AppendRecord(p.buf, r, payload...)
	return err
}

// note records a note in the line's file, at the time of the record that it comes with.
func (p *pass) note(n segment.Note, with segment.Record) {
	r := segment.Record{Type: segment.NoteRecord, DTS: with.DTS, Time: with.Time}
	if err := p.seal(r, n.Marshal()); err == nil {
		p.line.file.notes = append(p.line.file.notes, n)
	}
}

// gap takes over a gap that the queue had.
func (p *pass) gap(n segment.Note) {
	if g := p.line.openGap(); g != nil { // it goes on until the next fragment that is kept
		g.Dropped += n.Dropped
		return
	}
	p.line.gaps = append(p.line.gaps, n)
}

// openGap is the gap that goes on until the next fragment that is kept, nil if there is none.
func (l *line) openGap() *segment.Note {
	if n := len(l.gaps); n > 0 && l.gaps[n-1].To == 0 {
		return &l.gaps[n-1]
	}
	return nil
}

// lost notes that n fragments from a time on, in microseconds, are lost, up to another; zero: up to the next one that
// is kept.
func (l *line) lost(from, to int64, n int, why error) {
	l.queue.lose(n)
	g := l.openGap()
	switch {
	case g == nil:
		l.gaps = append(l.gaps, segment.Note{Kind: segment.NoteGap, From: from, To: to, Reason: reason(why), Dropped: n})
	case to == 0:
		g.From = min(g.From, from)
		g.Dropped += n
	default:
		l.keep(segment.Note{Kind: segment.NoteGap, From: from, To: to, Reason: reason(why), Dropped: n})
	}
}

// keep adds a gap that is over, or another note, before the open one.
func (l *line) keep(n segment.Note) {
	if g := l.openGap(); g != nil {
		l.gaps = slices.Insert(l.gaps, len(l.gaps)-1, n)
		return
	}
	l.gaps = append(l.gaps, n)
}

func (p *pass) end(reason string) {
	if f := p.line.file; f != nil && p.line.run != nil {
		end := f.seg.End()
		p.note(segment.Note{Kind: segment.NoteEnd, From: end, Reason: reason}, segment.Record{Time: end})
	}
	p.finish()
	p.line.run = nil
}

// finish writes the footer; the file gets its name when that is durable.
func (p *pass) finish() {
	f := p.line.file
	if f == nil {
		return
	}
	p.buf = f.seg.AppendFooter(p.buf)
	f.footed = true
	p.out()
	if p.line.file == f {
		p.line.file, p.line.prev = nil, f.seg.Chain()
	}
}

// record adds a record to a pack.
func (p *pass) record(it *item) {
	l, err := p.line, p.refused
	if err == nil && l.file != nil && p.due(it.record.Time) {
		p.finish()
	}
	if err == nil && l.file == nil {
		if err = p.begin(it.record.Time); err != nil {
			p.refuse(err)
		}
	}
	if err == nil {
		err = p.seal(it.record, it.payload...)
	}
	if err != nil {
		l.queue.lose(1)
		if it.done != nil {
			it.done <- placed{err: err}
		}
		return
	}
	if table := l.file.seg.Table(); it.done != nil {
		e := table[len(table)-1]
		l.file.waiting = append(l.file.waiting, waiting{done: it.done, at: Placed{
			File: l.file.name.Start, Place: segment.Place{Seq: uint32(len(table) - 1), Offset: e.Offset, Length: e.Length},
		}})
	}
}

// out writes what is sealed.
func (p *pass) out() {
	f := p.line.file
	if f == nil || len(p.buf) == 0 {
		p.buf = p.buf[:0]
		return
	}
	n, err := f.on.WriteAt(p.buf, f.written)
	p.count(func(s *Stats) { s.WriteCalls++; s.WrittenBytes += uint64(n) })
	if err != nil {
		p.c.abandon(f, err)
		p.refuse(err)
	} else {
		f.written += int64(len(p.buf))
		p.line.trouble = ""
		p.line.refuses.Store(false)
		if !f.dirty {
			f.dirty = true
			p.files = append(p.files, f)
		}
	}
	p.buf = p.buf[:0]
}

// refuse writes nothing more of this line this time.
func (p *pass) refuse(err error) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = ErrFull
	}
	if p.line.trouble != reason(err) { // once, not every second
		p.line.trouble = reason(err)
		p.c.Log.Error("cannot record", "line", p.line.Line, "error", err)
	}
	p.refused = err
	p.line.refuses.Store(true)
	p.buf = p.buf[:0]
}

// lose counts a fragment that is not recorded into the gap.
func (p *pass) lose(r segment.Record, why error) { p.line.lost(r.Time, 0, 1, why) }

// reason is an error in a few words for the timeline.
func reason(err error) string {
	switch {
	case err == nil:
		return "no key frame yet"
	case errors.Is(err, ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk was full"
	case errors.Is(err, ErrForeign):
		return "it was another disk"
	case errors.Is(err, ErrMissing), errors.Is(err, fs.ErrNotExist):
		return "the disk was not there"
	case errors.Is(err, ErrReadOnly), errors.Is(err, syscall.EROFS):
		return "the disk was read-only"
	case errors.Is(err, segment.ErrTooLarge):
		return "too much for one record"
	}
	return "the disk failed"
}
