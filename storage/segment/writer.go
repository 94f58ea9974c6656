package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// Writer makes the bytes of one file, in order, into buffers of the caller, who writes them at the places where they
// belong and never writes anything else there. After a write that failed the Writer is done for: its file goes no
// further, because the same record number with another payload would use a nonce twice.
//
// A Writer belongs to one goroutine.
type Writer struct {
	header Header
	seal   *opener

	table []Entry
	chain [32]byte
	size  int64 // bytes made so far
	end   int64 // microseconds: the latest end of a record
	check Place // of the latest checkpoint
}

// NewWriter begins a file of the key's camera.
func NewWriter(key Key, h Header) (*Writer, error) {
	if key.Camera() != h.Camera {
		return nil, fmt.Errorf("begin segment: %w", ErrForged)
	}
	seal, err := newOpener(key, h)
	if err != nil {
		return nil, fmt.Errorf("begin segment: %w", err)
	}
	return &Writer{header: h, seal: seal, chain: seal.header, end: h.Start}, nil
}

// AppendHeader appends the header to dst. It comes first.
func (w *Writer) AppendHeader(dst []byte) []byte {
	w.size = HeaderSize
	return w.header.Append(dst)
}

// AppendRecord seals the payload, given in pieces, as the next record and appends it to dst. On an error, which can
// only be ErrTooLarge, nothing was appended and the Writer can go on.
func (w *Writer) AppendRecord(dst []byte, r Record, payload ...[]byte) ([]byte, error) {
	n := 0
	for _, p := range payload {
		n += len(p)
	}
	if n > MaxPayload || len(w.table) >= MaxRecords {
		return dst, fmt.Errorf("record %d of %d bytes: %w", len(w.table), n, ErrTooLarge)
	}
	at, seq, length := len(dst), uint32(len(w.table)), uint32(n+tagSize)
	dst = slices.Grow(dst, RecordHeaderSize+n+tagSize)[:at+RecordHeaderSize]
	putRecordHeader(dst[at:], seq, r, length)
	for _, p := range payload {
		dst = append(dst, p...)
	}
	plain := dst[at+RecordHeaderSize:]
	w.seal.aead.Seal(plain[:0], w.seal.numbered(recordSpace, uint64(seq)), plain, w.seal.bound(dst[at:at+recordAuth]))
	rec := dst[at : at+RecordHeaderSize+int(length)]
	sum := crc32.Update(crc32.Checksum(rec[:recordAuth], castagnoli()), castagnoli(), rec[RecordHeaderSize:])
	binary.BigEndian.PutUint32(rec[recordAuth:], sum)

	e := Entry{Record: r, Offset: w.size, Length: length, Hash: sha256.Sum256(rec)}
	w.table = append(w.table, e)
	w.chain = link(w.chain, e.Hash)
	w.size += int64(len(rec))
	w.end = max(w.end, r.End())
	return dst[:at+len(rec)], nil
}

// AppendFooter appends the footer to dst; the file is finished with it.
func (w *Writer) AppendFooter(dst []byte) []byte {
	at := len(dst)
	dst = appendFooter(dst, w.seal, footer{
		table: w.table, dataEnd: w.size, end: w.end, chain: w.chain,
	})
	w.size += int64(len(dst) - at)
	return dst
}

// Header gives the file's header.
func (w *Writer) Header() Header { return w.header }

// Table gives the lines of the records made so far. Those that are there never change; a caller may keep the slice.
func (w *Writer) Table() []Entry { return w.table[:len(w.table):len(w.table)] }

// Chain gives the hash behind the last record: what the next file's header holds as Prev.
func (w *Writer) Chain() [32]byte { return w.chain }

// Size is the length in bytes of all that was made so far.
func (w *Writer) Size() int64 { return w.size }

// End is the wall clock at the end of the latest record, in microseconds.
func (w *Writer) End() int64 { return w.end }
