package layer

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// Cursor goes through the keys of a space in order. The keys and values that it gives are valid until its transaction
// ends and must not be changed; a nil key says that there is none.
type Cursor struct {
	below *bbolt.Cursor // nil: bbolt has nothing of the space
	table *table

	key, value []byte // of bbolt, where it stands
	at         int    // in the table
	back       bool   // both stand at or before the present key, not at or behind it
	now        []byte // the present key
	fromBelow  bool   // it is bbolt's, or both have it
	fromTable  bool
}

// First goes to the first key.
func (c *Cursor) First() (key, value []byte) { return c.Seek(nil) }

// Seek goes to the first key from a given one on.
func (c *Cursor) Seek(from []byte) (key, value []byte) {
	c.back, c.key, c.value = false, nil, nil
	if c.below != nil {
		c.key, c.value = c.below.Seek(from)
	}
	c.at, _ = c.table.find(from)
	return c.forward()
}

// Last goes to the last key.
func (c *Cursor) Last() (key, value []byte) {
	c.back, c.key, c.value, c.at = true, nil, nil, -1
	if c.below != nil {
		c.key, c.value = c.below.Last()
	}
	if c.table != nil {
		c.at = len(c.table.entries) - 1
	}
	return c.backward()
}

// Before goes to the last key that is less than a given one.
func (c *Cursor) Before(to []byte) (key, value []byte) {
	c.back, c.key, c.value = true, nil, nil
	if c.below != nil {
		if k, _ := c.below.Seek(to); k == nil {
			c.key, c.value = c.below.Last()
		} else {
			c.key, c.value = c.below.Prev()
		}
	}
	c.at, _ = c.table.find(to)
	c.at--
	return c.backward()
}

// Next goes to the key behind the present one.
func (c *Cursor) Next() (key, value []byte) {
	switch {
	case c.now == nil:
		return nil, nil
	case c.back:
		now := c.now
		if k, v := c.Seek(now); k == nil || !bytes.Equal(k, now) {
			return k, v
		}
	}
	if c.fromBelow {
		c.key, c.value = c.below.Next()
	}
	if c.fromTable {
		c.at++
	}
	return c.forward()
}

// Prev goes to the key before the present one.
func (c *Cursor) Prev() (key, value []byte) {
	switch {
	case c.now == nil:
		return nil, nil
	case !c.back:
		return c.Before(c.now)
	}
	if c.fromBelow {
		c.key, c.value = c.below.Prev()
	}
	if c.fromTable {
		c.at--
	}
	return c.backward()
}

// forward chooses the lesser of the two keys, passing over what is gone.
func (c *Cursor) forward() (key, value []byte) {
	for {
		inTable := c.table != nil && c.at < len(c.table.entries)
		if key, value, again := c.choose(inTable, -1); !again {
			return key, value
		}
		if c.fromBelow {
			c.key, c.value = c.below.Next()
		}
		c.at++
	}
}

// backward chooses the greater one.
func (c *Cursor) backward() (key, value []byte) {
	for {
		if key, value, again := c.choose(c.at >= 0, 1); !again {
			return key, value
		}
		if c.fromBelow {
			c.key, c.value = c.below.Prev()
		}
		c.at--
	}
}

// choose takes the key that comes first in the order of sign, the table's when both have it. again says that this is
// one that is gone.
func (c *Cursor) choose(inTable bool, sign int) (key, value []byte, again bool) {
	c.fromBelow, c.fromTable, c.now = c.key != nil, inTable, nil
	switch {
	case !inTable && c.key == nil:
		return nil, nil, false
	case inTable && c.key != nil:
		order := bytes.Compare(c.key, c.table.entries[c.at].key) * sign
		c.fromBelow, c.fromTable = order >= 0, order <= 0
	}
	if !c.fromTable {
		c.now = c.key
		return c.key, c.value, false
	}
	e := c.table.entries[c.at]
	if e.gone {
		return nil, nil, true
	}
	c.now = e.key
	return e.key, e.value, false
}
