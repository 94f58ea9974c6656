package salvage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage/keyring"
	"hearth/storage/segment"
)

// source is a file whose table is known. It is opened anew for reading.
type source struct {
	path   string
	header segment.Header
	table  []segment.Entry // by record number; those that are not there are zero
	init   []byte          // nil: it could not be read
	notes  []segment.Note
}

// load reads what a file says of itself. What is wrong with it is told; nil when nothing of it can be used.
func (s *Salvage) load(f onDisk, key keyring.CameraKey) *source {
	file, err := os.Open(filepath.Join(s.Media, f.path))
	if err != nil {
		s.found(f.path, "cannot be opened: %w", err)
		return nil
	}
	defer file.Close()
	src := &source{path: f.path}
	r, err := segment.Open(file, f.size, key)
	switch {
	case err == nil:
		src.header, src.table = r.Header(), r.Table()
	case errors.Is(err, segment.ErrForged):
		if h, herr := segment.ReadHeader(file); herr != nil || h.Camera != key.Camera() {
			s.found(f.path, "refused: %w", err)
			return nil
		}
		fallthrough // only its footer is not right
	default:
		if !f.name.Open || !errors.Is(err, segment.ErrUnfinished) {
			s.found(f.path, "its end cannot be read, so it is read record by record: %w", err)
		}
		if src.header, src.table, err = s.scan(file, f, key); err != nil {
			s.found(f.path, "left out: %w", err)
			return nil
		}
		r, err = segment.OpenLive(file, key, src.table)
		if err != nil {
			s.found(f.path, "left out: %w", err)
			return nil
		}
	}
	if src.header.Stream != f.name.Stream {
		s.found(f.path, "refused: %w: it is of %s", segment.ErrForged, segment.Line{Camera: src.header.Camera, Stream: src.header.Stream})
		return nil
	}
	if src.header.Stream != segment.Pack {
		s.prepare(src, r)
	}
	return src
}

// prepare reads what comes before the fragments, and the notes between them.
func (s *Salvage) prepare(src *source, r *segment.Reader) {
	for i, e := range src.table {
		switch e.Type {
		case segment.InitRecord:
			init, err := r.Payload(i, nil)
			if err == nil {
				if _, err = fmp4.ParseInit(init); err == nil {
					src.init = init
				}
			}
			if err != nil && !errors.Is(err, segment.ErrGone) {
				s.found(src.path, "what its tracks are cannot be read: %w", err)
			}
		case segment.NoteRecord:
			raw, err := r.Payload(i, nil)
			if err != nil {
				continue // it costs a reason, no footage
			}
			if n, err := segment.ParseNote(raw); err == nil && (n.Kind == segment.NoteGap || n.Kind == segment.NoteEnd) {
				src.notes = append(src.notes, n)
			}
		}
	}
}

// scan finds the records of a file without its footer, and goes on behind a place that is damaged: a record is one when
// it opens. What follows the last one of a file that was not finished is what the power cut tore.
func (s *Salvage) scan(file *os.File, f onDisk, key keyring.CameraKey) (h segment.Header, table []segment.Entry, err error) {
	if h, err = segment.ReadHeader(file); err != nil {
		return h, nil, err
	}
	if h.Camera != key.Camera() {
		return h, nil, fmt.Errorf("%w: it was recorded as another camera", segment.ErrForged)
	}
	v := &view{r: file}
	lost := int64(-1) // where the damaged place begins
	for at := int64(segment.HeaderSize); at+segment.RecordHeaderSize <= f.size && len(table) < segment.MaxRecords; {
		p, ok := v.place(at, f.size)
		if ok && int(p.Seq) >= len(table) {
			rec, _, err := segment.One(file, key, p)
			if err == nil {
				if lost >= 0 {
					s.found(f.path, "%d bytes from %d on are damaged", at-lost, lost)
					lost = -1
				}
				table = append(table, make([]segment.Entry, int(p.Seq)-len(table))...)
				table = append(table, segment.Entry{Record: rec, Offset: p.Offset, Length: p.Length})
				at += segment.RecordHeaderSize + int64(p.Length)
				continue
			}
		}
		if v.err != nil {
			s.found(f.path, "cannot be read at %d: %w", at, v.err)
			v.err = nil
			if lost < 0 {
				lost = at
			}
			at = v.skip(at)
			continue
		}
		if lost < 0 {
			lost = at
		}
		at++
	}
	return h, table, nil
}

// view looks at a file through a window that moves on.
type view struct {
	r    io.ReaderAt
	at   int64
	data []byte
	err  error
}

const (
	window   = 1 << 20
	badBlock = 4096 // what is passed over where the disk cannot be read
)

// skip gives the place to go on from behind what cannot be read.
func (v *view) skip(at int64) int64 { return (at/badBlock + 1) * badBlock }

// place says whether a record may begin at an offset: what its header says makes sense. Its checksum and its seal have
// the last word.
func (v *view) place(at, size int64) (segment.Place, bool) {
	if at < v.at || at+segment.RecordHeaderSize > v.at+int64(len(v.data)) {
		if v.data == nil {
			v.data = make([]byte, window)
		}
		n, err := v.r.ReadAt(v.data[:window], at)
		v.at, v.data = at, v.data[:n]
		if n < segment.RecordHeaderSize {
			if err != nil && !errors.Is(err, io.EOF) {
				v.err = err
			}
			return segment.Place{}, false
		}
	}
	b := v.data[at-v.at:]
	length, seq := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	ok := b[8] >= 1 && b[8] < 32 && b[9] <= 1 && b[10] == 0 && b[11] == 0 &&
		length >= 16 && length <= segment.MaxPayload+16 && seq < segment.MaxRecords &&
		at+segment.RecordHeaderSize+int64(length) <= size
	return segment.Place{Seq: seq, Offset: at, Length: length}, ok
}

// open opens a source for reading its records.
func (s *Salvage) open(src *source, key keyring.CameraKey) (*os.File, *segment.Reader, error) {
	f, err := os.Open(filepath.Join(s.Media, src.path))
	if err != nil {
		return nil, nil, err
	}
	r, err := segment.OpenLive(f, key, src.table)
	if err == nil && r.Header().Segment != src.header.Segment {
		err = fmt.Errorf("%w: it was exchanged meanwhile", segment.ErrDamaged)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, r, nil
}

// streamName is what a stream is called in names of files: nothing for the main one.
func streamName(stream media.Stream) string {
	if stream == media.Sub {
		return "_sub"
	}
	return ""
}
