package index

import (
	"encoding/binary"

	"go.etcd.io/bbolt"

	"hearth/storage/segment"
)

// Tail is how far a file that is being written is known to be right: the place of its last durable checkpoint record.
// It is a hint, from which a recovery begins; what lies there says itself whether it is right.
type Tail struct {
	Line  segment.Line
	Start int64 // of the file, in microseconds
	Place segment.Place
}

func putTail(tx *bbolt.Tx, t Tail) error {
	return tx.Bucket([]byte(tailsBucket)).Put(lineKey(t.Line), append(timeKey(t.Start), marshalPlace(t.Place)...))
}

// Tail gives the tail of a line's file that began at start, in microseconds, as it was last checkpointed.
func (x *Index) Tail(l segment.Line, start int64) (p segment.Place, ok bool, err error) {
	err = x.db.View(func(tx *bbolt.Tx) error {
		v := tx.Bucket([]byte(tailsBucket)).Get(lineKey(l))
		if ok = len(v) == 8+placeSize && parseTime(v) == start; ok {
			p = parsePlace(v[8:])
		}
		return nil
	})
	return p, ok, err
}

const placeSize = 16

func marshalPlace(p segment.Place) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, placeSize), uint64(p.Offset))
	b = binary.BigEndian.AppendUint32(b, p.Seq)
	return binary.BigEndian.AppendUint32(b, p.Length)
}

func parsePlace(b []byte) segment.Place {
	return segment.Place{
		Offset: int64(binary.BigEndian.Uint64(b)), Seq: binary.BigEndian.Uint32(b[8:]), Length: binary.BigEndian.Uint32(b[12:]),
	}
}
