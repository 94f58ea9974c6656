package hostile

import (
	"bytes"
	_ "embed"
	"encoding/binary"

	"hearth/nvr/media"
)

var (
	//go:embed base/base.h264
	baseH264 []byte
	//go:embed base/base.h265
	baseH265 []byte
	//go:embed base/base.mjpeg
	baseMJPEG []byte
	//go:embed base/base.av1
	baseAV1 []byte
	// Six pictures of 8192x8192, coded by libaom.
	//go:embed base/bomb.av1
	bombAV1 []byte
)

// h264 is the base stream of H.264: 30 pictures of 160x96, with B-pictures.
func h264() Stream {
	s := Stream{Track: media.Track{Codec: media.H264, ClockRate: media.VideoClockRate, Width: 160, Height: 96}}
	for _, n := range nals(baseH264) {
		switch n[0] & 31 {
		case 7:
			s.Track.SPS = n
		case 8:
			s.Track.PPS = n
		case 1, 5:
			s.Units = append(s.Units, Unit{n[0]&31 == 5, sample(n)})
		}
	}
	return s
}

// h265 is h264 in H.265.
func h265() Stream {
	s := Stream{Track: media.Track{Codec: media.H265, ClockRate: media.VideoClockRate, Width: 160, Height: 96}}
	for _, n := range nals(baseH265) {
		switch t := n[0] >> 1 & 63; {
		case t == 32:
			s.Track.VPS = n
		case t == 33:
			s.Track.SPS = n
		case t == 34:
			s.Track.PPS = n
		case t < 32:
			s.Units = append(s.Units, Unit{t >= 16, sample(n)})
		}
	}
	return s
}

// mjpeg is six pictures of 160x96.
func mjpeg() Stream {
	s := Stream{Track: media.Track{Codec: media.MJPEG, ClockRate: media.VideoClockRate, Width: 160, Height: 96}}
	begin := []byte{0xff, 0xd8, 0xff}
	for _, part := range bytes.Split(baseMJPEG, begin)[1:] {
		s.Units = append(s.Units, Unit{true, append(bytes.Clone(begin), part...)})
	}
	return s
}

// av1 is eight pictures of 160x96, the first with its sequence header.
func av1() Stream { return temporal(baseAV1, 160, 96) }

// temporal splits AV1 at its temporal delimiters.
func temporal(coded []byte, width, height int) Stream {
	s := Stream{Track: media.Track{Codec: media.AV1, ClockRate: media.VideoClockRate, Width: width, Height: height}}
	var unit []byte
	emit := func() {
		if len(unit) > 0 {
			s.Units = append(s.Units, Unit{len(s.Units) == 0, unit})
		}
		unit = nil
	}
	for b := coded; len(b) > 1; {
		size, n := binary.Uvarint(b[1:])
		whole := 1 + n + int(size)
		switch b[0] >> 3 & 15 {
		case 2: // temporal delimiter
			emit()
		case 1:
			s.Track.Config = b[:whole]
			fallthrough
		default:
			unit = append(unit, b[:whole]...)
		}
		b = b[whole:]
	}
	emit()
	return s
}

// nals splits a stream at its start codes.
func nals(b []byte) [][]byte {
	var list [][]byte
	for _, n := range bytes.Split(b, []byte{0, 0, 1})[1:] {
		list = append(list, bytes.TrimRight(n, "\x00"))
	}
	return list
}

// sample puts NAL units together, with their lengths before them.
func sample(nals ...[]byte) []byte {
	var b []byte
	for _, n := range nals {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(n))), n...)
	}
	return b
}
