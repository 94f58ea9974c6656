package fmp4

import (
	"errors"
	"fmt"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// Slides are pictures that are shown one after the other, each for as long: key frames, which all decode alike.
type Slides struct {
	Entry         []byte // the sample entry box of them all
	Width, Height int    // pixels
	Pictures      [][]byte
}

// MP4 makes a plain MP4 file that shows the slides for so long in all. It has no sound and no fragments, so that a player
// knows its length and can begin anew.
func (s Slides) MP4(length time.Duration) ([]byte, error) {
	n := len(s.Pictures)
	if n == 0 || length <= 0 {
		return nil, errors.New("make an MP4 of slides: there are none")
	}
	if x, rest, err := box.Next(s.Entry); err != nil || len(rest) > 0 || x.Size() != len(s.Entry) {
		return nil, fmt.Errorf("make an MP4 of slides: %w: sample entry of %d bytes", box.ErrMalformed, len(s.Entry))
	}
	size := 0
	for _, p := range s.Pictures {
		size += len(p)
	}
	head := s.head(length, 0)
	head = s.head(length, uint32(len(head)+mdatSize))
	b := append(make([]byte, 0, len(head)+mdatSize+size), head...)
	b = append(box.U32(b, uint32(mdatSize+size)), "mdat"...)
	for _, p := range s.Pictures {
		b = append(b, p...)
	}
	return b, nil
}

// head makes all but the pictures, which begin at a byte of the file.
func (s Slides) head(length time.Duration, data uint32) []byte {
	n := uint32(len(s.Pictures))
	each := uint32(Ticks(length, media.VideoClockRate)) / n
	whole := uint64(each) * uint64(n)
	b := box.FileType(make([]byte, 0, 1024), "isom", "iso2", "mp41")
	b, moov := box.Begin(b, "moov")
	b = box.MovieHeader(b, time.Time{}, whole, 1)
	b = box.Track{
		ID: 1, Video: true, Rate: media.VideoClockRate, Width: s.Width, Height: s.Height, MovieDuration: whole, MediaDuration: whole,
	}.Append(b, func(b []byte) []byte {
		b, stsd := box.BeginFull(b, "stsd", 0, 0)
		b = box.End(append(box.U32(b, 1), s.Entry...), stsd)
		b, stts := box.BeginFull(b, "stts", 0, 0)
		b = box.End(box.U32(box.U32(box.U32(b, 1), n), each), stts)
		b, stsc := box.BeginFull(b, "stsc", 0, 0) // one chunk, of all of them
		b = box.End(box.U32(box.U32(box.U32(box.U32(b, 1), 1), n), 1), stsc)
		b, stsz := box.BeginFull(b, "stsz", 0, 0)
		b = box.U32(box.U32(b, 0), n)
		for _, p := range s.Pictures {
			b = box.U32(b, uint32(len(p)))
		}
		b = box.End(b, stsz)
		b, stco := box.BeginFull(b, "stco", 0, 0)
		return box.End(box.U32(box.U32(b, 1), data), stco)
	})
	return box.End(b, moov)
}
