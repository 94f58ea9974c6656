package layer

import (
	"bytes"
	"slices"

	"go.etcd.io/bbolt"
)

// Tx is a view of all spaces at one moment, and in Update the changes to it.
type Tx struct {
	db      *DB
	bolt    *bbolt.Tx
	tables  tables
	touched map[Space]bool // nil: it only reads
	changes []change
}

// bucket finds where bbolt keeps a space; nil: it has none of it.
func (tx *Tx) bucket(s Space) *bbolt.Bucket {
	b := tx.bolt.Bucket([]byte(tx.db.options.Kinds[s.Kind].Name))
	if b != nil && tx.db.options.Kinds[s.Kind].Owned {
		return b.Bucket([]byte(s.Owner))
	}
	return b
}

// Get gives the value of a key, nil if there is none. It is valid until the transaction ends.
func (tx *Tx) Get(s Space, key []byte) []byte {
	t := tx.tables[s]
	if at, there := t.find(key); there {
		if e := t.entries[at]; !e.gone {
			return e.value
		}
		return nil
	}
	if t != nil && t.dropped {
		return nil
	}
	if b := tx.bucket(s); b != nil {
		return b.Get(key)
	}
	return nil
}

// Cursor goes through a space. It must not be used any more once the space was changed.
func (tx *Tx) Cursor(s Space) *Cursor {
	c := &Cursor{table: tx.tables[s]}
	if c.table == nil || !c.table.dropped {
		if b := tx.bucket(s); b != nil {
			c.below = b.Cursor()
		}
	}
	return c
}

// Owners lists those that have, or had, keys of an owned kind, in order.
func (tx *Tx) Owners(kind int) (owners []string) {
	if b := tx.bolt.Bucket([]byte(tx.db.options.Kinds[kind].Name)); b != nil {
		c := b.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if t := tx.tables[Space{kind, string(k)}]; v == nil && (t == nil || !t.dropped) {
				owners = append(owners, string(k))
			}
		}
	}
	for s, t := range tx.tables {
		if s.Kind == kind && slices.ContainsFunc(t.entries, func(e entry) bool { return !e.gone }) {
			owners = append(owners, s.Owner)
		}
	}
	slices.Sort(owners)
	return slices.Compact(owners)
}

// Put sets the value of a key. Both are copied.
func (tx *Tx) Put(s Space, key, value []byte) {
	if old := tx.Get(s, key); old != nil && bytes.Equal(old, value) {
		return
	}
	value = append(make([]byte, 0, len(value)), value...) // never nil
	tx.change(change{space: s, op: opPut, key: bytes.Clone(key), value: value})
}

// Delete removes a key, if it is there.
func (tx *Tx) Delete(s Space, key []byte) {
	if tx.Get(s, key) != nil {
		tx.change(change{space: s, op: opDelete, key: bytes.Clone(key)})
	}
}

// Drop removes all keys of a space of an owned kind.
func (tx *Tx) Drop(s Space) {
	if !tx.db.options.Kinds[s.Kind].Owned {
		panic("layer: drop of a space without an owner")
	}
	if k, _ := tx.Cursor(s).First(); k != nil {
		tx.change(change{space: s, op: opDrop})
	}
}

func (tx *Tx) change(c change) {
	if tx.touched == nil {
		panic("layer: a change while reading")
	}
	tx.tables.apply(c, tx.touched)
	tx.changes = append(tx.changes, c)
}
