package storage

import (
	"cmp"
	"slices"
	"time"

	"hearth/storage/segment"
)

// After the box's clock was set back, a line has files of the same time again. What was recorded later lies on top: it
// is what is shown, unless somebody asks for what lies beneath.

const (
	// longestFile is longer than any file lasts: what touches a moment began at most this long before it.
	longestFile = 30 * time.Minute
	// seam is how far two files that follow each other may overlap: the last picture's length is a guess.
	seam = time.Second
	// sliver is as long as a moment between two files of one take may be: where another file has a start already, the
	// committer takes the next microsecond that is free.
	sliver = time.Millisecond
	// alive is how near to now an unfinished file ends that is still being written.
	alive = 30 * time.Second
	// nearby is how far around a stretch that was recorded twice it is looked first for where the clock was set back.
	nearby = 6 * time.Hour
)

// file is a file of footage, as the index or the committer knows it; times are in microseconds.
type file struct {
	start, end int64
	prev, head [32]byte // chain hashes; zero: not known
	live       bool     // it is being written: it reaches as far as time goes
	away       bool     // it lies on a disk that is not there
	untrusted  bool     // the box did not know the time
	recovered  bool     // it ends where a power cut or a failed write cut it
	rank       int      // of two files, the one with the higher rank was recorded later
}

// reach is until when a file lies over what is beneath it.
func (f file) reach() int64 {
	if f.live {
		return never
	}
	return f.end
}

// files gives the files of a line that touch a..b by their start, each with its rank among them, and apart those that lie
// on disks that are not there.
func (s *Store) files(l segment.Line, a, b int64) (list, away []file, err error) {
	if list, err = s.unranked(l, a, b); err != nil {
		return nil, nil, err
	}
	top := len(list)
	if len(twice(list)) > 0 {
		around, err := s.around(l, list)
		if err != nil {
			return nil, nil, err
		}
		ranks := make(map[int64]int, len(around))
		for _, f := range around {
			ranks[f.start] = f.rank
		}
		for i := range list {
			list[i].rank = ranks[list[i].start]
		}
		top = len(around)
	}
	for i := range list {
		if list[i].live {
			list[i].rank = top
		}
	}
	list = slices.DeleteFunc(list, func(f file) bool {
		if f.away {
			away = append(away, f)
		}
		return f.away
	})
	return list, away, nil
}

