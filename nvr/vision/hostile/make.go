package hostile

import (
	"bytes"
	"math/rand/v2"
)

// Make makes all streams anew, always the same ones.
func Make() []Stream {
	var all []Stream
	for _, codec := range []struct {
		name string
		base func() Stream
	}{{"h264", h264}, {"h265", h265}, {"mjpeg", mjpeg}, {"av1", av1}} {
		for _, harm := range []struct {
			name string
			do   func(*rand.Rand, []byte) []byte
		}{
			{"flipped", flip}, {"truncated", truncate}, {"zeros", zeros}, {"ones", ones}, {"swapped", swap}, {"repeated", repeat},
		} {
			r := rand.New(rand.NewPCG(1, uint64(len(all))))
			s := codec.base()
			s.Name = codec.name + "-" + harm.name
			s.Units = harmed(r, s.Units, harm.do)
			all = append(all, s)
		}
	}
	all = append(all, lengths())
	all = append(all, h264Streams()...)
	all = append(all, h265Streams()...)
	all = append(all, mjpegStreams()...)
	return append(all, av1Streams()...)
}

// harmed goes through the units twice and harms most of them; key frames are spared now and then, so that there is
// something to go on from.
func harmed(r *rand.Rand, units []Unit, do func(*rand.Rand, []byte) []byte) []Unit {
	var out []Unit
	for range 2 {
		for i, u := range units {
			if !u.Key || i > 0 && r.IntN(3) > 0 {
				u.Data = do(r, bytes.Clone(u.Data))
			}
			out = append(out, u)
		}
	}
	return out
}

// head is how much is left of a unit's beginning: its length, and what kind of thing it is.
const head = 6

func flip(r *rand.Rand, b []byte) []byte {
	for range 1 + r.IntN(1+len(b)/40) {
		b[min(len(b)-1, head+r.IntN(max(len(b)-head, 1)))] ^= 1 << r.IntN(8)
	}
	return b
}

// truncate cuts a unit off, and makes the length before it fit again half of the time.
func truncate(r *rand.Rand, b []byte) []byte {
	b = b[:min(len(b), head+r.IntN(len(b)))]
	if r.IntN(2) == 0 && b[0] == 0 {
		return sample(b[4:])
	}
	return b
}

func zeros(r *rand.Rand, b []byte) []byte { return fill(r, b, 0) }
func ones(r *rand.Rand, b []byte) []byte  { return fill(r, b, 0xff) }

// fill is for codes that have no end.
func fill(r *rand.Rand, b []byte, v byte) []byte {
	from := min(len(b), head+r.IntN(20))
	for i := from; i < len(b); i++ {
		b[i] = v
	}
	return b
}

// swap exchanges parts of a unit.
func swap(r *rand.Rand, b []byte) []byte {
	if len(b) < head+20 {
		return b
	}
	body := b[head:]
	n := 1 + r.IntN(len(body)/2)
	for i := range n {
		body[i], body[len(body)-n+i] = body[len(body)-n+i], body[i]
	}
	return b
}

// repeat has a part of a unit come many times.
func repeat(r *rand.Rand, b []byte) []byte {
	from := min(len(b)-1, head+r.IntN(len(b)))
	part := b[from:min(len(b), from+1+r.IntN(64))]
	body := append(bytes.Clone(b[:from]), bytes.Repeat(part, 200)...)
	if b[0] == 0 {
		return sample(body[4:])
	}
	return body
}

// lengths is of units whose lengths do not add up, or are nothing.
func lengths() Stream {
	s := h264()
	s.Name = "h264-lengths"
	key := s.Units[0].Data
	for _, b := range [][]byte{
		{0},
		{0, 0, 0, 0},
		{0, 0, 0, 1},
		{0, 0, 0, 1, 0x65},
		{0xff, 0xff, 0xff, 0xff, 0x65},
		{0x7f, 0xff, 0xff, 0xff, 0x65, 1, 2, 3},
		append([]byte{0, 0, 0, 0}, key...), append(bytes.Clone(key), 0, 0, 0, 0), append(bytes.Clone(key), 0, 0, 0),
		append(bytes.Clone(key), 0, 0, 1, 0, 0x65), bytes.Repeat([]byte{0, 0, 0, 1, 0x65}, 50_000), bytes.Repeat([]byte{0}, 100_000),
	} {
		s.Units = append(s.Units, Unit{true, b}, Unit{false, b}, Unit{true, key})
	}
	return s
}
