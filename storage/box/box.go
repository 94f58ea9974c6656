package box

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"hearth/storage/bolt"
	"hearth/storage/format"
)

var (
	// ErrDamaged says that hearth.db cannot be read. The file is left as it is.
	ErrDamaged = bolt.ErrDamaged
	// ErrInUse says that another process has hearth.db open.
	ErrInUse = bolt.ErrInUse
	// ErrNotFound says that there is no such camera or key.
	ErrNotFound = errors.New("not found")
)

// The buckets of hearth.db. Users to Audit are package access's.
const (
	metaBucket     = "meta"
	settingsBucket = "settings"
	camerasBucket  = "cameras" // camera UUID → Camera as JSON
	keysBucket     = "keys"    // camera UUID → wrapped key
	privateBucket  = "private" // camera UUID ‖ beginning in microseconds → when it was private, as JSON
	UsersBucket    = "users"
	SessionsBucket = "sessions"
	GrantsBucket   = "grants"
	AuditBucket    = "audit"
	AuditHeads     = "audit-heads" // time and line number → what the box signed about the audit log
	TokensBucket   = "tokens"      // SHA-256 of an API token → what it opens
	InvitesBucket  = "invitations" // SHA-256 of an invitation's secret → who is invited to what
	FactorsBucket  = "factors"     // user UUID → how they log in beyond their password
	DevicesBucket  = "devices"     // device UUID → Device as JSON: who may come in from afar
)

func buckets() []string {
	return []string{
		metaBucket, settingsBucket, camerasBucket, keysBucket, UsersBucket, SessionsBucket, GrantsBucket, AuditBucket,
	}
}

// later are the buckets that a hearth.db of an earlier version does not have yet.
func later() []string {
	return []string{AuditHeads, TokensBucket, InvitesBucket, FactorsBucket, DevicesBucket, privateBucket}
}

// Box is an open hearth.db. All its methods may be called from several goroutines.
type Box struct {
	db      *bbolt.DB
	path    string
	fresh   bool
	created time.Time

	reserved atomic.Int64 // up to how many bytes in use there is room on the disk for certain
}

// meta is the record "box" of the bucket meta. Every version has to read Format, By and Since of every later one.
type meta struct {
	Format  int           `json:"format"`
	Created time.Time     `json:"created"`
	By      string        `json:"by,omitempty"`   // the version of Hearth that gave it this format
	Since   time.Time     `json:"since,omitzero"` // when
	Ran     time.Duration `json:"ran,omitempty"`  // for how long it ran well with what was before beside it
	// Scrub asks the next Open to rewrite the file, because something secret was deleted.
	Scrub bool `json:"scrub,omitempty"`
}

// Open opens hearth.db at path, or makes it, with the folders that it lies in, when there is none. One of an earlier
// format gets the newest (see migrate). The error is one line; ErrDamaged, ErrInUse and *format.NewerError are among its causes.
func Open(path string) (*Box, error) { return openWith(path, steps()) }

// OpenCopy opens a copy of a hearth.db that is this process's alone. One of an earlier format gets the newest where it lies.
func OpenCopy(path string) (*Box, error) {
	db, err := bolt.Open(path)
	if err != nil {
		return nil, err
	}
	m, err := readMeta(db, path)
	if err == nil && m.Format < newest(steps()) {
		err = advance(db, m, steps())
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return Open(path)
}

func openWith(path string, all []step) (*Box, error) {
	fresh := false
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, newest(all)); err != nil {
			return nil, err
		}
		fresh = true
	}
	b, m, err := open(path, all)
	if err != nil {
		return nil, err
	}
	if m.Scrub {
		b.db.Close()
		if err := bolt.Rewrite(path); err != nil {
			return nil, err
		}
		if b, m, err = open(path, all); err != nil {
			return nil, err
		}
		m.Scrub = false
		if err := b.Update(func(tx *bbolt.Tx) error { return putMeta(tx, m) }); err != nil {
			b.db.Close()
			return nil, err
		}
	}
	b.fresh = fresh
	return b, nil
}

