package export

import (
	"hearth/nvr/media/fmp4/box"
)

// index makes all of the file that comes before the data, and the report.
func (p *Plan) index(l *layout) {
	video := p.tracks[0]
	p.report.Start = l.wall(l.start, video.lane)
	stop := min(l.stop, video.end)
	p.report.End = l.wall(stop, video.lane)
	p.report.Pictures = len(video.sizes)
	p.report.Sound = p.tracks[1] != nil

	// The index says where the data are, and the data are behind it: its length is the same whatever it says.
	ftyp := box.FileType(nil, "isom", "iso6", "mp41")
	moov := p.moov(nil, l, stop, 0)
	base := int64(len(ftyp) + len(moov) + 16)
	p.head = p.moov(ftyp, l, stop, base)
	p.head = box.U32(p.head, 1) // the length follows in 64 bits
	p.head = append(p.head, "mdat"...)
	p.head = box.U64(p.head, uint64(p.data+16))
	p.report.Bytes = base + p.data
}

// moov appends the index.
func (p *Plan) moov(b []byte, l *layout, stop, base int64) []byte {
	created := p.report.Start
	b, moov := box.Begin(b, "moov")
	b = box.MovieHeader(b, created, uint64(stop-l.start), 2)
	for i, t := range p.tracks {
		if t == nil {
			continue
		}
		wait, from, length := t.shown(l.start, stop)
		b = box.Track{
			ID: uint32(i + 1), Video: t.lane.Video, Rate: uint32(t.lane.Rate), Width: t.lane.Width, Height: t.lane.Height,
			Created: created, MovieDuration: uint64(wait + length), MediaDuration: uint64(t.duration()),
			Edits: edits(wait, from, length),
		}.Append(b, func(b []byte) []byte { return t.append(b, base) })
	}
	return box.End(b, moov)
}

// edits makes an edit list: nothing for wait, then the media from from on for length.
func edits(wait, from, length int64) []byte {
	b, edts := box.Begin(nil, "edts")
	b, elst := box.BeginFull(b, "elst", 1, 0)
	if wait > 0 {
		b = box.U32(b, 2)
		b = box.U64(box.U64(b, uint64(wait)), 1<<64-1) // -1: nothing
		b = box.U32(b, 1<<16)
	} else {
		b = box.U32(b, 1)
	}
	b = box.U64(box.U64(b, uint64(length)), uint64(from))
	b = box.U32(b, 1<<16) // normal speed
	b = box.End(b, elst)
	return box.End(b, edts)
}
