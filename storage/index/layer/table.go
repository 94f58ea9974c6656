package layer

import (
	"bytes"
	"maps"
	"slices"
)

// Space is a room of keys: of a kind, given by its place in Options.Kinds, and of an owner, "" where kinds have none.
type Space struct {
	Kind  int
	Owner string
}

// entry is a key that was put or deleted since the last fold.
type entry struct {
	key, value []byte
	gone       bool
}

// table holds what changed in a space since the last fold, in order. Once it can be read it does not change any more.
type table struct {
	dropped bool // what bbolt has of the space does not count
	entries []entry
}

// tables are those of all spaces. Once they can be read they do not change any more.
type tables map[Space]*table

func (t *table) find(key []byte) (at int, there bool) {
	if t == nil {
		return 0, false
	}
	if n := len(t.entries); n > 0 && bytes.Compare(t.entries[n-1].key, key) < 0 { // most keys come in order
		return n, false
	}
	return slices.BinarySearchFunc(t.entries, key, func(e entry, key []byte) int { return bytes.Compare(e.key, key) })
}

func (t *table) set(e entry) {
	at, there := t.find(e.key)
	if there {
		t.entries[at] = e
		return
	}
	t.entries = slices.Insert(t.entries, at, e)
}

// change is one change of a key, or of a whole space.
type change struct {
	space Space
	op    byte
	key   []byte
	value []byte
}

// The operations.
const (
	opPut    = 1
	opDelete = 2
	opDrop   = 3 // all keys of the space
	opMask   = 0x0f
	sameFlag = 0x80 // the space is that of the change before
)

// with gives the tables after changes; those that it began with stay as they are. touched are the spaces that were copied
// already, and may be changed in place.
func (t tables) apply(c change, touched map[Space]bool) {
	old := t[c.space]
	if !touched[c.space] {
		fresh := &table{}
		if old != nil {
			fresh.dropped, fresh.entries = old.dropped, slices.Clone(old.entries)
		}
		t[c.space], old, touched[c.space] = fresh, fresh, true
	}
	switch c.op {
	case opPut:
		old.set(entry{key: c.key, value: c.value})
	case opDelete:
		old.set(entry{key: c.key, gone: true})
	case opDrop:
		old.dropped, old.entries = true, nil
	}
}

func (t tables) clone() tables {
	if t == nil {
		return make(tables)
	}
	return maps.Clone(t)
}
