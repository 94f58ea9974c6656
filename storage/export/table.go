package export

import (
	"math"
	"slices"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/nvr/media/fmp4/box"
)

// table is a track's sample table while it grows.
type table struct {
	lane *lane

	first  int64 // decoding time of the first sample, in the file's time
	last   int64 // of the newest one
	length int64 // what the newest one's fragment said of its length
	end    int64 // where the latest sample's showing ends
	paused int64 // by how much the newest sample is later than the end of the one before

	sizes    []uint32
	times    []pair // stts: count, ticks
	offsets  []pair // ctts: count, ticks (signed)
	keys     []uint32
	chunks   []int64 // where each begins, from the first byte of data
	counts   []pair  // stsc: first chunk, samples
	negative bool    // an offset is below zero
}

// pair is a row of a run-length table.
type pair struct{ a, b uint32 }

// chunk begins a chunk of so many samples.
func (t *table) chunk(at int64, samples int) {
	t.chunks = append(t.chunks, at)
	if n := len(t.counts); n == 0 || t.counts[n-1].b != uint32(samples) {
		t.counts = append(t.counts, pair{uint32(len(t.chunks)), uint32(samples)})
	}
}

// add takes the next sample. It says true when the one before would have to last longer than MP4 can say.
func (t *table) add(s placed) (over bool) {
	if len(t.sizes) == 0 {
		t.first, t.end = s.dts, math.MinInt64
		t.paused = 0
	} else {
		ticks := s.dts - t.last
		if ticks > math.MaxUint32 {
			return true
		}
		t.paused = ticks - t.length
		t.times = count(t.times, uint32(ticks))
	}
	t.last, t.length = s.dts, int64(s.Duration)
	t.end = max(t.end, s.dts+int64(s.CTO)+t.length)
	t.sizes = append(t.sizes, uint32(len(s.Data)))
	t.offsets = count(t.offsets, uint32(s.CTO))
	t.negative = t.negative || s.CTO < 0
	if s.Key {
		t.keys = append(t.keys, uint32(len(t.sizes)))
	}
	return false
}

// count adds a value to a run-length table.
func count(p []pair, v uint32) []pair {
	if n := len(p); n > 0 && p[n-1].b == v {
		p[n-1].a++
		return p
	}
	return append(p, pair{1, v})
}

// append appends the content of stbl; base is where the data begin in the file.
func (t *table) append(b []byte, base int64) []byte {
	b, stsd := box.BeginFull(b, "stsd", 0, 0)
	b = box.U32(b, 1)
	b = box.End(append(b, t.lane.Entry...), stsd)
	b = pairs(b, "stts", 0, count(slices.Clone(t.times), uint32(t.length)))
	if len(t.offsets) > 1 || len(t.offsets) == 1 && t.offsets[0].b != 0 {
		version := uint8(0)
		if t.negative {
			version = 1
		}
		b = pairs(b, "ctts", version, t.offsets)
	}
	if len(t.keys) < len(t.sizes) {
		x, stss := box.BeginFull(b, "stss", 0, 0)
		b = box.End(numbers(x, t.keys), stss)
	}
	b, stsc := box.BeginFull(b, "stsc", 0, 0)
	b = box.U32(b, uint32(len(t.counts)))
	for _, c := range t.counts {
		b = box.U32(box.U32(box.U32(b, c.a), c.b), 1)
	}
	b = box.End(b, stsc)
	b, stsz := box.BeginFull(b, "stsz", 0, 0)
	b = box.End(numbers(box.U32(b, 0), t.sizes), stsz)
	b, co64 := box.BeginFull(b, "co64", 0, 0)
	b = box.U32(b, uint32(len(t.chunks)))
	for _, c := range t.chunks {
		b = box.U64(b, uint64(base+c))
	}
	return box.End(b, co64)
}

// pairs appends a run-length table as a box.
func pairs(b []byte, kind string, version uint8, p []pair) []byte {
	b, at := box.BeginFull(b, kind, version, 0)
	b = box.U32(b, uint32(len(p)))
	for _, x := range p {
		b = box.U32(box.U32(b, x.a), x.b)
	}
	return box.End(b, at)
}

// numbers appends how many there are, and them.
func numbers(b []byte, n []uint32) []byte {
	b = box.U32(b, uint32(len(n)))
	for _, x := range n {
		b = box.U32(b, x)
	}
	return b
}

// duration is the sum of all samples' lengths.
func (t *table) duration() int64 { return t.last + t.length - t.first }

// shown says how the track is shown between start and stop, in video ticks: nothing for wait, then from media time
// on, in ticks of its own clock, for length.
func (t *table) shown(start, stop int64) (wait, from, length int64) {
	r := t.lane.Rate
	first := fmp4.Rescale(t.first, r, media.VideoClockRate)
	if t.lane.Video {
		first = start // the first picture is where showing begins, or before
	}
	wait = max(first-start, 0)
	from = max(fmp4.Rescale(start, media.VideoClockRate, r)-t.first, 0)
	end := min(fmp4.Rescale(t.end, r, media.VideoClockRate), stop)
	return wait, from, max(end-start-wait, 0)
}
