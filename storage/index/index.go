package index

import (
	"errors"
	"maps"
	"slices"
	"sync"

	"hearth/nvr/media"
	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// FormatError says that index.db is of another version's format. It is a bolt.ErrDamaged too: it is to be made anew.
type FormatError = layer.FormatError

// ErrNotFound says that there is no such thing.
var ErrNotFound = errors.New("not found")

// format is of all that is in the file; one of another form is made again from the files.
const format = 4

// The kinds of spaces; see the package's documentation.
const (
	metaKind = iota
	rowsKind
	packsKind
	todoKind
	garbageKind
	headsKind
	tailsKind
	totalsKind
	gapsKind
	daysKind
	minutesKind
	eventsKind
	idsKind
	heldKind
	thumbsKind
	removedKind
)

func options() layer.Options {
	const inOrder = 0.95
	return layer.Options{Format: format, Kinds: []layer.Kind{
		metaKind:    {Name: "meta"},
		rowsKind:    {Name: "rows", Owned: true, Fill: inOrder},
		packsKind:   {Name: "packs", Owned: true, Fill: inOrder},
		todoKind:    {Name: "todo"},
		garbageKind: {Name: "garbage"},
		headsKind:   {Name: "heads"},
		tailsKind:   {Name: "tails"},
		totalsKind:  {Name: "totals"},
		gapsKind:    {Name: "gaps"},
		daysKind:    {Name: "days"},
		minutesKind: {Name: "minutes", Fill: inOrder},
		eventsKind:  {Name: "events", Owned: true, Fill: inOrder},
		idsKind:     {Name: "ids"},
		heldKind:    {Name: "held"},
		thumbsKind:  {Name: "thumbs"},
		removedKind: {Name: "removed"},
	}}
}

// flat is the space of a kind that is not by owner.
func flat(kind int) layer.Space { return layer.Space{Kind: kind} }

func rowsOf(l segment.Line) layer.Space {
	kind := rowsKind
	if l.Stream == segment.Pack {
		kind = packsKind
	}
	return layer.Space{Kind: kind, Owner: string(lineKey(l))}
}

func eventsOf(camera media.CameraID) layer.Space {
	return layer.Space{Kind: eventsKind, Owner: string(camera[:])}
}

// Index is an open index.db. Its methods may be called from several goroutines.
type Index struct {
	// OnBad, when set before use, is told of events that are left out of a list; errors.Is segment.ErrForged says that
	// one lies under another camera.
	OnBad func(camera media.CameraID, err error)

	db *layer.DB

	settling sync.Mutex // one Checkpoint or RemoveCamera at a time

	// mu is held while the file is read as well as what is below: a Checkpoint takes what it wrote out of here.
	mu      sync.RWMutex
	fresh   map[segment.Line][]Addition // finished and not written yet, by start
	heads   map[segment.Line][32]byte   // of those, the last chain hash of the one that was added last
	motion  map[hourOf]*[60]byte
	marks   map[hourOf]*hourMarks
	looked  map[media.CameraID]int64 // the hour that was looked in last, since 1970
	tails   map[segment.Line]Tail    // as they were written last
	scanned int64                    // what meta says: files that began before are all indexed
}

// Open opens the index at path, or makes it. bolt.ErrDamaged says that it is to be made anew.
func Open(path string) (*Index, error) { return open(path, options()) }

func open(path string, o layer.Options) (*Index, error) {
	db, err := layer.Open(path, o)
	if err != nil {
		return nil, err
	}
	x := &Index{
		db: db, fresh: make(map[segment.Line][]Addition), heads: make(map[segment.Line][32]byte),
		motion: make(map[hourOf]*[60]byte), marks: make(map[hourOf]*hourMarks), looked: make(map[media.CameraID]int64), tails: make(map[segment.Line]Tail),
	}
	err = db.View(func(tx *layer.Tx) error {
		if v := tx.Get(flat(metaKind), []byte(scannedKey)); len(v) == 8 {
			x.scanned = parseTime(v)
		}
		return nil
	})
	if err != nil {
		db.Close()
		return nil, err
	}
	return x, nil
}

// Close closes the file. What was not checkpointed is found again from the files.
func (x *Index) Close() error { return x.db.Close() }

// Stats say what was written since Open, for metrics and benchmarks.
func (x *Index) Stats() layer.Stats { return x.db.Stats() }

const scannedKey = "scanned"

// Scanned is the time, in microseconds, before which no file began that the index does not know. Zero: none is known.
func (x *Index) Scanned() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.scanned
}

