package commit

import (
	"hash/fnv"
	"time"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// When files roll: at the first key frame after about rollAfter, or before the roll limit in bytes is passed.
const (
	rollAfter = 10 * time.Minute
	rollBytes = 512 << 20
	// spare is how many of a file's records are kept for notes.
	spare = 64
	// checkpointEvery is how much of a file's time a recovery has to walk, at most, when the index knows its tail.
	checkpointEvery = time.Minute
)

// file is a file being written. What is not under durable belongs to the flush under way.
type file struct {
	line    segment.Line
	name    segment.Name
	on      File
	seg     *segment.Writer
	run     *media.Run
	notes   []segment.Note // gaps, steps of the clock and the end of the run, as recorded in it
	rollAt  int64          // microseconds
	check   segment.Place  // of the latest checkpoint
	checkAt int64          // microseconds: when it, or the file, was begun
	written int64          // bytes given to the disk
	dirty   bool           // written to since the last sync
	footed  bool           // the footer is written
	given   bool           // up: it is abandoned
	waiting []waiting

	durable extent // guarded by the committer's mu
}

// extent is how far a file is known to be on the disk.
type extent struct {
	table []segment.Entry // as it was then: readers do not look at the writer's, which grows
	notes []segment.Note
	size  int64
	chain [32]byte
	end   int64 // microseconds
	check segment.Place
}

// waiting is somebody who waits for a record of a pack to be durable.
type waiting struct {
	done chan placed
	at   Placed
}

func (f *file) path() string { return f.name.Path(f.line.Camera) }

// extent is how far the file would be durable if all that was made of it were.
func (f *file) extent() extent {
	return extent{
		table: f.seg.Table(), notes: f.notes[:len(f.notes):len(f.notes)], size: f.written, chain: f.seg.Chain(),
		end: f.seg.End(), check: f.check,
	}
}

// answer tells those who wait for records of this file how it went.
func (f *file) answer(err error) {
	for _, w := range f.waiting {
		w.done <- placed{at: w.at, err: err}
	}
	f.waiting = f.waiting[:0]
}

// rollAt gives the time, in microseconds, from which a file that starts at start has lasted long enough. Each line
// has its own minute for it, so that cameras do not roll together. A pack lasts until midnight, UTC.
func rollAt(l segment.Line, start int64) int64 {
	if l.Stream == segment.Pack {
		day := (24 * time.Hour).Microseconds()
		return start - mod(start, day) + day
	}
	period := rollAfter.Microseconds()
	h := fnv.New64a()
	h.Write(l.Camera[:])
	h.Write([]byte{byte(l.Stream)})
	phase := int64(h.Sum64() % uint64(period))
	next := start - mod(start-phase, period) + period
	if next-start < period/5 {
		next += period
	}
	return next
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// View is a file that is not finished yet, as far as it can be read.
type View struct {
	Line   segment.Line
	Name   segment.Name
	Header segment.Header
	Table  []segment.Entry // of the records that are durable
	Notes  []segment.Note  // likewise
	End    int64           // microseconds: the latest end of a durable record
	Size   int64           // bytes that are durable
	// Checkpoint is the place of the latest one that is durable, zero if there is none: with it Finish need not walk
	// the whole file.
	Checkpoint segment.Place
}

// Path is where the file lies, below the data folder, while it is not finished.
func (v View) Path() string { return v.Name.Path(v.Line.Camera) }

func (f *file) view() View {
	return View{
		Line: f.line, Name: f.name, Header: f.seg.Header(), Table: f.durable.table, Notes: f.durable.notes,
		End: f.durable.end, Size: f.durable.size, Checkpoint: f.durable.check,
	}
}

// Finished is a file that is finished, durable, and has its last name.
type Finished struct {
	Line    segment.Line
	Name    segment.Name
	Summary segment.Summary
	Table   []segment.Entry
	Notes   []segment.Note
}
