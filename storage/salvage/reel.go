package salvage

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
	"hearth/storage/segment"
)

// spot is a record of a source.
type spot struct {
	src *source
	i   int
}

// reel gives pieces to the export, which reads them twice. What cannot be read the first time is not tried again, so
// that both readings come to the same.
type reel struct {
	l      *line
	ctx    context.Context
	pieces []piece
	bad    map[spot]error
	next   int
	src    *source
	file   *os.File
	reader *segment.Reader
	run    media.UUID
	init   []byte
	wait   bool // something is missing: up to the next key frame nothing can be shown
}

// Next implements export.Pieces.
func (r *reel) Next() (storage.Piece, error) {
	for ; r.next < len(r.pieces); r.next++ {
		if err := r.ctx.Err(); err != nil {
			return storage.Piece{}, err
		}
		p := r.pieces[r.next]
		r.wait = r.wait || p.after
		if r.wait && !p.Key {
			continue
		}
		at := spot{p.src, p.i}
		if r.bad[at] != nil {
			r.wait = true
			continue
		}
		data, err := r.read(p)
		if err != nil {
			r.bad[at] = err
			r.wait = true
			continue
		}
		r.wait = false
		r.next++
		out := storage.Piece{
			Run: p.src.header.Run, Start: time.UnixMicro(p.Time).UTC(), DTS: p.DTS, Duration: int64(p.Duration), Key: p.Key, Data: data,
		}
		if out.Run != r.run || !sameInit(r.init, p.init) {
			r.run, r.init, out.Init = out.Run, p.init, p.init
		}
		return out, nil
	}
	return storage.Piece{}, io.EOF
}

func (r *reel) read(p piece) ([]byte, error) {
	if r.src != p.src {
		r.Close()
		var err error
		if r.file, r.reader, err = r.l.s.open(p.src, r.l.key); err != nil {
			return nil, err
		}
		r.src = p.src
	}
	data, err := r.reader.Payload(p.i, nil)
	if err != nil {
		return nil, err
	}
	if _, err := fmp4.Parse(data); err != nil {
		return nil, fmt.Errorf("%w: %w", segment.ErrDamaged, err)
	}
	return data, nil
}

// Close implements export.Pieces.
func (r *reel) Close() error {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.reader, r.src = nil, nil, nil
	return nil
}