// unranked gives the files by their start, ranked as if nobody ever set the clock back.
func (s *Store) unranked(l segment.Line, a, b int64) ([]file, error) {
	views := s.openViews(l) // before the index: see lastPlace
	rows, err := s.index.Rows(l, a-longestFile.Microseconds(), b)
	if err != nil {
		return nil, err
	}
	var list []file
	known := make(map[int64]bool, len(rows))
	for _, r := range rows {
		known[r.Start] = true
		if r.End > a && r.Start < b {
			d := s.diskNumbered(r.Volume)
			list = append(list, file{
				start: r.Start, end: r.End, prev: r.Prev, head: r.Head,
				away: d == nil || d.away(), untrusted: r.Untrusted, recovered: r.Recovered,
			})
		}
	}
	now := micros(time.Now())
	for _, v := range views {
		f := file{start: v.Name.Start, end: v.End, prev: v.Header.Prev, untrusted: !v.Header.Trusted}
		f.live = max(now-v.End, v.End-now) < alive.Microseconds()
		if !known[f.start] && f.reach() > a && f.start < b {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(x, y file) int { return cmp.Compare(x.start, y.start) })
	for i := range list {
		list[i].rank = i
	}
	return list, nil
}

// around gives files around those that touch a moment recorded twice, in the order in which they were recorded: some
// hours, which have the moment at which the clock was set back more often than not, or all that there are.
func (s *Store) around(l segment.Line, list []file) ([]file, error) {
	some, err := s.unranked(l, list[0].start-nearby.Microseconds(), lastEnd(list)+nearby.Microseconds())
	if err != nil {
		return nil, err
	}
	if ranked, whole := rank(some); whole {
		return ranked, nil
	}
	all, err := s.unranked(l, -never/2, never)
	if err != nil {
		return nil, err
	}
	ranked, _ := rank(all)
	return ranked, nil
}

func lastEnd(list []file) (end int64) {
	for _, f := range list {
		end = max(end, f.end)
	}
	return end
}

// fold is a stretch that was recorded more than once, and how often at most.
type fold struct {
	from, to int64
	takes    int
}

// twice gives the stretches that two or more files have. The list is in order of the starts.
func twice(list []file) (folds []fold) {
	list = slices.Clone(list)
	for i := range list {
		list[i].live = false // what is not recorded yet was not recorded twice
	}
	for _, p := range layer(list, 0) {
		if p.takes < 2 || p.to-p.from <= seam.Microseconds() {
			continue
		}
		if n := len(folds); n > 0 && p.from-folds[n-1].to <= seam.Microseconds() {
			folds[n-1].to, folds[n-1].takes = p.to, max(folds[n-1].takes, p.takes)
			continue
		}
		folds = append(folds, fold{p.from, p.to, p.takes})
	}
	return folds
}

// part is a stretch in which one file is seen; files is its place in the list, takes how many files have the stretch.
type part struct {
	from, to int64
	file     int
	takes    int
}

// layer gives what is seen of files in order of their starts: at each moment the one recorded last, or the one that
// lies so many beneath it; the lowest where there are not so many.
func layer(list []file, beneath int) (parts []part) {
	edges := make([]int64, 0, 2*len(list))
	for _, f := range list {
		edges = append(edges, f.start, f.reach())
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	next := 0
	var here []int // files that have the moment, by rank, the highest first
	for i := 0; i+1 < len(edges); i++ {
		from, to := edges[i], edges[i+1]
		here = slices.DeleteFunc(here, func(f int) bool { return list[f].reach() <= from })
		for ; next < len(list) && list[next].start <= from; next++ {
			if list[next].reach() > from {
				here = append(here, next)
			}
		}
		if len(here) == 0 {
			continue
		}
		slices.SortFunc(here, func(x, y int) int { return cmp.Compare(list[y].rank, list[x].rank) })
		p := part{from, to, here[min(beneath, len(here)-1)], len(here)}
		if n := len(parts); n > 0 && parts[n-1].to == from && parts[n-1].file == p.file && parts[n-1].takes == p.takes {
			parts[n-1].to = to
		} else {
			parts = append(parts, p)
		}
	}
	return parts
}

// rank puts files in the order in which they were recorded, and says whether that is certain. Each names the hash of the
// one before; where that is gone, or not known, what ends later counts as recorded later: time goes on, even if the clock
// went back.
func rank(list []file) (ranked []file, certain bool) {
	byHead := make(map[[32]byte]int, len(list))
	for i, f := range list {
		if f.head != ([32]byte{}) {
			byHead[f.head] = i
		}
	}
	after := make([]int, len(list)) // the file that follows, plus one
	begins := make([]bool, len(list))
	for i, f := range list {
		if before, ok := byHead[f.prev]; ok && before != i && after[before] == 0 {
			after[before] = i + 1
		} else {
			begins[i] = true
		}
	}
	var chains [][]file
	for i := range list {
		if !begins[i] {
			continue
		}
		var chain []file
		for at := i + 1; at != 0; at = after[at-1] {
			chain = append(chain, list[at-1])
		}
		chains = append(chains, chain)
	}
	slices.SortStableFunc(chains, func(x, y []file) int { return cmp.Compare(lastEnd(x), lastEnd(y)) })
	ranked = slices.Concat(chains...)
	for i := range ranked {
		ranked[i].rank = i
	}
	return ranked, len(chains) == 1
}

// seen finds the file that goes on at a moment, or begins first after it, and until when it is seen: up to where another
// one lies on top, or comes back from beneath it. Of footage that follows itself that is never.
func (s *Store) seen(l segment.Line, at int64, beneath int) (f file, until int64, ok bool, err error) {
	list, _, err := s.files(l, at, at+1)
	if err != nil {
		return file{}, 0, false, err
	}
	for len(list) == 0 {
		next, ok, err := s.nextPlace(l, at)
		if err != nil || !ok {
			return file{}, 0, false, err
		}
		at = next.start()
		if next.end() <= at { // it has nothing yet
			return file{start: at, end: at}, never, true, nil
		}
		if list, _, err = s.files(l, at, at+1); err != nil { // none: it lies on a disk that is not there
			return file{}, 0, false, err
		}
	}
	if list, _, err = s.files(l, at, max(lastEnd(list), at+1)); err != nil {
		return file{}, 0, false, err
	}
	parts := layer(list, beneath)
	i := slices.IndexFunc(parts, func(p part) bool { return p.to > at })
	if i < 0 {
		return file{}, 0, false, nil
	}
	begin := max(at, parts[i].from)
	for i+1 < len(parts) && parts[i+1].from == parts[i].to && parts[i].to-begin < sliver.Microseconds() {
		i++
	}
	f = list[parts[i].file]
	for _, p := range parts[i+1:] {
		if p.file != parts[i].file {
			if p.from < f.reach() {
				return f, p.from, true, nil
			}
			break
		}
	}
	return f, never, true, nil
}

const never = 1<<63 - 1
