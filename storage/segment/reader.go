package segment

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Reader reads the records of one file. It belongs to one goroutine.
type Reader struct {
	file   io.ReaderAt
	header Header
	open   *opener
	table  []Entry
	foot   *footer // nil: still being written
}

// Summary is what a finished file says of itself.
type Summary struct {
	Header    Header
	Records   int
	Recovered bool     // a power cut or a failed write ended it
	End       int64    // microseconds: the latest end of a record
	Chain     [32]byte // behind the last record
	Size      int64    // bytes of the whole file
}

// Open opens a finished file of the given size. The camera is the key's: a file of another one is ErrForged, whatever
// its header says. ErrUnfinished: it has no footer.
func Open(file io.ReaderAt, size int64, key Key) (*Reader, error) {
	return open(file, size, key, usualFooter)
}

// open is Open; guess is how long the footer may be.
func open(file io.ReaderAt, size int64, key Key, guess int64) (*Reader, error) {
	r, err := begin(file, key)
	if err != nil {
		return nil, err
	}
	if r.foot, err = readFooter(file, size, guess); err != nil {
		return nil, err
	}
	if err := r.foot.unseal(r.open); err != nil {
		return nil, err
	}
	r.table = r.foot.table
	return r, nil
}

// OpenLive opens a file that is still being written, with the table as far as it is known to be on the disk.
func OpenLive(file io.ReaderAt, key Key, table []Entry) (*Reader, error) {
	r, err := begin(file, key)
	if err != nil {
		return nil, err
	}
	r.table = table
	return r, nil
}

func begin(file io.ReaderAt, key Key) (*Reader, error) {
	h, err := ReadHeader(file)
	if err != nil {
		return nil, err
	}
	// The seals would fail as well; this says so before anything else is read.
	if h.Camera != key.Camera() {
		return nil, fmt.Errorf("%w: it was recorded as another camera", ErrForged)
	}
	o, err := newOpener(key, h)
	if err != nil {
		return nil, err
	}
	return &Reader{file: file, header: h, open: o}, nil
}

// Header gives the file's header.
func (r *Reader) Header() Header { return r.header }

// Table gives the file's table, which is not to be changed.
func (r *Reader) Table() []Entry { return r.table }

// Summary is only for a finished file.
func (r *Reader) Summary() Summary {
	return Summary{
		Header: r.header, Records: len(r.table), Recovered: r.foot.recovered, End: r.foot.end,
		Chain: r.foot.chain, Size: r.foot.dataEnd + int64(len(r.table))*entrySize + tagSize + trailerSize,
	}
}

// ReadSummary reads header and trailer without a key: enough for an index, believed only until the file is opened.
func ReadSummary(file io.ReaderAt, size int64) (Summary, error) {
	h, err := ReadHeader(file)
	if err != nil {
		return Summary{}, err
	}
	f, err := readFooter(file, size, usualFooter)
	if err != nil {
		return Summary{}, err
	}
	return Summary{
		Header: h, Records: (len(f.sealed) - tagSize) / entrySize, Recovered: f.recovered, End: f.end,
		Chain: f.chain, Size: size,
	}, nil
}

// Payload reads and opens record i; buf is used if it is large enough, and the result lies in it. ErrGone, ErrDamaged
// and ErrForged say that there is nothing to show.
func (r *Reader) Payload(i int, buf []byte) ([]byte, error) {
	if i < 0 || i >= len(r.table) {
		return nil, fmt.Errorf("record %d of %d: %w", i, len(r.table), ErrDamaged)
	}
	rec, err := r.entry(i, buf)
	if err != nil {
		return nil, err
	}
	return r.open.open(rec, uint32(i))
}

// entry reads record i and checks it against the table.
func (r *Reader) entry(i int, buf []byte) ([]byte, error) {
	e := r.table[i]
	rec, got, err := readRecord(r.file, Place{Seq: uint32(i), Offset: e.Offset, Length: e.Length}, buf)
	if err != nil {
		return nil, err
	}
	if got != e.Record {
		return nil, fmt.Errorf("%w: record %d is not the one of the table", ErrForged, i)
	}
	return rec, nil
}

// Place is where one record lies in its file.
type Place struct {
	Seq    uint32
	Offset int64
	Length uint32 // of the sealed payload
}

