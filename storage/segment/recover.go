package segment

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrEmpty says that an unfinished file holds not one whole record: there is nothing in it to keep.
var ErrEmpty = errors.New("no whole record")

// File is what Recover needs of a file.
type File interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
}

// Walk reads the records of a file from its header on, without a table, and stops behind the last one that is whole;
// cut is where that is. size bounds what is read. A record whose checksum is right but whose seal is not is no torn
// write: ErrForged, and nothing is to be cut.
func Walk(file io.ReaderAt, size int64, key Key) (h Header, table []Entry, cut int64, err error) {
	r, err := begin(file, key)
	if err != nil {
		return Header{}, nil, 0, err
	}
	table, cut, err = r.walk(size, nil, HeaderSize)
	return r.header, table, cut, err
}

// walk goes on behind the records of a table, from the offset where they end.
func (r *Reader) walk(size int64, known []Entry, from int64) (table []Entry, cut int64, err error) {
	var rec []byte
	for table, cut = known, from; len(table) < MaxRecords; {
		seq := uint32(len(table))
		if size-cut < RecordHeaderSize+tagSize {
			break
		}
		rec = slices.Grow(rec[:0], RecordHeaderSize)[:RecordHeaderSize]
		if n, err := r.file.ReadAt(rec, cut); n < len(rec) {
			return nil, 0, fmt.Errorf("read record %d: %w", seq, err)
		}
		head, length, err := parseRecordHeader(rec, seq)
		if err != nil || int64(length) > size-cut-RecordHeaderSize {
			break
		}
		rec = slices.Grow(rec, int(length))[:RecordHeaderSize+int(length)]
		if n, err := r.file.ReadAt(rec[RecordHeaderSize:], cut+RecordHeaderSize); n < int(length) {
			return nil, 0, fmt.Errorf("read record %d: %w", seq, err)
		}
		if whole(rec, seq) != nil {
			break
		}
		hash := sha256.Sum256(rec)
		if _, err := r.open.open(rec, seq); err != nil {
			return nil, 0, err
		}
		table = append(table, Entry{Record: head, Offset: cut, Length: length, Hash: hash})
		cut += int64(len(rec))
	}
	return table, cut, nil
}

// Recover finishes a file that a power cut or a failed write left without a footer: it keeps the whole records within
// the first limit bytes (0: all), cuts the rest, writes a footer marked as recovered and makes it durable. Done again,
// also after another power cut in its midst, it gives the same bytes. A file that is finished already stays as it is.
//
// from is the place of a checkpoint that is known to be durable, or zero. The records up to there are not read again;
// so they stay also where a disk has lost one of them since. A place that does not fit in any way counts as none.
//
// ErrEmpty: there is not one whole record; the file was not changed. ErrDamaged: there is no header to go by.
// ErrForged: it is not this camera's; it was not changed.
func Recover(file File, size, limit int64, key Key, from Place) (Summary, error) {
	if limit > 0 && limit < size {
		size = limit // also a footer behind it is not believed
	} else if r, err := Open(file, size, key); err == nil {
		return r.Summary(), nil
	}
	r, err := begin(file, key)
	if err != nil {
		return Summary{}, err
	}
	table, cut, err := r.upTo(from, size)
	if err != nil {
		table, cut = nil, HeaderSize
	}
	if table, cut, err = r.walk(size, table, cut); err != nil {
		return Summary{}, err
	}
	if len(table) == 0 {
		return Summary{}, ErrEmpty
	}
	f := footer{table: table, recovered: true, end: r.header.Start, dataEnd: cut, chain: Chain(r.header, table)}
	for i := range table {
		f.end = max(f.end, table[i].End())
	}
	if err := file.Truncate(cut); err != nil {
		return Summary{}, fmt.Errorf("cut at %d bytes: %w", cut, err)
	}
	foot := appendFooter(nil, r.open, f)
	if _, err := file.WriteAt(foot, cut); err != nil {
		return Summary{}, fmt.Errorf("write footer: %w", err)
	}
	if err := file.Sync(); err != nil {
		return Summary{}, fmt.Errorf("sync: %w", err)
	}
	return Summary{
		Header: r.header, Records: len(table), Recovered: true, End: f.end, Chain: f.chain, Size: cut + int64(len(foot)),
	}, nil
}
