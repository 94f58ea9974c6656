package fmp4

import (
	"encoding/binary"
	"fmt"

	"hearth/nvr/media/fmp4/box"
)

// InitTrack is what an initialization part says of one track.
type InitTrack struct {
	Video         bool
	Rate          int // ticks per second
	Width, Height int // pixels as shown; 0 for sound
	// Entry is the sample entry box, whole, to be copied into another file as it is.
	Entry []byte
}

// ParseInit reads an initialization part as Init writes it. Track i of the result has number i+1. Anything else is
// an error that wraps box.ErrMalformed.
func ParseInit(init []byte) ([]InitTrack, error) {
	var tracks []InitTrack
	for b := box.Find(init, "moov"); len(b) > 0; {
		x, rest, err := box.Next(b)
		if err != nil {
			return nil, err
		}
		b = rest
		if x.Kind != "trak" {
			continue
		}
		t, err := parseTrak(x.Body, uint32(len(tracks)+1))
		if err != nil {
			return nil, err
		}
		tracks = append(tracks, t)
	}
	if len(tracks) == 0 {
		return nil, fmt.Errorf("%w: no track", box.ErrMalformed)
	}
	return tracks, nil
}

// parseTrak reads one trak, which must have the given number.
func parseTrak(b []byte, id uint32) (InitTrack, error) {
	tkhd, mdhd, hdlr := box.Find(b, "tkhd"), box.Find(b, "mdia", "mdhd"), box.Find(b, "mdia", "hdlr")
	stsd := box.Find(b, "mdia", "minf", "stbl", "stsd")
	if len(tkhd) != 96 || tkhd[0] != 1 || binary.BigEndian.Uint32(tkhd[20:]) != id {
		return InitTrack{}, fmt.Errorf("%w: foreign tkhd", box.ErrMalformed)
	}
	if len(mdhd) != 36 || mdhd[0] != 1 || len(hdlr) < 12 || len(stsd) < 8 {
		return InitTrack{}, fmt.Errorf("%w: trak without mdhd, hdlr or stsd", box.ErrMalformed)
	}
	rate := binary.BigEndian.Uint32(mdhd[20:])
	if rate == 0 || rate > 1<<30 {
		return InitTrack{}, fmt.Errorf("%w: %d ticks per second", box.ErrMalformed, rate)
	}
	entry, _, err := box.Next(stsd[8:])
	if err != nil {
		return InitTrack{}, err
	}
	return InitTrack{
		Video:  string(hdlr[8:12]) == "vide",
		Rate:   int(rate),
		Width:  int(binary.BigEndian.Uint32(tkhd[88:]) >> 16),
		Height: int(binary.BigEndian.Uint32(tkhd[92:]) >> 16),
		Entry:  stsd[8 : 8+entry.Size()],
	}, nil
}
