package hostile

import (
	"bytes"
	"math/rand/v2"
)

// resized is an H.265 SPS of one sub-layer with another size in it (7.3.2.2).
func resized(sps []byte, width, height uint64) []byte {
	body := unescape(sps[2:])
	at := 8 + 96 // identity and layers; profile, tier and level
	_, at = golomb(body, at)
	_, at = golomb(body, at)
	w := new(bits)
	w.b, w.n = bytes.Clone(body[:(at+7)/8]), at
	if at%8 != 0 {
		w.b[at/8] &= 0xff << (8 - at%8)
	}
	_, at = golomb(body, at)
	_, at = golomb(body, at)
	w.ue(width).ue(height).rest(body, at)
	return escape(sps[:2], w.b)
}

func h265Streams() []Stream {
	r := rand.New(rand.NewPCG(3, 3))
	base := h265()
	key := base.Units[0].Data
	sized := func(name string, width, height uint64) Stream {
		s := base
		s.Name, s.Track.SPS, s.Track.Width, s.Track.Height = name, resized(base.Track.SPS, width, height), int(width), int(height)
		s.Units = append(append([]Unit(nil), base.Units...), base.Units...)
		return s
	}

	slices := base
	slices.Name, slices.Units = "h265-slices", nil
	sei := base
	sei.Name, sei.Units = "h265-sei", nil
	for range 4 {
		slices.Units = append(slices.Units, Unit{true, bytes.Repeat(key, 10_000*200/len(key))}, Unit{true, key})
	}
	for _, b := range [][]byte{
		sample(append([]byte{78, 1}, bytes.Repeat([]byte{0xff}, 4<<20)...)),
		bytes.Repeat(sample([]byte{78, 1, 0, 0, 0x80}), 200_000),
		sample(append([]byte{78, 1, 4, 0xff, 0xff, 0xff, 200}, bytes.Repeat([]byte("hearth"), 500_000)...)),
	} {
		sei.Units = append(sei.Units, Unit{true, append(bytes.Clone(b), key...)}, Unit{false, b})
	}

	changing := base
	changing.Name, changing.Units = "h265-changing", nil
	noise := base
	noise.Name, noise.Units = "h265-sets-of-noise", nil
	for range 120 {
		set := sample(base.Track.VPS, resized(base.Track.SPS, 8*(2+r.Uint64N(500)), 8*(2+r.Uint64N(300))), base.Track.PPS)
		changing.Units = append(changing.Units, Unit{true, append(set, key...)})
		var sets [][]byte
		for _, set := range [][]byte{base.Track.VPS, base.Track.SPS, base.Track.PPS} {
			set = bytes.Clone(set)
			for range 1 + r.IntN(6) {
				set[2+r.IntN(len(set)-2)] ^= 1 << r.IntN(8)
			}
			sets = append(sets, set)
		}
		noise.Units = append(noise.Units, Unit{true, append(sample(sets...), key...)})
	}
	return []Stream{
		sized("h265-16384", 16384, 16384), sized("h265-8192", 8192, 8192), sized("h265-65528x8", 65528, 8), slices, sei, changing, noise,
	}
}
