package bundle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// The archive is a plain one that every tool opens: nothing is compressed, every size stands before its data, there are
// no comments and no gaps. All of it follows from the entries and the time, so a reader makes it again and compares, and
// no byte of it can be changed unseen.

// entry is a file in the archive.
type entry struct {
	name string
	size int64
	crc  uint32
}

const (
	localMagic     = 0x04034b50
	centralMagic   = 0x02014b50
	endMagic       = 0x06054b50
	end64Magic     = 0x06064b50
	locatorMagic   = 0x07064b50
	localSize      = 30
	centralSize    = 46
	endSize        = 22
	end64Size      = 56
	locatorSize    = 20
	maxEntries     = 1 << 10
	madeBy         = 3<<8 | 45 // Unix
	fileMode       = 0o100644 << 16
	extra64        = 1
	most32, most16 = math.MaxUint32, math.MaxUint16
)

// le writes little-endian numbers.
type le []byte

func (b *le) u16(v ...uint16) {
	for _, x := range v {
		*b = binary.LittleEndian.AppendUint16(*b, x)
	}
}

func (b *le) u32(v ...uint32) {
	for _, x := range v {
		*b = binary.LittleEndian.AppendUint32(*b, x)
	}
}

func (b *le) u64(v ...uint64) {
	for _, x := range v {
		*b = binary.LittleEndian.AppendUint64(*b, x)
	}
}

// dosTime is a time as zip has it, to two seconds.
func dosTime(t time.Time) (clock, date uint16) {
	t = t.UTC()
	year := min(max(t.Year(), 1980), 2107)
	return uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2), uint16((year-1980)<<9 | int(t.Month())<<5 | t.Day())
}

// short gives a number of 32 bits, or the mark that it stands elsewhere in 64.
func short(n int64) uint32 { return uint32(min(n, most32)) }

func needed(big bool) uint16 {
	if big {
		return 45
	}
	return 20
}

// local is what stands before an entry's data. Its length does not depend on time and checksum.
func (e entry) local(made time.Time) []byte {
	big := e.size >= most32
	clock, date := dosTime(made)
	var b le
	b.u32(localMagic)
	b.u16(needed(big), 0, 0, clock, date)
	b.u32(e.crc, short(e.size), short(e.size))
	extra := uint16(0)
	if big {
		extra = 20
	}
	b.u16(uint16(len(e.name)), extra)
	b = append(b, e.name...)
	if big {
		b.u16(extra64, 16)
		b.u64(uint64(e.size), uint64(e.size))
	}
	return b
}

// central is an entry's line in the directory.
func (e entry) central(made time.Time, at int64) []byte {
	var extra le
	if e.size >= most32 {
		extra.u64(uint64(e.size), uint64(e.size))
	}
	if at >= most32 {
		extra.u64(uint64(at))
	}
	if len(extra) > 0 {
		extra = append(le{extra64, 0, byte(len(extra)), 0}, extra...)
	}
	clock, date := dosTime(made)
	var b le
	b.u32(centralMagic)
	b.u16(madeBy, needed(len(extra) > 0), 0, 0, clock, date)
	b.u32(e.crc, short(e.size), short(e.size))
	b.u16(uint16(len(e.name)), uint16(len(extra)), 0, 0, 0)
	b.u32(fileMode, short(at))
	b = append(b, e.name...)
	return append(b, extra...)
}

// offsets gives where each entry begins, with its head, and where the directory does.
func offsets(entries []entry) (starts []int64, end int64) {
	for _, e := range entries {
		starts = append(starts, end)
		end += int64(len(e.local(time.Time{}))) + e.size
	}
	return starts, end
}

// directory is all that stands behind the entries.
func directory(entries []entry, made time.Time) []byte {
	starts, at := offsets(entries)
	var b le
	for i, e := range entries {
		b = append(b, e.central(made, starts[i])...)
	}
	size, n := int64(len(b)), len(entries)
	if at >= most32 {
		b.u32(end64Magic)
		b.u64(end64Size - 12)
		b.u16(madeBy, 45)
		b.u32(0, 0)
		b.u64(uint64(n), uint64(n), uint64(size), uint64(at))
		b.u32(locatorMagic, 0)
		b.u64(uint64(at + size))
		b.u32(1)
	}
	b.u32(endMagic)
	b.u16(0, 0, uint16(n), uint16(n))
	b.u32(short(size), short(at))
	b.u16(0)
	return b
}

// archiveSize is how long the whole archive is.
func archiveSize(entries []entry) int64 {
	_, end := offsets(entries)
	return end + int64(len(directory(entries, time.Time{})))
}

// ErrNoBundle says that a file is no signed export, or one so damaged that it cannot be read as one.
var ErrNoBundle = errors.New("it is not a signed export as Hearth makes them, or was changed")

// readDirectory reads what the entries are. What it passes over is compared when everything is made again.
func readDirectory(r io.ReaderAt, size int64) ([]entry, error) {
	var end [endSize]byte
	if size < endSize {
		return nil, fmt.Errorf("%w: it is too short", ErrNoBundle)
	}
	if _, err := r.ReadAt(end[:], size-endSize); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(end[:]) != endMagic {
		return nil, fmt.Errorf("%w: it does not end as an archive does", ErrNoBundle)
	}
	n := int(binary.LittleEndian.Uint16(end[10:]))
	at := int64(binary.LittleEndian.Uint32(end[16:]))
	if at == most32 {
		var end64 [end64Size]byte
		if _, err := r.ReadAt(end64[:], max(size-endSize-locatorSize-end64Size, 0)); err != nil {
			return nil, err
		}
		at = int64(binary.LittleEndian.Uint64(end64[48:]))
	}
	if n > maxEntries || at < 0 || at > size || size-at > maxEntries*(centralSize+100) {
		return nil, fmt.Errorf("%w: its directory is not where it is said to be", ErrNoBundle)
	}
	raw := make([]byte, size-at)
	if _, err := r.ReadAt(raw, at); err != nil {
		return nil, err
	}
	entries := make([]entry, n)
	for i := range entries {
		e, rest, ok := parseCentral(raw)
		if !ok || e.size < 0 || e.size > size {
			return nil, fmt.Errorf("%w: line %d of its directory", ErrNoBundle, i+1)
		}
		entries[i], raw = e, rest
	}
	if archiveSize(entries) != size {
		return nil, fmt.Errorf("%w: its lengths do not come to that of the file", ErrNoBundle)
	}
	return entries, nil
}

func parseCentral(b []byte) (e entry, rest []byte, ok bool) {
	if len(b) < centralSize || binary.LittleEndian.Uint32(b) != centralMagic {
		return e, nil, false
	}
	e.crc = binary.LittleEndian.Uint32(b[16:])
	e.size = int64(binary.LittleEndian.Uint32(b[24:]))
	name, extra := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:]))
	b = b[centralSize:]
	if len(b) < name+extra {
		return e, nil, false
	}
	e.name = string(b[:name])
	if e.size == most32 {
		if extra < 12 {
			return e, nil, false
		}
		e.size = int64(binary.LittleEndian.Uint64(b[name+4:]))
	}
	return e, b[name+extra:], true
}
