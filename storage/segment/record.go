package segment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// Type says what a record holds.
type Type uint8

// What records hold.
const (
	InitRecord  Type = 1 // ftyp+moov, the first record of a file of footage
	FragRecord  Type = 2 // moof+mdat, at most a second
	ThumbRecord Type = 3 // 16 bytes of event UUID, 8 of time (us), then a JPEG; in packs
	EventRecord Type = 4 // an event as JSON; the last one of its ID holds; in packs
	NoteRecord  Type = 5 // a Note as JSON: what the tracks are, a gap, why a run ended
	CheckRecord Type = 6 // the table's lines since the CHECKPOINT before: for Recover only, others pass over it
)

// Limits of the format; a reader may rely on them.
const (
	RecordHeaderSize = 36
	MaxPayload       = 32 << 20 // bytes of one record's plaintext
	MaxRecords       = 1 << 18  // of one file
)

const (
	recordAuth = 32 // bytes of a record header that go into the seal; the checksum behind them covers the sealed bytes
	flagKey    = 1
)

// Record is one record in the clear.
type Record struct {
	Type     Type
	Key      bool   // FRAG: begins with a key frame
	DTS      int64  // 90 kHz ticks since the start of the run
	Duration uint32 // 90 kHz ticks
	Time     int64  // microseconds since 1970, UTC: the wall clock at DTS
}

// End is the wall clock at the record's end, in microseconds.
func (r Record) End() int64 { return r.Time + int64(r.Duration)*100/9 }

// At is Time as a time.Time.
func (r Record) At() time.Time { return time.UnixMicro(r.Time).UTC() }

// Entry is a record's line in the table of its file; its place in the table is its number.
type Entry struct {
	Record
	Offset int64    // of the record's header in the file
	Length uint32   // of the sealed payload, the 16 bytes of the tag included
	Hash   [32]byte // SHA-256 of the record's header and sealed payload
}

// Size is what the record takes in the file, in bytes.
func (e Entry) Size() int64 { return RecordHeaderSize + int64(e.Length) }

func putRecordHeader(b []byte, seq uint32, r Record, length uint32) {
	binary.BigEndian.PutUint32(b, length)
	binary.BigEndian.PutUint32(b[4:], seq)
	b[8], b[9], b[10], b[11] = byte(r.Type), 0, 0, 0
	if r.Key {
		b[9] |= flagKey
	}
	binary.BigEndian.PutUint32(b[12:], r.Duration)
	binary.BigEndian.PutUint64(b[16:], uint64(r.DTS))
	binary.BigEndian.PutUint64(b[24:], uint64(r.Time))
}

// parseRecordHeader reads the header of record seq. It does not check the checksum, which covers what follows.
func parseRecordHeader(b []byte, seq uint32) (r Record, length uint32, err error) {
	r = Record{
		Type:     Type(b[8]),
		Key:      b[9]&flagKey != 0,
		Duration: binary.BigEndian.Uint32(b[12:]),
		DTS:      int64(binary.BigEndian.Uint64(b[16:])),
		Time:     int64(binary.BigEndian.Uint64(b[24:])),
	}
	length = binary.BigEndian.Uint32(b)
	switch {
	case binary.BigEndian.Uint32(b[4:]) != seq:
		err = fmt.Errorf("%w: record %d is not where it should be", ErrDamaged, seq)
	case length < tagSize || length > MaxPayload+tagSize:
		err = fmt.Errorf("%w: record %d has %d bytes", ErrDamaged, seq, length)
	case b[9]&^flagKey != 0 || b[10] != 0 || b[11] != 0:
		err = fmt.Errorf("%w: record %d says what this version does not know", ErrDamaged, seq)
	}
	return r, length, err
}

// whole checks the checksum of a record, header and sealed payload in one piece.
func whole(rec []byte, seq uint32) error {
	sum := crc32.Update(crc32.Checksum(rec[:recordAuth], castagnoli()), castagnoli(), rec[RecordHeaderSize:])
	if binary.BigEndian.Uint32(rec[recordAuth:]) != sum {
		return fmt.Errorf("%w: checksum of record %d", ErrDamaged, seq)
	}
	return nil
}

// open opens a whole record in place and gives its payload, a part of rec.
func (o *opener) open(rec []byte, seq uint32) ([]byte, error) {
	sealed := rec[RecordHeaderSize:]
	plain, err := o.aead.Open(sealed[:0], o.numbered(recordSpace, uint64(seq)), sealed, o.bound(rec[:recordAuth]))
	if err != nil {
		return nil, fmt.Errorf("%w: record %d", ErrForged, seq)
	}
	return plain, nil
}

// link gives the chain's next hash.
func link(chain, record [32]byte) [32]byte {
	var b [64]byte
	copy(b[:], chain[:])
	copy(b[32:], record[:])
	return sha256.Sum256(b[:])
}

// Chain gives the chain hash behind the last record of a table.
func Chain(h Header, table []Entry) [32]byte {
	c := h.Hash()
	for i := range table {
		c = link(c, table[i].Hash)
	}
	return c
}

// OnChain says whether hash is the chain's value behind any record of a table, or before the first. A file that was
// recovered may have had its end cut off after its successor had begun.
func OnChain(h Header, table []Entry, hash [32]byte) bool {
	c := h.Hash()
	if c == hash {
		return true
	}
	for i := range table {
		if c = link(c, table[i].Hash); bytes.Equal(c[:], hash[:]) {
			return true
		}
	}
	return false
}
