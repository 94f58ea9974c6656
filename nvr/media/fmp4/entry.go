package fmp4

import (
	"fmt"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// SampleEntry makes a track's sample entry, the box inside stsd that says all a decoder must know beforehand.
func SampleEntry(t media.Track) ([]byte, error) {
	switch t.Codec {
	case media.H264:
		return entryH264(t)
	case media.H265:
		return entryH265(t)
	case media.AV1:
		return entryAV1(t)
	case media.MJPEG:
		return entryMJPEG(t)
	case media.AAC:
		return entryAAC(t)
	case media.Opus:
		return entryOpus(t)
	case media.FLAC:
		return entryFLAC(t)
	}
	return nil, fmt.Errorf("%w: %s does not go in MP4", ErrTrack, t.Codec)
}

// beginPicture appends the head of a VisualSampleEntry.
func beginPicture(kind string, t media.Track) ([]byte, int, error) {
	w, h := Size(t)
	if w <= 0 || h <= 0 || w > 0xffff || h > 0xffff {
		return nil, 0, fmt.Errorf("%w: %s of %dx%d pixels", ErrTrack, t.Codec, w, h)
	}
	b, at := box.Begin(make([]byte, 0, 256+len(t.VPS)+len(t.SPS)+len(t.PPS)+len(t.Config)), kind)
	b = box.Zeros(b, 6)
	b = box.U16(b, 1) // data reference
	b = box.Zeros(b, 16)
	b = box.U16(b, uint16(w))
	b = box.U16(b, uint16(h))
	b = box.U32(b, 72<<16) // dots per inch, as everyone writes
	b = box.U32(b, 72<<16)
	b = box.U32(b, 0)
	b = box.U16(b, 1) // frames per sample
	b = box.Zeros(b, 32)
	b = box.U16(b, 24) // colour
	return box.U16(b, 0xffff), at, nil
}

// beginSound appends the head of an AudioSampleEntry.
func beginSound(kind string, t media.Track) ([]byte, int, error) {
	if t.Channels < 1 || t.Channels > 8 {
		return nil, 0, fmt.Errorf("%w: %s with %d channels", ErrTrack, t.Codec, t.Channels)
	}
	b, at := box.Begin(make([]byte, 0, 160+len(t.Config)), kind)
	b = box.Zeros(b, 6)
	b = box.U16(b, 1) // data reference
	b = box.Zeros(b, 8)
	b = box.U16(b, uint16(t.Channels))
	b = box.U16(b, 16) // bits
	b = box.U32(b, 0)
	rate := uint32(t.ClockRate)
	if rate > 0xffff {
		rate = 0 // does not fit its 16 bits; the codec's own box says it
	}
	return box.U32(b, rate<<16), at, nil
}
