package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"hearth/nvr/media"
	"hearth/storage/segment"
)

// Row is one finished file.
type Row struct {
	Line       segment.Line
	Start, End int64 // microseconds
	Size       int64 // bytes
	Volume     uint8 // 0: the data folder
	Freed      int64 // bytes of it that were punched out; kept in units of 4 KiB, rounded down
	Segment    media.UUID
	Run        media.UUID
	RunStart   int64 // microseconds
	RunSeq     uint32
	Records    uint32
	Prev, Head [32]byte // chain hashes: of the file before, and behind its own last record
	Recovered  bool     // a power cut or a failed write ended it
	Untrusted  bool     // the box did not know the time when the run began
	Pared      bool     // what lies between its events was let go of already, as far as it can be
	// NameOnly says that the row was made from the file's name; only Line, Start, End, Size, Volume and Freed mean something.
	NameOnly bool
}

// Kept is how many bytes the file still takes on its volume.
func (r Row) Kept() int64 { return max(r.Size-r.Freed, 0) }

// Path is where the file lies, below its volume's folder.
func (r Row) Path() string {
	return segment.FinishedName(r.Line.Stream, r.Start, r.End).Path(r.Line.Camera)
}

// RowOf makes the row of a file from what the file says.
func RowOf(s segment.Summary) Row {
	h := s.Header
	return Row{
		Line: segment.Line{Camera: h.Camera, Stream: h.Stream}, Start: h.Start, End: s.End, Size: s.Size,
		Segment: h.Segment, Run: h.Run, RunStart: h.RunStart, RunSeq: h.RunSeq, Records: uint32(s.Records),
		Prev: h.Prev, Head: s.Chain, Recovered: s.Recovered, Untrusted: !h.Trusted && h.Stream != segment.Pack,
	}
}

const (
	freedUnit = 4096
	lineSize  = 17

	flagRecovered = 0x01
	flagNameOnly  = 0x02
	flagUntrusted = 0x04
	flagPared     = 0x08
	flagLinked    = 0x10 // Prev is not there: it is the Head of the row before
	flagVolume    = 0x20
	flagFreed     = 0x40
	unknownFlags  = 0x80
)

var errRow = errors.New("not a row of this version")

// marshal makes the value of a row: flags ‖ Head ‖ Segment ‖ Run ‖ Prev unless linked ‖ volume unless 0, then as
// varints End-Start, Size, Records, RunSeq, RunStart-Start, and what was freed if something was.
func (r Row) marshal(linked bool) []byte {
	b := make([]byte, 1, 128)
	for _, f := range []struct {
		is   bool
		flag byte
	}{
		{r.Recovered, flagRecovered},
		{r.NameOnly, flagNameOnly},
		{r.Untrusted, flagUntrusted},
		{r.Pared, flagPared},
		{linked, flagLinked},
		{r.Volume != 0, flagVolume},
		{r.Freed >= freedUnit, flagFreed},
	} {
		if f.is {
			b[0] |= f.flag
		}
	}
	b = append(b, r.Head[:]...)
	b = append(b, r.Segment[:]...)
	b = append(b, r.Run[:]...)
	if !linked {
		b = append(b, r.Prev[:]...)
	}
	if r.Volume != 0 {
		b = append(b, r.Volume)
	}
	b = binary.AppendUvarint(b, uint64(r.End-r.Start))
	b = binary.AppendUvarint(b, uint64(r.Size))
	b = binary.AppendUvarint(b, uint64(r.Records))
	b = binary.AppendUvarint(b, uint64(r.RunSeq))
	b = binary.AppendVarint(b, r.RunStart-r.Start)
	if r.Freed >= freedUnit {
		b = binary.AppendUvarint(b, uint64(r.Freed/freedUnit))
	}
	return b
}

// parseRow reads the value of a row. When it is linked, Prev is for the caller to fill in.
func parseRow(l segment.Line, start int64, b []byte) (r Row, linked bool, err error) {
	p := parser{b: b}
	flags := p.byte()
	linked = flags&flagLinked != 0
	r = Row{
		Line: l, Start: start,
		Recovered: flags&flagRecovered != 0, NameOnly: flags&flagNameOnly != 0, Untrusted: flags&flagUntrusted != 0,
		Pared: flags&flagPared != 0,
	}
	copy(r.Head[:], p.take(32))
	copy(r.Segment[:], p.take(16))
	copy(r.Run[:], p.take(16))
	if !linked {
		copy(r.Prev[:], p.take(32))
	}
	if flags&flagVolume != 0 {
		r.Volume = p.byte()
	}
	r.End = start + int64(p.uvarint())
	r.Size = int64(p.uvarint())
	r.Records, r.RunSeq = uint32(p.uvarint()), uint32(p.uvarint())
	r.RunStart = start + p.varint()
	if flags&flagFreed != 0 {
		r.Freed = int64(p.uvarint()) * freedUnit
	}
	if p.bad || len(p.b) > 0 || flags&unknownFlags != 0 || r.End < r.Start || r.Size < 0 || r.Freed < 0 {
		return Row{}, false, fmt.Errorf("%s at %d: %w", l, start, errRow)
	}
	return r, linked, nil
}

// keys

func lineKey(l segment.Line) []byte {
	return append(append(make([]byte, 0, lineSize), l.Camera[:]...), byte(l.Stream))
}

func parseLine(b []byte) segment.Line {
	return segment.Line{Camera: media.CameraID(b[:16]), Stream: media.Stream(b[16])}
}

// timeKey keeps the order of times, also of those before 1970.
func timeKey(t int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t)^1<<63) }

func parseTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func (r Row) key() []byte { return join(lineKey(r.Line), timeKey(r.Start)) }
