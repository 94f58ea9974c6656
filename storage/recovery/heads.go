package recovery

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"

	"hearth/storage/index"
	"hearth/storage/segment"
)

const (
	// seam is how far behind one file the next one of a stretch may begin.
	seam = 2 * time.Second
	// ends is how many of a line's stretches are looked into at each end, where all of its files are new: the last file
	// that was recorded is among the latest, or, if the clock was set back, hardly ever elsewhere than among the first.
	ends = 64
)

// link is what a file, or a stretch of files that follow each other, has of the chain: what it goes on from, and what
// goes on from it.
type link struct {
	prev, head [32]byte
	start      int64 // of its last file
}

// putHeads says what the next file of each line begins with, after rows that the index does not know yet: the hash that
// no other file goes on from. After the clock was set back that need not be the file with the latest time.
func (rec *Recovery) putHeads(rows []index.Row) error {
	lines := make(map[segment.Line][]index.Row)
	for _, r := range rows {
		lines[r.Line] = append(lines[r.Line], r)
	}
	for l, list := range lines {
		slices.SortFunc(list, func(a, b index.Row) int { return cmp.Compare(a.Start, b.Start) })
		links := rec.links(list)
		if len(links) == 0 {
			rec.Log.Warn("the chain of hashes begins anew after files that cannot be read", "line", l, "files", len(list))
			continue
		}
		head, err := rec.Index.Head(l)
		if err != nil {
			return err
		}
		next, ok := following(links, head)
		if !ok {
			if next, ok, err = rec.latest(l, links); err != nil {
				return err
			}
		}
		if ok {
			if err := rec.Index.PutHead(l, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// links reads what a line's files have of the chain, of each stretch the first and the last. What cannot be read is left
// out. The list is in order of the starts.
func (rec *Recovery) links(list []index.Row) (links []link) {
	var stretches [][2]index.Row
	for _, r := range list {
		if n := len(stretches); n > 0 {
			if gap := r.Start - stretches[n-1][1].End; gap >= -seam.Microseconds() && gap <= seam.Microseconds() {
				stretches[n-1][1] = r
				continue
			}
		}
		stretches = append(stretches, [2]index.Row{r, r})
	}
	if n := len(stretches); n > 2*ends {
		stretches = slices.Delete(stretches, ends, n-ends)
	}
	for _, s := range stretches {
		first, ok := rec.whole(s[0])
		last := first
		if s[0] != s[1] {
			var readable bool
			if last, readable = rec.whole(s[1]); !readable {
				last = first
			} else if !ok {
				first, ok = last, true
			}
		}
		if ok {
			links = append(links, link{prev: first.Prev, head: last.Head, start: last.Start})
		}
	}
	return links
}

// whole gives a row with what its file says.
func (rec *Recovery) whole(r index.Row) (index.Row, bool) {
	if !r.NameOnly {
		return r, true
	}
	sum, err := readSummary(filepath.Join(rec.Dir, r.Path()))
	if err != nil {
		rec.Log.Warn("the chain of hashes cannot be read of a file", "file", r.Path(), "error", err)
		return index.Row{}, false
	}
	return index.RowOf(sum), true
}

// following goes along the links from a hash that is known already; ok is false where none goes on from it. A file that a
// power cut made shorter than what its successor goes on from does not lead to that; then what comes later holds.
func following(links []link, known [32]byte) (head [32]byte, ok bool) {
	if known == ([32]byte{}) {
		return known, false
	}
	after := make(map[[32]byte]link, len(links))
	heads := map[[32]byte]bool{known: true}
	for _, k := range links {
		after[k.prev] = k
		heads[k.head] = true
	}
	var last link
	head = known
	for range links {
		next, more := after[head]
		if !more {
			break
		}
		last, head, ok = next, next.head, true
	}
	if ok {
		for _, k := range links {
			if !heads[k.prev] && k.start > last.start {
				return [32]byte{}, false
			}
		}
	}
	return head, ok
}

// latest is the hash that no link goes on from, of several the latest; ok is false if what the index knows is later, or
// goes on from it.
func (rec *Recovery) latest(l segment.Line, links []link) (head [32]byte, ok bool, err error) {
	followed := make(map[[32]byte]bool, len(links))
	for _, k := range links {
		followed[k.prev] = true
	}
	candidates := slices.DeleteFunc(slices.Clone(links), func(k link) bool { return followed[k.head] })
	if len(candidates) == 0 {
		return head, false, nil
	}
	last := slices.MaxFunc(candidates, func(a, b link) int { return cmp.Compare(a.start, b.start) })
	newest, known, err := rec.Index.Last(l, 1<<62)
	if err != nil || known && newest.Start > last.start {
		return head, false, err
	}
	return last.head, true, nil
}

func readSummary(path string) (segment.Summary, error) {
	f, err := os.Open(path)
	if err != nil {
		return segment.Summary{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return segment.Summary{}, err
	}
	return segment.ReadSummary(f, info.Size())
}
