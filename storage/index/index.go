package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"hearth/nvr/media"
	"hearth/storage/bolt"
	"hearth/storage/segment"
)

// ErrNotFound says that there is no such thing.
var ErrNotFound = errors.New("not found")

const (
	metaBucket     = "meta"
	segmentsBucket = "segments"
	todoBucket     = "todo"
	ageBucket      = "age"
	garbageBucket  = "garbage"
	tombsBucket    = "tombs"
	headsBucket    = "heads"
	totalsBucket   = "totals"
	gapsBucket     = "gaps"
	daysBucket     = "days"
	minutesBucket  = "minutes"
	eventsBucket   = "events"
	eventIDsBucket = "eventids"
	heldBucket     = "held"
	thumbsBucket   = "thumbs"
	removedBucket  = "removed"
	tailsBucket    = "tails"
)

func buckets() []string {
	return []string{
		metaBucket, segmentsBucket, todoBucket, ageBucket, garbageBucket, tombsBucket, headsBucket, totalsBucket,
		gapsBucket, daysBucket, minutesBucket, eventsBucket, eventIDsBucket, heldBucket, thumbsBucket, removedBucket,
		tailsBucket,
	}
}

// Index is an open index.db. Its methods may be called from several goroutines.
type Index struct {
	// OnBad, when set before use, is told of events that are left out of a list; errors.Is segment.ErrForged says that
	// one lies under another camera.
	OnBad func(camera media.CameraID, err error)

	db   *bbolt.DB
	path string

	mu      sync.RWMutex
	fresh   map[segment.Line][]Addition // finished and not written yet, by start
	motion  map[hourOf]*[60]byte
	tails   map[segment.Line]Tail // as they were written last
	scanned int64                 // what meta says: files that began before are all indexed
}

