package segment

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

const (
	trailerMagic  = "HEARTHE\n"
	trailerSize   = 80
	trailerAuth   = 64 // bytes of the trailer that go into the seal
	entrySize     = 68
	flagRecovered = 1
	// usualFooter is so much of a file's end that the footer of ten minutes is in it: one read of the disk and not two.
	usualFooter = 64 << 10
)

// footer is the end of a finished file: the sealed table, then a trailer of fixed size in the clear.
type footer struct {
	table     []Entry
	recovered bool
	end       int64 // microseconds: the latest end of a record
	dataEnd   int64 // offset of the sealed table
	chain     [32]byte
	sealed    []byte
	trailer   [trailerSize]byte
}

func (f *footer) nonce(o *opener, count int) []byte {
	if f.recovered {
		return o.numbered(recoveredSpace, uint64(count))
	}
	return o.numbered(footerSpace, uint64(count))
}

func appendFooter(dst []byte, o *opener, f footer) []byte {
	n := len(f.table) * entrySize
	at := len(dst)
	dst = slices.Grow(dst, n+tagSize+trailerSize)[:at+n]
	for i, e := range f.table {
		putEntry(dst[at+i*entrySize:], e)
	}
	t := f.trailer[:]
	binary.BigEndian.PutUint32(t, uint32(n+tagSize))
	binary.BigEndian.PutUint32(t[4:], uint32(len(f.table)))
	if f.recovered {
		t[11] |= flagRecovered
	}
	binary.BigEndian.PutUint64(t[16:], uint64(f.end))
	binary.BigEndian.PutUint64(t[24:], uint64(f.dataEnd))
	copy(t[32:], f.chain[:])
	plain := dst[at:]
	o.aead.Seal(plain[:0], f.nonce(o, len(f.table)), plain, o.bound(t[:trailerAuth]))
	sealed := dst[at : at+n+tagSize]
	binary.BigEndian.PutUint32(t[64:], crc32.Update(crc32.Checksum(sealed, castagnoli()), castagnoli(), t[:trailerAuth]))
	binary.BigEndian.PutUint32(t[68:], uint32(n+tagSize+trailerSize))
	copy(t[72:], trailerMagic)
	return append(dst[:at+n+tagSize], t...)
}

// readFooter reads the end of a file of the given size and checks all that can be checked without a key. At first it
// reads so many bytes as the footer may have. ErrUnfinished: the file does not end as a finished one does.
func readFooter(r io.ReaderAt, size, guess int64) (*footer, error) {
	f := &footer{}
	if size < HeaderSize+tagSize+trailerSize {
		return nil, ErrUnfinished
	}
	tail := make([]byte, min(size, guess))
	if n, err := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) {
		if guess > trailerSize { // what is before the footer may be a sector that cannot be read
			return readFooter(r, size, trailerSize)
		}
		return nil, fmt.Errorf("read trailer: %w", err)
	}
	copy(f.trailer[:], tail[len(tail)-trailerSize:])
	t := f.trailer[:]
	if string(t[72:]) != trailerMagic {
		return nil, ErrUnfinished
	}
	sealed, count := int64(binary.BigEndian.Uint32(t)), int64(binary.BigEndian.Uint32(t[4:]))
	f.recovered = t[11]&flagRecovered != 0
	f.end = int64(binary.BigEndian.Uint64(t[16:]))
	f.dataEnd = int64(binary.BigEndian.Uint64(t[24:]))
	f.chain = [32]byte(t[32:64])
	switch {
	case count > MaxRecords || sealed != count*entrySize+tagSize,
		int64(binary.BigEndian.Uint32(t[68:])) != sealed+trailerSize,
		f.dataEnd < HeaderSize || f.dataEnd != size-trailerSize-sealed:
		return nil, fmt.Errorf("%w: the footer's lengths do not fit the file", ErrDamaged)
	}
	if have := int64(len(tail)); sealed+trailerSize <= have {
		f.sealed = tail[have-trailerSize-sealed : have-trailerSize]
	} else {
		f.sealed = make([]byte, sealed)
		if n, err := r.ReadAt(f.sealed, f.dataEnd); n < len(f.sealed) {
			return nil, fmt.Errorf("read footer: %w", err)
		}
	}
	sum := crc32.Update(crc32.Checksum(f.sealed, castagnoli()), castagnoli(), t[:trailerAuth])
	if binary.BigEndian.Uint32(t[64:]) != sum {
		return nil, fmt.Errorf("%w: footer checksum", ErrDamaged)
	}
	if binary.BigEndian.Uint32(t[8:])&^flagRecovered != 0 || binary.BigEndian.Uint32(t[12:]) != 0 {
		return nil, newer(0)
	}
	return f, nil
}

// unseal opens the table and checks that its records lie one behind the other, from the header to the footer.
func (f *footer) unseal(o *opener) error {
	count := (len(f.sealed) - tagSize) / entrySize
	plain, err := o.aead.Open(f.sealed[:0], f.nonce(o, count), f.sealed, o.bound(f.trailer[:trailerAuth]))
	if err != nil {
		return fmt.Errorf("%w: footer", ErrForged)
	}
	f.table, f.sealed = make([]Entry, count), nil
	for i := range f.table {
		f.table[i] = parseEntry(plain[i*entrySize:])
	}
	at, err := contiguous(f.table)
	if err != nil {
		return err
	}
	if at != f.dataEnd {
		return fmt.Errorf("%w: the table does not reach the footer", ErrDamaged)
	}
	return nil
}

func putEntry(b []byte, e Entry) {
	binary.BigEndian.PutUint64(b, uint64(e.DTS))
	binary.BigEndian.PutUint64(b[8:], uint64(e.Time))
	binary.BigEndian.PutUint64(b[16:], uint64(e.Offset))
	binary.BigEndian.PutUint32(b[24:], e.Length)
	binary.BigEndian.PutUint32(b[28:], e.Duration)
	b[32], b[33], b[34], b[35] = byte(e.Type), 0, 0, 0
	if e.Key {
		b[33] |= flagKey
	}
	copy(b[36:], e.Hash[:])
}

func parseEntry(b []byte) Entry {
	return Entry{
		Record: Record{
			DTS:      int64(binary.BigEndian.Uint64(b)),
			Time:     int64(binary.BigEndian.Uint64(b[8:])),
			Duration: binary.BigEndian.Uint32(b[28:]),
			Type:     Type(b[32]),
			Key:      b[33]&flagKey != 0,
		},
		Offset: int64(binary.BigEndian.Uint64(b[16:])),
		Length: binary.BigEndian.Uint32(b[24:]),
		Hash:   [32]byte(b[36:68]),
	}
}
