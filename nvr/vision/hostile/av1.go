package hostile

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// Kinds of OBU (AV1, 6.2.2).
const (
	obuSequence  = 1
	obuDelimiter = 2
	obuHeader    = 3
	obuTiles     = 4
	obuMetadata  = 5
	obuFrame     = 6
	obuRedundant = 7
	obuTileList  = 8
	obuPadding   = 15
)

// obu is a body with the header of its kind and its length before it.
func obu(kind byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{kind<<3 | 2}, uint64(len(body))), body...)
}

// sized changes the size that a sequence header says pictures have (AV1, 5.5.1). It has neither timing nor more than
// one operating point, as encoders write it for cameras.
func sized(sequence []byte, width, height uint64) []byte {
	_, n := binary.Uvarint(sequence[1:])
	body := sequence[1+n:]
	at := 29 // where frame_width_bits_minus_1 is
	if level := body[3] >> 3; level > 7 {
		at++ // seq_tier
	}
	number := func(from, n int) int {
		v := 0
		for i := from; i < from+n; i++ {
			v = v<<1 | int(body[i/8]>>(7-i%8)&1)
		}
		return v
	}
	after := at + 8 + number(at, 4) + 1 + number(at+4, 4) + 1
	var w bits
	w.part(body, 0, at).u(4, 15).u(4, 15).u(16, width-1).u(16, height-1).rest(body, after)
	return obu(obuSequence, w.b)
}

func av1Streams() []Stream {
	r := rand.New(rand.NewPCG(5, 5))
	base := av1()
	sequence, key := base.Track.Config, base.Units[0].Data
	frame := key[len(sequence):]
	of := func(name string, units ...[]byte) Stream {
		s := base
		s.Name, s.Units = "av1-"+name, nil
		for _, u := range units {
			s.Units = append(s.Units, Unit{true, u}, base.Units[0])
		}
		return s
	}
	with := func(sequence []byte, more ...[]byte) []byte {
		return append(bytes.Clone(sequence), bytes.Join(more, nil)...)
	}

	noise := base
	noise.Name, noise.Units = "av1-headers-of-noise", nil
	for range 60 {
		b := bytes.Clone(key)
		for range 4 {
			b[r.IntN(min(24, len(b)))] ^= 1 << r.IntN(8)
		}
		noise.Units = append(noise.Units, Unit{true, b})
	}

	var sizes, changing [][]byte
	for _, n := range [][2]uint64{{16384, 16384}, {65536, 65536}, {65536, 16}, {16, 65536}, {1, 1}, {8192, 8192}, {8192, 4096}} {
		sizes = append(sizes, with(sized(sequence, n[0], n[1]), frame))
	}
	for range 60 {
		changing = append(changing, with(sized(sequence, 1+r.Uint64N(3000), 1+r.Uint64N(2000)), frame))
	}

	bomb := temporal(bombAV1, 8192, 8192)
	bomb.Name = "av1-bomb-8192"
	for range 3 {
		bomb.Units = append(bomb.Units, bomb.Units[:6]...)
	}

	long := bytes.Repeat([]byte{0xff}, 8)
	return []Stream{
		noise, of("sizes", sizes...), of("changing", changing...), bomb,
		// Lengths that end nowhere, lie beyond the unit's end or are missing, and kinds that are reserved.
		of("obus", []byte{obuFrame<<3 | 2}, with([]byte{obuFrame<<3 | 2}, long), with([]byte{obuFrame<<3 | 2}, long, long),
			with([]byte{obuFrame<<3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f}, frame), with(sequence, []byte{obuFrame << 3}, frame),
			with(sequence, []byte{0x80 | obuFrame<<3 | 2, 1, 0}), with(sequence, []byte{obuFrame<<3 | 6, 0xff, 0}, frame),
			with(sequence, obu(0, frame), obu(9, frame), obu(14, frame)), with(sequence, obu(obuFrame, nil), obu(obuHeader, nil)),
			frame[:1], frame[:2], key[:len(sequence)+3], key[:len(sequence)-1]),
		// Far too much of what is allowed once, or for nothing.
		of("many", bytes.Repeat(obu(obuDelimiter, nil), 500_000), bytes.Repeat(sequence, 20_000), with(sequence, bytes.Repeat(frame, 200)),
			with(sequence, obu(obuPadding, make([]byte, 3_000_000)), frame), with(sequence, bytes.Repeat(obu(obuHeader, frame[2:]), 1_000)),
			with(sequence, bytes.Repeat(obu(obuRedundant, frame[2:]), 1_000)), with(sequence, bytes.Repeat(obu(obuTiles, frame[2:]), 1_000)),
			with(sequence, bytes.Repeat(obu(obuTileList, frame[2:]), 1_000))),
		of("metadata", with(sequence, bytes.Repeat(obu(obuMetadata, append([]byte{4, 0xb5, 0, 0x31, 'G', 'A', '9', '4', 3, 0xff}, long...)), 20_000), frame),
			with(sequence, obu(obuMetadata, append([]byte{4, 0xb5, 0, 0x3c, 0, 1, 4}, make([]byte, 1_000_000)...)), frame),
			with(sequence, obu(obuMetadata, append([]byte{4, 0xb5, 0, 0x3b, 0, 0, 8, 0}, bytes.Repeat(long, 4_000)...)), frame),
			with(sequence, obu(obuMetadata, append([]byte{1}, long...)), obu(obuMetadata, []byte{2}), obu(obuMetadata, nil), frame)),
	}
}
