package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Ledger is what is gone of one camera's files on one volume. Changes are kept with Write.
type Ledger struct {
	files Files
	key   segment.Key
	pages map[string]*page // those that were read, by day
}

// Read opens the ledger of a camera on the volume in dir. One that is not there is empty. Pages are read when they are
// asked for: any method may give a *PageError.
func Read(dir string, camera media.CameraID, key segment.Key) (*Ledger, error) {
	if key.Camera() != camera {
		return nil, fmt.Errorf("ledger of camera %s: %w", camera, ErrForged)
	}
	return New(Folder(dir, camera), key)
}

// New is Read from other Files.
func New(files Files, key segment.Key) (*Ledger, error) {
	l := &Ledger{files: files, key: key, pages: make(map[string]*page)}
	_, err := l.page("")
	return l, err
}

// PageError says which page of a ledger cannot be read: errors.Is ErrDamaged, ErrForged, or what the disk said.
type PageError struct {
	Camera media.CameraID
	Day    string // "": the camera's own page
	Err    error
}

func (e *PageError) Error() string { return fmt.Sprintf("%s is %v", e.Path(), e.Err) }

// Path is where the page lies, below the volume's folder.
func (e *PageError) Path() string {
	return filepath.Join("media", e.Camera.String(), e.Day, Name)
}

// Unwrap gives what is wrong.
func (e *PageError) Unwrap() error { return e.Err }