// Open opens the index at path, or makes it. bolt.ErrDamaged says that it is to be made anew.
func Open(path string) (*Index, error) {
	db, err := bolt.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := bolt.Create(path, makeBuckets); err != nil {
			return nil, err
		}
		db, err = bolt.Open(path)
	}
	if err != nil {
		return nil, err
	}
	x := &Index{
		db: db, path: path, fresh: make(map[segment.Line][]Addition), motion: make(map[hourOf]*[60]byte),
		tails: make(map[segment.Line]Tail),
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%s is %w: no %s in it", path, bolt.ErrDamaged, name)
			}
		}
		if v := tx.Bucket([]byte(metaBucket)).Get([]byte(formatKey)); !bytes.Equal(v, []byte{format}) {
			return fmt.Errorf("%s is %w: it is of an older form", path, bolt.ErrDamaged)
		}
		if v := tx.Bucket([]byte(metaBucket)).Get([]byte(scannedKey)); len(v) == 8 {
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

func makeBuckets(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return tx.Bucket([]byte(metaBucket)).Put([]byte(formatKey), []byte{format})
}

// Close closes the file. What was not checkpointed is found again from the files.
func (x *Index) Close() error { return x.db.Close() }

// Stats are bbolt's own counters, for metrics and benchmarks.
func (x *Index) Stats() bbolt.Stats { return x.db.Stats() }

const (
	formatKey  = "format"
	scannedKey = "scanned"

	// format is of all that is in the file; one of another form is made again from the files.
	format = 2
)

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
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.fresh[a.Line]
	at, there := slices.BinarySearchFunc(list, a.Start, func(r Addition, start int64) int { return compare(r.Start, start) })
	if there {
		list[at] = a
		return
	}
	x.fresh[a.Line] = slices.Insert(list, at, a)
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
	x.mu.RLock()
	var adds []Addition
	for _, list := range x.fresh {
		adds = append(adds, list...)
	}
	motion := make(map[hourOf][60]byte, len(x.motion))
	for k, v := range x.motion {
		motion[k] = *v
	}
	tails = slices.DeleteFunc(slices.Clone(tails), func(t Tail) bool { return x.tails[t.Line] == t })
	idle := len(tails) == 0 && len(adds) == 0 && len(motion) == 0 && segment.Day(scanned) == segment.Day(x.scanned)
	x.mu.RUnlock()
	if idle {
		return nil
	}
	slices.SortFunc(adds, func(a, b Addition) int { return compare(a.Start, b.Start) })
	err := x.db.Update(func(tx *bbolt.Tx) error {
		for _, a := range adds {
			if err := add(tx, a); err != nil {
				return err
			}
			if err := putHead(tx, a.Line, a.Head); err != nil {
				return err
			}
		}
		for k, v := range motion {
			if err := putMotion(tx, k, v); err != nil {
				return err
			}
		}
		for _, t := range tails {
			if err := putTail(tx, t); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(metaBucket)).Put([]byte(scannedKey), timeKey(scanned))
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", x.path, err)
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
	for k, v := range motion {
		if now := x.motion[k]; now != nil && *now == v {
			delete(x.motion, k)
		}
	}
	return nil
}

func add(tx *bbolt.Tx, a Addition) error {
	if err := putRow(tx, a.Row); err != nil {
		return err
	}
	for _, g := range a.Gaps {
		if err := putGap(tx, a.Line, g); err != nil {
			return err
		}
	}
	for _, span := range a.Covered {
		if err := putCovered(tx, a.Line.Camera, span[0], span[1]); err != nil {
			return err
		}
	}
	return nil
}

// putRow writes a row in place of the one that may be there.
func putRow(tx *bbolt.Tx, r Row) error {
	b, err := tx.Bucket([]byte(segmentsBucket)).CreateBucketIfNotExists(lineKey(r.Line))
	if err != nil {
		return err
	}
	b.FillPercent = 0.95 // rows come in order
	if old, err := parseRow(r.Line, r.Start, b.Get(timeKey(r.Start))); err == nil {
		if err := forget(tx, old); err != nil {
			return err
		}
	}
	if err := b.Put(timeKey(r.Start), r.marshal()); err != nil {
		return err
	}
	todo := tx.Bucket([]byte(todoBucket))
	if r.NameOnly {
		err = todo.Put(r.key(), nil)
	} else {
		err = todo.Delete(r.key())
	}
	if err == nil && r.Line.Stream != segment.Pack {
		err = tx.Bucket([]byte(ageBucket)).Put(r.ageKey(), nil)
	}
	if err != nil {
		return err
	}
	return addTotal(tx, r, r.Kept())
}

// forget takes a row out of what is kept beside it.
func forget(tx *bbolt.Tx, r Row) error {
	if err := tx.Bucket([]byte(ageBucket)).Delete(r.ageKey()); err != nil {
		return err
	}
	if err := tx.Bucket([]byte(todoBucket)).Delete(r.key()); err != nil {
		return err
	}
	return addTotal(tx, r, -r.Kept())
}

// totalKey is camera ‖ volume.
func totalKey(r Row) []byte { return append(bytes.Clone(r.Line.Camera[:]), r.Volume) }

func addTotal(tx *bbolt.Tx, r Row, n int64) error {
	b := tx.Bucket([]byte(totalsBucket))
	if v := b.Get(totalKey(r)); len(v) == 8 {
		n += int64(binary.BigEndian.Uint64(v))
	}
	return b.Put(totalKey(r), binary.BigEndian.AppendUint64(nil, uint64(max(n, 0))))
}

func putHead(tx *bbolt.Tx, l segment.Line, head [32]byte) error {
	return tx.Bucket([]byte(headsBucket)).Put(lineKey(l), head[:])
}

// PutHead says what a line's next file begins with, as found from the files.
func (x *Index) PutHead(l segment.Line, head [32]byte) error {
	return x.db.Update(func(tx *bbolt.Tx) error { return putHead(tx, l, head) })
}
