package box

import "time"

// MovieClock is the time scale of the movies that Hearth writes, in ticks per second: that of video, so that edit
// lists lose nothing.
const MovieClock = 90000

// epoch is where MP4 counts seconds from.
var epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)

// Seconds is a moment as MP4 counts it; the zero time is 0, "unknown".
func Seconds(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.Unix() - epoch.Unix())
}

// FileType appends ftyp; the first brand is the major one.
func FileType(b []byte, brands ...string) []byte {
	b, at := Begin(b, "ftyp")
	b = append(b, brands[0]...)
	b = U32(b, 1)
	for _, s := range brands {
		b = append(b, s...)
	}
	return End(b, at)
}

// matrix appends the unity matrix of mvhd and tkhd.
func matrix(b []byte) []byte {
	for _, v := range [9]uint32{0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000} {
		b = U32(b, v)
	}
	return b
}

// MovieHeader appends mvhd; duration is in ticks of MovieClock.
func MovieHeader(b []byte, created time.Time, duration uint64, tracks int) []byte {
	b, at := BeginFull(b, "mvhd", 1, 0)
	b = U64(b, Seconds(created))
	b = U64(b, Seconds(created))
	b = U32(b, MovieClock)
	b = U64(b, duration)
	b = U32(b, 0x10000) // normal speed
	b = U16(b, 0x100)   // full volume
	b = Zeros(b, 10)
	b = matrix(b)
	b = Zeros(b, 24)
	b = U32(b, uint32(tracks)+1) // the next track's number
	return End(b, at)
}

// Track is what the boxes around a track's sample table say.
type Track struct {
	ID            uint32
	Video         bool
	Rate          uint32 // ticks per second
	Width, Height int    // pixels as shown
	Created       time.Time
	MovieDuration uint64 // ticks of MovieClock; 0 in fragmented files
	MediaDuration uint64 // ticks of Rate
	// Edits is an edts box, or nothing.
	Edits []byte
}

// Append appends trak with what table appends as the content of stbl.
func (t Track) Append(b []byte, table func([]byte) []byte) []byte {
	b, trak := Begin(b, "trak")
	b = t.header(b)
	b = append(b, t.Edits...)
	b, mdia := Begin(b, "mdia")
	b, mdhd := BeginFull(b, "mdhd", 1, 0)
	b = U64(b, Seconds(t.Created))
	b = U64(b, Seconds(t.Created))
	b = U32(b, t.Rate)
	b = U64(b, t.MediaDuration)
	b = U16(b, 0x55c4) // "und"
	b = End(U16(b, 0), mdhd)
	b, hdlr := BeginFull(b, "hdlr", 0, 0)
	b = U32(b, 0)
	if t.Video {
		b = Zeros(append(b, "vide"...), 12)
		b = append(b, "Video\x00"...)
	} else {
		b = Zeros(append(b, "soun"...), 12)
		b = append(b, "Sound\x00"...)
	}
	b = End(b, hdlr)
	b, minf := Begin(b, "minf")
	if t.Video {
		x, at := BeginFull(b, "vmhd", 0, 1)
		b = End(Zeros(x, 8), at)
	} else {
		x, at := BeginFull(b, "smhd", 0, 0)
		b = End(Zeros(x, 4), at)
	}
	b, dinf := Begin(b, "dinf")
	b, dref := BeginFull(b, "dref", 0, 0)
	b = U32(b, 1)
	b, url := BeginFull(b, "url ", 0, 1) // 1: in this file
	b = End(b, url)
	b = End(b, dref)
	b = End(b, dinf)
	b, stbl := Begin(b, "stbl")
	b = table(b)
	b = End(b, stbl)
	b = End(b, minf)
	b = End(b, mdia)
	return End(b, trak)
}

// header appends tkhd.
func (t Track) header(b []byte) []byte {
	b, at := BeginFull(b, "tkhd", 1, 3) // 3: enabled, in the movie
	b = U64(b, Seconds(t.Created))
	b = U64(b, Seconds(t.Created))
	b = U32(b, t.ID)
	b = U32(b, 0)
	b = U64(b, t.MovieDuration)
	b = Zeros(b, 8)
	b = U16(b, 0) // layer
	if t.Video {
		b = U32(b, 0)
	} else {
		b = U16(b, 1)     // sound tracks are alternatives of each other
		b = U16(b, 0x100) // full volume
	}
	b = U16(b, 0)
	b = matrix(b)
	b = U32(b, uint32(t.Width)<<16)
	b = U32(b, uint32(t.Height)<<16)
	return End(b, at)
}