// Addition is a finished file with what its notes say.
type Addition struct {
	Row
	Gaps []Gap
	// Covered are the spans with footage, in microseconds, for the map of minutes.
	Covered [][2]int64
}

// Gap is a stretch without footage, or, when To is zero, the end of a run.
type Gap struct {
	From, To int64 // microseconds
	Reason   string
}

// Add makes a finished file known at once; it is written with the next Checkpoint.
func (x *Index) Add(a Addition) {
	followed := x.followed(a.Row)
	x.mu.Lock()
	defer x.mu.Unlock()
	if !followed {
		x.heads[a.Line] = a.Head
	}
	list := x.fresh[a.Line]
	at, there := slices.BinarySearchFunc(list, a.Start, func(r Addition, start int64) int { return compare(r.Start, start) })
	if there {
		list[at] = a
		return
	}
	x.fresh[a.Line] = slices.Insert(list, at, a)
}

// followed says whether a file has a successor already: it failed, and could be finished only after that had begun.
func (x *Index) followed(r Row) bool {
	next, ok, err := x.Next(r.Line, r.Start)
	return err == nil && ok && next.Prev == r.Head
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Checkpoint writes in one transaction what was added since the last, how far the tails of the files that are being
// written reach, and that files which began before scanned are all known. With nothing new it writes nothing.
func (x *Index) Checkpoint(scanned int64, tails []Tail) error {
	x.settling.Lock()
	defer x.settling.Unlock()
	x.mu.RLock()
	var adds []Addition
	for _, list := range x.fresh {
		adds = append(adds, list...)
	}
	motion := make(map[hourOf][60]byte, len(x.motion))
	for k, v := range x.motion {
		motion[k] = *v
	}
	marks := make(map[hourOf]hourMarks, len(x.marks))
	for k, v := range x.marks {
		marks[k] = *v
	}
	heads := maps.Clone(x.heads)
	tails = slices.DeleteFunc(slices.Clone(tails), func(t Tail) bool { return x.tails[t.Line] == t })
	idle := len(tails) == 0 && len(adds) == 0 && len(motion) == 0 && len(marks) == 0 && segment.Day(scanned) == segment.Day(x.scanned)
	x.mu.RUnlock()
	if idle {
		return nil
	}
	slices.SortFunc(adds, func(a, b Addition) int { return compare(a.Start, b.Start) })
	err := x.db.Update(func(tx *layer.Tx) error {
		for _, a := range adds {
			add(tx, a)
		}
		for l, head := range heads { // in the order in which they came, whatever the clock said
			putHead(tx, l, head)
		}
		for k, v := range motion {
			putMotion(tx, k, v)
		}
		for k, v := range marks {
			putMarks(tx, k, v)
		}
		for _, t := range tails {
			putTail(tx, t)
		}
		tx.Put(flat(metaKind), []byte(scannedKey), timeKey(scanned))
		return nil
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.scanned = scanned
	for _, t := range tails {
		x.tails[t.Line] = t
	}
	for _, a := range adds {
		list := slices.DeleteFunc(x.fresh[a.Line], func(f Addition) bool { return f.Row == a.Row })
		if x.fresh[a.Line] = list; len(list) == 0 {
			delete(x.fresh, a.Line)
		}
	}
	for l, head := range heads {
		if x.heads[l] == head {
			delete(x.heads, l)
		}
	}
	for k, v := range motion {
		if now := x.motion[k]; now != nil && *now == v {
			delete(x.motion, k)
		}
	}
	for k, v := range marks {
		if now := x.marks[k]; now != nil && *now == v {
			delete(x.marks, k)
		}
	}
	return nil
}

func add(tx *layer.Tx, a Addition) {
	putRow(tx, a.Row)
	for _, g := range a.Gaps {
		putGap(tx, a.Line, g)
	}
	for _, span := range a.Covered {
		putCovered(tx, a.Line.Camera, span[0], span[1])
	}
}

func putHead(tx *layer.Tx, l segment.Line, head [32]byte) {
	tx.Put(flat(headsKind), lineKey(l), head[:])
}

// PutHead says what a line's next file begins with, as found from the files.
func (x *Index) PutHead(l segment.Line, head [32]byte) error {
	return x.db.Update(func(tx *layer.Tx) error { putHead(tx, l, head); return nil })
}
