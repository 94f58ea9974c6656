package hostile

import (
	"bytes"
	"math/rand/v2"

	"hearth/nvr/media"
)

// plainSPS is a baseline SPS of so many macroblocks (H.264 7.3.2.1.1) and reference pictures.
func plainSPS(id, width, height, refs uint64) []byte {
	w := new(bits).u(8, 66).u(8, 0).u(8, 62)
	w.ue(id).ue(0).ue(2).ue(refs).u(1, 0).ue(width - 1).ue(height - 1)
	return w.u(1, 1).u(1, 1).u(1, 0).u(1, 0).nal(0x67)
}

// plainPPS is one for CAVLC, with the loop filter.
func plainPPS(id, sps uint64) []byte {
	return new(bits).ue(id).ue(sps).u(2, 0).ue(0).ue(0).ue(0).u(3, 0).ue(0).ue(0).ue(0).u(3, 0).nal(0x68)
}

// grayKey is an IDR picture of gray macroblocks, a byte each, that begins at one of them.
func grayKey(first, macroblocks, pps uint64) []byte {
	w := new(bits).ue(first).ue(7).ue(pps).u(4, 0).ue(0).u(2, 0).ue(0)
	for range macroblocks {
		w.u(8, 0x27) // I_16x16 by DC, chroma by DC, no change of QP, no coefficients
	}
	return w.nal(0x65)
}

// skipped is a P picture in which nothing changes: a handful of bytes, whatever its size.
func skipped(number, macroblocks uint64) []byte {
	return new(bits).ue(0).ue(5).ue(0).u(4, number%16).u(3, 0).ue(0).ue(macroblocks).nal(0x41)
}

// plain is a stream with these parameter sets.
func plain(name string, width, height, refs uint64) Stream {
	return Stream{Name: name, Track: media.Track{
		Codec: media.H264, ClockRate: media.VideoClockRate, SPS: plainSPS(0, width, height, refs), PPS: plainPPS(0, 0),
		Width: int(16 * width), Height: int(16 * height),
	}}
}

func h264Streams() []Stream {
	r := rand.New(rand.NewPCG(2, 2))
	base := h264()

	// Sizes that are claimed and never come.
	claims := plain("h264-16384", 1024, 1024, 16)
	wide := plain("h264-65536x16", 4096, 1, 16)
	for range 20 {
		claims.Units = append(claims.Units, Unit{true, sample(grayKey(0, 3, 0))}, Unit{false, sample(skipped(1, 1<<20))})
		wide.Units = append(wide.Units, Unit{true, sample(grayKey(0, 4096, 0))})
	}

	// The largest picture that is allowed, valid, from a few bytes each; as much of it kept as can be.
	bomb := plain("h264-bomb-8192", 512, 512, 16)
	bomb.Units = append(bomb.Units, Unit{true, sample(grayKey(0, 512*512, 0))})
	for i := range uint64(45) {
		bomb.Units = append(bomb.Units, Unit{false, sample(skipped(i+1, 512*512))})
	}
	// One that the limits let through: half a minute of 4K out of nothing.
	small := plain("h264-bomb-4096", 256, 144, 5)
	for i := range uint64(60) {
		if i%20 == 0 {
			small.Units = append(small.Units, Unit{true, sample(grayKey(0, 256*144, 0))})
		} else {
			small.Units = append(small.Units, Unit{false, sample(skipped(i%20, 256*144))})
		}
	}

	// Ten thousand slices in one picture: each the whole picture again, and each one macroblock.
	slices := base
	slices.Name, slices.Units = "h264-slices", nil
	key := base.Units[0].Data
	one := plain("h264-slices-of-one", 120, 68, 1)
	var single []byte
	for i := range uint64(8160) {
		single = append(single, sample(grayKey(i, 1, 0))...)
	}
	for range 4 {
		slices.Units = append(slices.Units, Unit{true, bytes.Repeat(key, 10_000*200/len(key))}, Unit{true, key})
		one.Units = append(one.Units, Unit{true, single})
	}

	// SEI without an end, and without number.
	sei := base
	sei.Name, sei.Units = "h264-sei", nil
	endless := sample(append([]byte{6}, bytes.Repeat([]byte{0xff}, 4<<20)...))
	empty := bytes.Repeat(sample([]byte{6, 0, 0, 0x80}), 200_000)
	text := sample(append([]byte{6, 5, 0xff, 0xff, 0xff, 200}, bytes.Repeat([]byte("hearth"), 500_000)...))
	for _, b := range [][]byte{endless, empty, text} {
		sei.Units = append(sei.Units, Unit{true, append(bytes.Clone(b), key...)}, Unit{false, b})
	}

	// Parameter sets that change with every picture, each valid; and ones that are noise.
	changing := plain("h264-changing", 10, 6, 1)
	noise := base
	noise.Name, noise.Units = "h264-sets-of-noise", nil
	for i := range uint64(120) {
		w, h := 1+r.Uint64N(200), 1+r.Uint64N(120)
		set := sample(plainSPS(i%32, w, h, r.Uint64N(17)), plainPPS(i%256, i%32))
		changing.Units = append(changing.Units, Unit{true, append(set, sample(grayKey(0, w*h, i%256))...)})

		junk := []byte{0x67, 100, 0, 62}
		for range 8 + r.IntN(60) {
			junk = append(junk, byte(r.UintN(256)&r.UintN(256)))
		}
		pps := []byte{0x68}
		for range 4 + r.IntN(60) {
			pps = append(pps, byte(r.UintN(256)&r.UintN(256)))
		}
		noise.Units = append(noise.Units, Unit{true, append(sample(junk, pps), key...)})
	}

	// Numbers as large as can be said, where small ones are meant.
	huge := base
	huge.Name, huge.Units = "h264-huge-numbers", nil
	for i := range 40 {
		w := new(bits).u(8, 100).u(8, 0).u(8, 62)
		for j := range 12 {
			if j == i%12 {
				w.ue(1<<32 - 2)
			} else {
				w.ue(r.Uint64N(4))
			}
		}
		slice := new(bits).ue(uint64(i%2)*(1<<32-2)).ue(7).ue(1<<31-1).u(4, 0).ue(1<<32 - 2)
		huge.Units = append(huge.Units, Unit{true, sample(w.nal(0x67), slice.nal(0x65))}, Unit{true, key})
	}
	return []Stream{claims, wide, bomb, small, slices, one, sei, changing, noise, huge}
}
