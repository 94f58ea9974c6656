package index

import (
	"encoding/binary"

	"hearth/storage/index/layer"
	"hearth/storage/segment"
)

// Tail is how far a file that is being written is known to be right: the place of its last durable checkpoint record.
// It is a hint, from which a recovery begins; what lies there says itself whether it is right.
type Tail struct {
	Line  segment.Line
	Start int64 // of the file, in microseconds
	Place segment.Place
}

func putTail(tx *layer.Tx, t Tail) {
	tx.Put(flat(tailsKind), lineKey(t.Line), appendPlace(timeKey(t.Start), t.Place))
}

// Tail gives the tail of a line's file that began at start, in microseconds, as it was last checkpointed.
func (x *Index) Tail(l segment.Line, start int64) (p segment.Place, ok bool, err error) {
	err = x.db.View(func(tx *layer.Tx) error {
		v := tx.Get(flat(tailsKind), lineKey(l))
		if len(v) < 8 || parseTime(v[:8]) != start {
			return nil
		}
		rest := parser{b: v[8:]}
		p = rest.place()
		ok = !rest.bad && len(rest.b) == 0
		return nil
	})
	return p, ok, err
}

func appendPlace(b []byte, p segment.Place) []byte {
	b = binary.AppendUvarint(b, uint64(p.Offset))
	b = binary.AppendUvarint(b, uint64(p.Seq))
	return binary.AppendUvarint(b, uint64(p.Length))
}

func (p *parser) place() segment.Place {
	return segment.Place{Offset: int64(p.uvarint()), Seq: uint32(p.uvarint()), Length: uint32(p.uvarint())}
}
