package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// tornWithin is how much time the records at a file's end cover, at most, that one power cut can take out of order, in
// microseconds: those of one commit, with what a disk that stalls makes wait for it, and some more.
const tornWithin = 30_000_000

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
// also after another power cut in its midst, it gives the same bytes from the same place. A file that has a footer, and all
// that it lists, stays as it is.
//
// from is the place of a checkpoint that is known to be durable, or zero. The records up to there are not read again;
// so they stay also where a disk has lost one of them since. A place that does not fit in any way counts as none.
//
// Only what a power cut can have cost is cut. Where whole records lie behind one that is not, over a longer time than
// one commit has, something else has changed it: a file with a footer is left with it, as one with a damaged record,
// and without a footer it is ErrDamaged.
//
// ErrEmpty: there is not one whole record; the file was not changed. ErrDamaged: there is no header to go by, or damage
// in its midst; it was not changed. ErrForged: it is not this camera's; it was not changed.
func Recover(file File, size, limit int64, key Key, from Place) (Summary, error) {
	if limit > 0 && limit < size {
		size = limit // also a footer behind it is not believed
	} else if r, err := open(file, size, key, trailerSize); err == nil {
		if torn, err := r.torn(from); err != nil {
			return Summary{}, err
		} else if !torn {
			return r.Summary(), nil
		}
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
	if err := r.behind(table, cut, size); err != nil {
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

// torn says whether records that a footer lists are not there because its end was written in another order than it was
// made: the footer came to the disk, and records shortly before it did not. That cannot be where a recovery wrote it,
// which had read them from the disk.
func (r *Reader) torn(from Place) (bool, error) {
	if r.foot.recovered {
		return false, nil
	}
	first := 0
	if i := int(from.Seq); i < len(r.table) && r.table[i].Type == CheckRecord && placeOf(r.table, i) == from {
		first = i + 1
	}
	var buf []byte
	for i := first; i < len(r.table); i++ {
		rec, err := r.entry(i, buf)
		if err == nil {
			buf = rec
			if sha256.Sum256(rec) == r.table[i].Hash {
				continue
			}
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrGone) && !errors.Is(err, ErrForged) {
			return false, err
		}
		return r.foot.end-r.table[i].Time <= tornWithin, nil
	}
	return false, nil
}

// behind looks whether whole records lie behind the place where a walk ended, over a longer time than those that one
// power cut can have taken out of order.
func (r *Reader) behind(table []Entry, cut, size int64) error {
	const window = 1 << 20
	buf := make([]byte, max(0, min(window+RecordHeaderSize, size-cut)))
	var first, next int64 // the time of the first record that is whole; where the latest one ends
	found := false
	for at := cut; at+RecordHeaderSize+tagSize <= size; at += window {
		n := min(window+RecordHeaderSize, size-at)
		if got, err := r.file.ReadAt(buf[:n], at); int64(got) < n {
			return fmt.Errorf("look behind record %d: %w", len(table), err)
		}
		for i := max(0, next-at); i < min(window, n-RecordHeaderSize); i++ {
			head, end, ok := r.wholeAt(buf[i:i+RecordHeaderSize], at+i, size, uint32(len(table)))
			if !ok {
				continue
			}
			if !found {
				found, first = true, head.Time
			} else if head.Time-first > tornWithin {
				return fmt.Errorf("%w: record %d, in the midst of the file; records long after it are whole", ErrDamaged, len(table))
			}
			next = end
			i = next - at - 1
		}
	}
	return nil
}

// wholeAt says whether a whole record with a number above another one lies at an offset, of which the bytes of a header
// are given, and where it ends.
func (r *Reader) wholeAt(b []byte, offset, size int64, above uint32) (head Record, end int64, ok bool) {
	// Most places are told from a record by a few bytes.
	if b[10]|b[11]|b[9]&^flagKey != 0 || b[8] == 0 {
		return Record{}, 0, false
	}
	p := Place{Seq: binary.BigEndian.Uint32(b[4:]), Offset: offset, Length: binary.BigEndian.Uint32(b)}
	end = offset + RecordHeaderSize + int64(p.Length)
	if p.Seq <= above || p.Seq >= MaxRecords || end > size {
		return Record{}, 0, false
	}
	rec, head, err := readRecord(r.file, p, nil)
	if err == nil {
		_, err = r.open.open(rec, p.Seq)
	}
	return head, end, err == nil
}