func create(path string, of int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return bolt.Create(path, func(tx *bbolt.Tx) error {
		for _, name := range append(buckets(), later()...) {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		now := time.Now().UTC()
		return putMeta(tx, meta{Format: of, Created: now, By: format.Program, Since: now})
	})
}

func putMeta(tx *bbolt.Tx, m meta) error { return Put(tx, metaBucket, []byte("box"), m) }

// open opens what is there, and brings it to the newest format first.
func open(path string, all []step) (*Box, meta, error) {
	db, m, err := openNewest(path, all)
	if err != nil {
		return nil, meta{}, err
	}
	b := &Box{db: db, path: path}
	if err := b.check(); err != nil {
		db.Close()
		return nil, meta{}, err
	}
	b.created = m.Created
	if err := b.addLater(); err != nil {
		db.Close()
		return nil, meta{}, err
	}
	b.reserve()
	return b, m, nil
}

func openNewest(path string, all []step) (*bbolt.DB, meta, error) {
	db, err := bolt.Open(path)
	if err != nil {
		return nil, meta{}, err
	}
	m, err := readMeta(db, path)
	switch {
	case err != nil:
	case m.Format > newest(all):
		err = newer(path, m, all)
	case m.Format < newest(all):
		if err := migrate(db, path, m, all); err != nil {
			return nil, meta{}, err
		}
		return openNewest(path, all)
	}
	if err != nil {
		db.Close()
		return nil, meta{}, err
	}
	return db, m, nil
}

// readMeta reads of which format a hearth.db is.
func readMeta(db *bbolt.DB, path string) (m meta, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte(metaBucket)) == nil {
			return fmt.Errorf("%s is %w: no %s in it", path, ErrDamaged, metaBucket)
		}
		ok, err := Get(tx, metaBucket, []byte("box"), &m)
		if err == nil && (!ok || m.Format < 1) {
			err = fmt.Errorf("%s is %w: no format in it", path, ErrDamaged)
		}
		return err
	})
	return m, err
}

// addLater makes the buckets that an earlier version did not know.
func (b *Box) addLater() error {
	missing := false
	if err := b.View(func(tx *bbolt.Tx) error {
		for _, name := range later() {
			missing = missing || tx.Bucket([]byte(name)) == nil
		}
		return nil
	}); err != nil || !missing {
		return err
	}
	return b.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range later() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// check reads everything that this package owns once, so that damage shows at the start and not on some evening.
func (b *Box) check() error {
	return b.View(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if tx.Bucket([]byte(name)) == nil {
				return fmt.Errorf("%s is %w: no %s in it", b.path, ErrDamaged, name)
			}
		}
		if err := tx.Bucket([]byte(settingsBucket)).ForEach(func(k, v []byte) error {
			if !json.Valid(v) {
				return fmt.Errorf("%s is %w: setting %q", b.path, ErrDamaged, k)
			}
			return nil
		}); err != nil {
			return err
		}
		_, err := camerasIn(tx)
		return err
	})
}

// Path is where hearth.db lies.
func (b *Box) Path() string { return b.path }

// Created is when hearth.db was made, by the clock of that moment.
func (b *Box) Created() time.Time { return b.created }

// Fresh says that this Open made the file.
func (b *Box) Fresh() bool { return b.fresh }

// View reads in one consistent state. Keep it short: pages cannot be used again meanwhile.
func (b *Box) View(read func(tx *bbolt.Tx) error) error { return b.db.View(read) }

// Update changes all or nothing, and is durable when it returns nil.
func (b *Box) Update(change func(tx *bbolt.Tx) error) error {
	err := b.db.Update(change)
	if err == nil {
		b.reserve()
	}
	return err
}

// ahead is how much hearth.db may grow while the disk is full, in bytes: some thousand lines of the audit log.
const ahead = 2 << 20

// reserve keeps room on the disk for what is to be written when it is full. Where there is none left, it is tried again
// with the next change.
func (b *Box) reserve() {
	var used int64
	if b.db.View(func(tx *bbolt.Tx) error {
		used = tx.Size()
		return nil
	}) != nil || used+ahead/2 <= b.reserved.Load() {
		return
	}
	if reserved, err := bolt.Reserve(b.db, ahead); err == nil {
		b.reserved.Store(reserved)
	}
}

// Close waits for what is under way and lets the file go.
func (b *Box) Close() error { return b.db.Close() }

// Get reads the JSON record of a key. ok is false when there is none.
func Get(tx *bbolt.Tx, bucket string, key []byte, v any) (ok bool, err error) {
	raw := tx.Bucket([]byte(bucket)).Get(key)
	if raw == nil {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, Damage(tx, bucket, key, err)
	}
	return true, nil
}

// Put writes the JSON record of a key.
func Put(tx *bbolt.Tx, bucket string, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put(key, raw)
}

// Damage is the ErrDamaged for a record that cannot be parsed.
func Damage(tx *bbolt.Tx, bucket string, key []byte, cause error) error {
	return fmt.Errorf("%s is %w: record %x of %s: %w", tx.DB().Path(), ErrDamaged, key, bucket, cause)
}
