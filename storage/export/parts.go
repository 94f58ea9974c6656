package export

import (
	"context"
	"errors"
	"hash/crc32"
	"time"

	"hearth/storage"
	"hearth/storage/segment"
)

// Parts prepares the footage between from and to as one file after the other: a new one begins where the camera's
// settings changed, since players stop at such a place, and where a pause is too long for MP4. open is that of Prepare,
// for a span. With traced, the plans have Sources and a CRC. The error is ErrNoFootage or one of storage.
func Parts(ctx context.Context, open func(from, to time.Time) (Pieces, error), from, to time.Time, traced bool) ([]*Plan, error) {
	var parts []*Plan
	for {
		begin := from
		p, err := prepare(ctx, func() (Pieces, error) { return open(begin, to) }, span{from: begin, to: to}, traced)
		var split *SplitError
		cut := errors.As(err, &split) && split.At.After(begin)
		if cut && !split.between {
			end := split.At
			p, err = prepare(ctx, func() (Pieces, error) { return open(begin, end) }, span{from: begin, to: end}, traced)
		}
		if p != nil {
			parts = append(parts, p)
		}
		switch {
		case cut && (p != nil || err == nil || errors.Is(err, ErrNoFootage) || errors.As(err, &split)):
			from = split.At
		case errors.Is(err, ErrNoFootage) && len(parts) > 0, err == nil:
			return parts, nil
		default:
			return nil, err
		}
	}
}

// trace notes of what a file is made, record by record.
type trace struct {
	sources []Source
	data    int64  // bytes of samples up to the newest record
	crc     uint32 // of all samples
}

// Source is a file of footage that an export was made of.
type Source struct {
	Header  segment.Header
	Table   []segment.Entry // as far as it was known; not to be changed
	Notes   []segment.Note
	Records []Record
}

// Record is a record of a Source, and where its samples lie in the exported file, in one piece.
type Record struct {
	Number        int   // in the source's table
	Offset, Bytes int64 // from the beginning of the file
}

// took takes note of a piece whose samples were added.
func (p *Plan) took(piece storage.Piece) {
	t, o := p.trace, piece.Origin
	if n := len(t.sources); n == 0 || t.sources[n-1].Header.Segment != o.Header.Segment {
		t.sources = append(t.sources, Source{Header: o.Header})
	}
	s := &t.sources[len(t.sources)-1]
	s.Table = o.Table // one that is being written has grown
	s.Notes = append(s.Notes, o.Notes...)
	if p.data > t.data {
		s.Records = append(s.Records, Record{Number: o.Record, Offset: t.data, Bytes: p.data - t.data})
		t.data = p.data
	}
}

// settle turns offsets among the samples into offsets in the file, once its head is made.
func (t *trace) settle(head int64) {
	for _, s := range t.sources {
		for i := range s.Records {
			s.Records[i].Offset += head
		}
	}
}

// Sources gives of what the file is made, in the order of the footage; only of plans that were traced.
func (p *Plan) Sources() []Source { return p.trace.sources }

// CRC gives the CRC-32 (IEEE) of the whole file, before it is written; only of plans that were traced.
func (p *Plan) CRC() uint32 {
	return joinCRC(crc32.ChecksumIEEE(p.head), p.trace.crc, p.data)
}
