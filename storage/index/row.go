package index

import (
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
	rowSize       = 140
	rowVersion    = 2
	freedUnit     = 4096
	flagRecovered = 1
	flagNameOnly  = 2
	flagUntrusted = 4
	flagPared     = 8
	lineSize      = 17
)

var errRow = errors.New("not a row of this version")

func (r Row) marshal() []byte {
	b := make([]byte, rowSize)
	b[0] = rowVersion
	if r.Recovered {
		b[1] |= flagRecovered
	}
	if r.NameOnly {
		b[1] |= flagNameOnly
	}
	if r.Untrusted {
		b[1] |= flagUntrusted
	}
	if r.Pared {
		b[1] |= flagPared
	}
	b[2] = r.Volume
	binary.BigEndian.PutUint32(b[4:], r.RunSeq)
	copy(b[8:], r.Segment[:])
	copy(b[24:], r.Run[:])
	binary.BigEndian.PutUint64(b[40:], uint64(r.End))
	binary.BigEndian.PutUint64(b[48:], uint64(r.Size))
	binary.BigEndian.PutUint32(b[56:], r.Records)
	binary.BigEndian.PutUint32(b[60:], uint32(r.Freed/freedUnit))
	copy(b[64:], r.Prev[:])
	copy(b[96:], r.Head[:])
	binary.BigEndian.PutUint64(b[128:], uint64(r.RunStart))
	return b
}

func parseRow(l segment.Line, start int64, b []byte) (Row, error) {
	if len(b) != rowSize || b[0] != rowVersion {
		return Row{}, fmt.Errorf("%s at %d: %w", l, start, errRow)
	}
	r := Row{
		Line: l, Start: start,
		Recovered: b[1]&flagRecovered != 0, NameOnly: b[1]&flagNameOnly != 0, Untrusted: b[1]&flagUntrusted != 0,
		Pared:   b[1]&flagPared != 0,
		Volume:  b[2],
		Freed:   int64(binary.BigEndian.Uint32(b[60:])) * freedUnit,
		RunSeq:  binary.BigEndian.Uint32(b[4:]),
		Segment: media.UUID(b[8:24]), Run: media.UUID(b[24:40]),
		End: int64(binary.BigEndian.Uint64(b[40:])), Size: int64(binary.BigEndian.Uint64(b[48:])),
		Records: binary.BigEndian.Uint32(b[56:]),
		Prev:    [32]byte(b[64:96]), Head: [32]byte(b[96:128]),
		RunStart: int64(binary.BigEndian.Uint64(b[128:])),
	}
	if r.End < r.Start || r.Size < 0 {
		return Row{}, fmt.Errorf("%s at %d: %w", l, start, errRow)
	}
	return r, nil
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

func join(parts ...[]byte) []byte {
	var k []byte
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

func (r Row) key() []byte    { return join(lineKey(r.Line), timeKey(r.Start)) }
func (r Row) ageKey() []byte { return join(timeKey(r.End), r.key()) }
