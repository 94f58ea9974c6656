package layer

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"hearth/storage/bolt"
)

// Kind is a kind of space.
type Kind struct {
	Name  string
	Owned bool // each owner has a space; else there is one, of the owner ""
	// Fill is how full bbolt packs its pages, 0 to 1; zero: half full, for keys that come in any order.
	Fill float64
}

// Options say what is in a database.
type Options struct {
	Format byte // of what is in it; a database of another one is bolt.ErrDamaged
	Kinds  []Kind
	// JournalSize is the length of the journal in bytes; zero: 512 KiB.
	JournalSize int64
	// NoSync leaves out bbolt's syncs, for tests.
	NoSync bool
}

const (
	defaultJournal = 512 << 10
	// growBy is by how much the file grows: bbolt's 16 MiB are more than some boxes' whole index.
	growBy     = 1 << 20
	ownBucket  = "layer"
	idKey      = "id"
	formatKey  = "format"
	foldedKey  = "folded"
	retryAfter = time.Minute // for a journal that could not be made
)

// FormatError says that a database is of another format than this version's: an earlier one, or a later. It counts as a
// bolt.ErrDamaged, since whoever can make the database again does the same about both.
type FormatError struct {
	Path          string
	Format, Reads byte
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s is of format %d, and this version reads format %d", e.Path, e.Format, e.Reads)
}

// Is says that it is a bolt.ErrDamaged.
func (e *FormatError) Is(target error) bool { return target == bolt.ErrDamaged }

// DB is an open database. Its methods may be called from several goroutines.
type DB struct {
	options Options
	path    string
	bolt    *bbolt.DB
	id      []byte

	write   sync.Mutex // who changes something
	journal *journal   // nil: there is none
	failed  time.Time  // when it could not be made
	next    uint64     // the generation of what the next fold folds
	changed bool       // something was written since Open
	stats   Stats

	now    sync.RWMutex // guards the two together
	tables tables
	over   int // the transaction of bbolt whose state they lie over
}

// Stats count what was done since Open.
type Stats struct {
	Written int64 // bytes, in pages of 4 KiB, to both files
	Appends int64 // changes that went to the journal
	Folds   int64 // transactions of bbolt
}

// Open opens the database at path, or makes it. bolt.ErrDamaged says that it cannot be used, bolt.ErrInUse that another
// process does.
func Open(path string, o Options) (*DB, error) {
	if o.JournalSize == 0 {
		o.JournalSize = defaultJournal
	}
	b, err := bolt.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := bolt.Create(path, o.fill); err != nil {
			return nil, err
		}
		b, err = bolt.Open(path)
	}
	if err != nil {
		return nil, err
	}
	b.AllocSize, b.NoSync = growBy, o.NoSync
	db := &DB{options: o, path: path, bolt: b, tables: make(tables)}
	if err := db.load(); err != nil {
		b.Close()
		return nil, err
	}
	return db, nil
}

func (o Options) fill(tx *bbolt.Tx) error {
	own, err := tx.CreateBucket([]byte(ownBucket))
	if err != nil {
		return err
	}
	id := make([]byte, 16)
	rand.Read(id)
	if err := errors.Join(
		own.Put([]byte(idKey), id), own.Put([]byte(formatKey), []byte{o.Format}),
		own.Put([]byte(foldedKey), binary.BigEndian.AppendUint64(nil, 0)),
	); err != nil {
		return err
	}
	for _, k := range o.Kinds {
		if _, err := tx.CreateBucket([]byte(k.Name)); err != nil {
			return err
		}
	}
	return nil
}

