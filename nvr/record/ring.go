package record

import (
	"time"

	"hearth/nvr/media"
	"hearth/nvr/media/fmp4"
	"hearth/storage"
)

// maxRingBytes bounds what is kept in memory of a camera that waits for motion.
const maxRingBytes = 64 << 20

// ring keeps the last fragments while nothing moves. It begins with a key frame, at or before the wanted length
// ago if the stream reaches back so far.
type ring struct {
	keep  time.Duration
	kept  []kept
	bytes int
}

// kept is a fragment and its length in bytes.
type kept struct {
	storage.Fragment
	bytes int
}

func (r *ring) add(f storage.Fragment, bytes int) {
	if len(r.kept) == 0 && !f.Key {
		return
	}
	r.kept = append(r.kept, kept{f, bytes})
	r.bytes += bytes
	from := f.Start.Add(fmp4.Duration(f.Duration, media.VideoClockRate) - r.keep)
	for {
		next := r.nextKey()
		switch {
		case next > 0 && !r.kept[next].Start.After(from):
			r.drop(next) // what begins there reaches back far enough
		case r.bytes > maxRingBytes && next > 0:
			r.drop(next)
		case r.bytes > maxRingBytes:
			r.drop(len(r.kept)) // one key frame's worth is too much
			return
		default:
			return
		}
	}
}

// nextKey is the index of the second fragment that begins with a key frame, or 0.
func (r *ring) nextKey() int {
	for i := 1; i < len(r.kept); i++ {
		if r.kept[i].Key {
			return i
		}
	}
	return 0
}

// drop lets go of the oldest n fragments.
func (r *ring) drop(n int) {
	for i := range r.kept[:n] {
		r.bytes -= r.kept[i].bytes
	}
	left := copy(r.kept, r.kept[n:])
	clear(r.kept[left:])
	r.kept = r.kept[:left]
}

// take empties the ring and gives what was in it.
func (r *ring) take() []kept {
	k := r.kept
	r.kept, r.bytes = nil, 0
	return k
}