// page gives the page of a day, reading it if need be.
func (l *Ledger) page(day string) (*page, error) {
	if p := l.pages[day]; p != nil {
		return p, nil
	}
	p := &page{}
	b, err := l.files.Read(day)
	if err == nil {
		p, err = unseal(l.key, day, b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &PageError{Camera: l.key.Camera(), Day: day, Err: err}
	}
	l.pages[day] = p
	return p, nil
}

// day is page, and what was folded already and not removed yet counts no more.
func (l *Ledger) day(day string) (*page, error) {
	own, err := l.page("")
	if err != nil {
		return nil, err
	}
	if at := slices.Index(own.Folded, day); at >= 0 {
		if err := l.files.Remove(day); err != nil {
			return nil, err
		}
		own.Folded = slices.Delete(own.Folded, at, at+1)
		own.dirty = true
		delete(l.pages, day)
	}
	return l.page(day)
}

// SetAside moves a page that cannot be read out of the way (volume.SetAside), so that the ledger goes on with an empty one. What it knew is
// found missing by a check from then on.
func (l *Ledger) SetAside(e *PageError) error {
	delete(l.pages, e.Day)
	return SetAside(l.files, e)
}

// SetAside is Ledger.SetAside for the page that keeps New from opening a ledger.
func SetAside(files Files, e *PageError) error {
	if err := files.SetAside(e.Day); err != nil {
		return fmt.Errorf("set %s aside: %w", e.Path(), err)
	}
	return nil
}

// Bury says that a file is about to be removed. What was buried before this Ledger was opened is taken for removed by then:
// see Recent and Unbury. Done again it changes nothing.
// What is known of the file's records stays as long as the day's page, because the removal may not come about.
func (l *Ledger) Bury(line segment.Line, t Tomb) error {
	p, err := l.day(segment.Day(t.Start))
	if err != nil {
		return err
	}
	t.Stream, t.Files, t.Starts, t.Fresh = line.Stream, 1, []int64{t.Start}, true
	if slices.ContainsFunc(p.Tombs, func(o Tomb) bool { return o.Stream == t.Stream && slices.Contains(o.Starts, t.Start) }) {
		return nil
	}
	if !p.settled {
		p.Tombs, p.settled = settle(p.Tombs), true
	}
	p.Tombs = bury(p.Tombs, t)
	p.dirty = true
	return nil
}

// Unbury says that a file was not removed after all. It must have been buried last: what is not fresh any more stays.
func (l *Ledger) Unbury(line segment.Line, start int64) error {
	p, err := l.day(segment.Day(start))
	if err != nil {
		return err
	}
	n := len(p.Tombs)
	p.Tombs = slices.DeleteFunc(p.Tombs, func(t Tomb) bool { return t.Fresh && t.Stream == line.Stream && t.Start == start })
	p.dirty = p.dirty || len(p.Tombs) < n
	return nil
}

// Punched says that the fragments among the records from one up to another of a file are about to be let go of.
func (l *Ledger) Punched(line segment.Line, start int64, id media.UUID, from, to uint32) error {
	return l.dig(line, start, id, Hole{From: from, To: to})
}

// Damaged says that the records from one up to another of a file are known to be damaged, and why.
func (l *Ledger) Damaged(line segment.Line, start int64, id media.UUID, from, to uint32, why string) error {
	return l.dig(line, start, id, Hole{From: from, To: to, Why: why, Damaged: true})
}

func (l *Ledger) dig(line segment.Line, start int64, id media.UUID, h Hole) error {
	p, err := l.day(segment.Day(start))
	if err != nil {
		return err
	}
	at := p.find(line, start)
	if at >= 0 && p.Files[at].Segment != id { // of a file that was in its place before
		p.drop(line, start)
		at = -1
	}
	if at < 0 {
		p.Files = append(p.Files, file{Stream: line.Stream, Start: start, Segment: id})
		slices.SortFunc(p.Files, func(a, b file) int {
			return byStart(Tomb{Stream: a.Stream, Start: a.Start}, Tomb{Stream: b.Stream, Start: b.Start})
		})
		at = p.find(line, start)
	}
	p.Files[at].Holes = dig(p.Files[at].Holes, h)
	p.dirty = true
	return nil
}

func (p *page) find(line segment.Line, start int64) int {
	return slices.IndexFunc(p.Files, func(f file) bool { return f.Stream == line.Stream && f.Start == start })
}

func (p *page) drop(line segment.Line, start int64) {
	if at := p.find(line, start); at >= 0 {
		p.Files = slices.Delete(p.Files, at, at+1)
		p.dirty = true
	}
}

// Drop forgets what is known of a file's records.
func (l *Ledger) Drop(line segment.Line, start int64) error {
	p, err := l.day(segment.Day(start))
	if err == nil {
		p.drop(line, start)
	}
	return err
}

// Kept says that nothing of a file was let go of after all. Known damage stays.
func (l *Ledger) Kept(line segment.Line, start int64) error {
	p, err := l.day(segment.Day(start))
	if err != nil {
		return err
	}
	at := p.find(line, start)
	if at < 0 {
		return nil
	}
	p.Files[at].Holes = slices.DeleteFunc(p.Files[at].Holes, func(h Hole) bool { return !h.Damaged })
	if p.dirty = true; len(p.Files[at].Holes) == 0 {
		p.drop(line, start)
	}
	return nil
}

// Holes gives what is gone, or known to be damaged, of a file, in order. Those of another file that had the same start
// are not its.
func (l *Ledger) Holes(line segment.Line, start int64, id media.UUID) ([]Hole, error) {
	p, err := l.reading(segment.Day(start))
	if err != nil {
		return nil, err
	}
	at := p.find(line, start)
	if at < 0 || p.Files[at].Segment != id {
		return nil, nil
	}
	holes := slices.Clone(p.Files[at].Holes)
	for i := range holes {
		if holes[i].Why == "" {
			holes[i].Why = LetGo
		}
	}
	return holes, nil
}

// reading is day for those who only look.
func (l *Ledger) reading(day string) (*page, error) {
	own, err := l.page("")
	if err != nil {
		return nil, err
	}
	if slices.Contains(own.Folded, day) {
		return &page{}, nil
	}
	return l.page(day)
}

// Started is a file of which the ledger knows something that may not have been done.
type Started struct {
	Line    segment.Line
	Start   int64
	Segment media.UUID
	Holes   []Hole // perhaps not punched
	Buried  bool   // perhaps not removed
}

// sameWrite is how far apart the pages that one Write wrote may seem to be.
const sameWrite = 10 * time.Minute

// Recent gives what the pages that were written last say of files with holes, and of those that were buried last: what was
// cut short is among it. A file may be in it twice.
func (l *Ledger) Recent() (files []Started, err error) {
	days, err := l.files.Days()
	if err != nil {
		return nil, err
	}
	written := make(map[string]time.Time)
	var last time.Time
	for _, day := range days {
		t, err := l.files.Written(day)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		if written[day] = t; t.After(last) {
			last = t
		}
	}
	for _, day := range slices.Sorted(maps.Keys(written)) {
		if last.Sub(written[day]) > sameWrite {
			continue
		}
		p, err := l.reading(day)
		if err != nil {
			return nil, err
		}
		for _, f := range p.Files {
			line := segment.Line{Camera: l.key.Camera(), Stream: f.Stream}
			files = append(files, Started{Line: line, Start: f.Start, Segment: f.Segment, Holes: slices.Clone(f.Holes)})
		}
		for _, t := range p.Tombs {
			if t.Fresh {
				files = append(files, Started{Line: t.Line(l.key.Camera()), Start: t.Start, Segment: t.Segment, Buried: true})
			}
		}
	}
	return files, nil
}

// Tombs gives a line's tombs by their starts. It reads all pages.
func (l *Ledger) Tombs(line segment.Line) ([]Tomb, error) {
	days, err := l.files.Days()
	if err != nil {
		return nil, err
	}
	var tombs []Tomb
	for _, day := range append([]string{""}, days...) {
		p, err := l.reading(day)
		if err != nil {
			return nil, err
		}
		for _, t := range p.Tombs {
			if t.Stream == line.Stream {
				tombs = bury(tombs, t)
			}
		}
	}
	for i := range tombs {
		tombs[i].Starts = nil
	}
	return tombs, nil
}

// Write makes all changes durable.
func (l *Ledger) Write() error {
	for _, day := range slices.Sorted(maps.Keys(l.pages)) { // the camera's own first
		p := l.pages[day]
		if !p.dirty {
			continue
		}
		b, err := seal(l.key, day, p)
		if err == nil {
			err = l.files.Write(day, b)
		}
		if err != nil {
			e := &PageError{Camera: l.key.Camera(), Day: day}
			return fmt.Errorf("write %s: %w", e.Path(), err)
		}
		p.dirty = false
	}
	return nil
}

// Fold moves the tombs of a day that has no files any more to the camera's own page, and removes the day's page, and its
// folder if it is empty. It writes by itself.
func (l *Ledger) Fold(day string) error {
	p, err := l.day(day)
	if err != nil {
		return err
	}
	own, err := l.page("")
	if err != nil {
		return err
	}
	if len(p.Tombs) > 0 {
		for _, t := range p.Tombs {
			t.Starts, t.Fresh = nil, false
			own.Tombs = bury(own.Tombs, t)
		}
		own.Folded = append(own.Folded, day)
		own.dirty = true
	}
	p.dirty = false
	if err := l.Write(); err != nil {
		return err
	}
	delete(l.pages, day)
	if err := l.files.Remove(day); err != nil {
		return fmt.Errorf("remove a day's ledger: %w", err)
	}
	if at := slices.Index(own.Folded, day); at >= 0 {
		own.Folded = slices.Delete(own.Folded, at, at+1)
		own.dirty = true // with the next change
	}
	return nil
}

// kept is how many tombs of a line Trim leaves.
const kept = 64

// Trim forgets the tombs on the camera's own page that ended before a time in microseconds, but the latest of each line:
// the chain goes on from the last of them, and where a clock was set back that may not be the latest. There is more than
// one only for chains that broke, as at power cuts, and around files that are kept for long.
func (l *Ledger) Trim(before int64) error {
	p, err := l.page("")
	if err != nil {
		return err
	}
	latest := slices.Clone(p.Tombs)
	slices.SortFunc(latest, func(a, b Tomb) int { return cmp.Compare(b.End, a.End) })
	count, oldest := make(map[media.Stream]int), make(map[media.Stream]int64)
	for _, t := range latest {
		if count[t.Stream]++; count[t.Stream] <= kept {
			oldest[t.Stream] = t.End
		}
	}
	n := len(p.Tombs)
	p.Tombs = slices.DeleteFunc(p.Tombs, func(t Tomb) bool { return t.End < before && t.End < oldest[t.Stream] })
	p.dirty = p.dirty || len(p.Tombs) < n
	return nil
}
