package box

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// copyStep is how much of a copy is written at a time.
const copyStep = 1 << 20

// Copy copies what a snapshot keeps, as it is at one moment, into a new database that has nothing in it: all but the
// cameras' wrapped keys, because a deleted camera's must not be in any copy, and what lets somebody in without a password:
// sessions, tokens, invitations. settings go into the copy in place of those of the same names. No page of hearth.db is
// copied as such, so nothing that was deleted comes along.
func (b *Box) Copy(to *bbolt.DB, settings map[string]any) error {
	return b.View(func(from *bbolt.Tx) error {
		c := copying{to: to}
		for _, name := range append(buckets(), later()...) {
			if err := c.bucket(from.Bucket([]byte(name)), []byte(name), slices.Contains(notCopied(), name)); err != nil {
				return errors.Join(fmt.Errorf("copy %s: %w", name, err), c.end())
			}
		}
		if err := c.end(); err != nil {
			return err
		}
		return to.Update(func(tx *bbolt.Tx) error {
			var m meta
			if _, err := Get(tx, metaBucket, []byte("box"), &m); err != nil {
				return err
			}
			m.Scrub = false
			for name, v := range settings {
				if err := Put(tx, settingsBucket, []byte(name), v); err != nil {
					return err
				}
			}
			return putMeta(tx, m)
		})
	})
}

// notCopied are the buckets that are empty in a copy.
func notCopied() []string { return []string{keysBucket, SessionsBucket, TokensBucket, InvitesBucket} }

// copying writes in steps, so that not all of a long audit log is held twice.
type copying struct {
	to *bbolt.DB
	tx *bbolt.Tx
	n  int // bytes put since tx began
}

func (c *copying) bucket(from *bbolt.Bucket, name []byte, empty bool) error {
	if err := c.begin(); err != nil {
		return err
	}
	to, err := c.tx.CreateBucket(name)
	if err != nil {
		return err
	}
	if err := to.SetSequence(from.Sequence()); err != nil || empty {
		return err
	}
	to.FillPercent = 0.95 // in order, and never changed
	return from.ForEach(func(k, v []byte) error {
		if v == nil {
			return errors.New("there is a bucket in it")
		}
		if c.n += len(k) + len(v); c.n > copyStep {
			if err := c.end(); err != nil {
				return err
			}
			if err := c.begin(); err != nil {
				return err
			}
			to = c.tx.Bucket(name)
			to.FillPercent = 0.95
		}
		return to.Put(k, v)
	})
}

func (c *copying) begin() (err error) {
	if c.tx == nil {
		c.tx, err = c.to.Begin(true)
	}
	return err
}

func (c *copying) end() error {
	tx := c.tx
	c.tx, c.n = nil, 0
	if tx == nil {
		return nil
	}
	return tx.Commit()
}

// SettledBuckets are those that say how the box is set up: who is there, and which cameras. What happens every day is in
// others.
func SettledBuckets() []string {
	return []string{settingsBucket, camerasBucket, UsersBucket, GrantsBucket}
}
