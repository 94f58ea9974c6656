package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// placeSize is how long a Place is in a checkpoint, in bytes.
const placeSize = 16

func putPlace(b []byte, p Place) {
	binary.BigEndian.PutUint32(b, p.Seq)
	binary.BigEndian.PutUint64(b[4:], uint64(p.Offset))
	binary.BigEndian.PutUint32(b[12:], p.Length)
}

func parsePlace(b []byte) Place {
	return Place{
		Seq: binary.BigEndian.Uint32(b), Offset: int64(binary.BigEndian.Uint64(b[4:])), Length: binary.BigEndian.Uint32(b[12:]),
	}
}

// placeOf gives where record i of a table lies.
func placeOf(table []Entry, i int) Place {
	return Place{Seq: uint32(i), Offset: table[i].Offset, Length: table[i].Length}
}

// AppendCheckpoint appends a CHECKPOINT with the DTS and time of t: the table's lines since the one before. Its place,
// kept elsewhere once it is durable, spares Recover the walk up to there. Errors are those of AppendRecord.
func (w *Writer) AppendCheckpoint(dst []byte, t Record) ([]byte, Place, error) {
	payload := appendCheckpoint(nil, w.check, w.table)
	dst, err := w.AppendRecord(dst, Record{Type: CheckRecord, DTS: t.DTS, Time: t.Time}, payload)
	if err != nil {
		return dst, Place{}, err
	}
	w.check = placeOf(w.table, len(w.table)-1)
	return dst, w.check, nil
}

// appendCheckpoint appends the payload of a checkpoint behind all records of a table.
func appendCheckpoint(dst []byte, prev Place, table []Entry) []byte {
	lines := table[prev.Seq:]
	at := len(dst)
	dst = slices.Grow(dst, placeSize+len(lines)*entrySize)[:at+placeSize+len(lines)*entrySize]
	putPlace(dst[at:], prev)
	for i, e := range lines {
		putEntry(dst[at+placeSize+i*entrySize:], e)
	}
	return dst
}

// checkpoint checks the payload of record i, a CHECKPOINT, against the file's table: prev is the place of the one before.
func (r *Reader) checkpoint(i int, prev Place, payload []byte) error {
	if !bytes.Equal(payload, appendCheckpoint(nil, prev, r.table[:i])) {
		return fmt.Errorf("%w: record %d does not say of the records before it what the table says", ErrForged, i)
	}
	return nil
}

// upTo gives the table up to a checkpoint, itself included, from it and those before it; cut is where it ends. All that
// they say must fit together and lie within size bytes. The records between are not read.
func (r *Reader) upTo(place Place, size int64) (table []Entry, cut int64, err error) {
	for at := place; ; {
		// A place is only a hint; nothing is made for it that the file does not have.
		if at.Offset < HeaderSize || at.Offset > size-RecordHeaderSize-int64(at.Length) {
			return nil, 0, fmt.Errorf("%w: no checkpoint can be at %d", ErrDamaged, at.Offset)
		}
		rec, head, err := readRecord(r.file, at, nil)
		if err != nil {
			return nil, 0, err
		}
		self := Entry{Record: head, Offset: at.Offset, Length: at.Length, Hash: sha256.Sum256(rec)}
		payload, err := r.open.open(rec, at.Seq)
		if err != nil {
			return nil, 0, err
		}
		if head.Type != CheckRecord || len(payload) < placeSize {
			return nil, 0, fmt.Errorf("%w: record %d is no checkpoint", ErrDamaged, at.Seq)
		}
		prev, lines := parsePlace(payload), payload[placeSize:]
		if prev != (Place{}) && prev.Seq == at.Seq || int64(len(lines)) != (int64(at.Seq)-int64(prev.Seq))*entrySize {
			return nil, 0, fmt.Errorf("%w: checkpoint %d does not reach the one before", ErrDamaged, at.Seq)
		}
		if table == nil {
			table = make([]Entry, at.Seq+1)
			table[at.Seq] = self
		}
		if table[at.Seq] != self {
			return nil, 0, fmt.Errorf("%w: checkpoint %d is not the one that the next one knows", ErrDamaged, at.Seq)
		}
		for i := range table[prev.Seq:at.Seq] {
			table[int(prev.Seq)+i] = parseEntry(lines[i*entrySize:])
		}
		if prev == (Place{}) {
			break
		}
		at = prev
	}
	cut, err = contiguous(table)
	return table, cut, err
}

// contiguous says where a table's last record ends if they lie one behind the other from the header on.
func contiguous(table []Entry) (end int64, err error) {
	end = HeaderSize
	for i, e := range table {
		if e.Offset != end || e.Length < tagSize || e.Length > MaxPayload+tagSize {
			return 0, fmt.Errorf("%w: line %d of the table", ErrDamaged, i)
		}
		end += e.Size()
	}
	return end, nil
}