// load reads what bbolt says of itself, and the journal.
func (db *DB) load() error {
	// A process that was killed may have left what it wrote in memory only. What is believed from here on has to be on the
	// disk: a fold that is seen makes the journal void, which is then written over.
	if !db.options.NoSync {
		if err := db.bolt.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", db.path, err)
		}
	}
	err := db.bolt.View(func(tx *bbolt.Tx) error {
		own := tx.Bucket([]byte(ownBucket))
		if own == nil {
			return fmt.Errorf("%s is %w: it does not say what it is", db.path, bolt.ErrDamaged)
		}
		if of := own.Get([]byte(formatKey)); len(of) != 1 {
			return fmt.Errorf("%s is %w: it does not say its format", db.path, bolt.ErrDamaged)
		} else if of[0] != db.options.Format {
			return &FormatError{Path: db.path, Format: of[0], Reads: db.options.Format}
		}
		db.id = bytes.Clone(own.Get([]byte(idKey)))
		folded := own.Get([]byte(foldedKey))
		if len(db.id) != 16 || len(folded) != 8 {
			return fmt.Errorf("%s is %w: it does not say what it is", db.path, bolt.ErrDamaged)
		}
		db.next, db.over = binary.BigEndian.Uint64(folded)+1, tx.ID()
		for _, k := range db.options.Kinds {
			if tx.Bucket([]byte(k.Name)) == nil {
				return fmt.Errorf("%s is %w: no %s in it", db.path, bolt.ErrDamaged, k.Name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	touched := make(map[Space]bool)
	db.journal, err = readJournal(db.journalPath(), db.id, db.next-1, func(payload []byte) error {
		changes, err := decode(payload, len(db.options.Kinds))
		if err != nil {
			return fmt.Errorf("%w: %w", bolt.ErrDamaged, err)
		}
		for _, c := range changes {
			db.tables.apply(c, touched)
		}
		return nil
	})
	if db.journal != nil {
		db.next = db.journal.generation
		if err == nil && !db.options.NoSync {
			err = unix.Fdatasync(int(db.journal.file.Fd()))
		}
	}
	return err
}

func (db *DB) journalPath() string { return db.path + ".journal" }

// Path is where the database lies.
func (db *DB) Path() string { return db.path }

// Stats says what was done since Open.
func (db *DB) Stats() Stats {
	db.write.Lock()
	defer db.write.Unlock()
	s := db.stats
	if db.journal != nil {
		s.Written += db.journal.written
	}
	return s
}

// View calls fn with the state of now.
func (db *DB) View(fn func(*Tx) error) error {
	tx, err := db.begin()
	if err != nil {
		return err
	}
	defer tx.bolt.Rollback()
	return fn(tx)
}

func (db *DB) begin() (*Tx, error) {
	db.now.RLock()
	defer db.now.RUnlock()
	b, err := db.bolt.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", db.path, err)
	}
	tx := &Tx{db: db, bolt: b, tables: db.tables}
	if b.ID() != db.over { // a fold is written and not told of yet: bbolt has all
		tx.tables = nil
	}
	return tx, nil
}

// Update calls fn, and makes what it changed durable, all or nothing. One update runs at a time; fn must not begin
// another.
func (db *DB) Update(fn func(*Tx) error) error {
	db.write.Lock()
	defer db.write.Unlock()
	tx, err := db.begin()
	if err != nil {
		return err
	}
	tx.tables, tx.touched = tx.tables.clone(), make(map[Space]bool)
	err = fn(tx)
	if e := tx.bolt.Rollback(); err == nil { // before bbolt writes: it may have to map the file anew
		err = e
	}
	if err != nil || len(tx.changes) == 0 {
		return err
	}
	return db.explain(db.commit(tx))
}

// explain says what an error of writing means. It names the file itself.
func (db *DB) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("a change is not kept, because the disk is full: free some space (%w)", err)
	}
	return fmt.Errorf("a change is not kept: %w", err)
}

// commit appends the changes to the journal, or folds all into bbolt.
func (db *DB) commit(tx *Tx) error {
	db.changed = true
	payload := encode(tx.changes)
	if j := db.usable(); j != nil && j.fits(payload) {
		err := j.append(payload)
		if err == nil {
			db.stats.Appends++
			db.publish(tx.tables)
			return nil
		}
		// What the journal holds behind a failed write or sync is not known. A fold makes all of it void.
		db.closeJournal()
	}
	return db.fold(tx.tables)
}

// usable gives the journal. After it failed, none is made before a fold: the old one may hold what is not folded.
func (db *DB) usable() *journal {
	if db.journal == nil && len(db.tables) == 0 && time.Since(db.failed) > retryAfter {
		j, err := makeJournal(db.journalPath(), db.id, db.options.JournalSize)
		if err != nil {
			db.failed = time.Now()
			return nil
		}
		j.begin(db.next)
		db.journal = j
	}
	return db.journal
}

func (db *DB) closeJournal() {
	if db.journal != nil {
		db.stats.Written += db.journal.written
		db.journal.file.Close()
		db.journal = nil
	}
}

// publish lets readers see new tables over the state of bbolt of now.
func (db *DB) publish(t tables) {
	db.now.Lock()
	defer db.now.Unlock()
	db.tables = t
	if b, err := db.bolt.Begin(false); err == nil {
		db.over = b.ID()
		_ = b.Rollback()
	}
}

// fold writes tables into bbolt in one transaction.
func (db *DB) fold(t tables) error {
	generation := db.next
	db.next++
	if err := db.writeAll(t, generation); err != nil {
		if db.journal != nil {
			db.journal.skip(db.next)
		}
		db.publish(db.tables) // also where bbolt shows what it failed to make durable
		return err
	}
	if db.journal != nil {
		db.journal.begin(db.next)
	}
	db.publish(make(tables))
	return nil
}

// writeAll is the transaction of a fold. When it fails, bbolt may say after a power cut that it was done.
func (db *DB) writeAll(t tables, generation uint64) (err error) {
	tx, err := db.bolt.Begin(true)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // bbolt may have done so already
		}
	}()
	for _, s := range t.spaces() {
		if err := db.foldSpace(tx, s, t[s]); err != nil {
			return err
		}
	}
	own := tx.Bucket([]byte(ownBucket))
	if err := own.Put([]byte(foldedKey), binary.BigEndian.AppendUint64(nil, generation)); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	stats := tx.Stats()
	db.stats.Written += stats.GetPageAlloc() + int64(db.bolt.Info().PageSize) // and the meta page
	db.stats.Folds++
	return nil
}