// One reads and opens a single record, from a file that may still be written: two reads, no table.
func One(file io.ReaderAt, key Key, p Place) (Record, []byte, error) {
	r, err := begin(file, key)
	if err != nil {
		return Record{}, nil, err
	}
	rec, got, err := readRecord(file, p, nil)
	if err != nil {
		return Record{}, nil, err
	}
	plain, err := r.open.open(rec, p.Seq)
	return got, plain, err
}

// readRecord reads a record, header and sealed payload, and checks its checksum and that it is the right one.
func readRecord(file io.ReaderAt, p Place, buf []byte) ([]byte, Record, error) {
	if p.Offset < HeaderSize || p.Length < tagSize || p.Length > MaxPayload+tagSize {
		return nil, Record{}, fmt.Errorf("%w: record %d cannot be where it is said to be", ErrDamaged, p.Seq)
	}
	size := RecordHeaderSize + int(p.Length)
	rec := slices.Grow(buf[:0], size)[:size]
	if n, err := file.ReadAt(rec, p.Offset); n < size {
		if err == io.EOF {
			return nil, Record{}, fmt.Errorf("%w: record %d is cut off", ErrDamaged, p.Seq)
		}
		return nil, Record{}, fmt.Errorf("read record %d: %w", p.Seq, err)
	}
	r, length, err := parseRecordHeader(rec, p.Seq)
	if err != nil && !slices.ContainsFunc(rec, func(b byte) bool { return b != 0 }) {
		return nil, Record{}, fmt.Errorf("%w: record %d", ErrGone, p.Seq)
	}
	if err == nil && length != p.Length {
		err = fmt.Errorf("%w: record %d has another length", ErrDamaged, p.Seq)
	}
	if err == nil {
		err = whole(rec, p.Seq)
	}
	return rec, r, err
}

// Verify reads all records and checks them, their hashes and the chain. Records that were let go of are passed over;
// the first other error ends it.
func (r *Reader) Verify() error {
	var first error
	err := r.examine(func(_ int, err error) bool {
		if !errors.Is(err, ErrGone) {
			first = err
		}
		return first == nil
	})
	return cmp.Or(first, err)
}

// Examine reads all records and calls each for every one that is not right: ErrGone, ErrDamaged, ErrForged, or what the
// disk said when it could not be read. The error is of the chain through the table, which a record that is not right
// does not break.
func (r *Reader) Examine(each func(i int, err error)) error {
	return r.examine(func(i int, err error) bool {
		each(i, err)
		return true
	})
}

// examine is Examine until each says false.
func (r *Reader) examine(each func(i int, err error) bool) error {
	var buf []byte
	var check Place
	chain, end := r.header.Hash(), r.header.Start
	for i, e := range r.table {
		chain, end = link(chain, e.Hash), max(end, e.End())
		rec, err := r.entry(i, buf)
		if err == nil {
			buf = rec
			err = r.sound(i, rec, check)
		}
		if e.Type == CheckRecord {
			check = placeOf(r.table, i)
		}
		if err != nil && !each(i, err) {
			return nil
		}
	}
	if r.foot != nil && (chain != r.foot.chain || end != r.foot.end) {
		return fmt.Errorf("%w: the chain does not end as the footer says", ErrForged)
	}
	return nil
}

// sound checks a record that was read whole against its hash and its seal, and what it says of the records before it
// if it is a checkpoint; check is where the one before lies.
func (r *Reader) sound(i int, rec []byte, check Place) error {
	if sha256.Sum256(rec) != r.table[i].Hash {
		return fmt.Errorf("%w: record %d has another hash than the table says", ErrForged, i)
	}
	payload, err := r.open.open(rec, uint32(i))
	if err == nil && r.table[i].Type == CheckRecord {
		err = r.checkpoint(i, check, payload)
	}
	return err
}

// Span gives the bytes of a file that the records from one up to another take, which lie one behind the other: what is
// to be punched when they are let go of. Nothing for no records.
func Span(table []Entry, from, to int) (offset, end int64) {
	from, to = max(from, 0), min(to, len(table))
	if from >= to {
		return 0, 0
	}
	return table[from].Offset, table[to-1].Offset + table[to-1].Size()
}
