package fmp4

import (
	"errors"
	"fmt"
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4/box"
)

// ErrTrack says that a track cannot be put in MP4: a codec that Hearth does not keep, or parameters that are
// missing or damaged.
var ErrTrack = errors.New("unusable track")

// Init makes the initialization part, ftyp and moov, for the tracks of a run.
func Init(tracks []media.Track) ([]byte, error) {
	if len(tracks) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrTrack)
	}
	b := box.FileType(make([]byte, 0, 2048), "iso6", "iso5", "mp41")
	b, moov := box.Begin(b, "moov")
	b = box.MovieHeader(b, time.Time{}, 0, len(tracks))
	for i, t := range tracks {
		if t.ClockRate <= 0 {
			return nil, fmt.Errorf("%w: track %d has no clock rate", ErrTrack, i)
		}
		entry, err := SampleEntry(t)
		if err != nil {
			return nil, fmt.Errorf("track %d: %w", i, err)
		}
		w, h := Size(t)
		b = box.Track{ID: uint32(i + 1), Video: t.Codec.IsVideo(), Rate: uint32(t.ClockRate), Width: w, Height: h}.
			Append(b, func(b []byte) []byte { return appendEmptyTable(b, entry) })
	}
	b, mvex := box.Begin(b, "mvex")
	for i := range tracks {
		x, at := box.BeginFull(b, "trex", 0, 0)
		x = box.U32(x, uint32(i+1))
		x = box.U32(x, 1) // the first sample entry
		b = box.End(box.Zeros(x, 12), at)
	}
	b = box.End(b, mvex)
	return box.End(b, moov), nil
}

// appendEmptyTable appends a sample table that has a sample entry and no samples: those are in the fragments.
func appendEmptyTable(b, entry []byte) []byte {
	b, stsd := box.BeginFull(b, "stsd", 0, 0)
	b = box.U32(b, 1)
	b = box.End(append(b, entry...), stsd)
	for _, kind := range [...]string{"stts", "stsc", "stsz", "stco"} {
		x, at := box.BeginFull(b, kind, 0, 0)
		n := 4
		if kind == "stsz" {
			n = 8
		}
		b = box.End(box.Zeros(x, n), at)
	}
	return b
}

// Ticks turns a length of time into ticks of a clock with the given rate, rounded to the nearest.
func Ticks(d time.Duration, rate int) int64 {
	s, ns := int64(d/time.Second), int64(d%time.Second)
	n := ns * int64(rate)
	half := int64(time.Second / 2)
	if n < 0 {
		half = -half
	}
	return s*int64(rate) + (n+half)/int64(time.Second)
}

// Duration turns ticks of a clock with the given rate into a length of time, rounded down.
func Duration(ticks int64, rate int) time.Duration {
	r := int64(rate)
	return time.Duration(ticks/r)*time.Second + time.Duration(ticks%r*int64(time.Second)/r)
}

// Rescale turns ticks of one clock into ticks of another, rounded to the nearest.
func Rescale(ticks int64, from, to int) int64 {
	switch {
	case from == to:
		return ticks
	case ticks < 0:
		return -Rescale(-ticks, from, to)
	}
	f, t := int64(from), int64(to)
	return ticks/f*t + (ticks%f*t+f/2)/f
}