// spaces lists them in the order in which bbolt keeps them.
func (t tables) spaces() []Space {
	list := make([]Space, 0, len(t))
	for s := range t {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Space) int {
		if a.Kind != b.Kind {
			return a.Kind - b.Kind
		}
		return strings.Compare(a.Owner, b.Owner)
	})
	return list
}

func (db *DB) foldSpace(tx *bbolt.Tx, s Space, t *table) error {
	kind := db.options.Kinds[s.Kind]
	b := tx.Bucket([]byte(kind.Name))
	if kind.Owned {
		owner := []byte(s.Owner)
		if t.dropped && b.Bucket(owner) != nil {
			if err := b.DeleteBucket(owner); err != nil {
				return err
			}
		}
		inner := b.Bucket(owner)
		if inner == nil {
			if !slices.ContainsFunc(t.entries, func(e entry) bool { return !e.gone }) {
				return nil
			}
			var err error
			if inner, err = b.CreateBucket(owner); err != nil {
				return err
			}
		}
		b = inner
	}
	if kind.Fill > 0 {
		b.FillPercent = kind.Fill
	}
	for _, e := range t.entries {
		old := b.Get(e.key)
		var err error
		switch {
		case e.gone && old != nil:
			err = b.Delete(e.key)
		case !e.gone && (old == nil || !bytes.Equal(old, e.value)):
			err = b.Put(e.key, e.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Fold moves what the journal holds into bbolt.
func (db *DB) Fold() error {
	db.write.Lock()
	defer db.write.Unlock()
	if len(db.tables) == 0 {
		return nil
	}
	return db.explain(db.fold(db.tables))
}

// Close closes the database. One that was only read is left as it is; of another the journal is folded and removed. When
// that fails it is an error, and the journal stays for the next time: nothing is lost as long as it lies beside the database.
func (db *DB) Close() error {
	db.write.Lock()
	defer db.write.Unlock()
	var err error
	if db.changed && len(db.tables) > 0 {
		err = db.fold(db.tables)
	}
	made := db.journal != nil
	db.closeJournal()
	if db.changed && err == nil && made {
		os.Remove(db.journalPath())
	}
	if err != nil {
		err = fmt.Errorf("close %s: the last changes stay in its journal: %w", db.path, err)
	}
	return errors.Join(err, db.bolt.Close())
}

// Used says how many bytes of the bbolt file are in use: the rest of it is free for what comes.
func (db *DB) Used() (int64, error) {
	info, err := os.Stat(db.path)
	if err != nil {
		return 0, err
	}
	// bbolt counts free pages when a transaction begins to write.
	db.write.Lock()
	defer db.write.Unlock()
	tx, err := db.bolt.Begin(true)
	if err != nil {
		return 0, err
	}
	size := tx.Size()
	if err := tx.Rollback(); err != nil {
		return 0, err
	}
	s := db.bolt.Stats()
	return min(size, info.Size()) - int64(s.FreePageN+s.PendingPageN)*int64(db.bolt.Info().PageSize), nil
}

// Abandon closes the files as they are, as a kill of the process would, for tests.
func (db *DB) Abandon() {
	db.write.Lock()
	defer db.write.Unlock()
	db.closeJournal()
	db.bolt.Close()
}
